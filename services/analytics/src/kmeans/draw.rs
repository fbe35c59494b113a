//! The draw of starts by linfa's k-means++, with a distance of our own: constant width, explicit lanes. linfa's
//! stock distance goes through shape checks and a scalar sum for every pair, and is about three times slower.

use super::random;
use crate::features::Points;
use linfa::{DatasetBase, traits::Fit};
use linfa_clustering::{KMeans, KMeansInit};
use linfa_nn::distance::Distance;
use ndarray::{ArrayView, ArrayView2, Dimension};
use wide::f32x8;

/// `k` centres, drawn by k-means++ and brought nearer by one step. Never k-means||, which is not reproducible over
/// threads. None where linfa finds nothing, which finite points do not lead to.
pub(super) fn draw(points: &Points, k: usize, seed: u64) -> Option<Vec<Vec<f64>>> {
    match points.padded() {
        8 => run::<8>(points, k, seed),
        16 => run::<16>(points, k, seed),
        24 => run::<24>(points, k, seed),
        32 => run::<32>(points, k, seed),
        48 => run::<48>(points, k, seed),
        64 => run::<64>(points, k, seed),
        _ => None,
    }
}

fn run<const N: usize>(points: &Points, k: usize, seed: u64) -> Option<Vec<Vec<f64>>> {
    let rows = DatasetBase::from(ArrayView2::from_shape((points.rows(), N), points.data()).ok()?);
    let model = KMeans::params_with(k, random::generator(seed), Squared::<N>)
        .n_runs(1)
        .max_n_iterations(1)
        .init_method(KMeansInit::KMeansPlusPlus)
        .fit(&rows)
        .ok()?;
    let centres = model.centroids().rows().into_iter();
    Some(centres.map(|c| c.iter().take(points.width()).map(|&x| f64::from(x)).collect()).collect())
}

/// Squared Euclidean distance over `N` lanes.
#[derive(Clone)]
struct Squared<const N: usize>;

impl<const N: usize> Distance<f32> for Squared<N> {
    fn distance<D: Dimension>(&self, a: ArrayView<'_, f32, D>, b: ArrayView<'_, f32, D>) -> f32 {
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
