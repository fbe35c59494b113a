//! `cx export`: tables out of the database, as CSV, JSON Lines or Parquet, and audiences for advertising platforms.
//!
//! One file below for each table; `table` and `parquet` know only rows and columns.

mod audience;
mod changes;
mod churn;
mod features;
mod members;
mod parquet;
mod personas;
mod table;

use crate::{
    cmd,
    config::{Global, Invalid},
};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use cx_datastore::{JobKind, JobState, Store};
use std::{io::Write, path::PathBuf};
use table::ReaderGone;
pub use table::{Cell, Kind, Rows};

/// Writes a table to stdout or a file.
#[derive(Debug, Args)]
pub struct Export {
    /// What to write.
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The personas, a row for each, with their members' figures in every feature
    Personas(Version),
    /// Who is in which persona, by customer id
    Members(members::Members),
    /// The matrix that k-means saw, transformed, scaled and weighted, a row for each customer, computed again from the
    /// interactions before the segmentation's instant
    Features(Version),
    /// Who is at risk of leaving, each once, with the reasons; without those who have left
    Churn(churn::Risks),
    /// Who entered, left or moved between personas, in the order in which it happened
    Changes(changes::Changes),
    /// A persona for an advertising platform: the members who agreed to marketing, as CSV
    ///
    /// Written are the members who agreed to marketing and did not object to profiling, with SHA-256 of e-mail address
    /// and telephone number, and the country code. Left out, and counted on stderr: who did not agree, and who has
    /// neither an e-mail address nor an international telephone number (+ or 00, country code, 8 to 15 digits in all; a
    /// national number cannot be completed).
    Audience(audience::Audience),
}

/// How and where to write.
#[derive(Debug, Clone, Args)]
pub struct Destination {
    /// How to write
    #[arg(long, env = "CX_EXPORT_FORMAT", default_value = "csv", value_enum)]
    format: Format,
    /// Where to write, instead of to stdout
    #[arg(long, env = "CX_EXPORT_OUTPUT", value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Of which segmentation, and where to.
#[derive(Debug, Args)]
struct Version {
    /// The segmentation [default: the active one]
    #[arg(long, env = "CX_EXPORT_SEGMENTATION", value_name = "ID")]
    segmentation: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

/// The form of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet, with typed columns, in groups of 50,000 rows, compressed with Zstandard.
    Parquet,
}

impl Export {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let store = cmd::open(global).await?;
        let written = match self.what {
            What::Personas(version) => personas::run(&store, version).await,
            What::Members(members) => members.run(&store).await,
            What::Features(version) => features::run(&store, version).await,
            What::Churn(risks) => risks.run(&store).await,
            What::Changes(changes) => changes.run(&store).await,
            What::Audience(audience) => audience.run(&store).await,
        };
        store.close().await;
        match written {
            Err(error) if error.is::<ReaderGone>() => {}
            written => say(&format!("{} rows written", written?)),
        }
        Ok(())
    }
}

impl Version {
    /// The id of the segmentation that is meant, which has succeeded.
    async fn id(&self, store: &Store) -> anyhow::Result<String> {
        match &self.segmentation {
            None => {
                let active = store.active_get(JobKind::Segmentation).await?;
                active.context("no segmentation is active yet: run `cx segment`")
            }
            Some(id) => {
                let job = store.job_get(id).await?.filter(|job| job.kind == JobKind::Segmentation);
                let reason = match job.map(|job| job.state) {
                    Some(JobState::Succeeded) => return Ok(id.clone()),
                    Some(_) => format!("segmentation {id:?} has not succeeded"),
                    None => format!("there is no segmentation {id:?}"),
                };
                Err(Invalid { key: "--segmentation (CX_EXPORT_SEGMENTATION)", reason }.into())
            }
        }
    }
}

/// Says something on stderr. Where that is closed as well there is nobody to tell, and nothing wrong.
fn say(what: &str) {
    let _unheard = writeln!(std::io::stderr(), "{what}");
}
