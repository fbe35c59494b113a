//! The sweep after erasures: work that had begun before one may write about the erased customer after it.

use crate::clock;
use cx_datastore::Store;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// For how long who follows membership changes is told of an erasure, in days.
const NOTICE: i64 = 30;
/// How often is looked; cheap where nobody was erased of late.
const INTERVAL: Duration = Duration::from_secs(60);

/// Sweeps until `stop`. Every replica does; doing it twice does no harm.
pub(super) async fn forever(store: Store, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(INTERVAL) => {}
        }
        match store.suppressions_sweep(clock::now()).await {
            Ok(0) => {}
            Ok(customers) => {
                tracing::info!(customers, "removed what was written about erased customers")
            }
            Err(error) => tracing::warn!("cannot sweep after erasures: {error}"),
        }
        if let Err(error) = store.membership_notices_sweep(clock::now().days_before(NOTICE)).await {
            tracing::warn!("cannot remove old notices of erasures: {error}");
        }
    }
}
