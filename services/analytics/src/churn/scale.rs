//! From rows in natural units to what a regression sees: log1p where tails are long, then z-scores. Fitted on training rows only.

use super::{Matrix, columns::Columns};
use serde::{Deserialize, Serialize};

/// A column that is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    /// Place of the column in a row.
    pub(super) column: usize,
    /// Whether the logarithm is taken first.
    log: bool,
    /// Mean after the transform, over rows that have a value.
    mean: f64,
    /// Standard deviation after the transform, over rows that have a value.
    deviation: f64,
}

/// The columns that are used, in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Scaler {
    pub(super) scales: Vec<Scale>,
}

/// Two columns more alike than this are one.
const SAME: f64 = 0.9995;
/// Rows looked at to tell columns apart.
const LOOKED_AT: usize = 4_000;

impl Scaler {
    /// Fits the columns that are `wanted` and neither constant nor the same as an earlier one.
    pub(super) fn fit(rows: &[&[f64]], columns: &Columns, wanted: impl Fn(usize) -> bool) -> Self {
        let wanted = (0..columns.width()).filter(|&column| wanted(column));
        let candidates =
            Self { scales: wanted.filter_map(|column| scale(rows, columns, column)).collect() };
        let step = rows.len().div_ceil(LOOKED_AT).max(1);
        let looked_at: Vec<&[f64]> = rows.iter().step_by(step).copied().collect();
        let matrix = candidates.apply(&looked_at);
        let width = matrix.width();
        let by_column: Vec<Vec<f64>> = (0..width).map(|j| matrix.column(j).collect()).collect();
        let product = |i: usize, j: usize| -> f64 {
            by_column[i].iter().zip(&by_column[j]).map(|(x, y)| x * y).sum()
        };
        let lengths: Vec<f64> = (0..width).map(|j| product(j, j).sqrt()).collect();
        let mut kept: Vec<usize> = Vec::new();
        for j in 0..width {
            let same = |&i: &usize| product(i, j).abs() > SAME * lengths[i] * lengths[j];
            if !kept.iter().any(same) {
                kept.push(j);
            }
        }
        Self { scales: kept.into_iter().map(|j| candidates.scales[j].clone()).collect() }
    }

    /// The scaled row; a missing value is the mean.
    pub(super) fn row(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        self.scales.iter().map(move |scale| {
            let value = scale.transform(row[scale.column]);
            if value.is_nan() { 0.0 } else { (value - scale.mean) / scale.deviation }
        })
    }

    pub(super) fn apply(&self, rows: &[&[f64]]) -> Matrix {
        let mut matrix = Matrix::with_room(self.scales.len(), rows.len());
        rows.iter().for_each(|row| matrix.values.extend(self.row(row)));
        matrix
    }
}

impl Scale {
    fn transform(&self, value: f64) -> f64 {
        // `max` would make a number of NaN, which means missing.
        if self.log && !value.is_nan() { value.max(0.0).ln_1p() } else { value }
    }
}

fn scale(rows: &[&[f64]], columns: &Columns, column: usize) -> Option<Scale> {
    let known = || rows.iter().map(|row| row[column]).filter(|value| value.is_finite());
    let log = columns.skewed(column).unwrap_or_else(|| long_tailed(known()));
    let mut scale = Scale { column, log, mean: 0.0, deviation: 1.0 };
    let count = known().count() as f64;
    let mean = known().map(|value| scale.transform(value)).sum::<f64>() / count;
    let square = |value: f64| (scale.transform(value) - mean).powi(2);
    let deviation = (known().map(square).sum::<f64>() / count).sqrt();
    (scale.mean, scale.deviation) = (mean, deviation);
    (deviation > 1e-9).then_some(scale)
}

/// Whether numbers of which nothing is known look like amounts or counts: none negative, and a skewness above 1.
fn long_tailed(values: impl Iterator<Item = f64>) -> bool {
    let values: Vec<f64> = values.collect();
    let (mean, deviation) = crate::stats::mean_and_deviation(&values);
    let cubes = values.iter().map(|value| (value - mean).powi(3)).sum::<f64>();
    values.iter().all(|value| *value >= 0.0)
        && cubes / values.len() as f64 > deviation.powi(3)
        && deviation > 0.0
}
