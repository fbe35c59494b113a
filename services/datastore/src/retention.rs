//! How long versions stay: the latest so many and the active one. The others go, and with them the assignments of runs that
//! failed, piece by piece, so that a million rows hold up nobody.

use crate::error::Result;
use crate::jobs::{JobKind, JobState};
use crate::membership::active;
use crate::sql::{self, Columns};
use crate::store::Store;

/// Assignments removed in one transaction.
const PIECE: i64 = 20_000;

impl Store {
    /// Removes all but the latest `keep` segmentations, by when they were made or ceased to be the active one, and all but so many
    /// failed runs; never the active one. Then the assignments that belong to none. Gives the number of segmentations and runs.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn segmentations_prune(&self, keep: u64) -> Result<u64> {
        let text =
            "SELECT j.job_id FROM job j LEFT JOIN segmentation s ON s.segmentation_id = j.job_id
                    WHERE j.kind = $1 AND j.state = $2
                      AND j.job_id NOT IN (SELECT version_id FROM active WHERE kind = $1)
                    ORDER BY COALESCE(s.active_until, j.created_at) DESC, j.job_id DESC";
        let mut removed = 0;
        for state in [JobState::Succeeded, JobState::Failed] {
            let values = vec![JobKind::Segmentation.code().into(), state.code().into()];
            let rows = sql::query_all(self.read(), text, values).await?;
            for row in rows.iter().skip(usize::try_from(keep).unwrap_or(usize::MAX)) {
                let id: String = Columns::of(row).take()?;
                removed += u64::from(self.segmentation_remove(&id).await?);
            }
        }
        for id in self.assigned_to_none().await? {
            while self.assignments_remove(&id).await? > 0 {}
        }
        Ok(removed)
    }

    /// Removes everything of a version but its assignments, which nobody reads any more. False where it is the active one.
    async fn segmentation_remove(&self, id: &str) -> Result<bool> {
        self.write_long(async |tx| {
            if active(tx).await?.as_deref() == Some(id) {
                return Ok(false);
            }
            for (table, key) in [
                ("persona_example", "segmentation_id"),
                ("persona", "segmentation_id"),
                ("segmentation", "segmentation_id"),
                ("job", "job_id"),
            ] {
                let text = format!("DELETE FROM {table} WHERE {key} = $1");
                sql::execute(tx, &text, vec![id.into()]).await?;
            }
            Ok(true)
        })
        .await
    }

    /// The ids under which there are assignments, but neither a segmentation nor a run that may still publish one.
    async fn assigned_to_none(&self) -> Result<Vec<String>> {
        // From one id to the next, so that the assignments between are not read.
        let text = "WITH RECURSIVE found (id) AS (
                        SELECT MIN(segmentation_id) FROM assignment
                        UNION ALL
                        SELECT (SELECT MIN(a.segmentation_id) FROM assignment a WHERE a.segmentation_id > f.id)
                        FROM found f WHERE f.id IS NOT NULL)
                    SELECT f.id FROM found f WHERE f.id IS NOT NULL
                      AND NOT EXISTS (SELECT 1 FROM segmentation s WHERE s.segmentation_id = f.id)
                      AND NOT EXISTS (SELECT 1 FROM job j WHERE j.job_id = f.id AND j.state IN (1, 2))";
        let rows = sql::query_all(self.long(), text, vec![]).await?;
        rows.iter().map(|row| Columns::of(row).take()).collect()
    }

    async fn assignments_remove(&self, id: &str) -> Result<u64> {
        let text = "DELETE FROM assignment WHERE segmentation_id = $1 AND customer_id IN
                        (SELECT customer_id FROM assignment WHERE segmentation_id = $1 ORDER BY customer_id LIMIT $2)";
        self.write_long(async |tx| sql::execute(tx, text, vec![id.into(), PIECE.into()]).await)
            .await
    }
}
