//! The domain of CX and everything that is computed from it.
//!
//! Promise: no I/O, no clock, no hidden randomness. Every function gives equal answers to equal
//! arguments; time (`as_of`) and seeds are arguments. This crate knows neither the wire nor the
//! database: `cx-server` converts to and from protobuf, `cx-datastore` to and from rows.

pub mod activity;
pub mod alerts;
pub mod audience;
pub mod churn;
pub mod codes;
pub mod customer;
pub mod features;
pub mod interaction;
pub mod journeys;
pub mod kmeans;
pub mod membership;
pub mod metrics;
pub mod personas;
pub mod segmentation;
pub mod stats;
pub mod synthetic;
pub mod time;
pub mod voice;

pub use activity::{Activity, ScoreActivity};
pub use customer::{Consent, Customer, Gender};
pub use interaction::{Channel, Interaction, Money, Payload, Stage};
pub use time::Timestamp;
