//! Churn: who is about to leave, why, and what is at stake.
//!
//! A customer who was active in the look-back before a cut-off has churned when no qualifying activity
//! follows in the horizon after it. A model is trained on past cut-offs whose outcome is known, tested on
//! a later one that it has not seen, and used only where it beats the recency rule there. Pure functions:
//! where the snapshots come from and where the risks go is not known here.

mod definition;
mod features;
mod logistic;
mod matrix;
mod measures;
mod quality;
mod rule;
mod scale;
mod score;
mod table;
mod train;
pub(crate) mod words;

pub(crate) use definition::cutoffs_of;
pub(crate) use logistic::{Logistic, log_loss, logit, sigmoid};
pub(crate) use rule::Rule;

pub use definition::{Definition, Violation, cutoffs};
pub use features::{FEATURES, Feature, Row, Subject, Topic, Unit, row};
pub use matrix::Matrix;
pub use quality::{Bin, Quality};
pub use score::{Band, Reason, Risk, value_at_risk};
pub use train::{Basis, Coefficient, Model, Report, Snapshot, train};
pub use words::in_words;

#[cfg(test)]
mod tests;
