//! How far customers have moved since a model learned of them: the population stability index of each feature, Σ (now − then) ·
//! ln(now / then) over tenths of then. Below 0.1 little, above 0.25 much.

use super::columns::Columns;
use serde::{Deserialize, Serialize};

/// How a column was distributed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reference {
    /// Ends of the bins of those that have a value.
    edges: Vec<f64>,
    /// Share of each bin; the first is of those that have none.
    shares: Vec<f64>,
    /// Mean over those that have one.
    mean: Option<f64>,
}

/// Drift of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The feature.
    pub feature: String,
    /// Its population stability index.
    pub stability_index: f64,
    /// Mean then and now, over those that have a value.
    pub means: (Option<f64>, Option<f64>),
}

/// Rows looked at.
const LOOKED_AT: usize = 10_000;

impl Drift {
    /// How far rows `now` are from what is kept of rows `then`, the farthest first.
    pub(super) fn since(columns: &Columns, then: &[Reference], now: &[&[f64]]) -> Vec<Self> {
        let mut drifts: Vec<Self> = (then.iter().enumerate())
            .map(|(column, reference)| Self {
                feature: columns.name(column),
                stability_index: reference.index(now.iter().map(|row| row[column])),
                means: (reference.mean, mean(now.iter().map(|row| row[column]))),
            })
            .collect();
        drifts.sort_by(|one, other| other.stability_index.total_cmp(&one.stability_index));
        drifts
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values
        .filter(|value| value.is_finite())
        .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

impl Reference {
    pub(super) fn of(rows: &[&[f64]], column: usize) -> Self {
        // A few thousand say where the tenths are.
        let step = rows.len().div_ceil(LOOKED_AT).max(1);
        let column = || rows.iter().step_by(step).map(|row| row[column]);
        let mut values: Vec<f64> = column().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let mut edges: Vec<f64> =
            (1..10).filter_map(|tenth| values.get(values.len() * tenth / 10).copied()).collect();
        edges.dedup();
        let shares = shares(&edges, column());
        Self { edges, shares, mean: mean(column()) }
    }

    pub(super) fn index(&self, now: impl Iterator<Item = f64>) -> f64 {
        let now = shares(&self.edges, now);
        // Half a percent at least: an empty bin would be infinitely far.
        let term = |(then, now): (&f64, &f64)| {
            let (then, now) = (then.max(0.005), now.max(0.005));
            (now - then) * (now / then).ln()
        };
        self.shares.iter().zip(&now).map(term).sum()
    }
}

fn shares(edges: &[f64], values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut counts = vec![0.0; edges.len() + 2];
    let mut all = 0.0;
    for value in values {
        let bin =
            if value.is_finite() { 1 + edges.partition_point(|edge| *edge <= value) } else { 0 };
        counts[bin] += 1.0;
        all += 1.0;
    }
    counts.iter().map(|count| count / f64::max(all, 1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_has_no_drift_and_a_shift_has_much() {
        let then: Vec<[f64; 1]> = (0..1000).map(|n| [f64::from(n)]).collect();
        let reference = Reference::of(&then.iter().map(|row| &row[..]).collect::<Vec<_>>(), 0);
        let index = |by: f64| reference.index(then.iter().map(|row| row[0] + by));
        assert!(index(0.0) < 1e-12 && index(30.0) < 0.1);
        assert!(index(500.0) > 0.25 && index(f64::NAN) > 0.25);
    }
}
