//! What can go wrong in the store: a variant for each cause on which a caller can act.
//!
//! Neither `Display` nor `Debug` ever holds a row's value, a bound parameter or a password: a driver's error is
//! reduced to a [`Fault`] as soon as it arrives, and nothing else of it is kept.

use crate::connect;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The database URL cannot be used. It is not repeated, as it may hold a password.
    #[error("the database URL cannot be used: {reason}")]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database runs with a setting under which acknowledged data can be lost.
    #[error(
        "{setting} is {value} in the database: what was acknowledged could be lost; refusing to start"
    )]
    Unsafe {
        /// The setting.
        setting: &'static str,
        /// What it is set to.
        value: String,
    },
    /// The schema is older than this program.
    #[error("the database schema is at {have}, this program needs {need}: run `cx migrate`")]
    SchemaBehind {
        /// Latest migration that was applied, or "nothing".
        have: String,
        /// Latest migration of this program.
        need: String,
    },
    /// The schema is newer than this program.
    #[error("the database schema was written by a newer version of this program: upgrade it")]
    SchemaAhead,
    /// The database cannot be reached, or is too busy. Trying again later helps.
    #[error("the database cannot be reached or is too busy")]
    Unavailable(#[source] Fault),
    /// More work is waiting than the store takes. Trying again later helps.
    #[error("too much work is waiting to be stored")]
    Overloaded,
    /// The database gave up because a statement took too long.
    #[error("the database took too long")]
    Timeout(#[source] Fault),
    /// Another worker has taken the job over; what this one found is thrown away.
    #[error("the lease on the job was lost")]
    LeaseLost,
    /// A value that the store cannot keep. Callers check values before, so this is their fault.
    #[error("{field} {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Somebody else changed it since it was read.
    #[error("it was changed since it was read")]
    EtagMismatch {
        /// The etag it has now.
        etag: String,
    },
    /// A stored row cannot be read back.
    #[error("a stored {what} cannot be read")]
    Corrupt {
        /// Which part of it.
        what: &'static str,
    },
    /// A fault of this program or of the database.
    #[error("the database refused a statement")]
    Fault(#[source] Fault),
}

/// What is kept of a driver's error: its code and what can be told without telling values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text} [{code}]")]
pub struct Fault {
    /// The engine's code: SQLSTATE, or an extended result code; else a word of our own.
    pub code: String,
    /// What happened, without values.
    pub text: String,
    /// Whether the same statement may work if it is simply tried again.
    pub(crate) transient: bool,
}

impl Fault {
    pub(crate) fn new(code: &str, text: impl Into<String>, transient: bool) -> Self {
        Self { code: code.to_owned(), text: text.into(), transient }
    }
}

impl Error {
    /// Whether the transaction that failed with this error may work if tried again at once.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(fault) if fault.transient)
    }

    /// This error as it came from a commit. A commit whose answer was lost may have happened, so it is not to be tried
    /// again here: only the caller knows whether that is harmless. One that the database refused did not happen.
    pub(crate) fn final_after_commit(self) -> Self {
        match self {
            Self::Unavailable(mut fault) => {
                fault.transient &= matches!(fault.code.as_str(), "40001" | "40P01");
                Self::Unavailable(fault)
            }
            other => other,
        }
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Self {
        connect::fault::from_orm(&error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        connect::fault::from_driver(&error)
    }
}
