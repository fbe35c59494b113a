//! Features: the numbers that k-means sees of a customer, each a pure function of activity (or where they are asked
//! for, attributes) and `as_of`.
//!
//! A feature of activity is declared once, in the registry, with its unit, its meaning and how it is transformed.
//! What belongs together stands in one block; a block weighs the same however many features it has, so
//! that five ways to say "buys often" do not drown one way to say "is unhappy". Nothing here knows k-means.

mod attribute;
mod feature;
mod matrix;
mod registry;
mod scale;
mod selection;

pub(crate) use attribute::age;
pub use attribute::{Attribute, Field};
pub use feature::{Feature, Listed, listing};
pub use matrix::{Column, Points, Values};
pub use registry::{REGISTRY, find};
pub use scale::{FeatureScale, Scaler, Unused};
pub use selection::{FeatureSet, Selection, check_weight};

use crate::{Activity, Timestamp, interaction::Currency};
use serde::{Deserialize, Serialize};

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Minor units of the currency of the segmentation.
    Money,
    /// A number of things.
    Count,
    /// Days of 24 hours.
    Days,
    /// Seconds.
    Seconds,
    /// A part of a whole, usually in `[0, 1]`.
    Share,
    /// A mean answer mapped to `[0, 1]`, 1 being the best experience.
    Score,
    /// Natural logarithm of a ratio: 0 is no change, 0.69 is twice as much.
    LogRatio,
    /// Years.
    Years,
    /// Whether something holds: 0 or 1.
    Flag,
    /// A number of which nothing is known.
    Number,
}

impl Unit {
    /// Whether values are kept in double precision.
    pub(crate) fn precise(self) -> bool {
        matches!(self, Self::Money | Self::Number)
    }

    /// The unit in words; money needs the currency it is in.
    pub fn describe(self, currency: Option<Currency>) -> String {
        match (self, currency) {
            (Self::Money, Some(currency)) => format!("{currency} minor units"),
            (Self::Money, None) => "minor units".to_owned(),
            (Self::Count, _) => "count".to_owned(),
            (Self::Days, _) => "days".to_owned(),
            (Self::Seconds, _) => "seconds".to_owned(),
            (Self::Share, _) => "share".to_owned(),
            (Self::Score, _) => "score in [0, 1]".to_owned(),
            (Self::LogRatio, _) => "log ratio".to_owned(),
            (Self::Years, _) => "years".to_owned(),
            (Self::Flag, _) => "0 or 1".to_owned(),
            (Self::Number, _) => "number".to_owned(),
        }
    }
}

/// What is done to a value before it is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// Nothing.
    Identity,
    /// ln(1 + x), for what is skewed: counts, amounts, waits. Negative values count as 0.
    Log1p,
}

impl Transform {
    /// The transformed value; NaN stays NaN.
    pub fn apply(self, value: f64) -> f64 {
        match self {
            Self::Identity => value,
            // `f64::max` would turn NaN into 0, and missing into "none".
            Self::Log1p if value < 0.0 => 0.0,
            Self::Log1p => value.ln_1p(),
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Log1p => "log1p",
        }
    }
}

/// Features that say related things and share one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// How much is spent.
    Value,
    /// How often something happens.
    Activity,
    /// When it happens: recency, tenure, trend.
    Time,
    /// On which channels.
    Channel,
    /// At which stages of the journey.
    Stage,
    /// What customers answer when asked.
    Voice,
    /// What gets in their way: waits, complaints, returns.
    Friction,
    /// Who customers are; only where it is asked for by name.
    Attributes,
}

impl Block {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Value,
        Self::Activity,
        Self::Time,
        Self::Channel,
        Self::Stage,
        Self::Voice,
        Self::Friction,
        Self::Attributes,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Activity => "activity",
            Self::Time => "time",
            Self::Channel => "channel",
            Self::Stage => "stage",
            Self::Voice => "voice",
            Self::Friction => "friction",
            Self::Attributes => "attributes",
        }
    }

    /// What the whole block weighs. Value, activity and time are the spine of a persona; where and in which
    /// mood colours it.
    pub fn weight(self) -> f64 {
        match self {
            Self::Value | Self::Activity | Self::Time => 1.0,
            Self::Channel | Self::Voice | Self::Friction | Self::Attributes => 0.7,
            Self::Stage => 0.5,
        }
    }
}

/// One feature as declared.
#[derive(Debug)]
pub struct Definition {
    /// Its name: lower case, for ever.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it means.
    pub meaning: &'static str,
    /// What is done before scaling.
    pub transform: Transform,
    /// With which others it shares a weight.
    pub block: Block,
    /// Its value; NaN where the customer has none.
    pub extract: fn(&Activity, Timestamp) -> f64,
}

/// A feature in a report: as declared, and what became of it on these customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// Its name.
    pub name: String,
    /// Its unit in words.
    pub unit: String,
    /// What it means.
    pub meaning: String,
    /// What was done before scaling.
    pub transform: String,
    /// Weight in the distance; 0 where it was not used.
    pub weight: f64,
    /// Share of customers who have no value.
    pub missing_share: f64,
    /// Whether it was used.
    pub used: bool,
    /// The name of its block.
    #[serde(default)]
    pub block: String,
    /// Why it was not used ([`Unused::name`]); empty where it was.
    #[serde(default)]
    pub unused_reason: String,
}

/// Reports every feature of a model, in its order.
pub fn report(
    features: &[Feature],
    scaler: &Scaler,
    currency: Option<Currency>,
) -> Vec<FeatureReport> {
    (features.iter().zip(&scaler.features))
        .map(|(feature, scale)| FeatureReport {
            name: feature.name(),
            unit: feature.unit().describe(currency),
            meaning: feature.meaning(),
            transform: feature.transform().name().to_owned(),
            weight: scale.weight,
            missing_share: scale.missing_share,
            used: scale.unused.is_none(),
            block: feature.block().name().to_owned(),
            unused_reason: scale.unused.map_or("", Unused::name).to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
