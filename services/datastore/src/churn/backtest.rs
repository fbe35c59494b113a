//! What lists said, kept until their horizon is over, and how they came true.

use super::Outcome;
use crate::error::Result;
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Band, Definition, Quality};
use cx_analytics::time::DAY;
use sea_orm::DatabaseTransaction;
use std::collections::HashMap;

/// A list that is judged, or will be.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// The model.
    pub model_id: String,
    /// The version of the definition.
    pub version: i64,
    /// When the list was taken.
    pub as_of: Timestamp,
    /// When its horizon is over.
    pub ends_at: Timestamp,
    /// How it came true; none until it is judged.
    pub quality: Option<Quality>,
}

/// Most customers kept of a list: more would tell little more.
const KEPT: i64 = 50_000;

impl Store {
    /// The lists of a definition, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn churn_backtests(&self, definition_id: &str, limit: u64) -> Result<Vec<Backtest>> {
        let text = "SELECT churn_model_id, version, as_of, ends_at, quality FROM churn_backtest
                    WHERE churn_definition_id = $1 ORDER BY as_of DESC, churn_model_id LIMIT $2";
        let values = vec![definition_id.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
        let rows = sql::query_all(self.read(), text, values).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            let c = &mut columns;
            let (model_id, version, as_of, ends_at) =
                (c.take()?, c.take()?, c.instant()?, c.instant()?);
            let quality: Option<String> = c.take()?;
            let quality = quality.map(|text| parsed(&text, "quality of a list")).transpose()?;
            Ok(Backtest { model_id, version, as_of, ends_at, quality })
        };
        rows.iter().map(read).collect()
    }

    /// A list whose horizon was over by `now` and that is not judged yet.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn churn_backtest_due(&self, now: Timestamp) -> Result<Option<(String, Timestamp)>> {
        let text = "SELECT churn_model_id, as_of FROM churn_backtest
                    WHERE quality IS NULL AND ends_at <= $1 ORDER BY ends_at, churn_model_id LIMIT 1";
        let row = sql::query_one(self.read(), text, vec![now.micros().into()]).await?;
        row.map(|row| {
            let mut columns = Columns::of(&row);
            Ok((columns.take()?, columns.instant()?))
        })
        .transpose()
    }

    /// Judges a list by what became of its customers, and forgets what it said of each. None where there is no such list.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_backtest_judge(
        &self,
        model_id: &str,
        as_of: Timestamp,
    ) -> Result<Option<Quality>> {
        let values = || vec![model_id.into(), as_of.micros().into()];
        // A replica of before the last migration wrote none with the list.
        let text =
            "SELECT COALESCE(NULLIF(b.definition, ''), m.definition, '') FROM churn_backtest b
                    LEFT JOIN churn_model m ON m.churn_model_id = b.churn_model_id
                    WHERE b.churn_model_id = $1 AND b.as_of = $2";
        let Some(row) = sql::query_one(self.read(), text, values()).await? else { return Ok(None) };
        let definition: Definition =
            parsed(&Columns::of(&row).take::<String>()?, "definition of churn")?;
        let outcomes: HashMap<String, Outcome> =
            self.churn_outcomes(&definition, (as_of, None), None).await?;
        let text = "SELECT customer_id, probability FROM churn_forecast WHERE churn_model_id = $1 AND as_of = $2
                    ORDER BY customer_id";
        let (mut said, mut left) = (Vec::new(), Vec::new());
        for row in sql::query_all(self.long(), text, values()).await? {
            let mut columns = Columns::of(&row);
            let id: String = columns.take()?;
            said.push(columns.take::<f64>()?);
            left.push(!outcomes.get(&id).is_some_and(|outcome| outcome.stayed));
        }
        let quality = Quality::measure(&said, &left, definition.bands());
        let text = json(&quality, "quality")?;
        self.write_long(async |tx| {
            let judged =
                "UPDATE churn_backtest SET quality = $3 WHERE churn_model_id = $1 AND as_of = $2";
            let mut with = values();
            with.push(text.as_str().into());
            sql::execute(tx, judged, with).await?;
            let spent = "DELETE FROM churn_forecast WHERE churn_model_id = $1 AND as_of = $2";
            sql::execute(tx, spent, values()).await
        })
        .await?;
        Ok(Some(quality))
    }

    /// Keeps what the list of a live model says now, where the last one that was kept is a week old.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn churn_list_keep(
        &self,
        model_id: &str,
        horizon_days: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let text = "SELECT 1 FROM churn_backtest WHERE churn_model_id = $1 AND as_of > $2 LIMIT 1";
        let recent = vec![model_id.into(), now.days_before(7).micros().into()];
        if sql::query_one(self.read(), text, recent).await?.is_some() {
            return Ok(false);
        }
        self.write_long(async |tx| keep(tx, model_id, horizon_days, now).await).await?;
        Ok(true)
    }
}

/// Keeps what a list says: of at most so many customers, evenly spread over their ids.
pub(super) async fn keep(
    tx: &DatabaseTransaction,
    model_id: &str,
    horizon_days: i64,
    as_of: Timestamp,
) -> Result<()> {
    let ends_at = as_of.plus(horizon_days * DAY);
    let text = "INSERT INTO churn_backtest (churn_model_id, as_of, ends_at, churn_definition_id, version, definition)
                SELECT churn_model_id, $2, $3, churn_definition_id, version, definition FROM churn_model
                WHERE churn_model_id = $1 ON CONFLICT DO NOTHING";
    let values = vec![model_id.into(), as_of.micros().into(), ends_at.micros().into()];
    sql::execute(tx, text, values).await?;
    let text = format!(
        "INSERT INTO churn_forecast (customer_id, churn_model_id, as_of, probability)
         SELECT customer_id, churn_model_id, $2, probability FROM (
             SELECT customer_id, churn_model_id, probability, ROW_NUMBER() OVER (ORDER BY customer_id) AS place,
                    COUNT(*) OVER () AS customers
             FROM churn_risk WHERE churn_model_id = $1 AND band NOT IN ({gone}, {unknown})) r
         WHERE place % (1 + customers / {KEPT}) = 0
         ON CONFLICT DO NOTHING",
        gone = Band::Gone.code(),
        unknown = Band::InsufficientData.code(),
    );
    sql::execute(tx, &text, vec![model_id.into(), as_of.micros().into()]).await.map(|_| ())
}
