//! `cx healthcheck`: asks a running server whether it serves, as a probe for containers.

use crate::config::Global;
use anyhow::{Context, bail};
use clap::Args;
use std::time::Duration;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Asks a running server whether it serves.
#[derive(Debug, Args)]
pub struct Healthcheck {
    /// Where the server listens
    #[arg(
        long,
        env = "CX_HEALTHCHECK_ADDRESS",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL"
    )]
    address: String,
    /// Which service to ask for, for example cx.v1.IngestService; empty for the whole
    #[arg(long, env = "CX_HEALTHCHECK_SERVICE", default_value = "", value_name = "NAME")]
    service: String,
    /// Seconds to wait for the answer
    #[arg(long, env = "CX_HEALTHCHECK_SECONDS", default_value_t = 3, value_name = "SECONDS")]
    seconds: u64,
}

impl Healthcheck {
    /// Does it.
    pub async fn run(self, _global: &Global) -> anyhow::Result<()> {
        let patience = Duration::from_secs(self.seconds);
        let endpoint = Endpoint::from_shared(self.address.clone())
            .map_err(|error| crate::config::Invalid {
                key: "CX_HEALTHCHECK_ADDRESS",
                reason: error.to_string(),
            })?
            .connect_timeout(patience)
            .timeout(patience);
        let channel =
            endpoint.connect().await.with_context(|| format!("no server at {}", self.address))?;
        let request = HealthCheckRequest { service: self.service };
        let answer = HealthClient::new(channel).check(request).await.map_err(|status| {
            anyhow::anyhow!("{}: {}", status.code().description(), status.message())
        })?;
        match answer.into_inner().status() {
            ServingStatus::Serving => {
                println!("SERVING");
                Ok(())
            }
            other => bail!("{}", other.as_str_name()),
        }
    }
}
