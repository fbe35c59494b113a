//! The rule: the churn share among customers who have been quiet for about as long, in days or against their own rhythm.

use serde::{Deserialize, Serialize};

/// Shares by silence. `edges[i]` is the greatest silence of bin i; the last bin takes the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// The column that says how long.
    column: usize,
    edges: Vec<f64>,
    shares: Vec<f64>,
}

impl Rule {
    /// Ten bins of equal size (fewer where rows are few), made monotone: more quiet is never less risk.
    pub(super) fn fit(column: usize, rows: &[&[f64]], churned: &[bool]) -> Self {
        let silences = rows.iter().map(|row| row[column]);
        let mut rows: Vec<(f64, bool)> = silences.zip(churned.iter().copied()).collect();
        rows.sort_by(|one, other| one.0.total_cmp(&other.0));
        let bins = (rows.len() / 20).clamp(1, 10);
        // Pools of (churned, rows, greatest silence), merged while a later one has the smaller share.
        let mut pools: Vec<(f64, f64, f64)> = Vec::new();
        let mut start = 0;
        for bin in 1..=bins {
            let end = end_of_ties(&rows, rows.len() * bin / bins);
            if end <= start {
                continue;
            }
            let gone = rows[start..end].iter().filter(|row| row.1).count() as f64;
            pools.push((gone, (end - start) as f64, rows[end - 1].0));
            start = end;
            while let [.., before, last] = pools[..]
                && before.0 / before.1 >= last.0 / last.1
            {
                pools.truncate(pools.len() - 2);
                pools.push((before.0 + last.0, before.1 + last.1, last.2));
            }
        }
        Self {
            column,
            edges: pools.iter().map(|pool| pool.2).collect(),
            // Half a case each way: a share of 0 or 1 would be a certainty that nobody has.
            shares: pools.iter().map(|pool| (pool.0 + 0.5) / (pool.1 + 1.0)).collect(),
        }
    }

    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let bin = self.edges.partition_point(|&edge| edge < row[self.column]);
        self.shares.get(bin).or(self.shares.last()).copied().unwrap_or(0.5)
    }
}

/// Customers of one silence stay in one bin.
fn end_of_ties(rows: &[(f64, bool)], mut end: usize) -> usize {
    while end > 0 && end < rows.len() && rows[end].0 == rows[end - 1].0 {
        end += 1;
    }
    end
}
