//! What a churn model may know of a customer at a cut-off.
//!
//! A row holds a value for each feature in [`FEATURES`], in its natural unit; NaN where there is none.

pub use super::table::FEATURES;
use super::{Definition, words};
use crate::{Activity, Timestamp, interaction::Currency};

/// One customer at a cut-off.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What was counted before the cut-off.
    pub activity: &'a Activity,
    /// The latest qualifying activity before the cut-off.
    pub last_qualifying: Timestamp,
    /// The cut-off.
    pub as_of: Timestamp,
    /// What "left" means.
    pub definition: &'a Definition,
}

/// How a feature is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Days of 24 hours.
    Days,
    /// A number of things.
    Count,
    /// A share in [0, 1].
    Share,
    /// A share in [0, 1] that was an answer on 0–10.
    Tenths,
    /// Minor units of the currency.
    Money,
    /// Seconds.
    Seconds,
    /// A factor.
    Times,
    /// Difference of two log1p counts: no unit that means anything to people.
    LogRatio,
    /// 0 or 1.
    Flag,
    /// A number of which nothing is known.
    Number,
}

impl Unit {
    /// The unit's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Count => "count",
            Self::Share | Self::Tenths => "share",
            Self::Money => "minor units",
            Self::Seconds => "seconds",
            Self::Times => "times",
            Self::LogRatio => "log ratio",
            Self::Flag => "0 or 1",
            Self::Number => "number",
        }
    }

    /// Whether the scale is compressed: counts, money and spans have long tails.
    pub(crate) const fn skewed(self) -> bool {
        matches!(self, Self::Days | Self::Count | Self::Money | Self::Seconds | Self::Times)
    }
}

/// What a feature is about. Features of one topic say nearly the same: as reasons they are told as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// How much and how often they order or come, and how long they have been quiet.
    Orders,
    /// What they spend, and what they send back.
    Spend,
    /// How much they are in touch.
    Touchpoints,
    /// Waits, cases, complaints.
    Help,
    /// What they say.
    Voice,
    /// Subscriptions.
    Plan,
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
    Feature { topic, name, unit, core: true, read, say }
}

pub(super) const fn more(
    topic: Topic,
    name: &'static str,
    unit: Unit,
    read: Read,
    say: Say,
) -> Feature {
    Feature { topic, name, unit, core: false, read, say }
}

/// A value for each feature, NaN where there is none.
pub type Row = [f64; FEATURES.len()];

/// The row of one customer.
pub fn row(subject: &Subject<'_>) -> Row {
    let mut row = [f64::NAN; FEATURES.len()];
    for (value, feature) in row.iter_mut().zip(FEATURES) {
        *value = (feature.read)(subject).unwrap_or(f64::NAN);
    }
    row
}

impl Subject<'_> {
    pub(super) fn recency(&self) -> f64 {
        self.days_since(self.last_qualifying)
    }

    pub(super) fn days_since(&self, earlier: Timestamp) -> f64 {
        self.as_of.days_since(earlier).max(0.0)
    }

    /// Mean days between the days on which the customer was active, by orders where orders count.
    pub(super) fn rhythm(&self) -> Option<f64> {
        let activity = self.activity;
        let (first, last, days) = if self.definition.counts_orders() {
            (activity.order_first_at?, activity.order_last_at?, activity.order_days)
        } else {
            (activity.first_at, activity.last_at, activity.active_days)
        };
        (days > 1).then(|| (last.days_since(first) / (days - 1) as f64).max(1.0))
    }

    /// What the activity is called that has to follow.
    pub(super) fn qualifying(&self) -> String {
        words::kinds(self.definition.kinds())
    }
}
