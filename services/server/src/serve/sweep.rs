//! What is swept now and then: erasures that were cut off, notices and versions whose time is over.

use crate::clock;
use cx_datastore::Store;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// For how long who follows membership changes or alerts is told of an erasure, in days.
const NOTICE: i64 = 30;
/// How often is looked; cheap where there is nothing.
const INTERVAL: Duration = Duration::from_secs(60);

/// Sweeps until `stop`. Every replica does; doing it twice does no harm.
pub(super) async fn forever(store: Store, keep_versions: u64, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(INTERVAL) => {}
        }
        match store.erasures_finish(clock::now()).await {
            Ok(0) => {}
            Ok(customers) => tracing::info!(customers, "finished erasures that were cut off"),
            Err(error) => tracing::warn!("cannot finish erasures: {error}"),
        }
        match store.segmentations_prune(keep_versions).await {
            Ok(0) => {}
            Ok(versions) => tracing::info!(versions, "removed old segmentations"),
            Err(error) => tracing::warn!("cannot remove old segmentations: {error}"),
        }
        match store.churn_models_prune(keep_versions, clock::now()).await {
            Ok(0) => {}
            Ok(models) => tracing::info!(models, "removed old churn models"),
            Err(error) => tracing::warn!("cannot remove old churn models: {error}"),
        }
        let before = clock::now().days_before(NOTICE);
        let swept =
            [store.membership_notices_sweep(before).await, store.alert_notices_sweep(before).await];
        for error in swept.into_iter().filter_map(Result::err) {
            tracing::warn!("cannot remove old notices of erasures: {error}");
        }
    }
}
