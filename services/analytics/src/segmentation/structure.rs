//! What kind of structure the customers have, whatever number of personas was asked for: groups with gaps between
//! them, a continuum that can be cut into useful slices, or nothing that noise would not have.
//!
//! k-means always answers. Two questions tell what its answer is worth:
//!
//! - *Gaps.* Is there a number of clusters, all stable, with a deep gap between every two of them on rows that no
//!   fit has seen (`gaps`)? No single cloud has that, of whatever shape.
//! - *Noise.* Do clusters explain more than they do of tables that have the same columns but no dependence between
//!   them, and of tables that have the same principal components but none between these? The first is what
//!   independent columns give (a uniform cube, a ball), the second what correlated normal columns give. The share
//!   of the inertia that clusters save beyond the better of both is an effect, not a p-value: with thousands of
//!   rows everything is significant. The reference tables are those of Tibshirani, Walther and Hastie's gap
//!   statistic (2001), but permuted and not drawn from a box, which keeps skewed columns skewed.

use super::{Checked, principal, resamples::Halved};
use crate::{
    features::Points,
    kmeans::{self, random},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows on which structure is judged.
const SAMPLE: usize = 2_000;
/// Numbers of clusters among which gaps are looked for.
const WITH_GAPS: std::ops::RangeInclusive<usize> = 2..=8;
/// Stability from which clusters with gaps count.
const STABLE: f64 = 0.75;
/// Depth of the shallowest gap from which clusters of very many rows are separated.
const DEEP: f64 = 0.15;
/// And what is added for few, over the square root of their number: about two standard deviations of the depth
/// between the halves of a uniform cloud.
const CHANCE: f64 = 4.0;
/// Share of the customers below which a separate group is a handful of odd ones.
const LEAST_SHARE: f64 = 0.02;
/// Numbers of clusters at which inertia is compared with that of noise.
const COMPARED: [usize; 2] = [5, 8];
/// Tables of noise of each kind.
const TABLES: u64 = 6;
/// Starts of each fit that is compared.
const STARTS: usize = 3;
/// Share of the inertia that must be saved beyond noise, however many customers there are.
const LEAST_EFFECT: f64 = 0.02;
/// And how many standard deviations of what noise saves by chance are added to that: few customers say little.
const DEVIATIONS: f64 = 3.0;

/// What kind of structure there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structure {
    /// Groups with gaps between them.
    Separated,
    /// No gaps, but more order than noise has: the personas are useful slices, and another number would do.
    #[default]
    Continuum,
    /// Nothing that noise would not have: the personas are made up.
    None,
}

/// What there is, and why in words. It depends on the points and the seed, not on the number of personas asked
/// for.
pub fn judge(points: &Points, asked: &Checked) -> (Structure, String) {
    let seed = random::derive(asked.seed, "structure", 0);
    let sample = points.select(&random::sample(points.rows(), SAMPLE, seed));
    let halved = Halved::new(sample, seed);
    if let Some((k, depth)) = separated(&halved) {
        let reason = format!(
            "{k} groups have a gap between every two of them: {:.0} % fewer customers half-way than around either centre, \
             where the closest two are",
            100.0 * depth
        );
        return (Structure::Separated, reason);
    }
    let rows = halved.sample().rows();
    let (saved, chance) = saved(halved.sample(), seed);
    let needed = LEAST_EFFECT + DEVIATIONS * chance;
    let compared = format!(
        "clusters save {:.1} % of the inertia beyond what they save of the same columns or principal components \
         without dependence, and {:.1} % is needed with {rows} customers",
        100.0 * saved,
        100.0 * needed
    );
    if saved >= needed {
        let reason = format!(
            "no gaps between all groups, but order: {compared}. The personas are slices of a continuum, and another number of them would do"
        );
        (Structure::Continuum, reason)
    } else {
        let reason = format!("no gaps between groups and no more order than noise has: {compared}");
        (Structure::None, reason)
    }
}

/// The largest number of clusters that have gaps, and the depth of the shallowest of these; none where no number has gaps.
fn separated(halved: &Halved) -> Option<(usize, f64)> {
    let most = halved.sample().distinct(*WITH_GAPS.end());
    let needed = DEEP + CHANCE / (halved.sample().rows().max(1) as f64).sqrt();
    let gaps = WITH_GAPS.filter(|&k| k <= most).filter_map(|k| {
        let found = halved.repeat(k)?;
        let real = found.stability() >= STABLE && found.smallest_share() >= LEAST_SHARE;
        (real && found.gap >= needed).then_some((k, found.gap))
    });
    // The largest number: two continents of three groups each are six groups.
    gaps.max_by_key(|(k, _)| *k)
}

/// The share of the inertia that clusters save beyond noise, of the kind of noise of which they save most, and the
/// standard deviation that this share has among tables of noise.
fn saved(sample: &Points, seed: u64) -> (f64, f64) {
    let distinct = sample.distinct(COMPARED[COMPARED.len() - 1]);
    let compared: Vec<usize> = COMPARED.into_iter().filter(|&k| k <= distinct).collect();
    if compared.is_empty() {
        // A handful of different customers: whatever they are, they are that, unless they are all alike.
        return (f64::from(u8::from(distinct > 1)), 0.0);
    }
    let inertia = |points: &Points, seed: u64| -> Vec<f64> {
        let fit = |&k: &usize| kmeans::fit(points, k, STARTS, seed).map(|found| found.inertia);
        compared.iter().map(|k| fit(k).unwrap_or(0.0)).collect()
    };
    let real = inertia(sample, seed);
    let beyond = |kind: &str, columns: Vec<Vec<f64>>| {
        let noise: Vec<Vec<f64>> = (0..TABLES)
            .into_par_iter()
            .map(|table| {
                let seed = random::derive(seed, kind, table);
                inertia(&permuted(&columns, seed), seed)
            })
            .collect();
        let mean = |place: usize| noise.iter().map(|of| of[place]).sum::<f64>() / TABLES as f64;
        let means: Vec<f64> = (0..real.len()).map(mean).collect();
        let saved = |of: &Vec<f64>| {
            let share = |(of, mean): (&f64, &f64)| if *mean > 0.0 { 1.0 - of / mean } else { 0.0 };
            of.iter().zip(&means).map(share).sum::<f64>() / of.len() as f64
        };
        let variance = noise.iter().map(|of| saved(of).powi(2)).sum::<f64>() / (TABLES - 1) as f64;
        (saved(&real), variance)
    };
    let columns = beyond("columns", principal::columns(sample));
    let components = beyond("components", principal::scores(sample));
    // Both kinds vary alike, and a deviation of a handful of tables is little to go by.
    (columns.0.min(components.0), f64::midpoint(columns.1, components.1).sqrt())
}

/// The columns, each in an order of its own.
fn permuted(columns: &[Vec<f64>], seed: u64) -> Points {
    let orders: Vec<Vec<usize>> = (0..columns.len() as u64)
        .zip(columns)
        .map(|(column, cells)| {
            random::permutation(cells.len(), random::derive(seed, "order", column))
        })
        .collect();
    let rows: Vec<Vec<f32>> = (0..columns.first().map_or(0, Vec::len))
        .map(|row| {
            columns.iter().zip(&orders).map(|(cells, order)| cells[order[row]] as f32).collect()
        })
        .collect();
    Points::from_rows(columns.len(), rows.iter().map(Vec::as_slice))
}
