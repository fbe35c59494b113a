//! The ledger of an import: how many records had which outcome, and the files that name them. A record is counted as stored
//! only when the store has said so.

use super::{Error, Violation};
use cx_datastore::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts of an import. `received` of [`Counts::received`] is the sum of the five outcomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines read, without headers and blank ones.
    pub lines: u64,
    /// Lines left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Lines of which several became one record, and those records.
    pub grouped: (u64, u64),
    /// Stored now.
    pub accepted: u64,
    /// Stored before, with the same content.
    pub duplicate: u64,
    /// Stored before, with other content; the stored one stands.
    pub conflict: u64,
    /// Break a rule. A group that is refused counts once for each of its lines.
    pub rejected: u64,
    /// About customers who were erased.
    pub suppressed: u64,
}

impl Counts {
    /// All records that were made of lines, and all lines of which none could be made.
    pub fn received(&self) -> u64 {
        self.accepted + self.duplicate + self.conflict + self.rejected + self.suppressed
    }
}

/// Where a record comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file.
    pub file: Arc<str>,
    /// The number of its first line.
    pub line: u64,
    /// What stands there.
    pub raw: String,
}

/// One entry of the rejects file.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    line: u64,
    outcome: &'a str,
    field: &'a str,
    rule: &'a str,
    raw: &'a str,
}

enum Rejects {
    Csv(Box<csv::Writer<BufWriter<File>>>),
    Jsonl(BufWriter<File>),
}

impl Rejects {
    fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path)?);
        let is_jsonl = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("jsonl"));
        Ok(if is_jsonl {
            Self::Jsonl(file)
        } else {
            Self::Csv(Box::new(csv::Writer::from_writer(file)))
        })
    }

    fn write(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        match self {
            Self::Csv(file) => file.serialize(entry).map_err(io::Error::other),
            Self::Jsonl(file) => {
                serde_json::to_writer(&mut *file, entry)?;
                file.write_all(b"\n")
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(file) => file.flush(),
            Self::Jsonl(file) => file.flush(),
        }
    }
}

struct Inner {
    counts: Counts,
    rejects: Option<Rejects>,
    acks: Option<csv::Writer<File>>,
}

/// Counts and files together, shared by the reader and the writers of an import.
pub struct Ledger {
    inner: Mutex<Inner>,
    rejects_path: PathBuf,
    acks_path: PathBuf,
}

impl Ledger {
    /// An empty ledger. The rejects file is made when the first entry is written, the one of acknowledgements at once.
    pub fn new(rejects: PathBuf, acks: Option<PathBuf>) -> Result<Self, Error> {
        let acks_path = acks.clone().unwrap_or_default();
        let failed = |source| Error::Sink { path: acks_path.clone(), source };
        let acks = acks
            .map(|path| File::create(path).map(csv::Writer::from_writer))
            .transpose()
            .map_err(failed)?;
        let inner = Mutex::new(Inner { counts: Counts::default(), rejects: None, acks });
        Ok(Self { inner, rejects_path: rejects, acks_path })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Counts what is not a record.
    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    /// True where customers and interactions are to be named as they are stored.
    pub fn wants_acks(&self) -> bool {
        self.lock().acks.is_some()
    }

    /// Lists and counts a line that is refused.
    pub fn reject(
        &self,
        file: &str,
        line: u64,
        raw: &str,
        violation: &Violation,
    ) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.counts.rejected += 1;
        self.list(
            &mut inner,
            &Entry {
                file,
                line,
                outcome: "rejected",
                field: &violation.field,
                rule: &violation.rule,
                raw,
            },
        )
    }

    /// Counts the outcomes of a batch that was committed, lists its conflicts, and names its records where that was asked for.
    pub fn acknowledge(
        &self,
        outcomes: &[Outcome],
        origins: &[Origin],
        names: &[(String, String)],
    ) -> Result<(), Error> {
        let mut inner = self.lock();
        for (outcome, origin) in outcomes.iter().zip(origins) {
            match outcome {
                Outcome::Accepted => inner.counts.accepted += 1,
                Outcome::Duplicate => inner.counts.duplicate += 1,
                Outcome::Suppressed => inner.counts.suppressed += 1,
                Outcome::Conflict => {
                    inner.counts.conflict += 1;
                    let (field, rule) =
                        ("interaction_id", "a record of this name is stored, with other content");
                    let entry = Entry {
                        file: &origin.file,
                        line: origin.line,
                        outcome: "conflict",
                        field,
                        rule,
                        raw: &origin.raw,
                    };
                    self.list(&mut inner, &entry)?;
                }
            }
        }
        let failed = |source| Error::Sink { path: self.acks_path.clone(), source };
        if let Some(acks) = &mut inner.acks {
            for ((customer, interaction), outcome) in names.iter().zip(outcomes) {
                acks.write_record([customer, interaction, word(*outcome)])
                    .map_err(|error| failed(error.into()))?;
            }
            acks.flush().map_err(failed)?;
        }
        Ok(())
    }

    fn list(&self, inner: &mut Inner, entry: &Entry<'_>) -> Result<(), Error> {
        let failed = |source| Error::Sink { path: self.rejects_path.clone(), source };
        if inner.rejects.is_none() {
            inner.rejects = Some(Rejects::create(&self.rejects_path).map_err(failed)?);
        }
        inner.rejects.as_mut().map_or(Ok(()), |rejects| rejects.write(entry)).map_err(failed)
    }

    /// Writes out what is not yet in the rejects file, and returns where it lies if there is one.
    pub fn close(&self) -> Result<Option<PathBuf>, Error> {
        let failed = |source| Error::Sink { path: self.rejects_path.clone(), source };
        match &mut self.lock().rejects {
            Some(rejects) => {
                rejects.flush().map_err(failed).map(|()| Some(self.rejects_path.clone()))
            }
            None => Ok(None),
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Duplicate => "duplicate",
        Outcome::Conflict => "conflict",
        Outcome::Suppressed => "suppressed",
    }
}
