//! `cx export personas`.

use super::{Rows, Version, instant};
use cx_analytics::features::REGISTRY;
use cx_datastore::Store;
use serde_json::json;

const COLUMNS: [&str; 10] = [
    "segmentation_id",
    "persona_id",
    "name",
    "name_given",
    "description",
    "customers",
    "share",
    "typical_customer_id",
    "mean_squared_distance",
    "as_of",
];

/// Writes the personas, largest first.
pub(super) async fn run(store: &Store, version: Version) -> anyhow::Result<u64> {
    let id = version.id(store).await?;
    let figures = ["median", "mean", "lower_quartile", "upper_quartile", "effect_size"];
    let of_features: Vec<String> = (REGISTRY.iter())
        .flat_map(|feature| figures.map(|figure| format!("{}_{figure}", feature.name)))
        .collect();
    let columns: Vec<&str> =
        COLUMNS.into_iter().chain(of_features.iter().map(String::as_str)).collect();
    let mut rows = Rows::begin(&version.destination, &columns)?;
    for stored in store.personas_list(&id).await? {
        let (persona, label) = (stored.persona, stored.label);
        let mut row = vec![
            json!(stored.segmentation_id),
            json!(persona.persona_id),
            json!(label.name.as_ref().unwrap_or(&persona.name)),
            json!(label.name.is_some()),
            json!(label.description.as_ref().unwrap_or(&persona.description)),
            json!(persona.customers),
            json!(persona.share),
            json!(persona.typical_customer_id),
            json!(persona.mean_squared_distance),
            instant(stored.as_of),
        ];
        for feature in REGISTRY {
            // A persona of an older version may not know every feature of this one.
            let found = persona.features.iter().find(|found| found.name == feature.name);
            row.extend([
                json!(found.and_then(|f| f.median)),
                json!(found.and_then(|f| f.mean)),
                json!(found.and_then(|f| f.lower_quartile)),
                json!(found.and_then(|f| f.upper_quartile)),
                json!(found.map(|f| f.effect_size)),
            ]);
        }
        rows.row(row)?;
    }
    rows.end()
}
