//! What is trained and tested on: rows of past cut-offs with their outcomes.

use super::{
    Matrix,
    bgnbd::{BgNbd, History},
    columns::Columns,
    features::Subject,
    value::Spending,
};
use crate::Timestamp;
use rayon::prelude::*;

/// Everyone who counted at a cut-off, and what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The cut-off.
    pub as_of: Timestamp,
    /// Who: a number for each customer, the same at every cut-off and without meaning.
    pub who: Vec<u64>,
    /// What was known of each customer then.
    pub rows: Matrix,
    /// Whether they left in the horizon.
    pub churned: Vec<bool>,
    /// How they came and went until then; none of contracts, and where nobody came twice.
    pub rhythm: Option<BgNbd>,
    /// What each had spent, where an amount is known.
    pub(super) spending: Vec<Option<Spending>>,
    /// What each spent in the horizon, in minor units.
    pub(super) spent: Vec<f64>,
}

/// A customer who counted at a cut-off.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What was known of them.
    pub subject: Subject<'a>,
    /// Whether they left in the horizon.
    pub churned: bool,
    /// What they spent in the horizon, in minor units.
    pub spent: i64,
}

/// A number for a customer, as good as drawn: FNV-1a, stirred so that every bit depends on all.
fn number_of(customer_id: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = customer_id.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
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
    pub(super) churned: Vec<bool>,
    who: Vec<u64>,
}

impl Snapshot {
    /// What is learned of everybody who counted at a cut-off.
    pub fn of(as_of: Timestamp, columns: &Columns, cases: &[Case<'_>]) -> Self {
        let comes_and_goes = |case: &&Case<'_>| !case.subject.definition.is_contractual();
        let histories: Vec<History> = (cases.iter().filter(comes_and_goes))
            .map(|case| case.subject.standing.history(as_of))
            .collect();
        let rhythm = BgNbd::fit(&histories);
        let subject =
            |case: &Case<'_>| columns.row(&Subject { rhythm: rhythm.as_ref(), ..case.subject });
        let rows: Vec<Vec<f64>> = cases.par_iter().map(subject).collect();
        Self {
            as_of,
            who: cases.iter().map(|case| number_of(&case.subject.activity.customer_id)).collect(),
            rows: Matrix::new(columns.width(), rows.concat()),
            churned: cases.iter().map(|case| case.churned).collect(),
            rhythm,
            spending: cases.iter().map(|case| Spending::of(&case.subject)).collect(),
            spent: cases.iter().map(|case| case.spent.max(0) as f64).collect(),
        }
    }

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
            sample.rows.extend(snapshot.rows.rows());
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
            if whom(self.who[place]) {
                picked.rows.push(self.rows[place]);
                picked.churned.push(self.churned[place]);
                picked.who.push(self.who[place]);
            }
        }
        picked
    }
}
