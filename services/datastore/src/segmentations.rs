//! Segmentations: a fitted version is written whole, in one transaction with the end of its job, and never changed.

use crate::active::active_set_in;
use crate::error::{Error, Result};
use crate::jobs::{JobKind, job_finish};
use crate::sql::{self, Columns};
use crate::store::Store;
use crate::{assignments, personas};
use cx_analytics::Timestamp;
use cx_analytics::segmentation::{Fitted, PersonaModel, Report};
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a job found, to be written as it ends.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// The job, and so the segmentation.
    pub id: &'a str,
    /// Who holds the job's lease.
    pub owner: &'a str,
    /// The instant before which interactions were counted.
    pub as_of: Timestamp,
    /// What was found.
    pub fitted: &'a Fitted,
    /// Whether it becomes the active one.
    pub activate: bool,
}

impl Store {
    /// Publishes a segmentation: readers see nothing of it, or all. Nothing is written where the lease was lost.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn segmentation_publish(&self, of: Publication<'_>, now: Timestamp) -> Result<()> {
        let model = json(&of.fitted.model, "model")?;
        let report = json(&of.fitted.report, "report")?;
        let personas = personas::columns(of.id, &of.fitted.personas)?;
        let assignments = assignments::columns(of.id, &of.fitted.assignments);
        let write = async |tx: &DatabaseTransaction| {
            sql::execute(
                tx,
                "INSERT INTO segmentation (segmentation_id, as_of, model, report) VALUES ($1, $2, $3, $4)",
                vec![of.id.into(), of.as_of.micros().into(), model.as_str().into(), report.as_str().into()],
            )
            .await?;
            crate::connect::bulk_insert(tx, "persona", &personas, "").await?;
            crate::connect::bulk_insert(tx, "assignment", &assignments, "").await?;
            let members = of.fitted.assignments.iter().map(|a| a.customer_id.as_str()).collect();
            self.leave_out_erased(tx, members).await?;
            if of.activate {
                active_set_in(tx, JobKind::Segmentation, of.id, now).await?;
            }
            job_finish(tx, of.id, of.owner, now).await
        };
        self.write_long(write).await
    }

    /// The report of a segmentation that succeeded.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_report(&self, id: &str) -> Result<Option<Report>> {
        let found = self.segmentation_column(id, "report").await?;
        found.map(|(_, text)| parsed(&text, "report of a segmentation")).transpose()
    }

    /// The model of a segmentation, and the instant it was made for.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_model(&self, id: &str) -> Result<Option<(Timestamp, PersonaModel)>> {
        let found = self.segmentation_column(id, "model").await?;
        let model =
            |(at, text): (Timestamp, String)| Ok((at, parsed(&text, "model of a segmentation")?));
        found.map(model).transpose()
    }

    /// The instant before which a segmentation counted interactions.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_as_of(&self, id: &str) -> Result<Option<Timestamp>> {
        Ok(self.segmentation_column(id, "''").await?.map(|(at, _)| at))
    }

    async fn segmentation_column(
        &self,
        id: &str,
        column: &str,
    ) -> Result<Option<(Timestamp, String)>> {
        let sql = format!("SELECT as_of, {column} FROM segmentation WHERE segmentation_id = $1");
        let Some(row) = sql::query_one(self.read(), &sql, vec![id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        Ok(Some((columns.instant()?, columns.take()?)))
    }
}

/// A value as the text in which it is stored.
pub(crate) fn json(value: &impl Serialize, field: &'static str) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|_| Error::Invalid { field, rule: "cannot be written as JSON" })
}

/// A value from the text in which it was stored.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| Error::Corrupt { what })
}
