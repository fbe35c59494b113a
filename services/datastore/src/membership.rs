//! The log of membership changes. Positions are given under a lock on the head, held to the end of the transaction, so that
//! their order is that of the commits: whoever has read up to a position has missed nothing before it.

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::membership::{Cause, Change};
use sea_orm::{DatabaseTransaction, QueryResult, Value};

const COLUMNS: &str = "c.position, c.customer_id, c.from_persona, c.to_persona, c.cause, c.segmentation_id, c.changed_at";

impl Store {
    /// The position of the latest change; 0 where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn membership_head(&self) -> Result<i64> {
        let text = "SELECT head FROM feed WHERE name = 'membership'";
        sql::query_one(self.read(), text, vec![])
            .await?
            .map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// The next `limit` changes after a position, in their order: of all, or into or out of these personas.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn membership_changes_after(
        &self,
        position: i64,
        personas: &[String],
        limit: u64,
    ) -> Result<Vec<Change>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![position.into(), limit.into()];
        let marks: Vec<String> = (personas.iter())
            .map(|persona| {
                values.push(persona.as_str().into());
                format!("${}", values.len())
            })
            .collect();
        let marks = marks.join(", ");
        let only = if personas.is_empty() {
            String::new()
        } else {
            format!("AND (c.to_persona IN ({marks}) OR c.from_persona IN ({marks}))")
        };
        let text = format!(
            "SELECT {COLUMNS} FROM membership_change c WHERE c.position > $1 {only} ORDER BY c.position LIMIT $2"
        );
        sql::query_all(self.query(), &text, values).await?.iter().map(change).collect()
    }
}

/// Takes the next `count` positions and gives the first of them, with the instant of the changes: `now`, but never before that of
/// an earlier change. Nobody else takes any until this transaction ends.
pub(crate) async fn positions(
    tx: &DatabaseTransaction,
    count: i64,
    now: Timestamp,
) -> Result<(i64, Timestamp)> {
    let text = "UPDATE feed SET head = head + $1, head_at = CASE WHEN head_at < $2 THEN $2 ELSE head_at END
                WHERE name = 'membership' RETURNING head, head_at";
    let row = sql::query_one(tx, text, vec![count.into(), now.micros().into()]).await?;
    let row = row.ok_or(Error::Corrupt { what: "head of the membership changes" })?;
    let mut columns = Columns::of(&row);
    let head: i64 = columns.take()?;
    Ok((head - count + 1, columns.instant()?))
}

fn change(row: &QueryResult) -> Result<Change> {
    let mut columns = Columns::of(row);
    Ok(Change {
        position: columns.take()?,
        customer_id: columns.take()?,
        from: columns.take()?,
        to: columns.take()?,
        cause: Cause::from_code(columns.take()?).ok_or(Error::Corrupt { what: "cause" })?,
        segmentation_id: columns.take()?,
        at: columns.instant()?,
    })
}
