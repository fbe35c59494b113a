//! Churn: definitions, models, and the risks that they gave, written whole in one transaction with the end of their job.

mod backtest;
mod definitions;
mod list;
mod log;
mod prune;
mod rescore;
mod standing;

pub use backtest::Backtest;
pub(crate) use definitions::activate;
pub use definitions::{ChurnDefinition, DEFAULT_DEFINITION};
pub use list::{RiskFilter, RiskKey, RiskOrder, RiskPage, StoredRisk};
pub use log::{BandChange, ChangeCause, ChangesOf};
pub use rescore::{LiveModel, Rescored};
pub use standing::Span;

use crate::connect::{self, Column};
use crate::error::Result;
use crate::jobs::{Job, job_finish};
use crate::membership::positions;
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Definition, Model, Report, Risk};
use cx_analytics::interaction::Currency;
use list::{Detail, urgency, value_at_risk};
use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};

/// A model that was published.
#[derive(Debug, Clone, PartialEq)]
pub struct ChurnModel {
    /// Its definition.
    pub definition_id: String,
    /// The version of that.
    pub version: i64,
    /// The instant before which interactions were counted.
    pub as_of: Timestamp,
    /// What "left" means to it.
    pub definition: Definition,
    /// How well it did, and whom it scored.
    pub report: ChurnReport,
    /// Whether its risks are kept fresh; else they are a picture of `as_of`.
    pub live: bool,
}

/// A training's report with what came of the scoring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChurnReport {
    /// How well the model did.
    #[serde(flatten)]
    pub training: Report,
    /// Customers scored at `as_of`.
    pub customers_scored: i64,
    /// Currency of values at risk.
    pub currency: Option<Currency>,
}

/// What a training came to, to be written as it ends.
#[derive(Debug, Clone, Copy)]
pub struct ChurnPublication<'a> {
    /// The job, and so the model.
    pub job: &'a Job,
    /// Who holds the job's lease.
    pub owner: &'a str,
    /// What readers see of the model.
    pub model: &'a ChurnModel,
    /// What scores customers.
    pub scorer: &'a Model,
    /// Everyone's risk.
    pub risks: &'a [Scored],
    /// The model in whose place it becomes the active one; without one in place of any.
    pub in_place_of: Option<&'a str>,
}

/// What became of a customer in the horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Whether they stayed, by the definition.
    pub stayed: bool,
    /// What they spent, in minor units of the currency asked for.
    pub spent: i64,
}

/// A risk as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The risk.
    pub risk: Risk,
    /// What the same model says of the customer a week before.
    pub week_before: Option<f64>,
}

impl Store {
    /// Publishes a model with its risks: readers see nothing of it, or all. Nothing is written where the lease was lost.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn churn_publish(&self, of: ChurnPublication<'_>, now: Timestamp) -> Result<()> {
        let id = of.job.id.as_str();
        let definition = json(&of.model.definition, "definition")?;
        let (scorer, report) = (json(of.scorer, "model")?, json(&of.model.report, "report")?);
        let risks = columns((id, of.model.as_of), of.model.report.currency, of.risks)?;
        let (as_of, version) = (of.model.as_of.micros(), of.model.version);
        let definition_id = of.model.definition_id.as_str();
        let live = i16::from(of.model.live);
        let texts = [definition.as_str(), scorer.as_str(), report.as_str()];
        let write = async |tx: &DatabaseTransaction| {
            let [definition, scorer, report] = texts;
            sql::execute(
                tx,
                "INSERT INTO churn_model (churn_model_id, as_of, definition, model, report, churn_definition_id, version, live)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                vec![
                    id.into(),
                    as_of.into(),
                    definition.into(),
                    scorer.into(),
                    report.into(),
                    definition_id.into(),
                    version.into(),
                    live.into(),
                ],
            )
            .await?;
            connect::bulk_insert(tx, "churn_risk", &risks, "").await?;
            let mut activates = of.job.activate;
            if activates {
                // First the log, as everybody who locks both does.
                positions(tx, 0, Timestamp::MIN).await?;
                let active = definitions::active_model(tx, definition_id).await?;
                // Somebody may have made another one active meanwhile, which stays.
                activates &= of.in_place_of.is_none_or(|old| active.as_deref() == Some(old));
            }
            let scored = of.risks.iter().map(|one| one.risk.customer_id.as_str()).collect();
            self.leave_out_erased(tx, scored).await?;
            backtest::keep(tx, id, of.model.definition.horizon_days(), of.model.as_of).await?;
            if activates {
                activate(tx, definition_id, (id, of.model.as_of), now).await?;
            }
            job_finish(tx, id, of.owner, now).await
        };
        self.write_long(write).await
    }

    /// A model that was published.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn churn_model_get(&self, id: &str) -> Result<Option<ChurnModel>> {
        let text = "SELECT churn_definition_id, version, as_of, definition, report, live FROM churn_model WHERE churn_model_id = $1";
        let Some(row) = sql::query_one(self.read(), text, vec![id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let (definition_id, version) = (columns.take()?, columns.take()?);
        let as_of = columns.instant()?;
        let definition = parsed(&columns.take::<String>()?, "definition of churn")?;
        let report = parsed(&columns.take::<String>()?, "report of a churn model")?;
        let live = columns.take::<i16>()? == 1;
        Ok(Some(ChurnModel { definition_id, version, as_of, definition, report, live }))
    }
}

fn columns(
    (id, as_of): (&str, Timestamp),
    currency: Option<Currency>,
    risks: &[Scored],
) -> Result<Vec<(&'static str, Column)>> {
    let detail = |one: &Scored| {
        let Risk { interval, reasons, counter_reasons, value, drivers, .. } = one.risk.clone();
        let week_before = one.week_before;
        json(&Detail { interval, reasons, counter_reasons, week_before, value, drivers }, "risk")
    };
    let details: Result<Vec<String>> = risks.iter().map(detail).collect();
    let code = |one: &Scored| one.risk.value.and(currency).map(String::from);
    let all = || risks.iter().map(|one| &one.risk);
    Ok(vec![
        ("customer_id", Column::Text(all().map(|risk| risk.customer_id.clone()).collect())),
        ("churn_model_id", Column::Text(vec![id.to_owned(); risks.len()])),
        ("as_of", Column::I64(vec![as_of.micros(); risks.len()])),
        ("probability", Column::F64(all().map(|risk| risk.probability).collect())),
        ("band", Column::I16(all().map(|risk| risk.band.code()).collect())),
        ("urgency", Column::I16(all().map(|risk| urgency(risk.band)).collect())),
        ("value_at_risk", Column::I64(all().map(value_at_risk).collect())),
        ("currency", Column::OptText(risks.iter().map(code).collect())),
        (
            "last_activity_at",
            Column::I64(all().map(|risk| risk.last_activity_at.micros()).collect()),
        ),
        ("detail", Column::Text(details?)),
    ])
}

#[cfg(test)]
mod tests;
