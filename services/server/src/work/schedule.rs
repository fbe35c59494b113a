//! Asks for long work when it is due. Every replica looks at the clock; the database makes each run once.

use super::Bell;
use crate::clock;
use cx_datastore::{JobKind, Store};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often is looked: a run begins at most so much late.
const LOOK: Duration = Duration::from_secs(1);

/// Looks until `stop`.
pub async fn forever(store: Store, bell: Bell, stop: CancellationToken) {
    let mut failing = false;
    loop {
        let id = uuid::Uuid::now_v7().to_string();
        match store.schedule_run(JobKind::Segmentation, &id, clock::now()).await {
            Ok(made) => {
                failing = false;
                if made {
                    tracing::info!(job = id, "a scheduled segmentation is due");
                    bell.ring();
                }
            }
            Err(error) if !failing => {
                failing = true;
                tracing::warn!("cannot look at the schedule: {error}");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(LOOK) => {}
        }
    }
}
