//! How well a partition fits: silhouettes, on samples.

use crate::{
    features::Points,
    kmeans::{nearest, random},
};
use rayon::prelude::*;

/// Customers on which silhouettes and stability are measured.
pub(super) const SAMPLE: usize = 5_000;

/// Mean simplified silhouette: distances to centres instead of to all members. It ranks numbers of clusters as
/// the true one does, and costs one pass.
pub(super) fn simplified_silhouette(points: &Points, centres: &[Vec<f64>]) -> f64 {
    let of = |row| {
        let near = nearest(points.row(row), centres);
        let (a, b) = (near.squared.sqrt(), near.runner_up_squared.sqrt());
        if b > 0.0 { (b - a) / b } else { 0.0 }
    };
    let each: Vec<f64> = (0..points.rows()).into_par_iter().map(of).collect();
    each.iter().sum::<f64>() / points.rows().max(1) as f64
}

/// Mean silhouette (Rousseeuw 1987) of a sample, and the size of the sample. Members of a cluster with one
/// row in the sample count as 0.
pub(super) fn sampled_silhouette(
    points: &Points,
    labels: &[u16],
    k: usize,
    seed: u64,
) -> (f64, usize) {
    let rows = random::sample(points.rows(), SAMPLE, random::derive(seed, "silhouette", 0));
    let sample = points.select(&rows);
    let labels: Vec<usize> = rows.iter().map(|&row| usize::from(labels[row])).collect();
    let mut sizes = vec![0usize; k];
    labels.iter().for_each(|&label| sizes[label] += 1);
    let of = |row: usize| {
        let mut sums = vec![0.0f64; k];
        for other in 0..sample.rows() {
            sums[labels[other]] += distance(sample.row(row), sample.row(other));
        }
        let own = labels[row];
        if sizes[own] < 2 {
            return 0.0;
        }
        let a = sums[own] / (sizes[own] - 1) as f64;
        let others =
            (0..k).filter(|&c| c != own && sizes[c] > 0).map(|c| sums[c] / sizes[c] as f64);
        let b = others.fold(f64::INFINITY, f64::min);
        if b.is_finite() && a.max(b) > 0.0 { (b - a) / a.max(b) } else { 0.0 }
    };
    let each: Vec<f64> = (0..sample.rows()).into_par_iter().map(of).collect();
    (each.iter().sum::<f64>() / each.len().max(1) as f64, sample.rows())
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()).sqrt()
}
