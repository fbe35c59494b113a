//! Counts of contacts: how long they queued, and how many were given up.

use super::{Frame, fold};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::Kind;
use cx_analytics::metrics::{Counts, Groups, Share, Spans};

/// Waits of contacts that were answered.
pub(super) async fn waits(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {}, CASE WHEN COALESCE(i.flag, 0) = 1 THEN -1 ELSE COALESCE(i.wait, -1) END AS span, COUNT(*) AS contacts
         {} GROUP BY 1, 2, 3, 4, 5",
        frame.columns("i.occurred_at"),
        frame.of_kinds(&[Kind::Contact]),
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
    let text = format!(
        "SELECT {}, COUNT(*) FILTER (WHERE i.flag = 1) AS abandoned,
                COUNT(*) FILTER (WHERE i.flag = 1 OR i.wait IS NOT NULL) AS queued, COUNT(*) AS contacts
         {} GROUP BY 1, 2, 3, 4",
        frame.columns("i.occurred_at"),
        frame.of_kinds(&[Kind::Contact]),
    );
    fold(store, frame, &text, |row, _| {
        let (hits, of, all): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        Ok(Counts::Share(Share { hits, of, excluded: all - of }))
    })
    .await
}
