//! Health: the standard service, for the server as a whole ("") and for each service by name.
//!
//! Serving means that the database answers; a replica that has lost it should get no more calls.

use crate::grpc::SERVICES;
use cx_datastore::Store;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// How often the database is asked, and how long its answer may take.
const INTERVAL: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(2);

/// What health tells.
#[derive(Clone)]
pub(super) struct Health(HealthReporter);

impl Health {
    /// Serving, and the service that says so.
    pub(super) async fn new() -> (Self, HealthServer<HealthService>) {
        let reporter = HealthReporter::new();
        let health = Self(reporter.clone());
        health.tell(ServingStatus::Serving).await;
        (health, HealthServer::new(HealthService::from_health_reporter(reporter)))
    }

    /// Says that nothing is served any more.
    pub(super) async fn not_serving(&self) {
        self.tell(ServingStatus::NotServing).await;
    }

    /// Tells how the database is, until `stop`.
    pub(super) async fn follow(self, store: Store, stop: CancellationToken) {
        let mut well = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(INTERVAL) => {}
            }
            let answer = timeout(PATIENCE, store.ping()).await;
            let now_well = matches!(answer, Ok(Ok(())));
            // Told only where it changed, and not over the NOT_SERVING of a server that stops meanwhile.
            if now_well != well && !stop.is_cancelled() {
                well = now_well;
                tracing::warn!(reachable = well, "the database");
                self.tell(if well { ServingStatus::Serving } else { ServingStatus::NotServing })
                    .await;
            }
        }
    }

    async fn tell(&self, status: ServingStatus) {
        for name in [""].into_iter().chain(SERVICES) {
            self.0.set_service_status(name, status).await;
        }
    }
}
