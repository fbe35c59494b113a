//! Counts of orders: who buys again, and what comes back.

use super::{Frame, fold, shares};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{Kind, ReturnKind};
use cx_analytics::interaction::Currency;
use cx_analytics::metrics::{Amounts, Answers, Counts, Groups, counts::AnswerPattern};

/// Whether something was taken back of the order `i` before the end of the range, of which `condition` holds.
fn taken_back(frame: &Frame<'_>, condition: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM interaction r WHERE r.customer_id = i.customer_id AND r.kind = {kind} AND r.subject = i.subject
                 AND r.occurred_at < {end} AND {condition})",
        kind = Kind::Return.code(),
        end = frame.end(),
    )
}

fn cancelled() -> String {
    format!("r.action = {}", ReturnKind::Cancelled.code())
}

/// Customers by how many of their orders stand.
fn buyers(frame: &Frame<'_>) -> String {
    format!(
        "SELECT {names}, customer_id, COUNT(*) FILTER (WHERE gone = 0) AS orders, SUM(gone) AS gone
         FROM (
           SELECT {columns}, i.customer_id, CASE WHEN {gone} THEN 1 ELSE 0 END AS gone
           {orders}
         ) o
         GROUP BY {names}, customer_id",
        names = frame.names(),
        columns = frame.columns("i.occurred_at"),
        gone = taken_back(frame, &format!("({} OR r.flag = 1)", cancelled())),
        orders = frame.of_kinds(&[Kind::Order]),
    )
}

/// Customers with two orders and more, of those with one: of orders that stand.
pub(super) async fn repeated(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, COUNT(*) FILTER (WHERE orders > 1) AS hits,
                COUNT(*) FILTER (WHERE orders > 0) AS buyers, CAST(SUM(gone) AS BIGINT) AS excluded
         FROM ({}) c
         GROUP BY {names}",
        buyers(frame),
        names = frame.names(),
    );
    shares(store, frame, &text).await
}

/// How many orders that stand each customer has who has one.
pub(super) async fn frequency(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, orders, COUNT(*) AS customers, CAST(SUM(gone) AS BIGINT) AS excluded
         FROM ({}) c
         GROUP BY {names}, orders
         ORDER BY {names}, orders",
        buyers(frame),
        names = frame.names(),
    );
    fold(store, frame, &text, |row, _| {
        let (sum, customers, excluded): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        let pattern = AnswerPattern { customers, answers: 1, high: 0, low: 0, sum };
        let patterns = if sum > 0 { vec![pattern] } else { Vec::new() };
        Ok(Counts::Answers(Answers { patterns, excluded }))
    })
    .await
}

/// Orders of which something was returned, of those that were not cancelled.
pub(super) async fn returned(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, COUNT(*) FILTER (WHERE cancelled = 0 AND returned = 1) AS hits,
                COUNT(*) FILTER (WHERE cancelled = 0) AS orders, COUNT(*) FILTER (WHERE cancelled = 1) AS excluded
         FROM (
           SELECT {columns}, CASE WHEN {cancelled} THEN 1 ELSE 0 END AS cancelled,
                  CASE WHEN {returned} THEN 1 ELSE 0 END AS returned
           {orders}
         ) o
         GROUP BY {names}",
        names = frame.names(),
        columns = frame.columns("i.occurred_at"),
        cancelled = taken_back(frame, &cancelled()),
        returned = taken_back(frame, &format!("r.action = {}", ReturnKind::Returned.code())),
        orders = frame.of_kinds(&[Kind::Order]),
    );
    shares(store, frame, &text).await
}

/// What orders with an amount cost, by currency. Those without are a group of their own.
pub(super) async fn average(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, currency, {sums}
         FROM (
           SELECT {columns}, COALESCE(i.currency, '') AS currency, COUNT(*) AS n, CAST(COALESCE(SUM(i.amount), 0) AS BIGINT) AS total
           {orders} GROUP BY {numbers}, i.customer_id
         ) c
         GROUP BY {names}, currency",
        sums = super::sums_of_squares(),
        names = frame.names(),
        columns = frame.columns("i.occurred_at"),
        numbers = frame.numbers(1),
        orders = frame.of_kinds(&[Kind::Order]),
    );
    fold(store, frame, &text, |row, key| {
        key.currency = Currency::parse(&row.take::<String>()?);
        let amounts = super::amounts(row)?;
        Ok(Counts::Amounts(match key.currency {
            Some(_) => amounts,
            None => Amounts { excluded: amounts.n, ..Amounts::default() },
        }))
    })
    .await
}
