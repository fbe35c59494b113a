//! `cx import`: files of records into the database.

mod progress;

use crate::config::{Global, Invalid};
use crate::import::ledger::{Counts, Ledger};
use crate::import::mapping::{self, Mapping, config::MappingConfig, config::Target};
use crate::import::source::{Format, Input};
use crate::import::{self, Plan};
use crate::work;
use anyhow::{Context, bail};
use clap::Args;
use cx_datastore::Store;
use prost_reflect::MessageDescriptor;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Imports files of interactions, or of customers, by the same checks as calls.
///
/// Every record gets one outcome, and received = accepted + duplicate + conflict + rejected + suppressed. Running an import
/// again adds nothing: what is stored already is a duplicate. So after a crash, simply run it again.
#[derive(Debug, Args)]
#[command(after_long_help = MAPPING_HELP)]
pub struct Import {
    /// Files to import, plain or compressed by gzip or zstd
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the files are laid out, where their names (.csv, .tsv, .txt, .jsonl, .ndjson, .parquet, each with .gz or .zst) do not
    /// tell. Lines of jsonl are the JSON form of cx.v1.Interaction; columns of csv and parquet bear the names of its fields, such
    /// as survey.score
    #[arg(long, env = "CX_IMPORT_FORMAT", value_enum)]
    format: Option<Format>,
    /// What the lines of any other table become; see below
    #[arg(long, env = "CX_IMPORT_MAPPING", value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// A file in which a mapping looks values up, under its name there
    #[arg(long, value_name = "NAME=FILE", value_parser = name_and_file)]
    lookup: Vec<(String, PathBuf)>,
    /// What the lines become, where no mapping says it
    #[arg(long, env = "CX_IMPORT_TARGET", value_enum)]
    target: Option<Target>,
    /// Where to list refused lines and conflicts, with file, line, field and rule: CSV, or JSON Lines if it ends with .jsonl
    /// [default: FIRST_FILE.rejects.csv here, made only where there are any]
    #[arg(long, env = "CX_IMPORT_REJECTS", value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Where to name each record as soon as it is stored for good: CSV of customer, interaction and outcome
    #[arg(long, env = "CX_IMPORT_ACKS", value_name = "FILE")]
    acks: Option<PathBuf>,
    /// Store nothing; say what would become of each record. Records that repeat each other within the files are not noticed
    #[arg(long, env = "CX_IMPORT_VALIDATE_ONLY")]
    validate_only: bool,
    /// End with 1 where anything was rejected or in conflict
    #[arg(long, env = "CX_IMPORT_STRICT")]
    strict: bool,
    /// Records stored in one go
    #[arg(long, env = "CX_IMPORT_BATCH", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
}

const MAPPING_HELP: &str = include_str!("../import/mapping/reference.txt");

impl Import {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let (strict, plan) = (self.strict, self.plan()?);
        let (ledger, files) = (plan.ledger.clone(), plan.files.clone());
        let store = global.connect().await?;
        // A file beside this process is nobody else's to migrate.
        if store.is_embedded() {
            store.migrate().await?;
        }
        store.schema_check().await?;
        let result = run(&store, plan, &files).await;
        let read = work::voice::to_end(&store).await;
        store.close().await;
        let listed = ledger.close()?;
        report(&ledger.counts())?;
        if let Some(path) = listed {
            eprintln!("Rejected lines and conflicts are listed in {}", path.display());
        }
        result.map_err(wrong_mapping)?;
        read.context("the texts were not read; the server reads them")?;
        let counts = ledger.counts();
        if strict && counts.rejected + counts.conflict > 0 {
            bail!("{} records were rejected, {} in conflict", counts.rejected, counts.conflict);
        }
        Ok(())
    }

    fn plan(self) -> anyhow::Result<Plan> {
        let config = self.mapping.as_deref().map(read_mapping).transpose()?;
        let target = match (&config, self.target) {
            (Some(config), Some(wanted))
                if config.target.is_some_and(|target| target != wanted) =>
            {
                return Err(invalid("--target", "the mapping says otherwise".to_owned()));
            }
            (Some(config), wanted) => config.target.or(wanted).unwrap_or_default(),
            (None, wanted) => wanted.unwrap_or_default(),
        };
        let message =
            import::message(target).context("the descriptor of the API cannot be read")?;
        let mapping = config.map(|config| checked(config, &message)).transpose()?;
        self.known_lookups(mapping.as_ref())?;
        let input = |path: PathBuf, format: Option<Format>| match format
            .or_else(|| Format::of_name(&path))
        {
            Some(format) => Ok(Input { path, format, bytes: Arc::default() }),
            None => Err(invalid(
                "--format",
                format!("the name of {} does not tell the format", path.display()),
            )),
        };
        let named = |(name, path): (String, PathBuf)| Ok((name, input(path, None)?));
        let lookups =
            self.lookup.into_iter().map(named).collect::<anyhow::Result<HashMap<_, _>>>()?;
        let rejects = self.rejects.unwrap_or_else(|| beside(self.files.first()));
        let files = self
            .files
            .into_iter()
            .map(|path| input(path, self.format))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for input in &files {
            input.file()?;
        }
        Ok(Plan {
            files,
            lookups,
            mapping,
            target,
            message,
            ledger: Arc::new(Ledger::new(rejects, self.acks)?),
            validate_only: self.validate_only,
            batch: self.batch as usize,
            lanes: LANES,
        })
    }

    fn known_lookups(&self, mapping: Option<&Mapping>) -> anyhow::Result<()> {
        let known = |name: &str| {
            mapping.is_some_and(|mapping| mapping.lookups.iter().any(|lookup| lookup.name == name))
        };
        match self.lookup.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => {
                Err(invalid("--lookup", format!("the mapping looks nothing up in {name:?}")))
            }
            None => Ok(()),
        }
    }
}

/// Batches in flight: enough that the database never waits for the reader, and that PostgreSQL has several connections at
/// work. More do not help: four writers are what the store has.
const LANES: usize = 4;

async fn run(store: &Store, plan: Plan, files: &[Input]) -> Result<(), import::Error> {
    let ledger = plan.ledger.clone();
    let work = import::run(store, plan);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    tokio::select! {
        result = work => result,
        () = progress::show(files, &ledger) => Ok(()),
    }
}

fn read_mapping(path: &Path) -> anyhow::Result<MappingConfig> {
    let refused = |reason: String| invalid("--mapping", format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    mapping::parse(&text).map_err(refused)
}

fn checked(config: MappingConfig, message: &MessageDescriptor) -> anyhow::Result<Mapping> {
    Mapping::check(config, message).map_err(|error| invalid("--mapping", error.to_string()))
}

/// A mapping that does not fit the file is a wrong setting too.
fn wrong_mapping(error: import::Error) -> anyhow::Error {
    match error {
        import::Error::Mapping(_)
        | import::Error::Column { .. }
        | import::Error::LookupMissing { .. } => invalid("--mapping", error.to_string()),
        error => error.into(),
    }
}

fn invalid(key: &'static str, reason: String) -> anyhow::Error {
    Invalid { key, reason }.into()
}

fn name_and_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("is not NAME=FILE".to_owned()),
    }
}

fn beside(first: Option<&PathBuf>) -> PathBuf {
    let name = first.and_then(|path| path.file_name()).unwrap_or_default();
    PathBuf::from(format!("{}.rejects.csv", name.to_string_lossy()))
}

fn report(counts: &Counts) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let rows = [
        ("lines", counts.lines),
        ("received", counts.received()),
        ("accepted", counts.accepted),
        ("duplicate", counts.duplicate),
        ("conflict", counts.conflict),
        ("rejected", counts.rejected),
        ("suppressed", counts.suppressed),
    ];
    for (name, count) in rows {
        writeln!(out, "{name:<10} {count:>12}")?;
    }
    for (reason, count) in &counts.skipped {
        writeln!(out, "{:<10} {count:>12}  {reason}", "skipped")?;
    }
    if counts.grouped.1 > 0 {
        writeln!(
            out,
            "{:<10} {:>12}  into {} records",
            "grouped", counts.grouped.0, counts.grouped.1
        )?;
    }
    Ok(())
}
