//! The API: a file for each service, the two borders to the domain, and what all services share.
//!
//! A handler reads: convert, call, convert. It holds no SQL, no arithmetic, and builds no status: that
//! is `status`'s. `from_proto` checks what comes in, `to_proto` writes what goes out.

pub mod alert;
pub mod audience;
pub mod churn;
pub mod codec;
mod compare;
pub mod customer;
mod explain;
pub mod feedback;
mod follow;
pub mod from_proto;
pub mod ingest;
pub mod journey;
pub mod layers;
mod members;
pub mod membership;
pub mod metrics;
pub(crate) mod moved;
pub mod page_token;
pub mod persona;
mod risks;
pub mod segmentation;
pub mod status;
pub mod to_proto;
pub mod webhook;

use cx_datastore::Store;
use tonic::service::Routes;

/// Largest message that is taken, in bytes after decompression.
pub const MAX_MESSAGE: usize = 1024 * 1024;

/// What the services work with. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The database.
    pub store: Store,
    /// Rung when there is a new job, so that the worker of this process need not wait for its timer.
    pub work: crate::work::Bell,
    /// What sends tests of webhooks, and says which URLs they may have.
    pub webhooks: crate::webhooks::Sender,
    /// Cancelled when the server goes down: streams without an end of their own end with it.
    pub stop: tokio_util::sync::CancellationToken,
}

/// A generated server with what is the same for all: the limit of messages, and compression both ways.
macro_rules! configured {
    ($server:ident, $handler:expr) => {
        $server::new($handler)
            .max_decoding_message_size($crate::grpc::MAX_MESSAGE)
            .accept_compressed(tonic::codec::CompressionEncoding::Gzip)
            .accept_compressed(tonic::codec::CompressionEncoding::Zstd)
            .send_compressed(tonic::codec::CompressionEncoding::Gzip)
            .send_compressed(tonic::codec::CompressionEncoding::Zstd)
    };
}
pub(crate) use configured;

/// Names of the services, as health and reflection tell them.
pub const SERVICES: [&str; 11] = [
    "cx.v1.IngestService",
    "cx.v1.CustomerService",
    "cx.v1.SegmentationService",
    "cx.v1.PersonaService",
    "cx.v1.MembershipService",
    "cx.v1.MetricsService",
    "cx.v1.JourneyService",
    "cx.v1.ChurnService",
    "cx.v1.AlertService",
    "cx.v1.FeedbackService",
    "cx.v1.WebhookService",
];

/// Every service of the API.
pub fn routes(api: &Api) -> Routes {
    let routes = Routes::default();
    let routes = ingest::add(routes, api);
    let routes = customer::add(routes, api);
    let routes = segmentation::add(routes, api);
    let routes = persona::add(routes, api);
    let routes = membership::add(routes, api);
    let routes = metrics::add(routes, api);
    let routes = journey::add(routes, api);
    let routes = churn::add(routes, api);
    let routes = alert::add(routes, api);
    let routes = feedback::add(routes, api);
    webhook::add(routes, api)
}
