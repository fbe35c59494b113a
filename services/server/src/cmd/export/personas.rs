//! `cx export personas`.

use super::{Cell, Kind, Rows, Version};
use cx_analytics::features::REGISTRY;
use cx_datastore::Store;

const COLUMNS: [(&str, Kind); 13] = [
    ("segmentation_id", Kind::Text),
    ("persona_id", Kind::Text),
    ("name", Kind::Text),
    ("name_given", Kind::Flag),
    ("description", Kind::Text),
    ("customers", Kind::Integer),
    ("share", Kind::Float),
    ("typical_customer_id_1", Kind::Text),
    ("typical_customer_id_2", Kind::Text),
    ("typical_customer_id_3", Kind::Text),
    ("edge_customer_id", Kind::Text),
    ("mean_squared_distance", Kind::Float),
    ("as_of", Kind::Instant),
];

/// Writes the personas, largest first.
pub(super) async fn run(store: &Store, version: Version) -> anyhow::Result<u64> {
    let id = version.id(store).await?;
    let figures = ["median", "mean", "lower_quartile", "upper_quartile", "effect_size"];
    let of_features: Vec<String> = (REGISTRY.iter())
        .flat_map(|feature| figures.map(|figure| format!("{}_{figure}", feature.name)))
        .collect();
    let of_features = of_features.iter().map(|name| (name.as_str(), Kind::Float));
    let columns: Vec<_> = COLUMNS.into_iter().chain(of_features).collect();
    let mut rows = Rows::begin(&version.destination, &columns)?;
    for stored in store.personas_list(&id).await? {
        let (persona, label) = (stored.persona, stored.label);
        let typical = |place: usize| Cell::from(persona.typical_customer_ids.get(place));
        let mut row = vec![
            Cell::from(stored.segmentation_id),
            persona.persona_id.into(),
            label.name.as_ref().unwrap_or(&persona.name).into(),
            label.name.is_some().into(),
            label.description.as_ref().unwrap_or(&persona.description).into(),
            persona.customers.into(),
            persona.share.into(),
            typical(0),
            typical(1),
            typical(2),
            Some(persona.edge_customer_id).filter(|id| !id.is_empty()).into(),
            persona.mean_squared_distance.into(),
            stored.as_of.into(),
        ];
        for feature in REGISTRY {
            // A persona of an older version may not know every feature of this one.
            let found = persona.features.iter().find(|found| found.name == feature.name);
            row.extend([
                Cell::from(found.and_then(|f| f.median)),
                found.and_then(|f| f.mean).into(),
                found.and_then(|f| f.lower_quartile).into(),
                found.and_then(|f| f.upper_quartile).into(),
                found.map(|f| f.effect_size).into(),
            ]);
        }
        rows.row(row)?;
    }
    rows.end()
}
