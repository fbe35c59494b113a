//! Churn: who is about to leave, why, and what is at stake.
//!
//! A definition says what leaving means and whom it is asked of. Models are trained on past cut-offs whose outcome is known, compete on
//! customers whom they have not seen, and are tested on a later cut-off; where none beats the recency rule there, the rule is used.
//! Pure functions: where the snapshots come from and where the risks go is not known here.

mod basis;
mod bgnbd;
mod boost;
mod calibrate;
mod columns;
mod definition;
mod drift;
mod drivers;
mod features;
mod horizon;
mod likeness;
mod logistic;
mod matrix;
mod measures;
mod minimise;
mod quality;
mod recipe;
mod report;
mod rule;
mod sample;
mod scale;
mod score;
mod suspects;
mod table;
mod table_service;
mod train;
mod typical;
mod value;
pub(crate) mod words;

pub(crate) use logistic::{Logistic, sigmoid};

pub use basis::Basis;
pub use bgnbd::{BgNbd, History};
pub use columns::Columns;
pub use definition::{Counted, Definition, Draft, Standing, Terms, Violation, cutoffs};
pub use drift::Drift;
pub use drivers::{DriverGroup, Drivers, GroupedDriver};
pub use features::{FEATURES, Feature, Subject, Topic, Unit};
pub use horizon::Gaps;
pub use matrix::Matrix;
pub use quality::{BandOutcome, Bin, Quality};
pub use report::{Candidate, Importance, Report, Test};
pub use sample::{Case, Snapshot};
pub use score::{Band, Bands, Driver, Model, Reason, Risk, Value};
pub use train::{Training, train};
pub use value::{ValueCandidate, ValueMethod};
pub use words::in_words;

#[cfg(test)]
mod tests;
