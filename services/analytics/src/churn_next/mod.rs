//! Churn, the next version: it takes the place of `churn` when definitions are objects and lists are kept fresh; until then it is measured by
//! `cargo bench -p cx-analytics --bench churn`.
//!
//! A customer who was active in the look-back before a cut-off has churned when no qualifying activity
//! follows in the horizon after it. A model is trained on past cut-offs whose outcome is known, tested on
//! a later one that it has not seen, and used only where it beats the recency rule there. Pure functions:
//! where the snapshots come from and where the risks go is not known here.

#[path = "../churn/measures.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "one text for the subjects of either version, until this one takes the other's place"
)]
mod measures;
#[path = "../churn/table.rs"]
#[expect(
    clippy::duplicate_mod,
    reason = "one text for the subjects of either version, until this one takes the other's place"
)]
mod table;

mod basis;
mod bgnbd;
mod boost;
mod calibrate;
mod columns;
mod definition;
mod drift;
mod features;
mod likeness;
mod minimise;
mod quality;
mod recipe;
mod report;
mod rule;
mod sample;
mod scale;
mod score;
mod suspects;
mod train;
mod typical;

pub use crate::churn::{Matrix, in_words};
use crate::churn::{sigmoid, words};
pub use basis::Basis;
pub use bgnbd::History;
pub use columns::Columns;
pub use definition::{Counted, Definition, Draft, Standing, Terms, Violation, cutoffs};
pub use drift::Drift;
pub use features::{FEATURES, Feature, Subject, Topic, Unit};
pub use quality::{BandOutcome, Bin, Quality};
pub use report::{Candidate, Importance, Report, Test};
pub use sample::Snapshot;
pub use score::{Band, Bands, Model, Reason, Risk};
pub use train::{Training, train};
