//! Timelines: one customer's interactions in time order, by keyset.

use crate::error::Result;
use crate::rows::{COLUMNS, Row};
use crate::sql;
use crate::store::Store;
use cx_analytics::{Interaction, Timestamp};
use std::ops::Range;

/// An interaction as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub interaction: Interaction,
    /// When it was received first.
    pub received_at: Timestamp,
}

impl Store {
    /// A page of a customer's interactions within `range`, by time and then by id, downwards unless `ascending`; `after`
    /// names the last one of the page before.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn interactions_list(
        &self,
        customer_id: &str,
        range: Range<Timestamp>,
        ascending: bool,
        after: Option<(Timestamp, String)>,
        limit: u64,
    ) -> Result<Vec<Stored>> {
        let (order, past) = if ascending { ("ASC", ">") } else { ("DESC", "<") };
        let mut values =
            vec![customer_id.into(), range.start.micros().into(), range.end.micros().into()];
        let mut further = String::new();
        if let Some((at, id)) = after {
            values.extend([at.micros().into(), id.into()]);
            further = format!(
                "AND (occurred_at {past} $4 OR (occurred_at = $4 AND interaction_id {past} $5))"
            );
        }
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let text = format!(
            "SELECT {} FROM interaction
             WHERE customer_id = $1 AND occurred_at >= $2 AND occurred_at < $3 {further}
             ORDER BY occurred_at {order}, interaction_id {order} LIMIT ${}",
            COLUMNS.join(", "),
            values.len()
        );
        let rows = sql::query_all(self.read(), &text, values).await?;
        rows.iter()
            .map(|row| {
                let (interaction, received_at) = Row::read(row)?.into_interaction()?;
                Ok(Stored { interaction, received_at })
            })
            .collect()
    }
}
