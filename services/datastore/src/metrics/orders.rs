//! Counts of orders: who buys again, and what comes back.

use super::{Frame, fold, shares};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{Kind, ReturnKind};
use cx_analytics::interaction::Currency;
use cx_analytics::metrics::{Amounts, Answers, Counts, Groups, RETURNS_LAG, counts::AnswerPattern};

/// Orders in the range as rows of `i`, each with 1 in the columns `returned` and `cancelled` where that was taken back of it, in `whole`
/// where all was, and with what was paid back, so far as that shows until [`RETURNS_LAG`] after the range. Joined, not asked for each
/// order: that takes a tenth of the time.
fn orders(frame: &Frame<'_>) -> String {
    let is = |condition: String| format!("MAX(CASE WHEN {condition} THEN 1 ELSE 0 END)");
    format!(
        "FROM interaction i {join}
         LEFT JOIN (
           SELECT customer_id, subject, {returned} AS returned, {cancelled} AS cancelled, {whole} AS whole,
                  SUM(CAST(amount AS DOUBLE PRECISION)) AS refund, MIN(currency) AS currency, MAX(currency) AS other_currency
           FROM interaction
           WHERE kind = {kind} AND occurred_at < {later}
           GROUP BY customer_id, subject
         ) r ON r.customer_id = i.customer_id AND r.subject = i.subject
         WHERE i.kind = {order} AND i.occurred_at >= {start} AND i.occurred_at < {end}{filter}",
        join = frame.join(),
        returned = is(format!("action = {}", ReturnKind::Returned.code())),
        cancelled = is(format!("action = {}", ReturnKind::Cancelled.code())),
        whole = is("flag = 1".to_owned()),
        kind = Kind::Return.code(),
        order = Kind::Order.code(),
        start = frame.start(),
        end = frame.end(),
        later = frame.later(RETURNS_LAG),
        filter = frame.filter(),
    )
}

/// Customers by how many of their orders stand.
fn buyers(frame: &Frame<'_>) -> String {
    format!(
        "SELECT {names}, customer_id, COUNT(*) FILTER (WHERE gone = 0) AS orders, SUM(gone) AS gone
         FROM (
           SELECT {columns}, i.customer_id, CASE WHEN r.cancelled = 1 OR r.whole = 1
                    OR (i.amount > 0 AND r.refund >= i.amount AND r.currency = i.currency AND r.other_currency = i.currency)
                  THEN 1 ELSE 0 END AS gone
           {orders}
         ) o
         GROUP BY {names}, customer_id",
        names = frame.names(),
        columns = frame.columns("i.occurred_at"),
        orders = orders(frame),
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
        "SELECT {columns}, COUNT(*) FILTER (WHERE COALESCE(r.cancelled, 0) = 0 AND r.returned = 1) AS hits,
                COUNT(*) FILTER (WHERE COALESCE(r.cancelled, 0) = 0) AS orders,
                COUNT(*) FILTER (WHERE r.cancelled = 1) AS excluded
         {orders}
         GROUP BY {numbers}",
        columns = frame.columns("i.occurred_at"),
        orders = orders(frame),
        numbers = frame.numbers(0),
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
