//! Keeping the members of the active segmentation and the risks of churn models fresh: whose data arrived, who was not looked at for long,
//! and writing what was found of members together with their membership changes.
//!
//! Ingest marks nobody: who is to be looked at follows from when data arrived and up to which instant each assignment counted. A
//! record is given its arrival before it is committed, and replicas' clocks differ, so that a look at an instant may miss what
//! arrived shortly before it; therefore each arrival is looked at once more when it has settled.

use crate::assignments::{self, NO_OBJECTION, assignments_delete, assignments_in};
use crate::connect::{bulk_insert, hold_erasures};
use crate::duties::{Duty, held};
use crate::error::{Error, Result};
use crate::jobs::job_held;
use crate::membership::{NewChange, active, append};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::membership::Cause;
use cx_analytics::segmentation::Assignment;
use sea_orm::DatabaseTransaction;
use std::collections::{HashMap, HashSet};

/// What is kept fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'a> {
    /// The members of a segmentation.
    Members(&'a str),
    /// The risks of a churn model.
    Risks(&'a str),
}

impl<'a> Kept<'a> {
    /// The table, its key, and the version in it.
    const fn place(self) -> (&'static str, &'static str, &'a str) {
        match self {
            Self::Members(id) => ("assignment", "segmentation_id", id),
            Self::Risks(id) => ("churn_risk", "churn_model_id", id),
        }
    }
}

/// Which arrivals to look for.
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    /// Those at or after this instant …
    pub from: Timestamp,
    /// … and before this one.
    pub to: Timestamp,
    /// A record that is dated after its arrival becomes news at its date: so far as that is not after this instant.
    pub now: Timestamp,
    /// The customers whose assignment does not reach this many microseconds beyond the news.
    pub beyond: i64,
}

/// What was found of some customers.
#[derive(Debug, Clone, Copy)]
pub struct Refreshed<'a> {
    /// Under which segmentation.
    pub segmentation_id: &'a str,
    /// The instant at which they were looked at.
    pub as_of: Timestamp,
    /// The customers who have a persona.
    pub found: &'a [Assignment],
    /// The customers who have none any more, or not yet.
    pub none: &'a [String],
}

impl Store {
    /// The next `limit` customers after `after` of whom data arrived (interactions, attributes or consent) after their row was made, or
    /// who have none and could have one; by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn customers_arrived(
        &self,
        kept: Kept<'_>,
        of: Arrivals,
        after: &str,
        limit: u64,
    ) -> Result<Vec<String>> {
        let (table, key, version) = kept.place();
        let text = format!(
            "SELECT a.customer_id FROM (
                 SELECT d.customer_id, MAX(d.arrived) AS arrived, MAX(p.as_of) AS as_of FROM (
                     SELECT customer_id, MAX(received_at) AS arrived FROM interaction
                     WHERE received_at >= $2 AND received_at < $3 AND customer_id > $6 GROUP BY customer_id
                     UNION ALL
                     SELECT customer_id, MAX(occurred_at) FROM interaction
                     WHERE occurred_at > received_at AND occurred_at >= $2 AND occurred_at < $3 AND occurred_at < $5
                       AND customer_id > $6 GROUP BY customer_id
                     UNION ALL
                     SELECT customer_id, updated_at FROM customer
                     WHERE updated_at >= $2 AND updated_at < $3 AND customer_id > $6) d
                 LEFT JOIN {table} p ON p.customer_id = d.customer_id AND p.{key} = $1
                 GROUP BY d.customer_id) a
             WHERE a.as_of < a.arrived + $4 OR (a.as_of IS NULL AND {NO_OBJECTION}
                   AND EXISTS (SELECT 1 FROM interaction i WHERE i.customer_id = a.customer_id AND i.occurred_at < $5))
             ORDER BY a.customer_id LIMIT $7"
        );
        let text = text.as_str();
        let values = vec![
            version.into(),
            of.from.micros().into(),
            of.to.micros().into(),
            of.beyond.into(),
            of.now.micros().into(),
            after.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        ids(&sql::query_all(self.long(), text, values).await?)
    }

    /// The customers whose row counts interactions before an instant that is earlier than `before`, the longest ago first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn customers_stale(
        &self,
        kept: Kept<'_>,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<String>> {
        let (table, key, version) = kept.place();
        let text = format!(
            "SELECT customer_id FROM {table} WHERE {key} = $1 AND as_of < $2 ORDER BY as_of, customer_id LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![version.into(), before.micros().into(), limit.into()];
        ids(&sql::query_all(self.long(), &text, values).await?)
    }

    /// The members of a segmentation who object to profiling since, at most `limit`, by id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn members_objecting(
        &self,
        segmentation_id: &str,
        limit: u64,
    ) -> Result<Vec<String>> {
        let text = "SELECT c.customer_id FROM customer c
                    JOIN assignment a ON a.customer_id = c.customer_id AND a.segmentation_id = $1
                    WHERE c.consent_profiling = 0 ORDER BY c.customer_id LIMIT $2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        ids(&sql::query_all(self.long(), text, vec![segmentation_id.into(), limit.into()]).await?)
    }

    /// Writes what was found of members of the active segmentation, and a membership change with this cause for everybody whose
    /// persona is another one by that; gives their number. Nothing is written of who was looked at again meanwhile, was erased, or
    /// objects to profiling.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] where `owner` has not the duty any more, or another segmentation became active;
    /// [`Error::Unavailable`].
    pub async fn assignments_refresh(
        &self,
        of: Refreshed<'_>,
        (owner, cause): (&str, Cause),
        now: Timestamp,
    ) -> Result<usize> {
        self.write_long(async |tx| {
            if active(tx).await?.as_deref() != Some(of.segmentation_id) {
                return Err(Error::LeaseLost);
            }
            held(tx, Duty::Refresh, owner).await?;
            let changes = self.put(tx, of).await?;
            append(tx, &changes, (of.segmentation_id, cause), now).await?;
            Ok(changes.len())
        })
        .await
    }

    /// The same for a segmentation that is about to become the active one, so that nobody is where they were when it was made: no
    /// change is written, as nobody is in its personas yet. `worker` holds the job of one that is not published yet.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] where it does not any more; [`Error::Unavailable`].
    pub async fn assignments_catch_up(
        &self,
        of: Refreshed<'_>,
        worker: Option<&str>,
    ) -> Result<()> {
        self.write_long(async |tx| {
            // The active one is kept fresh with the log.
            if active(tx).await?.as_deref() == Some(of.segmentation_id) {
                return Ok(());
            }
            if let Some(worker) = worker {
                job_held(tx, of.segmentation_id, worker).await?;
            }
            self.put(tx, of).await.map(|_| ())
        })
        .await
    }

    /// Writes what was found, and gives who is in another persona by that.
    async fn put(&self, tx: &DatabaseTransaction, of: Refreshed<'_>) -> Result<Vec<NewChange>> {
        let mut all: Vec<String> = of.found.iter().map(|a| a.customer_id.clone()).collect();
        all.extend_from_slice(of.none);
        hold_erasures(tx).await?;
        let erased = self.suppressed_among(tx, all.iter().map(String::as_str).collect()).await?;
        let objecting = objecting(tx, &all).await?;
        let before: HashMap<String, Assignment> =
            assignments_in(tx, of.segmentation_id, &all, "TRUE")
                .await?
                .into_iter()
                .map(|assignment| (assignment.customer_id.clone(), assignment))
                .collect();
        let personas = persona_ids(tx, of.segmentation_id).await?;
        let name = |a: &Assignment| personas.get(&a.persona).cloned();
        let newer = |id: &str| before.get(id).is_some_and(|a| a.as_of >= of.as_of);

        let (mut kept, mut gone, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        let found: HashMap<&str, &Assignment> =
            of.found.iter().map(|a| (a.customer_id.as_str(), a)).collect();
        for id in all.iter().filter(|id| !newer(id) && !erased.contains(id.as_str())) {
            let now = found.get(id.as_str()).copied().filter(|_| !objecting.contains(id));
            let was = before.get(id);
            match now {
                Some(assignment) => kept.push(assignment),
                None if was.is_some() => gone.push(id.clone()),
                None => continue,
            }
            let (from, to) = (was.and_then(name), now.and_then(name));
            if from != to {
                changes.push(NewChange { customer_id: id.clone(), from, to });
            }
        }
        assignments_delete(tx, of.segmentation_id, &gone).await?;
        let tail = "ON CONFLICT (customer_id, segmentation_id) DO UPDATE SET persona = excluded.persona,
                    distance = excluded.distance, runner_up = excluded.runner_up,
                    runner_up_distance = excluded.runner_up_distance, outlier = excluded.outlier, as_of = excluded.as_of";
        let columns = assignments::columns(of.segmentation_id, &kept);
        bulk_insert(tx, "assignment", &columns, tail).await?;
        Ok(changes)
    }
}

/// Who of these objects to profiling.
pub(crate) async fn objecting(
    tx: &DatabaseTransaction,
    customer_ids: &[String],
) -> Result<HashSet<String>> {
    let mut objecting = HashSet::new();
    for part in customer_ids.chunks(500) {
        let (marks, values) = sql::marks(part, 1);
        let text = format!(
            "SELECT customer_id FROM customer WHERE consent_profiling = 0 AND customer_id IN ({marks})"
        );
        objecting.extend(ids(&sql::query_all(tx, &text, values).await?)?);
    }
    Ok(objecting)
}

async fn persona_ids(
    tx: &DatabaseTransaction,
    segmentation_id: &str,
) -> Result<HashMap<u16, String>> {
    let text = "SELECT ordinal, persona_id FROM persona WHERE segmentation_id = $1";
    let rows = sql::query_all(tx, text, vec![segmentation_id.into()]).await?;
    let read = |row| {
        let mut columns = Columns::of(row);
        Ok((crate::personas::ordinal(columns.take()?)?, columns.take()?))
    };
    rows.iter().map(read).collect()
}

fn ids(rows: &[sea_orm::QueryResult]) -> Result<Vec<String>> {
    rows.iter().map(|row| Columns::of(row).take()).collect()
}

#[cfg(test)]
mod tests;
