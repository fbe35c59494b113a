//! k-means over points: linfa finds the centres, fast and in `f32`; what is kept of them (labels, counts,
//! means, inertia) is computed again here in `f64`, because linfa's own counts belong to its last restart and
//! its inertia to the centres before the last step. Equal arguments give equal bits on any number of threads.
//!
//! Nothing here knows features, customers or personas.

mod kernel;
pub(crate) mod random;
mod refine;

pub use refine::{Nearest, nearest};

use crate::features::Points;
use kernel::Start;
use rayon::prelude::*;

/// Rows on which the restarts are compared when there are more.
const SAMPLE: usize = 20_000;
/// Most steps of Lloyd's algorithm on a sample, and in all.
const SAMPLE_STEPS: u64 = 300;
/// Most steps over all rows, once the sample has shown where the centres lie.
const FULL_STEPS: u64 = 10;
/// Movement of all centres together at which a run rests. On z-scored data 1e-2 is scikit-learn's 1e-4; a
/// quarter of that costs little on samples.
const TOLERANCE: f32 = 2.5e-3;

/// Most steps on a resample.
const RESAMPLE_STEPS: u64 = 30;
/// Movement at which a run on a resample rests.
const RESAMPLE_TOLERANCE: f32 = 1e-2;

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

/// Fits `k` clusters with `restarts` starts, each on a sample where there are many rows; the best is refined
/// over all. None where the points are empty or hold fewer than `k` different rows.
pub fn fit(points: &Points, k: usize, restarts: usize, seed: u64) -> Option<Clusters> {
    if k == 0 || points.distinct(k) < k {
        return None;
    }
    let sampled = points.rows() > SAMPLE;
    let sample;
    let sample = if sampled {
        sample = points.select(&random::sample(points.rows(), SAMPLE, seed));
        &sample
    } else {
        points
    };
    let best = best_start(sample, k, restarts, seed)?;
    let start = if sampled {
        kernel::lloyd(points, Start::At(&best.centres), FULL_STEPS, TOLERANCE)?
    } else {
        best
    };
    Some(refine::refine(points, start))
}

/// The best of `restarts` runs over all rows, by inertia in `f64`; the earliest of equals.
fn best_start(points: &Points, k: usize, restarts: usize, seed: u64) -> Option<kernel::Run> {
    let runs: Vec<(f64, kernel::Run)> = (0..restarts.max(1) as u64)
        .into_par_iter()
        .filter_map(|restart| {
            let start = Start::PlusPlus { k, seed: random::derive(seed, "start", restart) };
            let run = kernel::lloyd(points, start, SAMPLE_STEPS, TOLERANCE)?;
            Some((refine::inertia(points, &run.centres), run))
        })
        .collect();
    runs.into_iter().min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, run)| run)
}

/// The centres of one cold start on a resample, for asking how stable a partition is. It need not rest: what moves
/// after some dozens of steps changes hardly any label.
pub(crate) fn start(points: &Points, k: usize, seed: u64) -> Option<Vec<Vec<f64>>> {
    let start = Start::PlusPlus { k, seed };
    kernel::lloyd(points, start, RESAMPLE_STEPS, RESAMPLE_TOLERANCE).map(|run| run.centres)
}

/// Where some dozens of steps lead from these centres.
pub(crate) fn follow(points: &Points, centres: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let start = Start::At(centres);
    kernel::lloyd(points, start, RESAMPLE_STEPS, RESAMPLE_TOLERANCE).map(|run| run.centres)
}

/// Where Lloyd's algorithm comes to rest from these centres, with everything that belongs to them.
pub(crate) fn settle(points: &Points, centres: &[Vec<f64>]) -> Option<Clusters> {
    let run = kernel::lloyd(points, Start::At(centres), SAMPLE_STEPS, TOLERANCE)?;
    Some(refine::refine(points, run))
}

/// Sum of squared distances to the nearest of `centres`.
pub(crate) fn inertia(points: &Points, centres: &[Vec<f64>]) -> f64 {
    refine::inertia(points, centres)
}

#[cfg(test)]
mod tests;
