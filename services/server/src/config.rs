//! The command line and the environment: what every verb shares, and how a wrong setting is told.
//!
//! Each flag has a `CX_*` variable of the same name; the flag wins. A wrong value names its key and
//! ends the process with 2.

use crate::cmd::Verb;
use clap::{
    Args, CommandFactory, Parser, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};
use cx_datastore::{Options, Store};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The database where none is named.
pub const DEFAULT_DATABASE: &str = "sqlite://cx.db";

/// CX: takes customer interactions in, finds the personas, measures, and says who is about to leave.
#[derive(Debug, Parser)]
#[command(name = "cx", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What every verb understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Settings that every verb understands.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The database: sqlite://FILE (made where missing) or postgres://USER:PASSWORD@HOST:PORT/NAME
    #[arg(
        long,
        global = true,
        env = "CX_DATABASE",
        default_value = DEFAULT_DATABASE,
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database: String,
    /// What to log: a level, or directives as in RUST_LOG, which wins where set
    #[arg(long, global = true, env = "CX_LOG", default_value = "info", value_parser = log_filter, value_name = "FILTER")]
    pub log: String,
    /// How to log
    #[arg(long, global = true, env = "CX_LOG_FORMAT", default_value = "text", value_enum)]
    pub log_format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A setting that cannot be used, for reasons that only show when it is: the process ends with 2.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Invalid {
    /// The flag and its variable.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl Global {
    /// Connects to the database, without looking at its schema.
    pub async fn connect(&self) -> anyhow::Result<Store> {
        match Store::connect(&Options::new(&self.database)).await {
            Err(cx_datastore::Error::Url { reason }) => {
                Err(Invalid { key: "--database (CX_DATABASE)", reason: reason.to_owned() }.into())
            }
            connected => Ok(connected?),
        }
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Reads the command line and the environment. `Err` is the way out: 0 after help and version, 2 after
/// a mistake, which has been told on stderr.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        // Printing can fail only where stderr is closed: then there is nobody to tell.
        let _unheard = error.print();
        if let Some(variable) = variable_at_fault(&error) {
            eprintln!("\nThe value came from the environment variable {variable}.");
        }
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

/// clap names the flag even where the wrong value came from the environment: this finds the variable.
fn variable_at_fault(error: &clap::Error) -> Option<String> {
    if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return None;
    }
    let ContextValue::String(shown) = error.get(ContextKind::InvalidArg)? else { return None };
    let flag = shown.trim_start_matches('-').split_whitespace().next()?.to_owned();
    let command = Cli::command();
    let mut commands = vec![&command];
    let mut found = None;
    while let Some(next) = commands.pop() {
        commands.extend(next.get_subcommands());
        found = found.or_else(|| next.get_arguments().find(|arg| arg.get_long() == Some(&flag)));
    }
    let variable = found?.get_env()?.to_string_lossy().into_owned();
    let given = std::env::args().any(|arg| arg.starts_with(&format!("--{flag}")));
    (!given && std::env::var_os(&variable).is_some()).then_some(variable)
}

/// Tells an error with its causes on stderr, and says how the process ends.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("cx: {error:#}");
    ExitCode::from(if error.is::<Invalid>() { 2 } else { 1 })
}
