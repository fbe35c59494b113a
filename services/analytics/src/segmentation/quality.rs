//! How good a partition is: silhouettes and stability, on samples.

use crate::{
    features::Points,
    kmeans::{self, nearest, random},
};
use rayon::prelude::*;

/// Customers on which silhouettes and stability are measured.
pub(super) const SAMPLE: usize = 5_000;
/// Resamples on which stability is measured.
const RESAMPLES: u64 = 20;
/// Starts for each resample.
const RESAMPLE_STARTS: usize = 2;

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

/// Least over the clusters of the mean Jaccard similarity to their likest cluster over resamples (Hennig 2007,
/// "Cluster-wise assessment of cluster stability").
pub(super) fn stability(points: &Points, centres: &[Vec<f64>], seed: u64) -> f64 {
    let labels = label(points, centres);
    let each: Vec<Vec<f64>> = (0..RESAMPLES)
        .into_par_iter()
        .map(|resample| {
            jaccards(points, &labels, centres.len(), random::derive(seed, "resample", resample))
        })
        .collect();
    let mean = |cluster: usize| each.iter().map(|of| of[cluster]).sum::<f64>() / RESAMPLES as f64;
    (0..centres.len()).map(mean).fold(1.0, f64::min)
}

/// For each cluster the similarity to the likest cluster found on one resample, over the rows that were drawn.
fn jaccards(points: &Points, labels: &[usize], k: usize, seed: u64) -> Vec<f64> {
    let mut drawn = random::resample(points.rows(), seed);
    let Some(centres) = kmeans::quick(&points.select(&drawn), k, RESAMPLE_STARTS, seed) else {
        // Too few different rows were drawn: nothing of the partition is found again.
        return vec![0.0; k];
    };
    drawn.sort_unstable();
    drawn.dedup();
    let mut both = vec![vec![0usize; k]; k];
    for &row in &drawn {
        both[labels[row]][nearest(points.row(row), &centres).centre] += 1;
    }
    let found: Vec<usize> = (0..k).map(|c| both.iter().map(|of| of[c]).sum()).collect();
    both.iter()
        .map(|of| {
            let own: usize = of.iter().sum();
            let jaccard = |c: usize| of[c] as f64 / (own + found[c] - of[c]).max(1) as f64;
            (0..k).map(jaccard).fold(0.0, f64::max)
        })
        .collect()
}

fn label(points: &Points, centres: &[Vec<f64>]) -> Vec<usize> {
    (0..points.rows()).into_par_iter().map(|row| nearest(points.row(row), centres).centre).collect()
}
