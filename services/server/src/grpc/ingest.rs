//! `IngestService`: takes interactions in, in calls and in streams.
//!
//! A record that breaks a rule is rejected by itself and keeps its place in the answer. An answer leaves
//! only after the commit; how records are stored, and which are duplicates, is the datastore's to know.

use super::{
    Api, configured, from_proto,
    layers::Meter,
    status::{self, Refusal},
};
use crate::{
    clock,
    proto::{
        FieldViolation, IngestInteractionsRequest, IngestInteractionsResponse, IngestItem,
        IngestOutcome, IngestSummary, Interaction as Wire, StreamInteractionsRequest,
        StreamInteractionsResponse,
        ingest_service_server::{IngestService, IngestServiceServer},
    },
};
use cx_analytics::Interaction;
use cx_datastore::{Outcome, Store};
use futures::{Stream, StreamExt, stream};
use prost::Message;
use std::{pin::Pin, sync::Arc};
use tonic::{Request, Response, Status, Streaming, service::Routes};

/// Most records in a batch.
const MAX_RECORDS: usize = 10_000;
/// Batches of one stream that are being stored at once. The stream is read no faster than these end.
const IN_FLIGHT: usize = 4;
/// Violations told in an answer; beyond them one for each record, so that it stays smaller than what
/// clients take.
const VIOLATIONS_TOLD: usize = 2000;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(IngestServiceServer, Handler { api: api.clone() }))
}

struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl IngestService for Handler {
    async fn ingest_interactions(
        &self,
        request: Request<IngestInteractionsRequest>,
    ) -> Result<Response<IngestInteractionsResponse>, Status> {
        let IngestInteractionsRequest { interactions, validate_only } = request.into_inner();
        let batch = Batch::convert(interactions)?;
        let (summary, items) = if validate_only {
            batch.look(&self.api.store).await?
        } else {
            batch.store(&self.api.store).await?
        };
        Ok(Response::new(IngestInteractionsResponse { summary: Some(summary), items }))
    }

    type StreamInteractionsStream =
        Pin<Box<dyn Stream<Item = Result<StreamInteractionsResponse, Status>> + Send>>;

    async fn stream_interactions(
        &self,
        request: Request<Streaming<StreamInteractionsRequest>>,
    ) -> Result<Response<Self::StreamInteractionsStream>, Status> {
        let Api { store, stop, .. } = self.api.clone();
        let stopped = stop.clone();
        // Who still sends when the server goes down is told so, after the answers to what was read.
        let end = stream::once(async move { stopped.is_cancelled() })
            .filter_map(async |stopped| stopped.then(|| Err(Refusal::ShuttingDown.into())));
        let meter = request.extensions().get::<Arc<Meter>>().cloned();
        let batches = request.into_inner().take_until(stop.cancelled_owned()).chain(end);
        let answers = batches
            .map(move |batch| acknowledge(store.clone(), meter.as_deref(), batch))
            .buffered(IN_FLIGHT);
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Stores one batch of a stream. What it holds in memory stays counted until it is stored.
fn acknowledge(
    store: Store,
    meter: Option<&Meter>,
    batch: Result<StreamInteractionsRequest, Status>,
) -> impl Future<Output = Result<StreamInteractionsResponse, Status>> + Send + use<> {
    let held = batch.as_ref().ok().zip(meter).map(|(batch, meter)| meter.take(batch.encoded_len()));
    async move {
        let StreamInteractionsRequest { batch_id, interactions } =
            batch.map_err(status::arrived)?;
        let (summary, items) = Batch::convert(interactions)?.store(&store).await?;
        drop(held);
        Ok(StreamInteractionsResponse { batch_id, summary: Some(summary), items })
    }
}

/// A batch, parted into what can be stored and what breaks a rule.
struct Batch {
    /// What can be stored, with its place in the batch.
    places: Vec<i32>,
    good: Vec<Interaction>,
    rejected: Vec<IngestItem>,
}

impl Batch {
    fn convert(wire: Vec<Wire>) -> Result<Self, Refusal> {
        if wire.is_empty() || wire.len() > MAX_RECORDS {
            let rule = format!("has {} records; 1 to {MAX_RECORDS} are taken", wire.len());
            return Err(Refusal::field("interactions", rule));
        }
        let mut batch = Self {
            places: Vec::with_capacity(wire.len()),
            good: Vec::with_capacity(wire.len()),
            rejected: Vec::new(),
        };
        let mut told = 0;
        for (index, wire) in (0..).zip(wire) {
            match from_proto::interaction(wire) {
                Ok(interaction) => {
                    batch.places.push(index);
                    batch.good.push(interaction);
                }
                Err(violations) => {
                    let most = if told < VIOLATIONS_TOLD { violations.len() } else { 1 };
                    told += most;
                    batch.rejected.push(rejected(index, violations.into_iter().take(most)));
                }
            }
        }
        Ok(batch)
    }

    /// Stores it; returns after the commit.
    async fn store(mut self, store: &Store) -> Result<(IngestSummary, Vec<IngestItem>), Refusal> {
        let outcomes = match std::mem::take(&mut self.good) {
            none if none.is_empty() => Vec::new(),
            good => store.interactions_record(good, clock::now()).await?,
        };
        Ok(self.tell(outcomes))
    }

    /// Finds out what storing it would do.
    async fn look(mut self, store: &Store) -> Result<(IngestSummary, Vec<IngestItem>), Refusal> {
        let outcomes = match std::mem::take(&mut self.good) {
            none if none.is_empty() => Vec::new(),
            good => store.interactions_check(good).await?,
        };
        Ok(self.tell(outcomes))
    }

    /// Counts, and every record that was not accepted in the order of the batch.
    fn tell(self, outcomes: Vec<Outcome>) -> (IngestSummary, Vec<IngestItem>) {
        let mut summary = IngestSummary {
            received: (self.places.len() + self.rejected.len()) as i64,
            rejected: self.rejected.len() as i64,
            ..IngestSummary::default()
        };
        let mut items = self.rejected;
        for (index, outcome) in self.places.into_iter().zip(outcomes) {
            let (count, outcome) = match outcome {
                Outcome::Accepted => (&mut summary.accepted, IngestOutcome::Accepted),
                Outcome::Duplicate => (&mut summary.duplicate, IngestOutcome::Duplicate),
                Outcome::Conflict => (&mut summary.conflict, IngestOutcome::Conflict),
                Outcome::Suppressed => (&mut summary.suppressed, IngestOutcome::Suppressed),
            };
            *count += 1;
            if outcome != IngestOutcome::Accepted {
                items.push(IngestItem { index, outcome: outcome.into(), violations: Vec::new() });
            }
        }
        items.sort_unstable_by_key(|item| item.index);
        (summary, items)
    }
}

fn rejected(index: i32, violations: impl Iterator<Item = from_proto::Violation>) -> IngestItem {
    let violations = violations.map(|violation| FieldViolation {
        field: format!("interactions[{index}].{}", violation.field),
        description: violation.description,
    });
    IngestItem { index, outcome: IngestOutcome::Rejected.into(), violations: violations.collect() }
}
