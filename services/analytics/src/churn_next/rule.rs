//! The rule: the churn share among customers who have been quiet for about as long, in days or against their own rhythm.

use crate::churn::Rule as BySilence;
use serde::{Deserialize, Serialize};

/// Shares by how long a customer has been quiet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// The column that says how long.
    column: usize,
    shares: BySilence,
}

impl Rule {
    pub(super) fn fit(column: usize, rows: &[&[f64]], churned: &[bool]) -> Self {
        let silences: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        Self { column, shares: BySilence::fit(&silences, churned) }
    }

    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        self.shares.predict(row[self.column])
    }
}
