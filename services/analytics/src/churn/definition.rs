//! What "left" means, and which past cut-offs can teach it.

use super::words;
use crate::{Timestamp, interaction::Kind, time::DAY};
use serde::{Deserialize, Serialize};

/// What "left" means: valid by construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    look_back_days: i64,
    horizon_days: i64,
    kinds: Vec<Kind>,
}

/// A rule that a definition breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as the API names it.
    pub field: &'static str,
    /// The rule, in words.
    pub rule: String,
}

impl Default for Definition {
    fn default() -> Self {
        Self { look_back_days: 180, horizon_days: 90, kinds: vec![Kind::Order] }
    }
}

impl Definition {
    /// Most days a customer may have been quiet and still count.
    pub const MAX_LOOK_BACK_DAYS: i64 = 3650;
    /// Most days to look ahead.
    pub const MAX_HORIZON_DAYS: i64 = 730;

    /// A definition; what is not given takes its default. All violations at once.
    pub fn new(
        look_back_days: Option<i64>,
        horizon_days: Option<i64>,
        mut kinds: Vec<Kind>,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut days = |field, value: Option<i64>, default, most| {
            let value = value.unwrap_or(default);
            if !(1..=most).contains(&value) {
                violations.push(Violation { field, rule: format!("{value} is not in 1..={most}") });
            }
            value
        };
        let usual = Self::default();
        let look_back_days =
            days("look_back_days", look_back_days, usual.look_back_days, Self::MAX_LOOK_BACK_DAYS);
        let horizon_days =
            days("horizon_days", horizon_days, usual.horizon_days, Self::MAX_HORIZON_DAYS);
        if kinds.is_empty() {
            kinds = usual.kinds;
        }
        let given = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len() < given {
            violations.push(Violation {
                field: "qualifying_kinds",
                rule: "names a kind twice".to_owned(),
            });
        }
        if violations.is_empty() {
            Ok(Self { look_back_days, horizon_days, kinds })
        } else {
            Err(violations)
        }
    }

    /// Days before a cut-off in which a customer must have been active to count.
    pub fn look_back_days(&self) -> i64 {
        self.look_back_days
    }

    /// Days after a cut-off in which no activity means churn.
    pub fn horizon_days(&self) -> i64 {
        self.horizon_days
    }

    /// The kinds that count as activity, in the order of their codes, each once.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kinds in words, such as "order or engagement".
    pub fn kinds_in_words(&self) -> String {
        words::kinds(&self.kinds)
    }

    /// Whether orders are what counts: then a customer's rhythm is that of their orders.
    pub fn counts_orders(&self) -> bool {
        self.kinds.contains(&Kind::Order)
    }
}

/// Past cut-offs with a known outcome, oldest first: the latest, `as_of` less one horizon, is for the test; the
/// others end their horizon before it begins, half a horizon apart, so that seasons and spells weigh less. One
/// that has less than a horizon of records before it would know customers too little to teach anything, and
/// is left out.
pub fn cutoffs(
    definition: &Definition,
    as_of: Timestamp,
    first_record: Timestamp,
) -> Vec<Timestamp> {
    cutoffs_of(definition.horizon_days, as_of, first_record)
}

/// The same of a horizon.
pub(crate) fn cutoffs_of(
    horizon_days: i64,
    as_of: Timestamp,
    first_record: Timestamp,
) -> Vec<Timestamp> {
    /// In half horizons before `as_of`.
    const STEPS: [i64; 4] = [6, 5, 4, 2];
    let half = horizon_days * DAY / 2;
    STEPS
        .into_iter()
        .map(|steps| as_of.plus(-steps * half))
        .filter(|cutoff| cutoff.micros() - first_record.micros() >= 2 * half)
        .collect()
}
