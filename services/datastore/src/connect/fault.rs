//! From the drivers' errors to [`Error`]: the one place that reads their codes.
//!
//! Texts of a driver are kept only where the class of the error cannot hold values of rows or parameters.

use crate::error::{Error, Fault};
use sea_orm::{DbErr, RuntimeErr};

/// What an error code means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Try again at once: a deadlock, a serialization failure, a lock held by somebody else.
    Transient,
    /// The connection or the server is gone or out of resources.
    Unavailable,
    /// A statement was given up because it took too long.
    Timeout,
    /// Anything else.
    Fault,
}

pub(crate) fn from_orm(error: &DbErr) -> Error {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => from_driver(inner),
        DbErr::ConnectionAcquire(_) => {
            Error::Unavailable(Fault::new("pool", "no connection became free in time", false))
        }
        DbErr::TryIntoErr { .. } | DbErr::Type(_) | DbErr::Json(_) => {
            Error::Corrupt { what: "row" }
        }
        _ => Error::Fault(Fault::new("orm", "the statement could not be built or read", false)),
    }
}

pub(crate) fn from_driver(error: &sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            let (meaning, tellable) = meaning(&code);
            let text = if tellable { inner.message().to_owned() } else { hidden(inner.as_ref()) };
            let fault = Fault::new(&code, text, meaning == Meaning::Transient);
            match meaning {
                Meaning::Transient => Error::Unavailable(fault),
                // Before the commit a lost connection is as good as a deadlock: try again on another one.
                Meaning::Unavailable => {
                    Error::Unavailable(Fault { transient: lost(&code), ..fault })
                }
                Meaning::Timeout => Error::Timeout(fault),
                Meaning::Fault => Error::Fault(fault),
            }
        }
        sqlx::Error::Io(inner) => {
            Error::Unavailable(Fault::new("io", format!("connection: {}", inner.kind()), true))
        }
        sqlx::Error::PoolTimedOut => {
            Error::Unavailable(Fault::new("pool", "no connection became free in time", false))
        }
        sqlx::Error::PoolClosed => {
            Error::Unavailable(Fault::new("pool", "the store is closed", false))
        }
        sqlx::Error::Tls(_) => Error::Unavailable(Fault::new("tls", "TLS failed", false)),
        sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::InvalidSavePointStatement => Error::Unavailable(Fault::new(
            "connection",
            "the connection was in a wrong state",
            true,
        )),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Error::Corrupt { what: "row" },
        _ => Error::Fault(Fault::new("driver", "the driver could not do it", false)),
    }
}

/// The meaning of an engine's code, and whether its message may be told. Codes of five characters are SQLSTATE,
/// shorter ones are SQLite's extended result codes.
fn meaning(code: &str) -> (Meaning, bool) {
    if code.len() == 5 {
        let meaning = match code {
            "40001" | "40P01" | "55P03" => Meaning::Transient,
            "57014" => Meaning::Timeout,
            "57P01" | "57P02" | "57P03" | "25P03" | "3D000" => Meaning::Unavailable,
            _ if code.starts_with("08") || code.starts_with("53") => Meaning::Unavailable,
            _ => Meaning::Fault,
        };
        // Data and integrity errors (22, 23) quote values; the others speak of statements and of the server.
        let tellable = ["08", "25", "28", "3D", "40", "42", "53", "55", "57", "58", "XX"];
        return (meaning, tellable.iter().any(|class| code.starts_with(class)));
    }
    match code.parse::<i32>().map(|code| code & 0xff) {
        Ok(5 | 6) => (Meaning::Transient, true),
        Ok(8 | 10 | 13 | 14) => (Meaning::Unavailable, true),
        Ok(9) => (Meaning::Timeout, true),
        // 20 is a mismatch of types, 18 a value too large: neither message is needed.
        Ok(18 | 20) => (Meaning::Fault, false),
        _ => (Meaning::Fault, true),
    }
}

fn lost(code: &str) -> bool {
    code.starts_with("08") || code.starts_with("57P")
}

fn hidden(error: &dyn sqlx::error::DatabaseError) -> String {
    match (error.table(), error.constraint()) {
        (_, Some(constraint)) => format!("constraint {constraint}"),
        (Some(table), None) => format!("table {table}"),
        _ => "data error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_meaning_a_caller_can_act_on() {
        for code in ["40001", "40P01", "55P03", "5", "261", "517", "6"] {
            assert_eq!(meaning(code).0, Meaning::Transient, "{code}");
        }
        for code in ["08006", "57P01", "53300", "3D000", "10", "778", "13"] {
            assert_eq!(meaning(code).0, Meaning::Unavailable, "{code}");
        }
        assert_eq!(meaning("57014").0, Meaning::Timeout);
        assert_eq!(meaning("42601").0, Meaning::Fault);
    }

    #[test]
    fn messages_that_may_quote_values_are_not_told() {
        for code in ["22P02", "23505", "22021"] {
            assert!(!meaning(code).1, "{code}");
        }
    }
}
