//! Gradient boosting of logistic loss on histograms: a sum of small trees, each grown on what the ones before left over
//! (Friedman 2001; second-order steps and leaf-wise growth as in XGBoost and LightGBM).
//!
//! With two leaves each tree asks about one column, so that the model is additive and its contributions are exact. With more, a
//! contribution is what the values along a row's path change at the splits on a column: they sum to the score as well.

mod bins;
mod grow;

use crate::churn::sigmoid;
use bins::Binned;
use grow::{Slope, grow};
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Growth {
    /// Leaves of a tree; two for one question.
    pub(super) leaves: usize,
    /// Share of a step that is taken.
    pub(super) rate: f64,
    /// Trees at most.
    pub(super) rounds: usize,
    /// Fewest rows in a leaf.
    pub(super) fewest_rows: u32,
    /// Ridge of a leaf's value.
    pub(super) ridge: f64,
    /// Least gain of a split.
    pub(super) least_gain: f64,
}

/// A sum of trees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Boosted {
    /// Log-odds before any tree.
    base: f64,
    trees: Vec<Vec<Node>>,
}

/// A node of a tree: the first is the root, and two sides of a split are neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    /// What rows that end here get; of those that go on, what they would get.
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    split: Option<Branch>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Branch {
    column: u32,
    /// Values up to this one go left.
    up_to: f64,
    missing_left: bool,
    /// The left side; the right one follows it.
    left: u32,
}

impl Node {
    fn leaf(value: f64) -> Self {
        Self { value, split: None }
    }
}

/// Trees between two looks at rows that are watched.
pub(super) const EVERY: usize = 25;
/// Trees one after the other that found no split, after which others will not either. Fewer than [`EVERY`], so that all are looked at.
const STUCK: usize = 10;

impl Boosted {
    /// Fits on these columns of the rows.
    pub(super) fn fit(
        rows: &[&[f64]],
        columns: &[usize],
        churned: &[bool],
        growth: &Growth,
    ) -> Self {
        Self::fit_watched((rows, columns), churned, growth, &[], |_| true)
    }

    /// Fits, and after every [`EVERY`] trees tells of rows that are not fitted what their log-odds are by then; goes on for as long
    /// as `go_on` says so.
    pub(super) fn fit_watched(
        (rows, columns): (&[&[f64]], &[usize]),
        churned: &[bool],
        growth: &Growth,
        watched: &[&[f64]],
        mut go_on: impl FnMut(&[f64]) -> bool,
    ) -> Self {
        let binned = Binned::of(rows, columns);
        let gone = churned.iter().filter(|&&gone| gone).count() as f64;
        // Half a case each way, so that one outcome alone is no certainty.
        let base = ((gone + 0.5) / (churned.len() as f64 - gone + 0.5)).ln();
        let mut model = Self { base, trees: Vec::with_capacity(growth.rounds) };
        let mut odds = vec![base; rows.len()];
        let mut slopes = vec![Slope::default(); rows.len()];
        let mut seen = vec![base; watched.len()];
        let mut stuck = 0;
        let mut draws = Xoshiro256PlusPlus::seed_from_u64(1);
        for round in 1..=growth.rounds {
            let each = slopes.par_iter_mut().zip(&odds).zip(churned);
            each.with_min_len(4096).for_each(|((slope, &odds), &gone)| {
                let probability = sigmoid(odds);
                slope.first = (probability - f64::from(u8::from(gone))) as f32;
                slope.second = (probability * (1.0 - probability)) as f32;
            });
            let tree = grow(&binned.drawn(&mut draws), &slopes, growth, &mut odds);
            stuck = if tree.len() == 1 { stuck + 1 } else { 0 };
            seen.par_iter_mut().zip(watched).with_min_len(1024).for_each(|(odds, row)| {
                *odds += leaf(&tree, row);
            });
            model.trees.push(tree);
            if stuck == STUCK || (round.is_multiple_of(EVERY) && !go_on(&seen)) {
                break;
            }
        }
        model
    }

    pub(super) fn log_odds(&self, row: &[f64]) -> f64 {
        self.base + self.trees.iter().map(|tree| leaf(tree, row)).sum::<f64>()
    }

    /// Log-odds where nothing is asked: every tree's mean.
    pub(super) fn average(&self) -> f64 {
        self.base + self.trees.iter().map(|tree| tree[0].value).sum::<f64>()
    }

    /// What each column adds to the average.
    pub(super) fn contributions(&self, row: &[f64], to: &mut [f64]) {
        for tree in &self.trees {
            let mut node = &tree[0];
            while let Some(branch) = &node.split {
                let next = &tree[branch.side(row)];
                to[branch.column as usize] += next.value - node.value;
                node = next;
            }
        }
    }
}

impl Branch {
    fn side(&self, row: &[f64]) -> usize {
        let value = row[self.column as usize];
        let left = if value.is_nan() { self.missing_left } else { value <= self.up_to };
        self.left as usize + usize::from(!left)
    }
}

fn leaf(tree: &[Node], row: &[f64]) -> f64 {
    let mut node = &tree[0];
    while let Some(branch) = &node.split {
        node = &tree[branch.side(row)];
    }
    node.value
}

#[cfg(test)]
mod tests;
