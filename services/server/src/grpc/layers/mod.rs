//! What every request passes on its way in, and every answer on its way out: one chain, outermost first.
//!
//! Each step mends a default of the stack below that hurts under load or hides the truth. Steps know HTTP
//! and gRPC framing; they know no message and no service but for the list of streams.

mod budget;
mod closing;
mod deadline;
mod explain;
mod overload;
mod panics;
mod record;
mod sealed;
#[cfg(test)]
mod tests;

pub use budget::Meter;

use super::status::Refusal;
use http::{Request, Response};
use hyper::body::Incoming;
use std::{convert::Infallible, future::Future};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, service::Routes};
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

/// The rest of the chain.
type Next = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;
/// The whole chain, as a connection calls it.
pub type Chain = BoxCloneSyncService<Request<Incoming>, Response<Body>, Infallible>;

/// Methods whose answer is a stream, which may take as long as it takes.
const STREAMS: [&str; 9] = [
    "/cx.v1.IngestService/StreamInteractions",
    "/cx.v1.CustomerService/ExportCustomer",
    "/cx.v1.SegmentationService/WatchSegmentation",
    "/cx.v1.PersonaService/ExportPersonaMembers",
    "/cx.v1.MembershipService/WatchMembershipChanges",
    "/cx.v1.MembershipService/ExportAudience",
    "/cx.v1.AlertService/WatchAlerts",
    "/cx.v1.ChurnService/ExportChurnRisks",
    "/cx.v1.ChurnService/WatchChurnRisks",
];

/// Puts the chain around the services. Read it from the bottom: the last step is the outermost.
pub fn around(routes: Routes, stop: CancellationToken) -> Chain {
    let next = Next::new(routes.prepare());
    // Watches end when the server goes down.
    let next = step(next, closing::at(stop));
    // Refusals that tonic makes by itself, in our words and with our reasons.
    let next = step(next, explain::explain);
    // Bytes of requests held in memory, over all connections.
    let next = step(next, budget::within(budget::Total::default()));
    // Requests in hand, over all connections: beyond them OVERLOADED at once rather than late for all.
    let next = step(next, overload::limit());
    // The caller's deadline, or one of ours: DEADLINE_EXCEEDED, where tonic would say CANCELLED.
    let next = step(next, deadline::within(deadline::DEFAULT));
    // A panic ends one request, with INTERNAL, and not its connection.
    let next = step(next, panics::catch);
    // One line in the log for each request, whatever became of it.
    let next = step(next, record::record);
    Chain::new(next.map_request(|request: Request<Incoming>| request.map(Body::new)))
}

/// Puts one step before the rest.
fn step<F, Fut>(next: Next, step: F) -> Next
where
    F: Fn(Request<Body>, Next) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    Next::new(service_fn(move |request| {
        let answer = step(request, next.clone());
        async move { Ok(answer.await) }
    }))
}

/// Goes on with the rest of the chain, which never fails: errors are answers.
async fn go_on(mut next: Next, request: Request<Body>) -> Response<Body> {
    match next.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The answer that is a refusal.
fn refuse(refusal: Refusal) -> Response<Body> {
    Status::from(refusal).into_http()
}

/// Whether a path is one of the API's own, rather than health or reflection.
fn is_ours(path: &str) -> bool {
    path.starts_with("/cx.v1.")
}
