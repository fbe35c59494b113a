//! Many rows in few statements, column by column.

use crate::error::{Error, Result};
use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, Value};
use std::fmt::Write;

/// The values of one column, one for each row. No `Debug`: it would print values.
#[derive(Clone)]
pub(crate) enum Column {
    /// Text.
    Text(Vec<String>),
    /// Text or NULL.
    OptText(Vec<Option<String>>),
    /// Small integers: codes and flags.
    I16(Vec<i16>),
    /// Small integers or NULL.
    OptI16(Vec<Option<i16>>),
    /// Integers: a column of type INT.
    OptI32(Vec<Option<i32>>),
    /// Large integers: counts, instants, minor units.
    I64(Vec<i64>),
    /// Large integers or NULL.
    OptI64(Vec<Option<i64>>),
    /// Floating point numbers.
    F64(Vec<f64>),
}

/// Rows in a statement where arrays are bound, and where each value is bound by itself.
const ROWS_BY_ARRAY: usize = 10_000;
const ROWS_BY_VALUE: usize = 50;

/// Inserts rows into `table`. All columns must be of one length. `tail` follows the values, for example
/// `ON CONFLICT (id) DO UPDATE SET …`, and may be empty. Gives the number of rows written.
pub(crate) async fn bulk_insert(
    tx: &DatabaseTransaction,
    table: &str,
    columns: &[(&str, Column)],
    tail: &str,
) -> Result<u64> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    if columns.iter().any(|(_, column)| column.len() != rows) {
        return Err(Error::Invalid { field: "columns", rule: "are not of one length" });
    }
    let backend = tx.get_database_backend();
    let by_array = backend == DbBackend::Postgres;
    let step = if by_array { ROWS_BY_ARRAY } else { ROWS_BY_VALUE };
    let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let mut written = 0;
    let mut start = 0;
    while start < rows {
        let end = rows.min(start + step);
        let (source, values) =
            if by_array { arrays(columns, start, end) } else { tuples(columns, start, end) };
        let sql = format!("INSERT INTO {table} ({names}) {source} {tail}");
        let statement = Statement::from_sql_and_values(backend, sql, values);
        written += tx.execute_raw(statement).await?.rows_affected();
        start = end;
    }
    Ok(written)
}

/// `VALUES ($1, $2), …`.
fn tuples(columns: &[(&str, Column)], start: usize, end: usize) -> (String, Vec<Value>) {
    let mut sql = String::from("VALUES ");
    let mut values = Vec::with_capacity(columns.len() * (end - start));
    for row in start..end {
        sql.push_str(if row == start { "(" } else { ", (" });
        for (place, (_, column)) in columns.iter().enumerate() {
            values.push(column.value(row));
            let comma = if place == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}${}", values.len());
        }
        sql.push(')');
    }
    (sql, values)
}

/// `SELECT … FROM UNNEST($1::text[], …)`. Arrays of this driver hold no NULL, so a column that may be NULL comes with an
/// array of flags.
fn arrays(columns: &[(&str, Column)], start: usize, end: usize) -> (String, Vec<Value>) {
    let mut picks = Vec::new();
    let mut casts = Vec::new();
    let mut aliases = Vec::new();
    let mut values = Vec::new();
    for (place, (_, column)) in columns.iter().enumerate() {
        let (array, flags) = column.array(start, end);
        values.push(array);
        casts.push(format!("${}::{}[]", values.len(), column.type_name()));
        aliases.push(format!("c{place}"));
        if let Some(flags) = flags {
            values.push(flags);
            casts.push(format!("${}::boolean[]", values.len()));
            aliases.push(format!("n{place}"));
            picks.push(format!("CASE WHEN n{place} THEN NULL ELSE c{place} END"));
        } else {
            picks.push(format!("c{place}"));
        }
    }
    let (picks, casts, aliases) = (picks.join(", "), casts.join(", "), aliases.join(", "));
    (format!("SELECT {picks} FROM UNNEST({casts}) AS u({aliases})"), values)
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Text(v) => v.len(),
            Self::OptText(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::OptI16(v) => v.len(),
            Self::OptI32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::OptI64(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::OptText(_) => "text",
            Self::I16(_) | Self::OptI16(_) => "smallint",
            Self::OptI32(_) => "integer",
            Self::I64(_) | Self::OptI64(_) => "bigint",
            Self::F64(_) => "double precision",
        }
    }

    fn value(&self, row: usize) -> Value {
        match self {
            Self::Text(v) => v[row].as_str().into(),
            Self::OptText(v) => v[row].clone().into(),
            Self::I16(v) => v[row].into(),
            Self::OptI16(v) => v[row].into(),
            Self::OptI32(v) => v[row].into(),
            Self::I64(v) => v[row].into(),
            Self::OptI64(v) => v[row].into(),
            Self::F64(v) => v[row].into(),
        }
    }

    fn array(&self, start: usize, end: usize) -> (Value, Option<Value>) {
        match self {
            Self::Text(v) => (array(ArrayType::String, &v[start..end]), None),
            Self::OptText(v) => nullable(ArrayType::String, &v[start..end]),
            Self::I16(v) => (array(ArrayType::SmallInt, &v[start..end]), None),
            Self::OptI16(v) => nullable(ArrayType::SmallInt, &v[start..end]),
            Self::OptI32(v) => nullable(ArrayType::Int, &v[start..end]),
            Self::I64(v) => (array(ArrayType::BigInt, &v[start..end]), None),
            Self::OptI64(v) => nullable(ArrayType::BigInt, &v[start..end]),
            Self::F64(v) => (array(ArrayType::Double, &v[start..end]), None),
        }
    }
}

fn array<T: Clone + Into<Value>>(of: ArrayType, values: &[T]) -> Value {
    Value::Array(of, Some(Box::new(values.iter().cloned().map(Into::into).collect())))
}

fn nullable<T: Clone + Default + Into<Value>>(
    of: ArrayType,
    values: &[Option<T>],
) -> (Value, Option<Value>) {
    let filled: Vec<T> = values.iter().map(|value| value.clone().unwrap_or_default()).collect();
    let flags: Vec<bool> = values.iter().map(Option::is_none).collect();
    (array(of, &filled), Some(array(ArrayType::Bool, &flags)))
}
