//! The two matrices: values in original units by feature, and points in the space of distances by customer.

use super::{REGISTRY, Scaler};
use crate::{Activity, Timestamp};
use rayon::prelude::*;

/// Values in original units: one column for each feature of the registry, NaN where a customer has none.
#[derive(Debug)]
pub struct Values {
    columns: Vec<Vec<f64>>,
}

impl Values {
    /// Extracts every feature of every customer. Whatever is not finite counts as missing.
    pub fn extract(activities: &[Activity], as_of: Timestamp) -> Self {
        let columns = REGISTRY
            .par_iter()
            .map(|feature| {
                let value = |activity| {
                    Some((feature.extract)(activity, as_of))
                        .filter(|v| v.is_finite())
                        .unwrap_or(f64::NAN)
                };
                activities.iter().map(value).collect()
            })
            .collect();
        Self { columns }
    }

    /// One feature of all customers.
    pub fn column(&self, feature: usize) -> &[f64] {
        &self.columns[feature]
    }

    /// All columns, in the order of the registry.
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// Number of customers.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }
}

/// Points in the space of distances: transformed, scaled, weighted, dense, one row for each customer. Kept as
/// `f32`, which z-scored data can bear, and padded with zeros to a width that the distance kernel has.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    rows: usize,
    width: usize,
    padded: usize,
    data: Vec<f32>,
}

impl Points {
    /// Widths that the distance kernel is compiled for.
    pub const WIDTHS: [usize; 6] = [8, 16, 24, 32, 48, 64];

    /// The points of `values`, over the features that `scaler` uses.
    pub fn new(values: &Values, scaler: &Scaler) -> Self {
        let used: Vec<usize> = scaler.used().collect();
        let mut points = Self::zeros(values.rows(), used.len());
        points.data.par_chunks_exact_mut(points.padded).enumerate().for_each(|(row, cells)| {
            for (cell, &feature) in cells.iter_mut().zip(&used) {
                *cell = scaler.features[feature].coordinate(values.column(feature)[row]);
            }
        });
        points
    }

    /// Points from rows of numbers; whatever is not finite becomes 0, the average.
    pub fn from_rows<'a>(width: usize, rows: impl ExactSizeIterator<Item = &'a [f32]>) -> Self {
        let mut points = Self::zeros(rows.len(), width);
        for (cells, row) in points.data.chunks_exact_mut(points.padded).zip(rows) {
            for (cell, &value) in cells.iter_mut().zip(row) {
                *cell = if value.is_finite() { value } else { 0.0 };
            }
        }
        points
    }

    fn zeros(rows: usize, width: usize) -> Self {
        let padded = Self::WIDTHS.into_iter().find(|&w| w >= width).unwrap_or(width);
        Self { rows, width, padded, data: vec![0.0; rows * padded] }
    }

    /// Number of customers.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of features with padding.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// One customer, without padding.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.padded..][..self.width]
    }

    /// Everything, padded, row after row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The points at `rows`, in that order; a row may come several times.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::from_rows(self.width, rows.iter().map(|&row| self.row(row)))
    }

    /// Number of different points, counted up to `enough`.
    pub fn distinct(&self, enough: usize) -> usize {
        let mut seen = std::collections::HashSet::new();
        for row in 0..self.rows {
            // Adding 0 makes −0 and 0 the same bits.
            seen.insert(self.row(row).iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>());
            if seen.len() >= enough {
                break;
            }
        }
        seen.len()
    }
}
