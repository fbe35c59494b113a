//! How long models and their lists stay: the latest so many of each definition, and the active one. What became of a list stays.

use crate::error::Result;
use crate::jobs::{JobKind, JobState};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;

/// Risks removed in one transaction.
const PIECE: i64 = 20_000;

impl Store {
    /// Removes all but the latest `keep` models of each definition, with their lists, and trainings that failed more than 31 days ago (by
    /// these it is known that they were asked for); never an active model. Gives their number.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_models_prune(&self, keep: u64, now: Timestamp) -> Result<u64> {
        let text = "SELECT job_id FROM (
                        SELECT j.job_id, j.state, j.created_at, m.churn_model_id, ROW_NUMBER() OVER (
                            PARTITION BY j.state, m.churn_definition_id ORDER BY j.created_at DESC, j.job_id DESC) AS place
                        FROM job j LEFT JOIN churn_model m ON m.churn_model_id = j.job_id
                        WHERE j.kind = $1 AND j.state IN ($2, $3)
                          AND j.job_id NOT IN (SELECT churn_model_id FROM churn_definition WHERE churn_model_id IS NOT NULL)) r
                    WHERE (state = $2 AND (place > $4 OR churn_model_id IS NULL)) OR (state = $3 AND created_at < $5)";
        let values = vec![
            JobKind::ChurnTraining.code().into(),
            JobState::Succeeded.code().into(),
            JobState::Failed.code().into(),
            i64::try_from(keep).unwrap_or(i64::MAX).into(),
            now.days_before(31).micros().into(),
        ];
        let mut removed = 0;
        for row in sql::query_all(self.read(), text, values).await? {
            let id: String = Columns::of(&row).take()?;
            if !self.churn_model_remove(&id).await? {
                continue;
            }
            while self.churn_risks_remove(&id).await? > 0 {}
            // Last, so that a removal that was cut off is found again.
            let text = "DELETE FROM job WHERE job_id = $1";
            self.write(async |tx| sql::execute(tx, text, vec![id.as_str().into()]).await).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Removes a model, so that nobody reads its list any more. False where it is an active one.
    async fn churn_model_remove(&self, id: &str) -> Result<bool> {
        self.write(async |tx| {
            let active = "SELECT 1 FROM churn_definition WHERE churn_model_id = $1";
            if sql::query_one(tx, active, vec![id.into()]).await?.is_some() {
                return Ok(false);
            }
            let text = "DELETE FROM churn_model WHERE churn_model_id = $1";
            sql::execute(tx, text, vec![id.into()]).await?;
            Ok(true)
        })
        .await
    }

    async fn churn_risks_remove(&self, id: &str) -> Result<u64> {
        let text = "DELETE FROM churn_risk WHERE churn_model_id = $1 AND customer_id IN
                        (SELECT customer_id FROM churn_risk WHERE churn_model_id = $1 ORDER BY customer_id LIMIT $2)";
        self.write_long(async |tx| sql::execute(tx, text, vec![id.into(), PIECE.into()]).await)
            .await
    }
}
