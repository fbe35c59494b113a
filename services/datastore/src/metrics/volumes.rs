//! Numbers and sums: interactions, customers, orders, money, what customers raise.

use super::{Frame, fold};
use crate::error::Result;
use crate::journeys::customer_actions;
use crate::store::Store;
use cx_analytics::codes::{FeedbackAction, Kind};
use cx_analytics::interaction::Currency;
use cx_analytics::metrics::{Counts, Groups, Incidence, Metric, Total};

/// Interactions, customers with one, or orders.
pub(super) async fn number(store: &Store, frame: &Frame<'_>, metric: Metric) -> Result<Groups> {
    let (what, kinds, actions) = match metric {
        // Who is only written to is not active.
        Metric::ActiveCustomers => {
            ("COUNT(DISTINCT i.customer_id)", &Kind::ALL[..], customer_actions(&Kind::ALL))
        }
        Metric::Orders => ("COUNT(*)", &[Kind::Order][..], String::new()),
        _ => ("COUNT(*)", &Kind::ALL[..], String::new()),
    };
    let (columns, rows) = (frame.columns("i.occurred_at"), frame.of_kinds(kinds));
    let numbers = frame.numbers(0);
    let text = format!("SELECT {columns}, {what} AS n {rows}{actions} GROUP BY {numbers}");
    fold(store, frame, &text, |row, _| {
        let n: i64 = row.take()?;
        Ok(Counts::Total(Total { sum: n.into(), n, excluded: 0 }))
    })
    .await
}

/// Sums of amounts by currency; those of returns are taken off. What has none is a group without currency.
pub(super) async fn money(store: &Store, frame: &Frame<'_>, kinds: &[Kind]) -> Result<Groups> {
    // Summed in two halves, as a sum of many 64-bit numbers may not fit into one. That holds below zero as well.
    let amount =
        format!("(CASE WHEN i.kind = {} THEN -i.amount ELSE i.amount END)", Kind::Return.code());
    let text = format!(
        "SELECT {}, COALESCE(i.currency, '') AS currency, COUNT(*) AS n,
                CAST(SUM({amount} >> 31) AS BIGINT) AS upper_half, CAST(SUM({amount} & 2147483647) AS BIGINT) AS lower_half
         {} GROUP BY {}",
        frame.columns("i.occurred_at"),
        frame.of_kinds(kinds),
        frame.numbers(1),
    );
    fold(store, frame, &text, |row, key| {
        key.currency = Currency::parse(&row.take::<String>()?);
        let n: i64 = row.take()?;
        let (upper, lower): (Option<i64>, Option<i64>) = (row.take()?, row.take()?);
        Ok(Counts::Total(match key.currency {
            Some(_) => {
                let sum = (i128::from(upper.unwrap_or(0)) << 31) + i128::from(lower.unwrap_or(0));
                Total { sum, n, excluded: 0 }
            }
            None => Total { sum: 0, n: 0, excluded: n },
        }))
    })
    .await
}

/// Complaints or feature requests raised, and the customers active beside them. Who is active is counted apart: what is raised is found
/// by its kind, and is little of all.
pub(super) async fn raised(store: &Store, frame: &Frame<'_>, kind: Kind) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, CAST(SUM(raised) AS BIGINT) AS events, CAST(SUM(answered) AS BIGINT) AS answered, COUNT(*) AS affected,
                CAST(SUM(raised * raised) AS BIGINT) AS squares
         FROM (
           SELECT {columns}, i.customer_id, COUNT(*) AS raised, COUNT(*) FILTER (WHERE w.answered_at >= i.occurred_at) AS answered
           FROM interaction i {join}
           LEFT JOIN (
             SELECT customer_id, subject, MAX(occurred_at) AS answered_at
             FROM interaction
             WHERE kind = {kind} AND action = {answered} AND occurred_at < {end}
             GROUP BY customer_id, subject
           ) w ON w.customer_id = i.customer_id AND w.subject = i.subject
           WHERE i.kind = {kind} AND i.action = {raised} AND i.occurred_at >= {start} AND i.occurred_at < {end}{filter}
           GROUP BY {numbers}
         ) c
         GROUP BY {names}",
        columns = frame.columns("i.occurred_at"),
        kind = kind.code(),
        raised = FeedbackAction::Raised.code(),
        answered = FeedbackAction::Answered.code(),
        join = frame.join(),
        start = frame.start(),
        end = frame.end(),
        filter = frame.filter(),
        numbers = frame.numbers(1),
        names = frame.names(),
    );
    let mut groups = fold(store, frame, &text, |row, _| {
        Ok(Counts::Incidence(Incidence {
            events: row.take()?,
            answered: row.take()?,
            affected: row.take()?,
            squares: row.take()?,
            customers: 0,
        }))
    })
    .await?;
    for (key, counts) in number(store, frame, Metric::ActiveCustomers).await?.iter() {
        if let Counts::Total(Total { n: customers, .. }) = *counts {
            let beside = Incidence { customers, ..Incidence::default() };
            groups.add(key.clone(), Counts::Incidence(beside));
        }
    }
    Ok(groups)
}
