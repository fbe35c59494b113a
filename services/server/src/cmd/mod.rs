//! The verbs of the command line, a file for each.
//!
//! Data goes to stdout, talk to stderr. A verb is a struct of its arguments with a `run`.

pub mod activate;
pub mod churn;
pub mod demo;
pub mod export;
pub mod healthcheck;
pub mod import;
pub mod instant;
pub mod migrate;
pub mod segment;
pub mod serve;

use crate::config::Global;
use clap::Subcommand;
use cx_datastore::Store;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve the API
    Serve(serve::Serve),
    /// Bring the database to the schema that this version needs
    Migrate(migrate::Migrate),
    /// Import files of interactions or customers
    Import(Box<import::Import>),
    /// Find the personas among all customers
    Segment(segment::Segment),
    /// Make a segmentation the active one
    Activate(activate::Activate),
    /// Train churn models
    Churn(churn::Churn),
    /// See it all at once: a made-up population, its personas, its churn list, and a server to try
    Demo(demo::Demo),
    /// Write personas, members, membership changes, features, churn risks or audiences: CSV, JSON Lines or Parquet
    Export(export::Export),
    /// Ask a running server whether it serves; ends with 0 where it does
    Healthcheck(healthcheck::Healthcheck),
}

impl Verb {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        match self {
            Self::Serve(verb) => verb.run(global).await,
            Self::Migrate(verb) => verb.run(global).await,
            Self::Import(verb) => verb.run(global).await,
            Self::Segment(verb) => verb.run(global).await,
            Self::Activate(verb) => verb.run(global).await,
            Self::Churn(verb) => verb.run(global).await,
            Self::Demo(verb) => verb.run(global).await,
            Self::Export(verb) => verb.run(global).await,
            Self::Healthcheck(verb) => verb.run(global).await,
        }
    }
}

/// Opens the database for a verb that needs its schema: the embedded file is migrated, a server only checked.
pub async fn open(global: &Global) -> anyhow::Result<Store> {
    let store = global.connect().await?;
    if store.is_embedded() {
        store.migrate().await?;
    }
    store.schema_check().await?;
    Ok(store)
}
