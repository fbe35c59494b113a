//! Whether there are gaps between clusters: fewer rows half-way between two centres than around either of them.
//!
//! k-means cuts whatever it is given, a single cloud as well. Along the line between the centres of two pieces of
//! one normal cloud there are more rows half-way (1.36 for each one around a centre, in the windows used here),
//! of a uniform one as many, and between two clouds fewer. That asks nothing of the shape of a cloud but one
//! summit, where criteria of likelihood (BIC, G-means) want it to be normal and cut spending, which never is,
//! into as many pieces as they may. The idea is that of dip-means (Kalogeratos and Likas 2012), with counts at the
//! places that the centres name in place of Hartigan's dip.

use crate::{features::Points, kmeans::nearest};

/// Half of the width of a window in which rows are counted, in distances between the two centres.
const WINDOW: f64 = 0.2;

/// Rows of one cluster on the line to the centre of another.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// Around the centre of the one.
    around: u64,
    /// From half-way to a window before it.
    half_way: u64,
}

/// Counts for each pair of clusters, added up over fits.
pub(super) struct Gaps {
    counts: Vec<Vec<Count>>,
    /// Fits in which two clusters were one.
    merged: Vec<Vec<u32>>,
    fits: u32,
}

impl Gaps {
    /// Nothing counted yet between `k` clusters.
    pub(super) fn new(k: usize) -> Self {
        Self { counts: vec![vec![Count::default(); k]; k], merged: vec![vec![0; k]; k], fits: 0 }
    }

    /// Counts `rows`, which must not be those of the fit: the axes lean towards these. `likest` names for each
    /// cluster that is judged the one of `centres` that is it.
    pub(super) fn count(
        &mut self,
        points: &Points,
        rows: &[usize],
        centres: &[Vec<f64>],
        likest: &[usize],
    ) {
        let k = likest.len();
        let mut owner: Vec<Option<usize>> = vec![None; k];
        for (cluster, &found) in likest.iter().enumerate() {
            match owner[found] {
                None => owner[found] = Some(cluster),
                Some(first) => self.merged[cluster][first] += 1,
            }
        }
        self.fits += 1;
        let axes: Vec<Vec<Axis>> =
            (0..k).map(|a| (0..k).map(|b| Axis::new(&centres[a], &centres[b])).collect()).collect();
        for &row in rows {
            let cells = points.row(row);
            let own = nearest(cells, centres).centre;
            let Some(cluster) = owner[own] else { continue };
            for (found, axis) in axes[own].iter().enumerate().filter(|(found, _)| *found != own) {
                let Some(other) = owner[found] else { continue };
                let at = axis.at(cells, &centres[own]);
                let count = &mut self.counts[cluster][other];
                count.around += u64::from(at.abs() <= WINDOW);
                count.half_way += u64::from(at >= 0.5 - WINDOW);
            }
        }
    }

    /// Adds the counts of other fits.
    pub(super) fn add(&mut self, other: &Self) {
        self.fits += other.fits;
        for (into, from) in self.merged.iter_mut().flatten().zip(other.merged.iter().flatten()) {
            *into += from;
        }
        for (into, from) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            into.around += from.around;
            into.half_way += from.half_way;
        }
    }

    /// The depth of the shallowest gap between two clusters: 1 − (rows half-way) / (rows around the centre where
    /// fewer are), in windows of equal width. 1 where nobody is between, 0 where as many are, negative where
    /// more are; never below −1, which also says that two clusters were one in most fits.
    pub(super) fn shallowest(&self) -> f64 {
        let mut least: f64 = 1.0;
        for a in 0..self.counts.len() {
            for b in 0..a {
                let (one, other) = (self.counts[a][b], self.counts[b][a]);
                let around = one.around.min(other.around).max(1) as f64;
                let depth = 1.0 - (one.half_way + other.half_way) as f64 / around;
                least = least.min(if 2 * self.merged[a][b] > self.fits { -1.0 } else { depth });
            }
        }
        if self.fits == 0 { -1.0 } else { least.max(-1.0) }
    }
}

/// The line from one centre to another.
struct Axis {
    direction: Vec<f64>,
    squared: f64,
}

impl Axis {
    fn new(from: &[f64], to: &[f64]) -> Self {
        let direction: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
        let squared = direction.iter().map(|x| x * x).sum::<f64>().max(f64::MIN_POSITIVE);
        Self { direction, squared }
    }

    /// Where a row stands on the line: 0 at its beginning, 1 at its end.
    fn at(&self, row: &[f32], from: &[f64]) -> f64 {
        let along = row.iter().zip(from).zip(&self.direction);
        along.map(|((&x, from), d)| (f64::from(x) - from) * d).sum::<f64>() / self.squared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows on a line, at the quantiles of what is wanted.
    fn depth(at: impl Fn(f64) -> f32, centres: [f64; 2]) -> f64 {
        let rows: Vec<[f32; 1]> = (0..4000).map(|i| [at((f64::from(i) + 0.5) / 4000.0)]).collect();
        let points = Points::from_rows(1, rows.iter().map(<[f32; 1]>::as_slice));
        let rows: Vec<usize> = (0..points.rows()).collect();
        let mut gaps = Gaps::new(2);
        gaps.count(&points, &rows, &[vec![centres[0]], vec![centres[1]]], &[0, 1]);
        gaps.shallowest()
    }

    #[test]
    fn depths_are_those_of_the_distributions() {
        // Uniform in [0, 1), cut in the middle.
        assert!(depth(|q| q as f32, [0.25, 0.75]).abs() < 0.01);
        // The halves of a triangle: 0.36 of the rows in the middle fifth, 0.2 around either centre.
        let triangle = |q: f64| {
            let side = if q < 0.5 { (q / 2.0).sqrt() } else { 1.0 - ((1.0 - q) / 2.0).sqrt() };
            side as f32
        };
        let found = depth(triangle, [0.25, 0.75]);
        assert!((found - (1.0 - 0.36 / 0.2)).abs() < 0.02, "{found}");
        // Two clouds with nothing between.
        assert_eq!(depth(|q| if q < 0.5 { q } else { q + 9.0 } as f32, [0.25, 9.75]), 1.0);
    }

    #[test]
    fn two_clusters_that_are_found_as_one_have_no_gap() {
        let points = Points::from_rows(1, [[0.0f32].as_slice(), &[1.0]].into_iter());
        let mut gaps = Gaps::new(2);
        gaps.count(&points, &[0, 1], &[vec![0.0], vec![1.0]], &[1, 1]);
        assert_eq!(gaps.shallowest(), -1.0);
    }
}
