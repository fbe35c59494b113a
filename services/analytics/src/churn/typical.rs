//! What is typical of those a model learned of, and how each column goes with churn by itself: for words, not for scores.

use super::{columns::Columns, sample::Sample, scale::Scaler};
use serde::{Deserialize, Serialize};

/// The typical customer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Typical {
    /// Median of each column, in its natural unit; NaN (null in JSON) where nobody has one.
    #[serde(with = "nullable")]
    medians: Vec<f64>,
    scaler: Scaler,
    /// Correlation of each scaled column with the outcome.
    alone: Vec<f64>,
}

/// Rows looked at.
const LOOKED_AT: usize = 10_000;

impl Typical {
    pub(super) fn of(sample: &Sample<'_>, columns: &Columns) -> Self {
        let sample = sample.thinned(LOOKED_AT);
        let scaler = Scaler::fit(&sample.rows, columns, |_| true);
        let medians = (0..columns.width()).map(|column| median(&sample.rows, column)).collect();
        let alone = correlations(&scaler, &sample);
        Self { medians, scaler, alone }
    }

    pub(super) fn median(&self, column: usize) -> f64 {
        self.medians.get(column).copied().unwrap_or(f64::NAN)
    }

    /// How much each column's value says by itself: how far it is from the mean, in the direction of churn.
    pub(super) fn telling(&self, row: &[f64]) -> Vec<f64> {
        let mut telling = vec![0.0; row.len()];
        let values = self.scaler.row(row).zip(&self.alone);
        for (scale, (value, alone)) in self.scaler.scales.iter().zip(values) {
            telling[scale.column] = value * alone;
        }
        telling
    }
}

fn median(rows: &[&[f64]], column: usize) -> f64 {
    let mut values: Vec<f64> =
        rows.iter().map(|row| row[column]).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn correlations(scaler: &Scaler, sample: &Sample<'_>) -> Vec<f64> {
    let rows = sample.churned.len();
    let share = sample.gone() as f64 / rows.max(1) as f64;
    let mut sums = vec![(0.0, 0.0); scaler.scales.len()];
    for (row, &gone) in sample.rows.iter().zip(&sample.churned) {
        let outcome = f64::from(u8::from(gone)) - share;
        for ((product, square), value) in sums.iter_mut().zip(scaler.row(row)) {
            *product += value * outcome;
            *square += value * value;
        }
    }
    let spread = (share * (1.0 - share) * rows as f64).sqrt();
    let correlation = |(product, square): (f64, f64)| {
        let both = f64::sqrt(square) * spread;
        if both > 0.0 { product / both } else { 0.0 }
    };
    sums.into_iter().map(correlation).collect()
}

/// JSON has no NaN.
mod nullable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        let values = values.iter().map(|value| Some(*value).filter(|value| !value.is_nan()));
        values.collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(from)?;
        Ok(values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
    }
}
