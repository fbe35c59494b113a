//! Columns that know the outcome: what orders outcomes better than anything honest can was written after them.

use super::{columns::Columns, quality::auc, sample::Sample};
use std::collections::BTreeMap;

/// A column that orders outcomes better than this alone knows them.
const LEAK_AUC: f64 = 0.98;
/// Rows looked at.
const LOOKED_AT: usize = 20_000;

/// The columns that know the outcome. All columns of an attribute are suspected together.
pub(super) fn suspects(sample: &Sample<'_>, columns: &Columns) -> Vec<usize> {
    let sample = sample.thinned(LOOKED_AT);
    let mut found: Vec<usize> = Vec::new();
    for column in 0..columns.width() {
        let siblings = columns.siblings(column);
        // A group is looked at once, with its first column.
        if siblings.first() != Some(&column) {
            continue;
        }
        let alone = siblings.iter().any(|&one| knows(&values(&sample, one), &sample.churned));
        if alone || (siblings.len() > 1 && knows(&shares(&sample, &siblings), &sample.churned)) {
            found.extend(siblings);
        }
    }
    found
}

fn knows(values: &[f64], churned: &[bool]) -> bool {
    let auc = auc(values, churned);
    auc.max(1.0 - auc) > LEAK_AUC
}

/// The values, what is missing below all others.
fn values(sample: &Sample<'_>, column: usize) -> Vec<f64> {
    let known = |value: f64| if value.is_nan() { f64::MIN } else { value };
    sample.rows.iter().map(|row| known(row[column])).collect()
}

/// The churn share of those with the same values.
fn shares(sample: &Sample<'_>, siblings: &[usize]) -> Vec<f64> {
    let key = |row: &&[f64]| siblings.iter().map(|&one| row[one].to_bits()).collect::<Vec<u64>>();
    let keys: Vec<Vec<u64>> = sample.rows.iter().map(key).collect();
    let mut counts: BTreeMap<&[u64], (f64, f64)> = BTreeMap::new();
    for (key, &gone) in keys.iter().zip(&sample.churned) {
        let count = counts.entry(key).or_default();
        *count = (count.0 + f64::from(u8::from(gone)), count.1 + 1.0);
    }
    let share = |key: &Vec<u64>| counts.get(key.as_slice()).map_or(0.5, |(gone, all)| gone / all);
    keys.iter().map(share).collect()
}
