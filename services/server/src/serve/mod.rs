//! A running server: the listener, the services, health, the workers, and the way down.
//!
//! Knows nothing of the command line, so that tests start the same server on a free port.

mod health;
mod listen;
mod reflection;
mod sweep;

use crate::{
    grpc::{self, Api, layers},
    webhooks, work,
};
use cx_datastore::Store;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Segmentations and trainings that this process works on at once; 0 leaves them to other replicas.
    pub workers: usize,
    /// How fresh the members of the active segmentation are kept.
    pub freshness: work::refresh::Freshness,
    /// How often rules of alerts are looked at.
    pub alerts: work::alerts::Looks,
    /// How long requests in flight may take after the order to stop.
    pub drain: Duration,
    /// How many segmentations, and churn models of each definition, stay beside the active one.
    pub keep_versions: u64,
    /// How webhooks are sent.
    pub webhooks: webhooks::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50051)),
            workers: 1,
            freshness: work::refresh::Freshness::default(),
            alerts: work::alerts::Looks::default(),
            drain: Duration::from_secs(25),
            keep_versions: 30,
            webhooks: webhooks::Options::default(),
        }
    }
}

/// A server at work.
pub struct Running {
    address: SocketAddr,
    store: Store,
    health: health::Health,
    stop: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
    background: TaskTracker,
    drain: Duration,
}

/// Starts serving from a database whose schema is as it should be. Ready when this returns.
pub async fn start(store: Store, options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let sender = webhooks::Sender::new(&options.webhooks)?;
    let api = Api {
        store: store.clone(),
        work: work::Bell::default(),
        webhooks: sender.clone(),
        stop: stop.clone(),
    };
    let (health, health_service) = health::Health::new().await;
    let routes = reflection::add(grpc::routes(&api)).add_service(health_service);
    let chain = layers::around(routes, stop.clone());

    let (connections, background) = (TaskTracker::new(), TaskTracker::new());
    background.spawn(listen::accept(
        listener,
        chain,
        stop.clone(),
        cut.clone(),
        connections.clone(),
    ));
    background.spawn(health.clone().follow(store.clone(), stop.clone()));
    background.spawn(sweep::forever(store.clone(), options.keep_versions, stop.clone()));
    background.spawn(webhooks::forever(store.clone(), sender, options.webhooks, stop.clone()));
    background.spawn(work::refresh::forever(store.clone(), options.freshness, stop.clone()));
    background.spawn(work::rescore::forever(store.clone(), options.freshness, stop.clone()));
    background.spawn(work::alerts::forever(store.clone(), options.alerts, stop.clone()));
    background.spawn(work::voice::forever(store.clone(), options.freshness.interval, stop.clone()));
    background.spawn(work::schedule::forever(store.clone(), api.work.clone(), stop.clone()));
    for _ in 0..options.workers {
        background.spawn(work::work_forever(store.clone(), api.work.clone(), stop.clone()));
    }
    tracing::info!(%address, "serving");
    Ok(Running { address, store, health, stop, cut, connections, background, drain: options.drain })
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Goes down in order: health says NOT_SERVING, nothing new is accepted, what is in flight may finish
    /// until the drain time is over, then it is cut off.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.health.not_serving().await;
        self.stop.cancel();
        self.connections.close();
        self.background.close();
        if timeout(self.drain, self.connections.wait()).await.is_err() {
            tracing::warn!(
                connections = self.connections.len(),
                "drain time is over: cutting connections"
            );
        }
        self.cut.cancel();
        // Workers stop between steps; a lease that is left behind ends by itself.
        if timeout(Duration::from_secs(2), self.background.wait()).await.is_err() {
            tracing::warn!("work in hand is left to another replica");
        }
        self.store.clone().close().await;
        tracing::info!("stopped");
    }
}

/// Dropped, it is cut off: nothing of it goes on.
impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.cut.cancel();
    }
}
