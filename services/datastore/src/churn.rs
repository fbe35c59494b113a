//! Churn models and the risks that they gave: written whole, in one transaction with the end of their job, and
//! never changed.

mod list;

pub use list::{RiskFilter, RiskKey, RiskOrder, RiskPage, StoredRisk};

use crate::active::active_set_in;
use crate::connect::{self, Column};
use crate::error::Result;
use crate::jobs::{Job, JobKind, job_finish};
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Definition, Model, Report, Risk};
use cx_analytics::interaction::Currency;
use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};

/// A model that was published.
#[derive(Debug, Clone, PartialEq)]
pub struct ChurnModel {
    /// The instant before which interactions were counted.
    pub as_of: Timestamp,
    /// What "left" means to it.
    pub definition: Definition,
    /// How well it did, and whom it scored.
    pub report: ChurnReport,
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
    pub risks: &'a [Risk],
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
        let risks = columns(id, of.model.report.currency, of.risks)?;
        let as_of = of.model.as_of.micros();
        let texts = [definition.as_str(), scorer.as_str(), report.as_str()];
        let write = async |tx: &DatabaseTransaction| {
            let [definition, scorer, report] = texts;
            sql::execute(
                tx,
                "INSERT INTO churn_model (churn_model_id, as_of, definition, model, report) VALUES ($1, $2, $3, $4, $5)",
                vec![id.into(), as_of.into(), definition.into(), scorer.into(), report.into()],
            )
            .await?;
            connect::bulk_insert(tx, "churn_risk", &risks, "").await?;
            let scored = of.risks.iter().map(|risk| risk.customer_id.as_str()).collect();
            self.leave_out_erased(tx, scored).await?;
            if of.job.activate {
                active_set_in(tx, JobKind::ChurnTraining, id, now).await?;
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
        let text = "SELECT as_of, definition, report FROM churn_model WHERE churn_model_id = $1";
        let Some(row) = sql::query_one(self.read(), text, vec![id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let as_of = columns.instant()?;
        let definition = parsed(&columns.take::<String>()?, "definition of churn")?;
        let report = parsed(&columns.take::<String>()?, "report of a churn model")?;
        Ok(Some(ChurnModel { as_of, definition, report }))
    }
}

fn columns(
    id: &str,
    currency: Option<Currency>,
    risks: &[Risk],
) -> Result<Vec<(&'static str, Column)>> {
    let reasons: Result<Vec<String>> =
        risks.iter().map(|risk| json(&risk.reasons, "reasons")).collect();
    let code = |risk: &Risk| risk.value_at_risk.and(currency).map(String::from);
    Ok(vec![
        ("customer_id", Column::Text(risks.iter().map(|risk| risk.customer_id.clone()).collect())),
        ("churn_model_id", Column::Text(vec![id.to_owned(); risks.len()])),
        ("probability", Column::F64(risks.iter().map(|risk| risk.probability).collect())),
        ("band", Column::I16(risks.iter().map(|risk| risk.band.code()).collect())),
        ("reasons", Column::Text(reasons?)),
        ("value_at_risk", Column::OptI64(risks.iter().map(|risk| risk.value_at_risk).collect())),
        ("currency", Column::OptText(risks.iter().map(code).collect())),
        (
            "last_activity_at",
            Column::I64(risks.iter().map(|risk| risk.last_activity_at.micros()).collect()),
        ),
    ])
}

#[cfg(test)]
mod tests;
