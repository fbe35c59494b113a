//! From rows in natural units to the columns that the model sees: log1p where tails are long, then z-scores.
//! Fitted on training rows only.

use super::{
    features::{FEATURES, Row},
    matrix::Matrix,
};
use serde::{Deserialize, Serialize};

/// A column that is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    /// Place of the feature in a row.
    pub(super) feature: usize,
    /// Mean after the transform, over rows that have it.
    mean: f64,
    /// Standard deviation after the transform, over rows that have it.
    deviation: f64,
    /// Median in the natural unit, over rows that have it: what is typical.
    pub(super) median: f64,
}

/// The columns, and the columns' names stay with the features.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Scaler {
    pub(super) columns: Vec<Column>,
}

/// Two columns more alike than this are one.
const SAME: f64 = 0.9995;

impl Scaler {
    /// Fits the columns that `wanted` names and that are neither constant nor the same as an earlier one.
    pub(super) fn fit(rows: &[&Row], wanted: impl Fn(usize) -> bool) -> Self {
        let columns = (0..FEATURES.len()).filter(|&feature| wanted(feature));
        let candidates =
            Self { columns: columns.filter_map(|feature| column(rows, feature)).collect() };
        let matrix = candidates.apply(rows);
        let width = matrix.width;
        let lengths: Vec<f64> = (0..width).map(|j| product(&matrix, j, j).sqrt()).collect();
        let mut kept: Vec<usize> = Vec::new();
        for j in 0..width {
            let same = |&i: &usize| product(&matrix, i, j).abs() > SAME * lengths[i] * lengths[j];
            if !kept.iter().any(same) {
                kept.push(j);
            }
        }
        Self { columns: kept.into_iter().map(|j| candidates.columns[j].clone()).collect() }
    }

    /// The scaled row; a missing value is the mean.
    pub(super) fn row(&self, row: &Row) -> impl Iterator<Item = f64> {
        self.columns.iter().map(move |column| {
            let value = transform(column.feature, row[column.feature]);
            if value.is_nan() { 0.0 } else { (value - column.mean) / column.deviation }
        })
    }

    pub(super) fn apply(&self, rows: &[&Row]) -> Matrix {
        let values = rows.iter().flat_map(|row| self.row(row)).collect();
        Matrix { width: self.columns.len(), values }
    }
}

fn transform(feature: usize, value: f64) -> f64 {
    // `max` would make a number of NaN, which means missing.
    if FEATURES[feature].unit.skewed() && !value.is_nan() { value.max(0.0).ln_1p() } else { value }
}

fn column(rows: &[&Row], feature: usize) -> Option<Column> {
    let mut natural: Vec<f64> =
        rows.iter().map(|row| row[feature]).filter(|value| value.is_finite()).collect();
    let count = natural.len() as f64;
    let mean = natural.iter().map(|&value| transform(feature, value)).sum::<f64>() / count;
    let square = |value: &f64| (transform(feature, *value) - mean).powi(2);
    let deviation = (natural.iter().map(square).sum::<f64>() / count).sqrt();
    natural.sort_by(f64::total_cmp);
    let median = natural.get(natural.len() / 2).copied()?;
    (deviation > 1e-9).then_some(Column { feature, mean, deviation, median })
}

fn product(matrix: &Matrix, i: usize, j: usize) -> f64 {
    matrix.rows().map(|row| row[i] * row[j]).sum()
}

/// How each column goes with churn by itself: its correlation with the outcome.
pub(super) fn correlations(x: &Matrix, churned: &[bool]) -> Vec<f64> {
    let share = churned.iter().filter(|&&gone| gone).count() as f64 / churned.len() as f64;
    let mut sums = vec![(0.0, 0.0); x.width];
    for (row, &gone) in x.rows().zip(churned) {
        let outcome = f64::from(u8::from(gone)) - share;
        for ((product, square), value) in sums.iter_mut().zip(row) {
            *product += value * outcome;
            *square += value * value;
        }
    }
    let spread = (share * (1.0 - share) * churned.len() as f64).sqrt();
    sums.into_iter().map(|(product, square)| product / (f64::sqrt(square) * spread)).collect()
}
