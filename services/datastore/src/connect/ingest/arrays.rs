//! Rows as one array for each column, in the order of the table's columns.

use crate::rows::{COLUMNS, Content, Row};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

/// The types of the arrays.
const TYPES: [&str; COLUMNS.len()] = [
    "text", "text", "bigint", "bigint", "bytea", "smallint", "smallint", "smallint", "smallint",
    "smallint", "text", "text", "text", "text", "bigint", "bigint", "bigint", "bigint", "integer",
    "integer", "integer", "smallint", "smallint",
];

/// `UNNEST($1::text[], …)`.
pub(super) fn unnest() -> String {
    let casts: Vec<String> =
        TYPES.iter().enumerate().map(|(n, word)| format!("${}::{word}[]", n + 1)).collect();
    format!("UNNEST({})", casts.join(", "))
}

/// Binds the arrays.
pub(super) fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    rows: &'q [&'q Row],
) -> Query<'q, Postgres, PgArguments> {
    fn of<'q, T>(rows: &'q [&'q Row], pick: impl Fn(&'q Row) -> T) -> Vec<T> {
        rows.iter().map(|row| pick(row)).collect()
    }
    fn content<'q, T>(rows: &'q [&'q Row], pick: impl Fn(&'q Content) -> T) -> Vec<T> {
        rows.iter().map(|row| pick(&row.content)).collect()
    }
    query
        .bind(of(rows, |row| row.customer_id.as_str()))
        .bind(of(rows, |row| row.interaction_id.as_str()))
        .bind(of(rows, |row| row.occurred_at))
        .bind(of(rows, |row| row.received_at))
        .bind(of(rows, |row| row.fingerprint.as_slice()))
        .bind(content(rows, |content| content.kind))
        .bind(content(rows, |content| content.channel))
        .bind(content(rows, |content| content.stage))
        .bind(content(rows, |content| content.action))
        .bind(content(rows, |content| content.variant))
        .bind(content(rows, |content| content.subject.as_deref()))
        .bind(content(rows, |content| content.topic.as_deref()))
        .bind(content(rows, |content| content.body.as_deref()))
        .bind(content(rows, |content| content.currency.as_deref()))
        .bind(content(rows, |content| content.amount))
        .bind(content(rows, |content| content.items))
        .bind(content(rows, |content| content.wait))
        .bind(content(rows, |content| content.duration))
        .bind(content(rows, |content| content.score))
        .bind(content(rows, |content| content.score_min))
        .bind(content(rows, |content| content.score_max))
        .bind(content(rows, |content| content.lower_is_better))
        .bind(content(rows, |content| content.flag))
}
