//! What a churn model may know of a customer at a cut-off.
//!
//! A row holds a value for each feature in [`FEATURES`], in its natural unit; NaN where there is none.

pub use super::table::FEATURES;
use super::{Definition, bgnbd::History, definition::Standing};
pub use crate::churn::{Topic, Unit};
use crate::{Activity, Customer, Timestamp, interaction::Currency};

/// One customer at a cut-off.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was counted before the cut-off.
    pub activity: &'a Activity,
    /// What the definition asks of them.
    pub standing: Standing,
    /// What was known of them besides, where anything was.
    pub customer: Option<&'a Customer>,
    /// The cut-off.
    pub as_of: Timestamp,
    /// What "left" means.
    pub definition: &'a Definition,
}

/// A feature: how it is read, and how it is told.
#[derive(Debug, Clone, Copy)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What it is about.
    pub topic: Topic,
    /// Whether it is among the few that little data can bear.
    pub core: bool,
    /// Whether the company can do something about it.
    pub actionable: bool,
    pub(super) read: fn(&Subject<'_>) -> Option<f64>,
    pub(super) say: fn(&Subject<'_>, Option<Currency>) -> String,
}

type Read = fn(&Subject<'_>) -> Option<f64>;
type Say = fn(&Subject<'_>, Option<Currency>) -> String;

pub(super) const fn core(
    topic: Topic,
    name: &'static str,
    unit: Unit,
    read: Read,
    say: Say,
) -> Feature {
    Feature { core: true, ..more(topic, name, unit, read, say) }
}

pub(super) const fn more(
    topic: Topic,
    name: &'static str,
    unit: Unit,
    read: Read,
    say: Say,
) -> Feature {
    let actionable = matches!(topic, Topic::Help | Topic::Voice);
    Feature { topic, name, unit, core: false, actionable, read, say }
}

impl Subject<'_> {
    pub(super) fn recency(&self) -> f64 {
        self.days_since(self.standing.last_at)
    }

    pub(super) fn days_since(&self, earlier: Timestamp) -> f64 {
        self.as_of.days_since(earlier).max(0.0)
    }

    /// Mean days between the days on which the customer was active.
    pub(super) fn rhythm(&self) -> Option<f64> {
        let Standing { first_at, last_at, days, .. } = self.standing;
        (days > 1).then(|| (last_at.days_since(first_at) / (days - 1) as f64).max(1.0))
    }

    /// What the activity is called that has to follow.
    pub(super) fn qualifying(&self) -> String {
        self.definition.kinds_in_words()
    }
}

impl Standing {
    /// When they were active, for a model of rhythms.
    pub fn history(&self, as_of: Timestamp) -> History {
        History {
            repeats: (self.days - 1).max(0) as f64,
            latest: self.last_at.days_since(self.first_at).max(0.0),
            now: as_of.days_since(self.first_at).max(0.0),
        }
    }
}
