//! Counts of contacts: how long they queued, how many were given up, and what they settled.

use super::{Frame, fold, shares};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{Handler, Kind};
use cx_analytics::metrics::{Counts, Groups, Spans};

/// Waits of contacts that were answered.
pub(super) async fn waits(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {}, CASE WHEN COALESCE(i.flag, 0) = 1 THEN -1 ELSE COALESCE(i.wait, -1) END AS span, COUNT(*) AS contacts
         {} GROUP BY {}",
        frame.columns("i.occurred_at"),
        frame.of_kinds(&[Kind::Contact]),
        frame.numbers(1),
    );
    fold(store, frame, &text, |row, _| {
        let (span, contacts): (i64, i64) = (row.take()?, row.take()?);
        Ok(Counts::Spans(if span < 0 {
            Spans { excluded: contacts, ..Spans::default() }
        } else {
            Spans { ended: vec![(span, contacts)], ..Spans::default() }
        }))
    })
    .await
}

/// Contacts given up, of those known to have queued.
pub(super) async fn abandonment(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    of_queued(store, frame, "i.flag = 1").await
}

/// Contacts answered in time, of those known to have queued.
pub(super) async fn in_time(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let within = frame.question.waits.answer;
    of_queued(store, frame, &format!("COALESCE(i.flag, 0) = 0 AND i.wait <= {within}")).await
}

/// Contacts of which a condition holds, of those known to have queued.
async fn of_queued(store: &Store, frame: &Frame<'_>, hit: &str) -> Result<Groups> {
    let text = format!(
        "SELECT {}, COUNT(*) FILTER (WHERE {hit}) AS hits,
                COUNT(*) FILTER (WHERE i.flag = 1 OR i.wait IS NOT NULL) AS queued,
                COUNT(*) FILTER (WHERE COALESCE(i.flag, 0) = 0 AND i.wait IS NULL) AS excluded
         {} GROUP BY {}",
        frame.columns("i.occurred_at"),
        frame.of_kinds(&[Kind::Contact]),
        frame.numbers(0),
    );
    shares(store, frame, &text).await
}

/// Contacts after which the same customer did not come again for the same reason, of those served.
pub(super) async fn settled(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {columns}, COUNT(*) FILTER (WHERE served = 1 AND COALESCE(next_at - occurred_at > {within}, TRUE)) AS hits,
                COUNT(*) FILTER (WHERE served = 1) AS contacts, COUNT(*) FILTER (WHERE served = 0) AS excluded
         FROM (
           SELECT customer_id, occurred_at, channel, stage, topic,
                  CASE WHEN COALESCE(flag, 0) = 0 AND topic IS NOT NULL THEN 1 ELSE 0 END AS served,
                  LEAD(occurred_at) OVER (PARTITION BY customer_id, topic ORDER BY occurred_at, interaction_id) AS next_at
           FROM interaction
           WHERE kind = {contact} AND occurred_at >= {start} AND occurred_at < {later}
         ) i {join}
         WHERE i.occurred_at < {end}{filter}
         GROUP BY {numbers}",
        numbers = frame.numbers(0),
        columns = frame.columns("i.occurred_at"),
        within = frame.question.waits.repeat,
        contact = Kind::Contact.code(),
        start = frame.start(),
        end = frame.end(),
        later = frame.later(frame.question.waits.repeat),
        join = frame.join(),
        filter = frame.filter(),
    );
    shares(store, frame, &text).await
}

/// Sessions of self-service that were enough, of all issues. A contact soon after a session is the same issue.
pub(super) async fn self_served(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    // What came shortly before the range says whether its first contacts are new issues.
    let text = format!(
        "SELECT {columns}, COUNT(*) FILTER (WHERE kind = {session} AND COALESCE(flag, 1) = 1
                  AND COALESCE(contact_at - occurred_at > {within}, TRUE)) AS hits,
                COUNT(*) FILTER (WHERE kind = {session} OR COALESCE(occurred_at - session_at > {within}, TRUE)) AS issues,
                CAST(0 AS BIGINT) AS excluded
         FROM (
           SELECT customer_id, occurred_at, channel, stage, kind, flag,
                  MIN(CASE WHEN kind = {contact} THEN occurred_at END) OVER (
                    w ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS contact_at,
                  MAX(CASE WHEN kind = {session} THEN occurred_at END) OVER (
                    w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS session_at
           FROM interaction
           WHERE kind IN ({session}, {contact}) AND (kind = {session} OR variant = {human})
             AND occurred_at >= {start} - {within} AND occurred_at < {later}
           WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
         ) i {join}
         WHERE i.occurred_at >= {start} AND i.occurred_at < {end}{filter}
         GROUP BY {numbers}",
        numbers = frame.numbers(0),
        columns = frame.columns("i.occurred_at"),
        session = Kind::SelfService.code(),
        contact = Kind::Contact.code(),
        human = Handler::Human.code(),
        within = frame.question.waits.repeat,
        start = frame.start(),
        end = frame.end(),
        later = frame.later(frame.question.waits.repeat),
        join = frame.join(),
        filter = frame.filter(),
    );
    shares(store, frame, &text).await
}
