//! Import: files of records into the store, by the same checks and the same path as calls.
//!
//! ```text
//! source ─ rows ─ mapping ─ group ─ assemble ─┐                        ┌ lane ┐
//! source ─ lines of JSON ─────────────────────┴ from_proto ─ outlet ───┼ lane ┼─ store ─ ledger
//!          (one thread, file after file)                               └ lane ┘
//! ```
//!
//! Records of one customer go through one lane, in the order of the files, so that of two records of one name the first
//! counts, as in a call. Memory is bounded by lanes × batches, and by groups where a mapping says that their lines lie apart.
//! Nothing here knows a column of the database or decides which values are allowed.

mod assemble;
mod check;
mod decimal;
mod group;
pub mod ledger;
mod lookup;
pub mod mapping;
mod outlet;
mod read;
mod row;
pub mod source;
mod time;
mod write;

use cx_datastore::Store;
use futures::future;
use ledger::Ledger;
use mapping::Mapping;
use mapping::config::Target;
use prost_reflect::MessageDescriptor;
use source::Input;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A field and the rule it breaks. The field is empty where the line as a whole breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path in the API, or name of a column.
    pub field: String,
    /// The rule and what was given.
    pub rule: String,
}

impl Violation {
    fn of_line(rule: impl Into<String>) -> Self {
        Self { field: String::new(), rule: rule.into() }
    }
}

/// Why an import ended before its end. What was acknowledged stays stored; running it again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The mapping cannot be used.
    #[error(transparent)]
    Mapping(#[from] mapping::Error),
    /// A file cannot be read, or not to its end.
    #[error("{}: {message}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// The mapping names a column that a file has not.
    #[error("{}: there is no column {column:?}; the columns are: {header}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Those that are there.
        header: String,
    },
    /// The mapping looks values up in a file that was not given.
    #[error("the mapping looks values up in {name:?}; say in which file with --lookup {name}=FILE")]
    LookupMissing {
        /// The lookup.
        name: String,
    },
    /// The rejects or the acknowledgements cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Sink {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store gave up.
    #[error(transparent)]
    Store(#[from] cx_datastore::Error),
    /// The other half of the import ended first, and says why.
    #[error("the import was stopped")]
    Stopped,
}

/// What to import.
pub struct Plan {
    /// The files, in their order.
    pub files: Vec<Input>,
    /// Files to look values up in.
    pub lookups: HashMap<String, Input>,
    /// What the lines become; none where the files say so themselves.
    pub mapping: Option<Mapping>,
    /// Interactions or customers.
    pub target: Target,
    /// The message of the target.
    pub message: MessageDescriptor,
    /// Where outcomes are kept.
    pub ledger: Arc<Ledger>,
    /// Store nothing, only say what would become of each record.
    pub validate_only: bool,
    /// Records in one batch.
    pub batch: usize,
    /// Batches that are stored at the same time.
    pub lanes: usize,
}

/// The message of a target.
pub fn message(target: Target) -> Option<MessageDescriptor> {
    check::message(target)
}

/// Imports. What became of the records stands in the ledger of the plan, also where this ends with an error.
pub async fn run(store: &Store, plan: Plan) -> Result<(), Error> {
    let (mut senders, mut lanes) = (Vec::new(), Vec::new());
    for _ in 0..plan.lanes.max(1) {
        let (sender, receiver) = mpsc::channel(1);
        senders.push(sender);
        lanes.push(write::lane(store.clone(), receiver, plan.ledger.clone(), plan.validate_only));
    }
    let reader = tokio::task::spawn_blocking(move || {
        let mut outlet = outlet::Outlet::new(senders, plan.batch);
        read::files(&plan, &mut outlet)
    });
    let (written, read) = tokio::join!(future::try_join_all(lanes), reader);
    written?;
    match read {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
