//! The server, in this process, on a free port, with a client for every service.

use cx_datastore::Store;
use cx_server::proto::{
    alert_service_client::AlertServiceClient, churn_service_client::ChurnServiceClient,
    customer_service_client::CustomerServiceClient, ingest_service_client::IngestServiceClient,
    journey_service_client::JourneyServiceClient,
    membership_service_client::MembershipServiceClient,
    metrics_service_client::MetricsServiceClient, persona_service_client::PersonaServiceClient,
    segmentation_service_client::SegmentationServiceClient,
    webhook_service_client::WebhookServiceClient,
};
use cx_server::serve::{self, Options, Running};
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use super::{Database, Engine};

/// A server on a database of its own. Dropped, it is cut off; see [`Server::stop`] for the orderly way.
pub struct Server {
    /// Its interactions.
    pub ingest: IngestServiceClient<Channel>,
    /// Its customers.
    pub customers: CustomerServiceClient<Channel>,
    /// Its segmentations.
    pub segmentations: SegmentationServiceClient<Channel>,
    /// Its personas.
    pub personas: PersonaServiceClient<Channel>,
    /// Who is in its personas.
    pub membership: MembershipServiceClient<Channel>,
    /// Its metrics.
    pub metrics: MetricsServiceClient<Channel>,
    /// Its journeys.
    pub journeys: JourneyServiceClient<Channel>,
    /// Its churn risks.
    pub churn: ChurnServiceClient<Channel>,
    /// Its alerts.
    pub alerts: AlertServiceClient<Channel>,
    /// Its webhooks.
    pub webhooks: WebhookServiceClient<Channel>,
    /// The same connection, for other services.
    pub channel: Channel,
    /// Its store, for what the API does not say.
    pub store: Store,
    running: Running,
    // Last, so that the database goes when nobody uses it any more.
    database: Database,
}

impl Server {
    /// Starts one on a new database, with a worker for runs.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, Options::default()).await
    }

    /// Starts one with these options; where to listen is chosen here.
    pub async fn start_with(engine: Engine, options: Options) -> Self {
        Self::start_on(Database::new(engine).await, options).await
    }

    /// Starts one on this database.
    pub async fn start_on(database: Database, options: Options) -> Self {
        let store = database.store().await;
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            drain: Duration::from_secs(5),
            ..options
        };
        let running = serve::start(store.clone(), options).await.unwrap();
        let channel = connect(&running).await;
        Self {
            ingest: IngestServiceClient::new(channel.clone()),
            customers: CustomerServiceClient::new(channel.clone()),
            segmentations: SegmentationServiceClient::new(channel.clone()),
            personas: PersonaServiceClient::new(channel.clone()),
            membership: MembershipServiceClient::new(channel.clone()),
            metrics: MetricsServiceClient::new(channel.clone()),
            journeys: JourneyServiceClient::new(channel.clone()),
            churn: ChurnServiceClient::new(channel.clone()),
            alerts: AlertServiceClient::new(channel.clone()),
            webhooks: WebhookServiceClient::new(channel.clone()),
            channel,
            store,
            running,
            database,
        }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address())
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.running.address()
    }

    /// Its database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Stops it in order, and hands over its database for another server.
    pub async fn stop(self) -> Database {
        let Self { running, database, .. } = self;
        running.stop().await;
        database
    }
}

async fn connect(running: &Running) -> Channel {
    Endpoint::try_from(format!("http://{}", running.address())).unwrap().connect().await.unwrap()
}

/// The reason of a refusal, as a client finds it: `ErrorInfo.reason`, of the domain "cx".
pub fn reason_of(status: &Status) -> String {
    let info =
        status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "cx");
    info.reason
}

/// The fields that a refusal names, each with its rule.
pub fn violations_of(status: &Status) -> Vec<(String, String)> {
    let request =
        status.get_details_bad_request().unwrap_or_else(|| panic!("no BadRequest in {status:?}"));
    request
        .field_violations
        .into_iter()
        .map(|violation| (violation.field, violation.description))
        .collect()
}
