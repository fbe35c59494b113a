//! `cx export features`.

use super::{Cell, Kind, Rows, Version};
use anyhow::Context;
use cx_analytics::{Activity, Customer};
use cx_datastore::Store;
use futures::TryStreamExt;
use std::collections::HashMap;

/// Customers placed at once: memory does not grow with their number.
const PAGE: usize = 5000;

/// Writes the matrix of a segmentation: the coordinates, by customer id.
pub(super) async fn run(store: &Store, version: Version) -> anyhow::Result<u64> {
    let id = version.id(store).await?;
    let (as_of, model) = store.segmentation_model(&id).await?.context("the model is gone")?;
    let report = store.segmentation_report(&id).await?.context("the report is gone")?;
    let coordinates = model.coordinates().map(|name| (name, Kind::Float));
    let columns: Vec<_> = std::iter::once(("customer_id", Kind::Text)).chain(coordinates).collect();
    let mut rows = Rows::begin(&version.destination, &columns)?;
    let stream = store.activity_stream(as_of, report.currency).await?;
    let mut pages = stream.try_chunks(PAGE);
    while let Some(activities) = pages.try_next().await.map_err(|error| error.1)? {
        let known = if model.asks_attributes() {
            attributes(store, &activities).await?
        } else {
            HashMap::new()
        };
        let points = model.points(&activities, &|id| known.get(id), as_of);
        for (row, activity) in activities.iter().enumerate() {
            // k-means saw 32-bit numbers; written as the 64-bit ones of the same value, they read back exactly.
            let coordinates = points.row(row).iter().map(|&x| f64::from(x).into());
            let id = Cell::from(&activity.customer_id);
            rows.row(std::iter::once(id).chain(coordinates).collect())?;
        }
    }
    rows.end()
}

/// The attributes of these customers, of those who have any, by id.
async fn attributes(
    store: &Store,
    activities: &[Activity],
) -> anyhow::Result<HashMap<String, Customer>> {
    let ids: Vec<String> = activities.iter().map(|a| a.customer_id.clone()).collect();
    let found = store.customers_get(&ids).await?;
    Ok(found.into_iter().map(|customer| (customer.customer_id.clone(), customer)).collect())
}
