//! The store of CX: what is kept, on SQLite or PostgreSQL, with one schema and one set of SQL.
//!
//! Promise: sea-orm and the drivers stay inside; callers see the domain types of `cx-analytics` and [`Error`]. Only
//! `connect` names an engine. The store reads no clock: instants are arguments. It knows nothing of the wire.

mod active;
pub mod activity;
pub mod alerts;
mod assignments;
pub mod churn;
mod connect;
pub mod customers;
pub mod duties;
pub mod error;
pub mod feedback;
pub mod ingest;
pub mod interactions;
pub mod jobs;
pub mod journeys;
pub mod membership;
pub mod metrics;
mod migrations;
mod personas;
pub mod refresh;
mod retention;
mod rows;
pub mod schedules;
mod segmentations;
mod sql;
mod store;
mod suppression;
#[cfg(test)]
mod testing;
pub mod webhooks;

pub use activity::Scope;
pub use connect::Options;
pub use customers::MoneySums;
pub use duties::Duty;
pub use error::{Error, Fault, Result};
pub use ingest::Outcome;
pub use interactions::Stored;
pub use jobs::{Failure, Job, JobKind, JobState};
pub use personas::{Label, LabelChange, StoredPersona};
pub use segmentations::{ActiveSegmentation, Publication};
pub use store::Store;

/// Log directives that keep the migrator's chatter out of logs at level info; put them before one's own.
pub const LOG_DIRECTIVES: &str = "sea_orm_migration=warn";
