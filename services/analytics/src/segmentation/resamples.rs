//! What comes back on other customers: the sample is halved many times, each half is clustered anew, and both
//! halves say whether the same clusters are there and whether there are gaps between them.
//!
//! Half of the rows without repetition vary the centres as much as a bootstrap of all of them does (the variance
//! of a mean is `s²/m · (1 − m/n)`, which at m = n/2 is `s²/n`), cost half of the time and leave rows that no fit
//! has seen: on the rows of a fit, many features are enough to make any clusters look apart.

use super::gaps::Gaps;
use crate::{
    features::Points,
    kmeans::{self, Clusters, nearest, random},
    stats,
};
use rayon::prelude::*;

/// How often a sample is halved.
const RESAMPLES: u64 = 16;
/// How many of the starts on halves are followed over the whole sample.
const FOLLOWED: usize = 3;

/// A half to fit, and the rows that it leaves out.
struct Half {
    seed: u64,
    drawn: Points,
    held_out: Vec<usize>,
}

/// A sample with its halves, which are the same for every number of clusters.
pub(super) struct Halved {
    sample: Points,
    halves: Vec<Half>,
}

/// A partition of the sample, and what its halves say of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Repeated {
    /// The partition.
    pub(super) clusters: Clusters,
    /// For each cluster the mean Jaccard similarity to its likest cluster over the halves (Hennig 2007,
    /// "Cluster-wise assessment of cluster stability"), each with all rows of the sample at its nearest centre.
    pub(super) stabilities: Vec<f64>,
    /// How deep the shallowest gap between two clusters is; see [`Gaps::shallowest`].
    pub(super) gap: f64,
}

impl Repeated {
    /// The stability of the cluster that has least of it.
    pub(super) fn stability(&self) -> f64 {
        self.stabilities.iter().copied().fold(1.0, f64::min)
    }

    /// Share of the smallest cluster.
    pub(super) fn smallest_share(&self) -> f64 {
        let rows = self.clusters.labels.len();
        stats::share(self.clusters.counts.iter().copied().min().unwrap_or(0), rows)
    }
}

impl Halved {
    /// Halves a sample.
    pub(super) fn new(sample: Points, seed: u64) -> Self {
        let half = |resample| {
            let seed = random::derive(seed, "resample", resample);
            let rows = random::sample(sample.rows(), sample.rows() / 2, seed);
            let mut held_out = vec![true; sample.rows()];
            rows.iter().for_each(|&row| held_out[row] = false);
            let held_out = (0..sample.rows()).filter(|&row| held_out[row]).collect();
            Half { seed, drawn: sample.select(&rows), held_out }
        };
        let halves = (0..RESAMPLES).into_par_iter().map(half).collect();
        Self { sample, halves }
    }

    /// The sample.
    pub(super) fn sample(&self) -> &Points {
        &self.sample
    }

    /// Finds `k` clusters in the sample and again in each half. None where there are too few different rows.
    ///
    /// A start on each half, and the best few of these followed over the sample, find centres as good as ten
    /// starts on the sample do. Then each half goes on from the centres of the sample as well, and keeps what is
    /// better on it: a half that differs only because its start was unlucky says nothing of the customers.
    pub(super) fn repeat(&self, k: usize) -> Option<Repeated> {
        let sample = &self.sample;
        if sample.distinct(k) < k {
            return None;
        }
        let starts: Vec<Option<Vec<Vec<f64>>>> = (self.halves.par_iter())
            .map(|half| kmeans::start(&half.drawn, k, random::derive(half.seed, "start", k as u64)))
            .collect();
        let mut ranked: Vec<(f64, &Vec<Vec<f64>>)> = (starts.par_iter().flatten())
            .map(|centres| (kmeans::inertia(sample, centres), centres))
            .collect();
        ranked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        ranked.truncate(FOLLOWED);
        let settled: Vec<Option<Clusters>> =
            ranked.par_iter().map(|(_, centres)| kmeans::fit_from(sample, centres)).collect();
        let clusters =
            settled.into_iter().flatten().min_by(|a, b| a.inertia.total_cmp(&b.inertia))?;
        if clusters.centres.len() < k {
            return None;
        }
        let seen: Vec<Seen> = (self.halves.par_iter().zip(&starts))
            .map(|(half, start)| self.see(half, start.as_deref(), &clusters))
            .collect();
        let mut gaps = Gaps::new(k);
        seen.iter().for_each(|seen| gaps.add(&seen.gaps));
        let stability = |cluster: usize| {
            seen.iter().map(|seen| seen.jaccards[cluster]).sum::<f64>() / seen.len() as f64
        };
        let stabilities = (0..k).map(stability).collect();
        Some(Repeated { clusters, stabilities, gap: gaps.shallowest() })
    }

    /// What one half says.
    fn see(&self, half: &Half, start: Option<&[Vec<f64>]>, clusters: &Clusters) -> Seen {
        let (sample, k) = (&self.sample, clusters.centres.len());
        let followed = kmeans::follow(&half.drawn, &clusters.centres);
        let inertia = |centres: &[Vec<f64>]| kmeans::inertia(&half.drawn, centres);
        let found = match (start, followed.as_deref()) {
            (Some(start), Some(followed)) if inertia(start) < inertia(followed) => start,
            (_, Some(followed)) => followed,
            (Some(start), None) => start,
            // Nothing of the partition is found again.
            (None, None) => return Seen { jaccards: vec![0.0; k], gaps: Gaps::new(k) },
        };
        let mut both = vec![vec![0usize; k]; k];
        for (row, &label) in clusters.labels.iter().enumerate() {
            both[usize::from(label)][nearest(sample.row(row), found).centre] += 1;
        }
        let (jaccards, likest) = likest(&both);
        let mut gaps = Gaps::new(k);
        gaps.count(sample, &half.held_out, found, &likest);
        Seen { jaccards, gaps }
    }
}

/// What one half says of a partition.
struct Seen {
    jaccards: Vec<f64>,
    gaps: Gaps,
}

/// For each cluster the similarity to the likest cluster that was found, and which one that is; `both` counts the
/// rows of each pair.
fn likest(both: &[Vec<usize>]) -> (Vec<f64>, Vec<usize>) {
    let found: Vec<usize> = (0..both.len()).map(|c| both.iter().map(|of| of[c]).sum()).collect();
    let of = |of: &Vec<usize>| {
        let own: usize = of.iter().sum();
        let jaccard = |c: usize| of[c] as f64 / (own + found[c] - of[c]).max(1) as f64;
        (0..of.len()).map(|c| (jaccard(c), c)).fold((0.0, 0), |a, b| if b.0 > a.0 { b } else { a })
    };
    both.iter().map(of).unzip()
}
