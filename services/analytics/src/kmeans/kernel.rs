//! linfa's k-means with a distance of our own: constant width, explicit lanes. linfa's stock distance goes
//! through shape checks and a scalar sum for every pair, and is about three times slower.

use super::random;
use crate::features::Points;
use linfa::{DatasetBase, traits::Fit};
use linfa_clustering::{KMeans, KMeansInit};
use linfa_nn::distance::Distance;
use ndarray::{Array2, ArrayView, ArrayView2, Dimension};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use wide::f32x8;

/// Where a run starts.
pub(super) enum Start<'a> {
    /// At `k` rows drawn by k-means++. Never k-means||, which is not reproducible over threads.
    PlusPlus {
        /// Number of centres.
        k: usize,
        /// Seed of the draw.
        seed: u64,
    },
    /// At these centres.
    At(&'a [Vec<f64>]),
}

/// Where a run ended.
pub(super) struct Run {
    /// The centres, without padding.
    pub(super) centres: Vec<Vec<f64>>,
    /// Steps that it took.
    pub(super) steps: usize,
    /// Whether it rested before the limit of steps.
    pub(super) converged: bool,
}

/// Runs Lloyd's algorithm once. None where linfa finds nothing, which checked points do not lead to.
pub(super) fn lloyd(
    points: &Points,
    start: Start<'_>,
    most_steps: u64,
    tolerance: f32,
) -> Option<Run> {
    match points.padded() {
        8 => run::<8>(points, start, most_steps, tolerance),
        16 => run::<16>(points, start, most_steps, tolerance),
        24 => run::<24>(points, start, most_steps, tolerance),
        32 => run::<32>(points, start, most_steps, tolerance),
        48 => run::<48>(points, start, most_steps, tolerance),
        64 => run::<64>(points, start, most_steps, tolerance),
        _ => None,
    }
}

fn run<const N: usize>(
    points: &Points,
    start: Start<'_>,
    most_steps: u64,
    tolerance: f32,
) -> Option<Run> {
    let rows = DatasetBase::from(ArrayView2::from_shape((points.rows(), N), points.data()).ok()?);
    let steps = Arc::new(AtomicUsize::new(0));
    let (k, seed, init) = match start {
        Start::PlusPlus { k, seed } => (k, seed, KMeansInit::KMeansPlusPlus),
        Start::At(centres) => {
            let at = |(row, column)| {
                centres.get(row).and_then(|c: &Vec<f64>| c.get(column)).map_or(0.0, |&x| x as f32)
            };
            (
                centres.len(),
                0,
                KMeansInit::Precomputed(Array2::from_shape_fn((centres.len(), N), at)),
            )
        }
    };
    let model =
        KMeans::params_with(k, random::generator(seed), Squared::<N> { steps: Arc::clone(&steps) })
            .n_runs(1)
            .max_n_iterations(most_steps)
            .tolerance(tolerance)
            .init_method(init)
            .fit(&rows)
            .ok()?;
    let centres = model.centroids().rows().into_iter();
    let centres =
        centres.map(|c| c.iter().take(points.width()).map(|&x| f64::from(x)).collect()).collect();
    let steps = steps.load(Ordering::Relaxed);
    Some(Run { centres, steps, converged: (steps as u64) < most_steps })
}

/// Squared Euclidean distance over `N` lanes. Counts the steps: linfa compares old and new centres once in each.
#[derive(Clone)]
struct Squared<const N: usize> {
    steps: Arc<AtomicUsize>,
}

impl<const N: usize> Distance<f32> for Squared<N> {
    fn distance<D: Dimension>(&self, a: ArrayView<'_, f32, D>, b: ArrayView<'_, f32, D>) -> f32 {
        self.steps.fetch_add(1, Ordering::Relaxed);
        a.iter().zip(b.iter()).map(|(a, b)| (a - b) * (a - b)).sum::<f32>().sqrt()
    }

    #[inline(always)]
    fn rdistance<D: Dimension>(&self, a: ArrayView<'_, f32, D>, b: ArrayView<'_, f32, D>) -> f32 {
        let (a, b) = (
            a.as_slice().and_then(<[f32]>::first_chunk::<N>),
            b.as_slice().and_then(<[f32]>::first_chunk::<N>),
        );
        let (Some(a), Some(b)) = (a, b) else { return f32::INFINITY };
        let mut sum = f32x8::ZERO;
        for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
            let difference = f32x8::from(*a) - f32x8::from(*b);
            sum = difference.mul_add(difference, sum);
        }
        sum.reduce_add()
    }

    fn rdist_to_dist(&self, rdist: f32) -> f32 {
        rdist.sqrt()
    }

    fn dist_to_rdist(&self, dist: f32) -> f32 {
        dist * dist
    }
}
