//! `cx export churn`.

use super::{Cell, Destination, Kind, Rows};
use crate::config::Invalid;
use anyhow::Context;
use clap::Args;
use cx_datastore::{
    JobKind, Store,
    churn::{RiskFilter, RiskOrder, RiskPage},
};

/// Rows read at once: memory does not grow with the number of customers.
const PAGE: u64 = 5000;

const COLUMNS: [(&str, Kind); 11] = [
    ("customer_id", Kind::Text),
    ("probability", Kind::Float),
    ("band", Kind::Text),
    ("value_at_risk_minor", Kind::Integer),
    ("currency", Kind::Text),
    ("reason_1", Kind::Text),
    ("reason_2", Kind::Text),
    ("reason_3", Kind::Text),
    ("last_activity_at", Kind::Instant),
    ("persona_id", Kind::Text),
    ("as_of", Kind::Instant),
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
                let why = |place: usize| Cell::from(risk.reasons.get(place).map(|one| &one.text));
                rows.row(vec![
                    Cell::from(&risk.customer_id),
                    risk.probability.into(),
                    Cell::named(risk.band),
                    risk.value_at_risk.into(),
                    stored.value_at_risk.map(|money| money.currency.to_string()).into(),
                    why(0),
                    why(1),
                    why(2),
                    risk.last_activity_at.into(),
                    stored.persona_id.into(),
                    model.as_of.into(),
                ])?;
            }
        }
        rows.end()
    }
}
