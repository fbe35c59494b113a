//! The two matrices: values in original units by feature, and points in the space of distances by customer.

use super::{Feature, Scaler};
use rayon::prelude::*;

/// One feature of all customers, NaN where a customer has none. Half the width of `f64` is enough for what is
/// z-scored; money and numbers of unknown kind are shown to people in full, and are kept so.
#[derive(Debug, Clone)]
pub enum Column {
    /// In single precision.
    Single(Vec<f32>),
    /// In double precision.
    Double(Vec<f64>),
}

impl Column {
    fn of(feature: &Feature) -> Self {
        if feature.unit().precise() { Self::Double(Vec::new()) } else { Self::Single(Vec::new()) }
    }

    /// The value of one customer.
    pub fn get(&self, row: usize) -> f64 {
        match self {
            Self::Single(values) => f64::from(values[row]),
            Self::Double(values) => values[row],
        }
    }

    /// The values of all customers.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    fn push(&mut self, value: f64) {
        match self {
            Self::Single(values) => values.push(value as f32),
            Self::Double(values) => values.push(value),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Single(_) => size_of::<f32>(),
            Self::Double(_) => size_of::<f64>(),
        }
    }

    fn arrange(&mut self, order: &[usize]) {
        match self {
            Self::Single(values) => *values = order.iter().map(|&row| values[row]).collect(),
            Self::Double(values) => *values = order.iter().map(|&row| values[row]).collect(),
        }
    }
}

/// Values in original units: a column for each feature of a model.
#[derive(Debug)]
pub struct Values {
    columns: Vec<Column>,
    rows: usize,
}

impl Values {
    /// No customers yet.
    pub(crate) fn new(features: &[Feature]) -> Self {
        Self { columns: features.iter().map(Column::of).collect(), rows: 0 }
    }

    /// Adds a customer with these values, in the order of the features.
    pub(crate) fn push(&mut self, values: impl Iterator<Item = f64>) {
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        self.rows += 1;
    }

    /// Puts the customers in another order.
    pub(crate) fn arrange(&mut self, order: &[usize]) {
        self.columns.iter_mut().for_each(|column| column.arrange(order));
    }

    /// Bytes for each customer.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(Column::width).sum()
    }

    /// One feature of all customers.
    pub fn column(&self, feature: usize) -> &Column {
        &self.columns[feature]
    }

    /// All columns, in the order of the features.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Number of customers.
    pub fn rows(&self) -> usize {
        self.rows
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

    /// The points of `rows` customers over the features that `scaler` uses; `value` gives the value of a
    /// customer (by row) in a feature (by its place in the scaler).
    pub fn new(rows: usize, scaler: &Scaler, value: impl Fn(usize, usize) -> f64 + Sync) -> Self {
        let used: Vec<usize> = scaler.used().collect();
        let mut points = Self::zeros(rows, used.len());
        points.data.par_chunks_exact_mut(points.padded.max(1)).enumerate().for_each(
            |(row, cells)| {
                for (cell, &feature) in cells.iter_mut().zip(&used) {
                    *cell = scaler.features[feature].coordinate(value(row, feature));
                }
            },
        );
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
