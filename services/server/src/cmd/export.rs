//! `cx export`: tables out of the database, as CSV or JSON Lines.
//!
//! One file below for each table; this one knows only rows and columns. Numbers are written so that they read back as
//! the same bits.

mod churn;
mod features;
mod members;
mod personas;

use crate::{
    cmd,
    config::{Global, Invalid},
};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use cx_datastore::{JobKind, JobState, Store};
use serde_json::{Map, Value};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

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
    /// Who is at risk of leaving, highest first, with the reasons
    Churn(churn::Risks),
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
        };
        store.close().await;
        eprintln!("{} rows written", written?);
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

/// A table on its way out.
pub struct Rows {
    columns: Vec<String>,
    sink: Sink,
    written: u64,
}

enum Sink {
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Jsonl(Box<dyn Write>),
}

impl Rows {
    /// Begins a table.
    pub fn begin(to: &Destination, columns: &[&str]) -> anyhow::Result<Self> {
        let out: Box<dyn Write> = match &to.output {
            None => Box::new(BufWriter::new(io::stdout())),
            Some(path) => Box::new(BufWriter::new(
                File::create(path).with_context(|| path.display().to_string())?,
            )),
        };
        let sink = match to.format {
            Format::Jsonl => Sink::Jsonl(out),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(columns)?;
                Sink::Csv(Box::new(writer))
            }
        };
        Ok(Self {
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            sink,
            written: 0,
        })
    }

    /// Writes a row, with a value for each column.
    pub fn row(&mut self, values: Vec<Value>) -> anyhow::Result<()> {
        self.written += 1;
        match &mut self.sink {
            Sink::Csv(writer) => {
                let text = |value: Value| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                writer.write_record(values.into_iter().map(text))?;
            }
            Sink::Jsonl(writer) => {
                let object: Map<String, Value> = self.columns.iter().cloned().zip(values).collect();
                serde_json::to_writer(&mut *writer, &object)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Ends the table and gives the number of its rows.
    pub fn end(self) -> anyhow::Result<u64> {
        match self.sink {
            Sink::Csv(mut writer) => writer.flush()?,
            Sink::Jsonl(mut writer) => writer.flush()?,
        }
        Ok(self.written)
    }
}

/// An instant in RFC 3339.
pub fn instant(at: cx_analytics::Timestamp) -> Value {
    jiff::Timestamp::from_microsecond(at.micros())
        .map_or(Value::Null, |at| Value::String(at.to_string()))
}
