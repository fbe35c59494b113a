//! What would help: the drivers of a model's risks, gathered over its whole list.

use cx_analytics::churn::{DriverGroup, Drivers, Unit};
use cx_datastore::{
    Error, Store,
    churn::{RiskFilter, RiskOrder, RiskPage},
};

/// Rows read at once: memory does not grow with the number of customers.
const PAGE: u64 = 5000;
/// Drivers told of each group.
const MOST: usize = 10;

/// A group with what is typical of each driver: its unit, and the median.
pub type Told = (DriverGroup, Vec<(Unit, Option<f64>)>);

/// The groups of a model's risks.
pub async fn of(
    store: &Store,
    model_id: &str,
    segmentation_id: Option<&str>,
    filter: RiskFilter,
) -> Result<Vec<Told>, Error> {
    let Some(model) = store.churn_live_get(model_id).await? else { return Ok(Vec::new()) };
    let mut drivers = Drivers::default();
    // Risks move while they are read; who they are of does not.
    let order = RiskOrder::Customer;
    let mut page = RiskPage { model_id, segmentation_id, filter, order, after: None, limit: PAGE };
    loop {
        let risks = store.churn_risks_list(&page).await?;
        let Some(last) = risks.last() else { break };
        page.after = Some(last.key());
        for one in &risks {
            let persona = one.persona_id.as_deref().unwrap_or_default();
            drivers.add(persona, one.risk.band, &one.risk.drivers);
        }
    }
    let typical = |feature: &str| model.scorer.typical_of(feature).unwrap_or((Unit::Number, None));
    let told = |group: DriverGroup| {
        let typical = group.drivers.iter().map(|driver| typical(&driver.feature)).collect();
        (group, typical)
    };
    Ok(drivers.groups(MOST).into_iter().map(told).collect())
}
