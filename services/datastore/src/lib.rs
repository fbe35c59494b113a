//! The store of CX: what is kept, on SQLite or PostgreSQL, with one schema and one set of SQL.
//!
//! Promise: sea-orm and the drivers stay inside; callers see the domain types of `cx-analytics` and [`Error`]. Only
//! `connect` names an engine. The store reads no clock: instants are arguments. It knows nothing of the wire.

mod active;
mod connect;
pub mod error;
pub mod jobs;
pub mod metrics;
mod migrations;
mod sql;
mod store;
#[cfg(test)]
mod testing;

pub use connect::Options;
pub use error::{Error, Fault, Result};
pub use jobs::{Failure, Job, JobKind, JobState};
pub use store::Store;
