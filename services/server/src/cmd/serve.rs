//! `cx serve`: serves the API until it is told to stop.

use crate::{config::Global, serve, webhooks};
use anyhow::Context;
use clap::Args;
use std::{net::SocketAddr, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Serves the API until SIGTERM or SIGINT.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(long, env = "CX_LISTEN", default_value = "127.0.0.1:50051", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Segmentations and trainings worked on at once; 0 leaves them to other replicas
    #[arg(long, env = "CX_WORKERS", default_value_t = 1, value_name = "NUMBER")]
    pub workers: usize,
    /// Seconds that requests in flight may take after the order to stop
    #[arg(long, env = "CX_DRAIN_SECONDS", default_value_t = 25, value_name = "SECONDS")]
    pub drain_seconds: u64,
    /// Let webhooks have http URLs, and hosts of any address; else only https and public addresses
    #[arg(long, env = "CX_WEBHOOK_ALLOW_INSECURE")]
    pub webhook_allow_insecure: bool,
}

impl Serve {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        // First of all: an order to stop that comes while starting must not be lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let store = global.connect().await?;
        // A file that only this process uses is migrated by it; a server that others use, by a deliberate step.
        if store.is_embedded() {
            store.migrate().await?;
        } else {
            store.schema_check().await?;
        }
        let options = serve::Options {
            listen: self.listen,
            workers: self.workers,
            drain: Duration::from_secs(self.drain_seconds),
            webhooks: webhooks::Options {
                allow_insecure: self.webhook_allow_insecure,
                ..webhooks::Options::default()
            },
        };
        let running = serve::start(store, options)
            .await
            .with_context(|| format!("CX_LISTEN {}", self.listen))?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.stop().await;
        Ok(())
    }
}
