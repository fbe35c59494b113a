//! Keeping risks fresh: which models are live, and writing what was found of some customers with who crossed a band by that.

use super::log::{self, ChangeCause, NewChange};
use super::{ChurnReport, Scored, columns};
use crate::connect::{bulk_insert, hold_erasures};
use crate::duties::{Duty, held};
use crate::error::{Error, Result};
use crate::membership::positions;
use crate::refresh::objecting;
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Band, Definition, Model};
use cx_analytics::interaction::Currency;
use sea_orm::DatabaseTransaction;
use std::collections::HashMap;

/// A model whose risks are kept fresh.
#[derive(Debug, Clone)]
pub struct LiveModel {
    /// The model.
    pub id: String,
    /// Its definition.
    pub definition_id: String,
    /// What "left" means to it.
    pub definition: Definition,
    /// What scores customers.
    pub scorer: Model,
    /// Currency of values.
    pub currency: Option<Currency>,
}

/// What was found of some customers.
#[derive(Debug, Clone, Copy)]
pub struct Rescored<'a> {
    /// Under which model.
    pub model: &'a LiveModel,
    /// The instant at which they were looked at.
    pub as_of: Timestamp,
    /// Those who have a risk.
    pub risks: &'a [Scored],
    /// Those who have none any more, or not yet.
    pub none: &'a [String],
}

impl Store {
    /// The active models whose risks are kept fresh, each with the instant of its training.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_live(&self) -> Result<Vec<(String, Timestamp)>> {
        let text = "SELECT m.churn_model_id, m.as_of FROM churn_definition d
                    JOIN churn_model m ON m.churn_model_id = d.churn_model_id
                    WHERE m.live = 1 ORDER BY d.churn_definition_id";
        let rows = sql::query_all(self.read(), text, vec![]).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, columns.instant()?))
        };
        rows.iter().map(read).collect()
    }

    /// One of them, with what scores.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_live_get(&self, id: &str) -> Result<Option<LiveModel>> {
        let text = "SELECT churn_definition_id, definition, model, report FROM churn_model WHERE churn_model_id = $1";
        let Some(row) = sql::query_one(self.read(), text, vec![id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let definition_id = columns.take()?;
        let definition = parsed(&columns.take::<String>()?, "definition of churn")?;
        let scorer = parsed(&columns.take::<String>()?, "churn model")?;
        let report: ChurnReport = parsed(&columns.take::<String>()?, "report of a churn model")?;
        let (id, currency) = (id.to_owned(), report.currency);
        Ok(Some(LiveModel { id, definition_id, definition, scorer, currency }))
    }

    /// Writes what was found under an active model, and a change with this cause for everybody who crossed a band by that; gives their
    /// number. Nothing is written of who was looked at again meanwhile, was erased, or objects to profiling.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] where `owner` has not the duty any more, or another model became active; [`Error::Unavailable`].
    pub async fn churn_risks_refresh(
        &self,
        of: Rescored<'_>,
        (owner, cause): (&str, ChangeCause),
        now: Timestamp,
    ) -> Result<usize> {
        self.write_long(async |tx| {
            // First the log, as everybody who locks both does.
            positions(tx, 0, Timestamp::MIN).await?;
            let text = "SELECT 1 FROM churn_definition WHERE churn_definition_id = $1 AND churn_model_id = $2";
            let values = vec![of.model.definition_id.as_str().into(), of.model.id.as_str().into()];
            if sql::query_one(tx, text, values).await?.is_none() {
                return Err(Error::LeaseLost);
            }
            held(tx, Duty::Churn, owner).await?;
            let changes = self.put_risks(tx, of).await?;
            let what = (of.model.definition_id.as_str(), of.model.id.as_str(), cause);
            log::append(tx, &changes, what, now).await?;
            Ok(changes.len())
        })
        .await
    }

    async fn put_risks(
        &self,
        tx: &DatabaseTransaction,
        of: Rescored<'_>,
    ) -> Result<Vec<NewChange>> {
        let mut all: Vec<String> =
            of.risks.iter().map(|one| one.risk.customer_id.clone()).collect();
        all.extend_from_slice(of.none);
        hold_erasures(tx).await?;
        let erased = self.suppressed_among(tx, all.iter().map(String::as_str).collect()).await?;
        let objecting = objecting(tx, &all).await?;
        let before = before(tx, &of.model.id, &all).await?;
        let found: HashMap<&str, &Scored> =
            of.risks.iter().map(|one| (one.risk.customer_id.as_str(), one)).collect();
        let newer = |id: &str| before.get(id).is_some_and(|(_, as_of)| *as_of >= of.as_of);
        let (mut kept, mut gone, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for id in all.iter().filter(|id| !newer(id) && !erased.contains(id.as_str())) {
            let now = found.get(id.as_str()).copied().filter(|_| !objecting.contains(id));
            let from = before.get(id).map(|(band, _)| *band);
            match now {
                Some(scored) => kept.push(scored.clone()),
                None if from.is_some() => gone.push(id.clone()),
                None => continue,
            }
            let to = now.map(|scored| scored.risk.band);
            if from != to {
                let probability = now.map_or(0.0, |scored| scored.risk.probability);
                changes.push(NewChange { customer_id: id.clone(), from, to, probability });
            }
        }
        for part in gone.chunks(500) {
            let (marks, mut values) = sql::marks(part, 2);
            values.insert(0, of.model.id.as_str().into());
            let text = format!(
                "DELETE FROM churn_risk WHERE churn_model_id = $1 AND customer_id IN ({marks})"
            );
            sql::execute(tx, &text, values).await?;
        }
        let columns = columns((&of.model.id, of.as_of), of.model.currency, &kept)?;
        let updated: Vec<String> =
            columns[2..].iter().map(|(name, _)| format!("{name} = excluded.{name}")).collect();
        let tail = format!(
            "ON CONFLICT (customer_id, churn_model_id) DO UPDATE SET {}",
            updated.join(", ")
        );
        bulk_insert(tx, "churn_risk", &columns, &tail).await?;
        Ok(changes)
    }
}

/// The bands of customers, and up to when they were counted.
async fn before(
    tx: &DatabaseTransaction,
    model_id: &str,
    customers: &[String],
) -> Result<HashMap<String, (Band, Timestamp)>> {
    let mut before = HashMap::new();
    for part in customers.chunks(500) {
        let (marks, mut values) = sql::marks(part, 2);
        values.insert(0, model_id.into());
        let text = format!(
            "SELECT customer_id, band, as_of FROM churn_risk WHERE churn_model_id = $1 AND customer_id IN ({marks})"
        );
        for row in sql::query_all(tx, &text, values).await? {
            let mut columns = Columns::of(&row);
            let id = columns.take()?;
            let band = Band::from_code(columns.take()?).ok_or(Error::Corrupt { what: "band" })?;
            before.insert(id, (band, columns.instant()?));
        }
    }
    Ok(before)
}
