//! `cx export churn`.

use super::{Cell, Destination, Kind, Rows};
use crate::config::Invalid;
use anyhow::Context;
use clap::Args;
use cx_analytics::churn::Reason;
use cx_datastore::{
    JobKind, Store,
    churn::{DEFAULT_DEFINITION, RiskFilter, RiskOrder, RiskPage},
};

/// Rows read at once: memory does not grow with the number of customers.
const PAGE: u64 = 5000;

const COLUMNS: [(&str, Kind); 22] = [
    ("customer_id", Kind::Text),
    ("probability", Kind::Float),
    ("probability_low", Kind::Float),
    ("probability_high", Kind::Float),
    ("band", Kind::Text),
    ("value_at_risk_minor", Kind::Integer),
    ("predicted_value_minor", Kind::Integer),
    ("value_to_date_minor", Kind::Integer),
    ("currency", Kind::Text),
    ("reason_1", Kind::Text),
    ("reason_2", Kind::Text),
    ("reason_3", Kind::Text),
    ("counter_reason_1", Kind::Text),
    ("counter_reason_2", Kind::Text),
    ("counter_reason_3", Kind::Text),
    ("last_activity_at", Kind::Instant),
    ("week_change", Kind::Float),
    ("persona_id", Kind::Text),
    ("as_of", Kind::Instant),
    ("churn_definition_id", Kind::Text),
    ("churn_definition_version", Kind::Integer),
    ("churn_model_id", Kind::Text),
];

/// Of which model, and where to.
#[derive(Debug, Args)]
pub(super) struct Risks {
    /// Which definition of churn
    #[arg(long, env = "CX_EXPORT_CHURN_DEFINITION", value_name = "ID", default_value = DEFAULT_DEFINITION)]
    definition: String,
    /// The churn model [default: the active one of the definition]
    #[arg(long, env = "CX_EXPORT_CHURN_MODEL", value_name = "ID")]
    model: Option<String>,
    #[command(flatten)]
    destination: Destination,
}

impl Risks {
    /// Writes the risks, each once, by customer id backwards: risks move while they are read.
    pub(super) async fn run(self, store: &Store) -> anyhow::Result<u64> {
        let id = match self.model {
            Some(id) => id,
            None => {
                let definition = store.churn_definition_get(&self.definition).await?;
                let reason = || format!("there is no churn definition {:?}", self.definition);
                let definition = definition.ok_or_else(|| Invalid {
                    key: "--definition (CX_EXPORT_CHURN_DEFINITION)",
                    reason: reason(),
                })?;
                definition.model_id.context("no churn model is active yet: run `cx churn train`")?
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
            order: RiskOrder::Customer,
            after: None,
            limit: PAGE,
        };
        loop {
            let risks = store.churn_risks_list(&page).await?;
            let Some(last) = risks.last() else { break };
            page.after = Some(last.key());
            for stored in risks {
                let risk = &stored.risk;
                let why = |reasons: &[Reason], place: usize| {
                    Cell::from(reasons.get(place).map(|one| &one.text))
                };
                let (low, high) = risk.interval.unzip();
                rows.row(vec![
                    Cell::from(&risk.customer_id),
                    risk.probability.into(),
                    low.into(),
                    high.into(),
                    Cell::named(risk.band),
                    risk.value.map(|value| value.at_risk).into(),
                    risk.value.map(|value| value.predicted).into(),
                    risk.value.map(|value| value.to_date).into(),
                    risk.value.and(stored.currency).map(|code| code.to_string()).into(),
                    why(&risk.reasons, 0),
                    why(&risk.reasons, 1),
                    why(&risk.reasons, 2),
                    why(&risk.counter_reasons, 0),
                    why(&risk.counter_reasons, 1),
                    why(&risk.counter_reasons, 2),
                    risk.last_activity_at.into(),
                    stored.week_before.map(|before| risk.probability - before).into(),
                    stored.persona_id.as_deref().into(),
                    stored.as_of.into(),
                    Cell::from(&model.definition_id),
                    model.version.into(),
                    Cell::from(&id),
                ])?;
            }
        }
        rows.end()
    }
}
