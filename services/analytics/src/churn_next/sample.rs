//! What is trained and tested on: rows of past cut-offs with their outcomes.

use super::{Matrix, bgnbd::History};
use crate::Timestamp;

/// Everyone who counted at a cut-off, and what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The cut-off.
    pub as_of: Timestamp,
    /// Who: a number for each customer, the same at every cut-off and without meaning.
    pub who: Vec<u64>,
    /// What was known of each customer then.
    pub rows: Matrix,
    /// When they were active before.
    pub histories: Vec<History>,
    /// Whether they left in the horizon.
    pub churned: Vec<bool>,
}

/// Fewest outcomes, and fewest of either kind, from which shares or a model are learned.
pub(super) const FEWEST_ROWS: usize = 50;
pub(super) const FEWEST_OF_A_KIND: usize = 10;

/// Parts into which customers are divided; all rows of a customer are in one.
const PARTS: u64 = 5;

/// Rows of one or several snapshots, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample<'a> {
    pub(super) rows: Vec<&'a [f64]>,
    pub(super) histories: Vec<&'a History>,
    pub(super) churned: Vec<bool>,
    who: Vec<u64>,
    /// Where the rows of the newest snapshot begin.
    pub(super) newest: usize,
}

impl Snapshot {
    /// Whether it has enough of either outcome.
    pub(super) fn can_teach(&self) -> bool {
        can_teach(&self.churned)
    }
}

fn can_teach(churned: &[bool]) -> bool {
    let gone = churned.iter().filter(|&&gone| gone).count();
    churned.len() >= FEWEST_ROWS && gone.min(churned.len() - gone) >= FEWEST_OF_A_KIND
}

impl<'a> Sample<'a> {
    pub(super) fn of(snapshots: &[&'a Snapshot]) -> Self {
        let mut sample = Self::default();
        for snapshot in snapshots {
            sample.newest = sample.rows.len();
            sample.rows.extend(snapshot.rows.rows());
            sample.histories.extend(&snapshot.histories);
            sample.churned.extend(&snapshot.churned);
            sample.who.extend(&snapshot.who);
        }
        sample
    }

    pub(super) fn gone(&self) -> usize {
        self.churned.iter().filter(|&&gone| gone).count()
    }

    pub(super) fn can_teach(&self) -> bool {
        can_teach(&self.churned)
    }

    /// The share that left of the newest snapshot: the latest base rate.
    pub(super) fn latest_share(&self) -> f64 {
        let latest = &self.churned[self.newest..];
        latest.iter().filter(|&&gone| gone).count() as f64 / latest.len().max(1) as f64
    }

    /// About `most` rows: every row of some customers.
    pub(super) fn thinned(&self, most: usize) -> Self {
        let rows = self.rows.len();
        if rows <= most {
            return self.clone();
        }
        let kept = (most as f64 / rows as f64 * u64::MAX as f64) as u64;
        // Other bits than those that divide into parts decide.
        self.pick(|who| who.rotate_left(32) <= kept)
    }

    /// The rows of a part of the customers, or of the others.
    pub(super) fn part(&self, part: u64, inside: bool) -> Self {
        self.pick(|who| (who % PARTS == part) == inside)
    }

    /// The parts to be held out one after the other: all where rows are few; of many, one is enough.
    pub(super) fn parts(&self) -> std::ops::Range<u64> {
        const ENOUGH: usize = 30_000;
        let parts = (PARTS as usize * ENOUGH).div_ceil(self.rows.len().max(1)) as u64;
        0..parts.clamp(1, PARTS)
    }

    fn pick(&self, whom: impl Fn(u64) -> bool) -> Self {
        let mut picked = Self::default();
        for place in 0..self.rows.len() {
            if place == self.newest {
                picked.newest = picked.rows.len();
            }
            if whom(self.who[place]) {
                picked.rows.push(self.rows[place]);
                picked.histories.push(self.histories[place]);
                picked.churned.push(self.churned[place]);
                picked.who.push(self.who[place]);
            }
        }
        picked
    }
}
