//! One integration target: every surface of `cx` tested against a real server and a real database, on both engines.
//!
//! `support` starts servers and databases, `house` keeps the rules of the house, every other module tests one surface.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop with a panic")]

#[macro_use]
mod support;

mod alert_rules;
mod alerts;
mod alerts_refused;
mod audience;
mod churn;
mod churn_definitions;
mod churn_fresh;
mod churn_leaks;
mod command_line;
mod comparing;
mod customers;
mod databases;
mod demo;
mod export;
mod house;
mod importing;
mod ingest;
mod journeys;
mod journeys_refused;
mod killing;
mod maturity;
mod membership;
mod metric_groups;
mod metrics;
mod permutations;
mod refusals;
mod replicas;
mod segmentation;
mod serving;
mod streams;
mod traffic;
mod versions;
mod voice;
mod voice_refused;
mod webhooks;
mod webhooks_refused;
