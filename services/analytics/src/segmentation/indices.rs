//! Two old indices of a partition, beside the silhouette: what analysts know and ask for. The rule does not use
//! them; on mixtures with known truth they find the number less often than silhouettes do.

use crate::{features::Points, kmeans::Clusters};

/// Calinski and Harabasz (1974): `(B / (k − 1)) / (W / (n − k))`, with B and W the sums of squares between and
/// within clusters. Greater is better; without bound. 0 where it is not defined.
pub(super) fn calinski_harabasz(points: &Points, clusters: &Clusters) -> f64 {
    let (n, k) = (points.rows(), clusters.centres.len());
    if k < 2 || n <= k {
        return 0.0;
    }
    let mean = mean(points);
    let between: f64 = (clusters.centres.iter().zip(&clusters.counts))
        .map(|(centre, &count)| count as f64 * squared(centre, &mean))
        .sum();
    let within = clusters.inertia / (n - k) as f64;
    // Without anything inside the clusters the ratio has no bound, and reports have to be numbers.
    if within > 0.0 { between / (k - 1) as f64 / within } else { f64::MAX }
}

/// Davies and Bouldin (1979): the mean over clusters of the worst `(sᵢ + sⱼ) / d(cᵢ, cⱼ)`, with s the mean distance
/// of members to their centre. Less is better, 0 is best.
pub(super) fn davies_bouldin(points: &Points, clusters: &Clusters) -> f64 {
    let k = clusters.centres.len();
    let mut scatter = vec![0.0; k];
    for (row, &label) in clusters.labels.iter().enumerate() {
        let cells = points.row(row).iter().zip(&clusters.centres[usize::from(label)]);
        scatter[usize::from(label)] +=
            cells.map(|(&x, c)| (f64::from(x) - c).powi(2)).sum::<f64>().sqrt();
    }
    for (sum, &count) in scatter.iter_mut().zip(&clusters.counts) {
        *sum /= count.max(1) as f64;
    }
    let worst = |a: usize| {
        let ratio = |b: usize| {
            let apart = squared(&clusters.centres[a], &clusters.centres[b]).sqrt();
            if apart > 0.0 { (scatter[a] + scatter[b]) / apart } else { 0.0 }
        };
        (0..k).filter(|&b| b != a).map(ratio).fold(0.0, f64::max)
    };
    (0..k).map(worst).sum::<f64>() / k.max(1) as f64
}

fn mean(points: &Points) -> Vec<f64> {
    let mut mean = vec![0.0; points.width()];
    for row in 0..points.rows() {
        for (sum, &x) in mean.iter_mut().zip(points.row(row)) {
            *sum += f64::from(x);
        }
    }
    mean.iter().map(|sum| sum / points.rows().max(1) as f64).collect()
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
