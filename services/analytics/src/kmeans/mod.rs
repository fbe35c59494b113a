//! k-means over points. linfa draws the starts; the passes over many rows are our own, for linfa's take several
//! times as long, its counts belong to its last restart, and its inertia to the centres before the last step.
//!
//! Every answer is as exact as `f64` makes it: labels, counts, means and inertia belong together. Equal arguments
//! give equal bytes on any number of threads and on every instruction set.
//!
//! Nothing here knows features, customers or personas.

mod draw;
mod lloyd;
mod nearest;
mod order;
pub(crate) mod random;
mod starts;
mod tiles;

pub use nearest::{Nearest, nearest};

use crate::features::Points;
use lloyd::{Lloyd, Until};
use rayon::prelude::*;
use tiles::Tiles;

/// Rows above which a fit begins with a sample, and rests where more steps would be worth nothing.
const SAMPLE: usize = 20_000;
/// Most steps over more rows than that. From where the sample ends ten are common.
const MOST_STEPS: usize = 60;
/// Where no row changes its cluster any more.
const AT_REST: Until = Until { steps: 300, gain: 0.0 };
/// A step that lessens the inertia by less than this share of the variance is worth nothing. scikit-learn goes on
/// for longer, but from where a sample ends there is no more than 0.1 % of inertia to be had by it.
const SETTLED: f64 = 1e-5;

/// Rows summed in one piece. Fixed, so that sums do not depend on the number of threads.
const PIECE: usize = 4096;
/// Most steps on a resample.
const RESAMPLE_STEPS: usize = 30;

/// Centres, and what belongs to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// The centres, largest cluster first; ties by coordinates.
    pub centres: Vec<Vec<f64>>,
    /// The nearest centre of each row.
    pub labels: Vec<u16>,
    /// Rows of each cluster; none is empty.
    pub counts: Vec<usize>,
    /// Sum of squared distances to the nearest centre.
    pub inertia: f64,
    /// Steps of Lloyd's algorithm in the last fit.
    pub steps: usize,
    /// Whether it came to rest before the limit of steps.
    pub converged: bool,
}

/// Fits `k` clusters with `restarts` starts, on a sample where there are many rows; the best is refined over all.
/// None where the points are empty or hold fewer than `k` different rows.
pub fn fit(points: &Points, k: usize, restarts: usize, seed: u64) -> Option<Clusters> {
    if !possible(points, k) {
        return None;
    }
    if points.rows() <= SAMPLE {
        let start = starts::best(points, k, restarts, seed, AT_REST)?;
        return Some(refine(points, start.centres, start.steps));
    }
    let sample = points.select(&random::sample(points.rows(), SAMPLE, seed));
    let start = starts::best(&sample, k, restarts, seed, settled(&sample))?;
    Some(refine(points, start.centres, 0))
}

/// Fits as many clusters as there are `centres`, from there: what a retrain begins with, so that what has not
/// changed stays where it was. None where [`fit`] gives none, or where a centre is not finite or not as wide as the
/// points.
pub(crate) fn fit_from(points: &Points, centres: &[Vec<f64>]) -> Option<Clusters> {
    let usable =
        |centre: &Vec<f64>| centre.len() == points.width() && centre.iter().all(|x| x.is_finite());
    (possible(points, centres.len()) && centres.iter().all(usable))
        .then(|| refine(points, centres.to_vec(), 0))
}

/// The centres of one cold start on a resample, for asking how stable a partition is. It need not rest: what moves
/// after some dozens of steps changes hardly any label.
pub(crate) fn start(points: &Points, k: usize, seed: u64) -> Option<Vec<Vec<f64>>> {
    starts::best(points, k, 1, seed, on_resample(points)).map(|start| start.centres)
}

/// Where some dozens of steps lead from these centres.
pub(crate) fn follow(points: &Points, centres: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    if !possible(points, centres.len()) {
        return None;
    }
    let tiles = Tiles::new(points);
    let mut run = Lloyd::new(points, &tiles, centres.to_vec());
    run.run(on_resample(points));
    Some(run.centres)
}

/// Sum of squared distances to the nearest of `centres`.
pub(crate) fn inertia(points: &Points, centres: &[Vec<f64>]) -> f64 {
    let starts: Vec<usize> = (0..points.rows()).step_by(PIECE).collect();
    let pieces: Vec<f64> = (starts.into_par_iter())
        .map(|from| {
            let rows = from..(from + PIECE).min(points.rows());
            rows.map(|row| nearest(points.row(row), centres).squared).sum()
        })
        .collect();
    pieces.iter().sum()
}

/// How far a fit of a resample goes.
fn on_resample(points: &Points) -> Until {
    Until { steps: RESAMPLE_STEPS, gain: SETTLED * starts::variance(points) }
}

/// Labels are 16 bits wide, and the last of them names no centre.
fn possible(points: &Points, k: usize) -> bool {
    k > 0 && k < usize::from(u16::MAX) && points.distinct(k) >= k
}

fn refine(points: &Points, centres: Vec<Vec<f64>>, steps: usize) -> Clusters {
    let tiles = Tiles::new(points);
    let mut run = Lloyd::new(points, &tiles, centres);
    run.run(if points.rows() > SAMPLE { settled(points) } else { AT_REST });
    run.steps += steps;
    order::ordered(run)
}

/// Where more steps over so many rows would be worth nothing.
fn settled(points: &Points) -> Until {
    Until { steps: MOST_STEPS, gain: SETTLED * starts::variance(points) }
}

#[cfg(test)]
mod exactness;
#[cfg(test)]
mod tests;
