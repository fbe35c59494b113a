//! Segmentations: a fitted version is published in one transaction with the end of its job, and never changed but for its
//! members, which stay fresh while it is active.
//!
//! Its assignments are written before, piece by piece, so that a million of them hold up nobody: as long as the version is not
//! published, nobody reads them. A worker that begins anew takes away what another has left.

use crate::assignments;
use crate::connect::{bulk_insert, hold_erasures};
use crate::error::{Error, Result};
use crate::jobs::{JobKind, job_finish, job_held};
use crate::membership::{Activation, activate};
use crate::personas;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::membership::Cause;
use cx_analytics::segmentation::{Assignment, Fitted, PersonaModel, Report};
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
    /// Whether its members are kept fresh while it is active.
    pub live: bool,
    /// Data that arrived before this instant were seen.
    pub seen_until: Timestamp,
    /// What was found.
    pub fitted: &'a Fitted,
    /// Whether it becomes the active one: only if the version against which that was decided is still the active one.
    pub activate: bool,
    /// That version; none where none was active.
    pub reference: Option<&'a str>,
}

/// The version that is active.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveSegmentation {
    /// The segmentation.
    pub id: String,
    /// Whether its members are kept fresh.
    pub live: bool,
}

/// Assignments in one transaction.
const PIECE: usize = 20_000;

impl Store {
    /// Writes the assignments of a segmentation that is about to be published. Nobody reads them before.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn segmentation_stage(&self, of: Publication<'_>) -> Result<()> {
        self.write_long(async |tx| {
            job_held(tx, of.id, of.owner).await?;
            let text = "DELETE FROM assignment WHERE segmentation_id = $1";
            sql::execute(tx, text, vec![of.id.into()]).await
        })
        .await?;
        for piece in of.fitted.assignments.chunks(PIECE) {
            self.write_long(async |tx| self.write_piece(tx, &of, piece).await).await?;
        }
        Ok(())
    }

    /// Publishes a segmentation whose assignments were written: readers see nothing of it, or all. Nothing is visible where the
    /// lease was lost. Tells whether it became the active one.
    ///
    /// # Errors
    /// [`Error::LeaseLost`], [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn segmentation_publish(&self, of: Publication<'_>, now: Timestamp) -> Result<bool> {
        let model = json(&of.fitted.model, "model")?;
        let report = json(&of.fitted.report, "report")?;
        let held = json(&held(&of.fitted.report), "report")?;
        let personas = personas::columns(of.id, &of.fitted.personas)?;
        let (examples, named) = personas::example_columns(of.id, &of.fitted.personas);
        self.write_long(async |tx| {
            let active = if of.activate { crate::membership::active(tx).await? } else { None };
            let activated = of.activate && active.as_deref() == of.reference;
            let report = if activated || !of.activate { &report } else { &held };
            sql::execute(
                tx,
                "INSERT INTO segmentation (segmentation_id, as_of, live, seen_until, model, report)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                vec![
                    of.id.into(),
                    of.as_of.micros().into(),
                    i16::from(of.live).into(),
                    of.seen_until.micros().into(),
                    model.as_str().into(),
                    report.as_str().into(),
                ],
            )
            .await?;
            bulk_insert(tx, "persona", &personas, "").await?;
            bulk_insert(tx, "persona_example", &examples, "").await?;
            if activated {
                let what = Activation { id: of.id, cause: Cause::Retrain };
                activate(tx, what, now).await?;
            }
            // After what takes long, because an erasure that waits for this holds up everybody who writes.
            self.leave_out_erased(tx, named).await?;
            job_finish(tx, of.id, of.owner, now).await?;
            Ok(activated)
        })
        .await
    }

    /// Writes some assignments of a version that nobody reads yet, but for those of customers who were erased meanwhile. An
    /// erasure that begins later finds them.
    async fn write_piece(
        &self,
        tx: &DatabaseTransaction,
        of: &Publication<'_>,
        piece: &[Assignment],
    ) -> Result<()> {
        job_held(tx, of.id, of.owner).await?;
        hold_erasures(tx).await?;
        let ids = piece.iter().map(|a| a.customer_id.as_str()).collect();
        let erased = self.suppressed_among(tx, ids).await?;
        let kept: Vec<&Assignment> =
            piece.iter().filter(|a| !erased.contains(a.customer_id.as_str())).collect();
        bulk_insert(tx, "assignment", &assignments::columns(of.id, &kept), "").await?;
        Ok(())
    }

    /// Makes a segmentation the active one, as a person asks for it, and writes who is in another persona by that. False where
    /// there is none such.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn segmentation_activate(&self, id: &str, now: Timestamp) -> Result<bool> {
        let what = Activation { id, cause: Cause::Manual };
        self.write_long(async |tx| activate(tx, what, now).await).await
    }

    /// The active segmentation, if any.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_active(&self) -> Result<Option<ActiveSegmentation>> {
        let text = "SELECT s.segmentation_id, s.live FROM active v
                    JOIN segmentation s ON s.segmentation_id = v.version_id WHERE v.kind = $1";
        let kind = JobKind::Segmentation.code();
        let Some(row) = sql::query_one(self.read(), text, vec![kind.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        Ok(Some(ActiveSegmentation { id: columns.take()?, live: columns.take::<i16>()? != 0 }))
    }

    /// The arrival before which data are in the assignments of a segmentation whose members are kept fresh while it is active;
    /// none of another one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_seen_until(&self, id: &str) -> Result<Option<Timestamp>> {
        let text = "SELECT seen_until FROM segmentation WHERE segmentation_id = $1 AND live = 1";
        let row = sql::query_one(self.read(), text, vec![id.into()]).await?;
        row.map(|row| Columns::of(&row).instant()).transpose()
    }

    /// The report of a segmentation that succeeded.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_report(&self, id: &str) -> Result<Option<Report>> {
        let sql = "SELECT report FROM segmentation WHERE segmentation_id = $1";
        let row = sql::query_one(self.read(), sql, vec![id.into()]).await?;
        let text: Option<String> = row.map(|row| Columns::of(&row).take()).transpose()?;
        text.map(|text| parsed(&text, "report of a segmentation")).transpose()
    }

    /// The model of a segmentation, and the instant it was made for.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn segmentation_model(&self, id: &str) -> Result<Option<(Timestamp, PersonaModel)>> {
        let sql = "SELECT as_of, model FROM segmentation WHERE segmentation_id = $1";
        let Some(row) = sql::query_one(self.read(), sql, vec![id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let as_of = columns.instant()?;
        Ok(Some((as_of, parsed(&columns.take::<String>()?, "model of a segmentation")?)))
    }
}

/// The report of a version that was to become the active one, and was made against one that is not the active one any more.
fn held(report: &Report) -> Report {
    let mut report = report.clone();
    if let Some(decision) = &mut report.activation {
        decision.activated = false;
        decision.reasons.push("another version became active while this one was made".to_owned());
    }
    report
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
