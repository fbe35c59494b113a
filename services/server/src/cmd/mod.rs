//! The verbs of the command line, a file for each.
//!
//! Data goes to stdout, talk to stderr. A verb is a struct of its arguments with a `run`.

pub mod healthcheck;
pub mod import;
pub mod migrate;
pub mod serve;

use crate::config::Global;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve the API
    Serve(serve::Serve),
    /// Bring the database to the schema that this version needs
    Migrate(migrate::Migrate),
    /// Import files of interactions or customers
    Import(Box<import::Import>),
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
            Self::Healthcheck(verb) => verb.run(global).await,
        }
    }
}
