//! `cx serve` as a process of its own, and one stream of interactions into it.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cx_server::proto::StreamInteractionsRequest;
use cx_server::proto::ingest_service_client::IngestServiceClient;
use cx_server::proto::metrics_service_client::MetricsServiceClient;
use tonic::transport::{Channel, Endpoint};

/// A command with the built binary.
pub fn cx() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cx"))
}

/// Migrates the database at a URL.
pub fn migrate(url: &str) {
    assert!(
        cx().args(["migrate", "--database", url])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
}

/// A process that is stopped when this is dropped.
struct Process(Child);

/// A server at work; stopped when dropped.
pub struct Server {
    _process: Process,
    client: IngestServiceClient<Channel>,
    channel: Channel,
}

impl Server {
    /// Starts one on a migrated database.
    pub async fn start(database: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = cx();
        command
            .args(["serve", "--database", database, "--listen", &address.to_string()])
            .stderr(Stdio::null());
        let process = Process(command.spawn().unwrap());
        let endpoint = Endpoint::try_from(format!("http://{address}")).unwrap();
        for _ in 0..400 {
            if let Ok(channel) = endpoint.connect().await {
                let client = IngestServiceClient::new(channel.clone());
                return Self { _process: process, client, channel };
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("cx serve does not listen on {address}");
    }

    /// Its metrics, of which answers may take minutes.
    pub fn metrics(&self) -> MetricsServiceClient<Channel> {
        MetricsServiceClient::new(self.channel.clone()).max_decoding_message_size(64 << 20)
    }

    /// Sends these batches on one stream, and returns the time until the last one was acknowledged.
    pub async fn stream(&mut self, batches: Vec<StreamInteractionsRequest>) -> Duration {
        let (count, records) =
            (batches.len(), batches.iter().map(|batch| batch.interactions.len() as i64).sum());
        let start = Instant::now();
        let mut answers = self
            .client
            .stream_interactions(tokio_stream::iter(batches))
            .await
            .unwrap()
            .into_inner();
        let (mut acknowledged, mut accepted) = (0, 0_i64);
        while let Some(answer) = answers.message().await.unwrap() {
            acknowledged += 1;
            accepted += answer.summary.unwrap().accepted;
        }
        assert_eq!(
            (acknowledged, accepted),
            (count, records),
            "everything is acknowledged and new"
        );
        start.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // By its own number: std can only kill, and the server should close its database in order.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
