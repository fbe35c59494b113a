//! Short forms for statements in portable SQL with `$1`-style parameters.

use crate::error::{Error, Result};
use cx_analytics::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Statement, TryGetable, Value};

/// A statement with its parameters.
pub(crate) fn statement(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// Runs a statement and gives the number of rows it touched.
pub(crate) async fn execute(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<u64> {
    Ok(db.execute_raw(statement(db, sql, values)).await?.rows_affected())
}

/// The first row, if any.
pub(crate) async fn query_one(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<QueryResult>> {
    Ok(db.query_one_raw(statement(db, sql, values)).await?)
}

/// All rows.
pub(crate) async fn query_all(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>> {
    Ok(db.query_all_raw(statement(db, sql, values)).await?)
}

/// Reads the columns of a row from left to right.
pub(crate) struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// Those from this place on.
    pub(crate) fn after(row: &'a QueryResult, next: usize) -> Self {
        Self { row, next }
    }

    /// The next column.
    pub(crate) fn take<T: TryGetable>(&mut self) -> Result<T> {
        let value = T::try_get_by(self.row, self.next)
            .map_err(|error| Error::from(sea_orm::DbErr::from(error)))?;
        self.next += 1;
        Ok(value)
    }

    /// The next column as an instant.
    pub(crate) fn instant(&mut self) -> Result<Timestamp> {
        instant(self.take()?)
    }

    /// The next column as an instant or nothing.
    pub(crate) fn opt_instant(&mut self) -> Result<Option<Timestamp>> {
        self.take::<Option<i64>>()?.map(instant).transpose()
    }
}

/// An instant as it is stored.
pub(crate) fn instant(micros: i64) -> Result<Timestamp> {
    Timestamp::from_micros(micros).ok_or(Error::Corrupt { what: "instant" })
}

/// Numbers with commas between.
pub(crate) fn numbers(codes: impl IntoIterator<Item = i16>) -> String {
    codes.into_iter().map(|code| code.to_string()).collect::<Vec<_>>().join(", ")
}

/// Keys in one statement.
const KEYS: usize = 500;

/// As many keys at a time as one statement takes; none, which stand for all, at once.
pub(crate) fn parts<T>(keys: &[T]) -> Vec<&[T]> {
    if keys.is_empty() { vec![&[]] } else { keys.chunks(KEYS).collect() }
}

/// `$first, $first+1, …` for a list of texts, and the texts as values.
pub(crate) fn marks<T: AsRef<str>>(texts: &[T], first: usize) -> (String, Vec<Value>) {
    let marks: Vec<String> = (first..first + texts.len()).map(|n| format!("${n}")).collect();
    (marks.join(", "), texts.iter().map(|text| text.as_ref().into()).collect())
}
