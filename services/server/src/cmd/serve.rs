//! `cx serve`: serves the API until it is told to stop.

use crate::{
    config::Global,
    serve, webhooks,
    work::{alerts::Looks, refresh::Freshness},
};
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
    /// Seconds from one look for new data to the next: whoever's data arrived is in the right persona that much later; 0 leaves that,
    /// churn risks and the training of churn models again to other replicas
    #[arg(long, env = "CX_REFRESH_SECONDS", default_value_t = 1.0, value_parser = seconds, value_name = "SECONDS")]
    pub refresh_seconds: f64,
    /// Hours after which a customer is looked at again of whom no data arrived
    #[arg(long, env = "CX_QUIET_HOURS", default_value_t = 24.0, value_parser = seconds, value_name = "HOURS")]
    pub quiet_hours: f64,
    /// Seconds from one look for answers that raise alerts to the next; 0 leaves alerts to other replicas
    #[arg(long, env = "CX_ALERT_SECONDS", default_value_t = 1.0, value_parser = seconds, value_name = "SECONDS")]
    pub alert_seconds: f64,
    /// Segmentations, and churn models of each definition, that stay beside the active one; older ones go with their members and
    /// lists, but not what was logged of them
    #[arg(long, env = "CX_KEEP_VERSIONS", default_value_t = 30, value_name = "NUMBER")]
    pub keep_versions: u64,
    /// Seconds that requests in flight may take after the order to stop
    #[arg(long, env = "CX_DRAIN_SECONDS", default_value_t = 25, value_name = "SECONDS")]
    pub drain_seconds: u64,
    /// Let webhooks have http URLs, and hosts of any address; else only https and public addresses
    #[arg(long, env = "CX_WEBHOOK_ALLOW_INSECURE")]
    pub webhook_allow_insecure: bool,
}

impl Serve {
    /// Every setting as it is by default, listening there.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: 1,
            refresh_seconds: 1.0,
            quiet_hours: 24.0,
            alert_seconds: 1.0,
            keep_versions: 30,
            drain_seconds: 25,
            webhook_allow_insecure: false,
        }
    }

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
            freshness: Freshness {
                interval: Duration::from_secs_f64(self.refresh_seconds),
                quiet: Duration::from_secs_f64(self.quiet_hours * 3600.0),
            },
            alerts: Looks {
                interval: Duration::from_secs_f64(self.alert_seconds),
                ..Looks::default()
            },
            keep_versions: self.keep_versions,
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

/// A number of seconds or hours: not negative, and no longer than a year of hours.
fn seconds(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    if (0.0..=8784.0).contains(&value) { Ok(value) } else { Err("is not in 0..=8784".to_owned()) }
}
