//! `cx export churn`.

use super::{Destination, Rows, instant};
use crate::config::Invalid;
use anyhow::Context;
use clap::Args;
use cx_datastore::{
    JobKind, Store,
    churn::{RiskFilter, RiskOrder, RiskPage},
};
use serde_json::json;

/// Rows read at once: memory does not grow with the number of customers.
const PAGE: u64 = 5000;

const COLUMNS: [&str; 11] = [
    "customer_id",
    "probability",
    "band",
    "value_at_risk_minor",
    "currency",
    "reason_1",
    "reason_2",
    "reason_3",
    "last_activity_at",
    "persona_id",
    "as_of",
];

/// Of which model, and where to.
#[derive(Debug, Args)]
pub(super) struct Risks {
    /// The churn model [default: the active one]
    #[arg(long, env = "CX_EXPORT_CHURN_MODEL", value_name = "ID")]
    model: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

impl Risks {
    /// Writes the risks, highest first.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        let id = match self.model {
            Some(id) => id,
            None => {
                let active = store.active_get(JobKind::ChurnTraining).await?;
                active.context("no churn model is active yet: run `cx churn train`")?
            }
        };
        let reason = || format!("there is no trained churn model {id:?}");
        let model = store.churn_model_get(&id).await?;
        let model = model
            .ok_or_else(|| Invalid { key: "--model (CX_EXPORT_CHURN_MODEL)", reason: reason() })?;
        let segmentation = store.active_get(JobKind::Segmentation).await?;
        let mut rows = Rows::begin(&self.destination, &COLUMNS)?;
        let mut page = RiskPage {
            model_id: &id,
            segmentation_id: segmentation.as_deref(),
            filter: RiskFilter::default(),
            order: RiskOrder::Probability,
            after: None,
            limit: PAGE,
        };
        loop {
            let risks = store.churn_risks_list(&page).await?;
            let Some(last) = risks.last() else { break };
            page.after = Some(last.key(page.order));
            for stored in risks {
                let risk = stored.risk;
                let why = |place: usize| json!(risk.reasons.get(place).map(|one| &one.text));
                rows.row(vec![
                    json!(risk.customer_id),
                    json!(risk.probability),
                    json!(risk.band),
                    json!(risk.value_at_risk),
                    json!(stored.value_at_risk.map(|money| money.currency)),
                    why(0),
                    why(1),
                    why(2),
                    instant(risk.last_activity_at),
                    json!(stored.persona_id),
                    instant(model.as_of),
                ])?;
            }
        }
        rows.end()
    }
}
