//! Rows of numbers, one after the other.

/// Rows of one width; NaN where there is no value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    pub(crate) width: usize,
    pub(crate) values: Vec<f64>,
}

impl Matrix {
    /// Rows out of their values, row after row.
    pub fn new(width: usize, values: Vec<f64>) -> Self {
        Self { width, values }
    }

    /// Room for `rows` rows.
    pub fn with_room(width: usize, rows: usize) -> Self {
        Self { width, values: Vec::with_capacity(width * rows) }
    }

    /// Values in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One row after the other.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// The row at this place.
    pub fn row(&self, place: usize) -> &[f64] {
        &self.values[place * self.width..(place + 1) * self.width]
    }

    /// Adds a row.
    pub fn push(&mut self, row: &[f64]) {
        self.values.extend_from_slice(row);
    }

    /// One column.
    pub(crate) fn column(&self, column: usize) -> impl Iterator<Item = f64> {
        self.rows().map(move |row| row[column])
    }
}
