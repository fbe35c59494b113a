//! What a churn model may know of a customer at a cut-off.
//!
//! A row holds a value for each feature in [`FEATURES`], in its natural unit; NaN where there is none.

pub use super::table::FEATURES;
use super::{
    Definition,
    bgnbd::{BgNbd, History},
    definition::Standing,
    logistic::logit,
};
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
    /// How customers like these come and go, where that was learned.
    pub rhythm: Option<&'a BgNbd>,
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

    /// The probability of nothing in the horizon, by nothing but how often and how lately they came.
    pub(super) fn silence(&self) -> Option<f64> {
        let horizon = self.definition.horizon_days() as f64;
        self.rhythm.map(|rhythm| rhythm.nothing_in(horizon, &self.standing.history(self.as_of)))
    }

    pub(super) fn silence_log_odds(&self) -> Option<f64> {
        self.silence().map(|silence| logit(silence.clamp(1e-4, 1.0 - 1e-4)))
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
