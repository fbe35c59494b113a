//! `MembershipService`: who is in which persona and why, and how that changes.

use super::{
    Api, audience, configured, explain,
    follow::{Follow, From, TOLD},
    from_proto::Violations,
    page_token,
    persona::assignments,
    segmentation::{active, meant},
    status::Refusal,
    to_proto,
};
use crate::clock;
use crate::proto::{
    BatchGetAssignmentsRequest, BatchGetAssignmentsResponse, ExplainAssignmentRequest,
    ExplainAssignmentResponse, ExportAudienceRequest, ExportAudienceResponse,
    ListMembershipChangesRequest, ListMembershipChangesResponse, WatchMembershipChangesRequest,
    WatchMembershipChangesResponse,
    membership_service_server::{MembershipService, MembershipServiceServer},
    watch_membership_changes_request::Start,
};
use cx_analytics::membership::Change;
use futures::stream::BoxStream;
use std::collections::HashSet;
use tonic::{Request, Response, Status, service::Routes};

/// Most customers of a batch.
const MOST_CUSTOMERS: usize = 1000;
/// Most personas of a watch.
const MOST_PERSONAS: usize = 50;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(MembershipServiceServer, Handler { api: api.clone() }))
}

struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl MembershipService for Handler {
    type WatchMembershipChangesStream =
        BoxStream<'static, Result<WatchMembershipChangesResponse, Status>>;
    type ExportAudienceStream = BoxStream<'static, Result<ExportAudienceResponse, Status>>;

    async fn batch_get_assignments(
        &self,
        request: Request<BatchGetAssignmentsRequest>,
    ) -> Result<Response<BatchGetAssignmentsResponse>, Status> {
        let ids = customers(request.into_inner().customer_ids)?;
        let as_of = clock::now();
        let segmentation_id = active(&self.api).await?;
        let found = self.api.store.assignments_get(&segmentation_id, &ids).await;
        let mut found = assignments(&self.api, &segmentation_id, found.map_err(Refusal::from)?)
            .await?
            .into_iter()
            .map(|assignment| (assignment.customer_id.clone(), assignment))
            .collect::<std::collections::HashMap<_, _>>();
        let (mut assignments, mut not_assigned) = (Vec::new(), Vec::new());
        for id in ids {
            match found.remove(&id) {
                Some(assignment) => assignments.push(assignment),
                None => not_assigned.push(id),
            }
        }
        let as_of = Some(to_proto::timestamp(as_of));
        let answer =
            BatchGetAssignmentsResponse { assignments, not_assigned, segmentation_id, as_of };
        Ok(Response::new(answer))
    }

    async fn explain_assignment(
        &self,
        request: Request<ExplainAssignmentRequest>,
    ) -> Result<Response<ExplainAssignmentResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let customer_id = v.id("customer_id", request.customer_id);
        v.refuse()?;
        let segmentation_id = meant(&self.api, request.segmentation_id).await?;
        let explanation = explain::explanation(&self.api, &segmentation_id, customer_id).await?;
        Ok(Response::new(ExplainAssignmentResponse { explanation: Some(explanation) }))
    }

    async fn list_membership_changes(
        &self,
        request: Request<ListMembershipChangesRequest>,
    ) -> Result<Response<ListMembershipChangesResponse>, Status> {
        let request = request.into_inner();
        let scope = ["ListMembershipChanges", &request.customer_id, &request.persona_id];
        let size = page_token::page_size(request.page_size)?;
        let before: Option<i64> = page_token::read(&request.page_token, &scope)?;
        let mut v = Violations::new();
        let customer_id = v.optional_id("customer_id", request.customer_id.clone());
        let persona_id = v.optional_id("persona_id", request.persona_id.clone());
        v.refuse()?;
        let list = self.api.store.membership_changes_list(
            customer_id.as_deref(),
            persona_id.as_deref(),
            before,
            size + 1,
        );
        let mut changes = list.await.map_err(Refusal::from)?;
        let more = changes.len() as u64 > size;
        changes.truncate(size as usize);
        let last = changes.last().filter(|_| more).map(|last| last.position);
        let next_page_token =
            last.map_or_else(String::new, |last| page_token::issue(&scope, &last));
        let changes = changes.into_iter().map(to_proto::membership_change).collect();
        Ok(Response::new(ListMembershipChangesResponse { changes, next_page_token }))
    }

    async fn watch_membership_changes(
        &self,
        request: Request<WatchMembershipChangesRequest>,
    ) -> Result<Response<Self::WatchMembershipChangesStream>, Status> {
        let request = request.into_inner();
        let personas = personas(&request.persona_ids)?;
        let mut scope = vec!["WatchMembershipChanges".to_owned()];
        scope.extend(personas.iter().cloned());
        let start = match Start::try_from(request.start) {
            Ok(Start::Earliest) => From::Earliest,
            Ok(Start::Now | Start::Unspecified) => From::Now,
            Err(_) => {
                let rule = format!("{} is not one of its values", request.start);
                return Err(Refusal::field("start", rule).into());
            }
        };
        let follow = Follow::begin(&self.api, scope, &request.resume_token, start).await?;
        let store = self.api.store.clone();
        let read = move |position| {
            let (store, personas) = (store.clone(), personas.clone());
            async move { store.membership_changes_after(position, &personas, TOLD).await }
        };
        Ok(Response::new(follow.stream(read, |change| change.position, told)))
    }

    async fn export_audience(
        &self,
        request: Request<ExportAudienceRequest>,
    ) -> Result<Response<Self::ExportAudienceStream>, Status> {
        audience::export_audience(&self.api, request.into_inner()).await
    }
}

fn told(changes: Vec<Change>, resume_token: String) -> WatchMembershipChangesResponse {
    let changes = changes.into_iter().map(to_proto::membership_change).collect();
    WatchMembershipChangesResponse { changes, resume_token }
}

fn customers(ids: Vec<String>) -> Result<Vec<String>, Refusal> {
    let mut v = Violations::new();
    if !(1..=MOST_CUSTOMERS).contains(&ids.len()) {
        v.at("customer_ids", format!("has {} entries, not 1 to {MOST_CUSTOMERS}", ids.len()));
    }
    each_once(&mut v, "customer_ids", &ids);
    v.refuse().map(|()| ids)
}

/// The personas of a watch, sorted, so that their order makes no other request of it.
fn personas(ids: &[String]) -> Result<Vec<String>, Refusal> {
    let mut v = Violations::new();
    if ids.len() > MOST_PERSONAS {
        v.at(
            "persona_ids",
            format!("has {} entries, at most {MOST_PERSONAS} are taken", ids.len()),
        );
    }
    each_once(&mut v, "persona_ids", ids);
    v.refuse()?;
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    Ok(ids)
}

pub(super) fn each_once(v: &mut Violations, field: &str, ids: &[String]) {
    let mut seen = HashSet::new();
    for (place, id) in ids.iter().take(MOST_CUSTOMERS).enumerate() {
        let field = format!("{field}[{place}]");
        v.id(&field, id.clone());
        if !seen.insert(id) {
            v.at(field, "is there twice");
        }
    }
}
