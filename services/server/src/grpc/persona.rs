//! `PersonaService`: reads and names personas, and pulls their members.

use super::{
    Api, configured,
    from_proto::Violations,
    members::Members,
    metrics, page_token,
    segmentation::{active, meant},
    status::Refusal,
    to_proto::{self, PersonaNames, PersonaNow},
};
use crate::{
    clock,
    proto::{
        self, ExportPersonaMembersRequest, ExportPersonaMembersResponse, GetPersonaRequest,
        GetPersonaResponse, ListPersonaMembersRequest, ListPersonaMembersResponse,
        ListPersonasRequest, ListPersonasResponse, UpdatePersonaRequest, UpdatePersonaResponse,
        persona_service_server::{PersonaService, PersonaServiceServer},
    },
};
use cx_analytics::{
    Timestamp,
    segmentation::{Assignment, Lineage},
};
use cx_datastore::{LabelChange, StoredPersona};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tonic::{Request, Response, Status, service::Routes};

/// Longest given name, in bytes.
const MAX_NAME: usize = 128;
/// Longest given description, in bytes.
const MAX_DESCRIPTION: usize = 4096;
/// Members in a message of an export.
const EXPORTED: u64 = 1000;

/// What is measured of a persona's members.
const METRICS: [proto::Metric; 6] = [
    proto::Metric::NpsRelational,
    proto::Metric::NpsTransactional,
    proto::Metric::CsatTop2Box,
    proto::Metric::CesEasyShare,
    proto::Metric::Revenue,
    proto::Metric::ComplaintsPer100Customers,
];

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(PersonaServiceServer, Handler { api: api.clone() }))
}

struct Handler {
    api: Api,
}

/// Where a list of members goes on. It names the segmentation, so that the list stays with it even if another one
/// becomes active, and the total, so that it is counted once.
#[derive(Serialize, Deserialize)]
struct Place {
    segmentation_id: String,
    total: i64,
    after: String,
}

#[tonic::async_trait]
impl PersonaService for Handler {
    type ExportPersonaMembersStream =
        BoxStream<'static, Result<ExportPersonaMembersResponse, Status>>;

    async fn list_personas(
        &self,
        request: Request<ListPersonasRequest>,
    ) -> Result<Response<ListPersonasResponse>, Status> {
        let request = request.into_inner();
        let scope = ["ListPersonas", &request.segmentation_id];
        let size = page_token::page_size(request.page_size)? as usize;
        let place: Option<(String, usize)> = page_token::read(&request.page_token, &scope)?;
        let (segmentation_id, begin) = match place {
            Some(place) => place,
            None => (meant(&self.api, request.segmentation_id.clone()).await?, 0),
        };
        let all = self.api.store.personas_list(&segmentation_id).await.map_err(Refusal::from)?;
        let end = begin.saturating_add(size);
        let next_page_token = if end < all.len() {
            page_token::issue(&scope, &(&segmentation_id, end))
        } else {
            String::new()
        };
        let mut now = Now::of(&self.api, &segmentation_id).await?;
        let page = all.into_iter().skip(begin).take(size);
        let personas = page.map(|stored| {
            let told = now.tell(&stored);
            to_proto::persona(stored, told)
        });
        let personas = personas.collect();
        Ok(Response::new(ListPersonasResponse { personas, segmentation_id, next_page_token }))
    }

    async fn get_persona(
        &self,
        request: Request<GetPersonaRequest>,
    ) -> Result<Response<GetPersonaResponse>, Status> {
        let request = request.into_inner();
        let persona_id = required(request.persona_id)?;
        let segmentation_id = meant(&self.api, request.segmentation_id).await?;
        let persona = self.persona(&segmentation_id, &persona_id).await?;
        let mut now = Now::of(&self.api, &segmentation_id).await?.tell(&persona);
        now.metrics = self.metrics(&persona).await?;
        Ok(Response::new(GetPersonaResponse { persona: Some(to_proto::persona(persona, now)) }))
    }

    async fn update_persona(
        &self,
        request: Request<UpdatePersonaRequest>,
    ) -> Result<Response<UpdatePersonaResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let persona_id = v.id("persona_id", request.persona_id);
        // Absent and empty are not the same here: an empty text takes the given one away.
        let mut text = |field: &str, text: Option<String>, most: usize| {
            text.map(|text| v.text(field, text, most).unwrap_or_default())
        };
        let change = LabelChange {
            name: text("name", request.name, MAX_NAME),
            description: text("description", request.description, MAX_DESCRIPTION),
        };
        v.refuse()?;
        let segmentation_id = active(&self.api).await?;
        let mut persona = self.persona(&segmentation_id, &persona_id).await?;
        let set =
            self.api.store.persona_label_set(&persona_id, &change, &request.etag, clock::now());
        persona.label = set.await.map_err(Refusal::from)?;
        let now = Now::of(&self.api, &segmentation_id).await?.tell(&persona);
        Ok(Response::new(UpdatePersonaResponse { persona: Some(to_proto::persona(persona, now)) }))
    }

    async fn list_persona_members(
        &self,
        request: Request<ListPersonaMembersRequest>,
    ) -> Result<Response<ListPersonaMembersResponse>, Status> {
        let request = request.into_inner();
        let scope = [
            "ListPersonaMembers",
            &request.persona_id,
            &request.segmentation_id,
            &format!("{:?}", request.read_time),
        ];
        let size = page_token::page_size(request.page_size)?;
        let place: Option<Place> = page_token::read(&request.page_token, &scope)?;
        let persona_id = required(request.persona_id.clone())?;
        let at = read_time(request.read_time, &request.segmentation_id)?;
        let mut from = match (at, &place) {
            (Some(at), _) => self.members_at(Some(&persona_id), at).await?,
            (None, Some(place)) => {
                self.members_of(place.segmentation_id.clone(), &persona_id).await?
            }
            (None, None) => {
                let id = meant(&self.api, request.segmentation_id.clone()).await?;
                self.members_of(id, &persona_id).await?
            }
        };
        let total = match &place {
            Some(place) => place.total,
            None => from.count(&self.api).await?,
        };
        let after = place.as_ref().map(|place| place.after.as_str());
        let mut members = from.page(&self.api, after, size + 1).await?;
        let more = members.len() as u64 > size;
        members.truncate(size as usize);
        let next = members.last().filter(|_| more).map(|last| last.customer_id.clone());
        let next_page_token = next.map_or_else(String::new, |after| {
            let segmentation_id = from.segmentation_id().to_owned();
            page_token::issue(&scope, &Place { segmentation_id, total, after })
        });
        Ok(Response::new(ListPersonaMembersResponse {
            members,
            total_size: total,
            next_page_token,
            segmentation_id: from.segmentation_id().to_owned(),
            as_of: Some(to_proto::timestamp(at.unwrap_or_else(clock::now))),
        }))
    }

    async fn export_persona_members(
        &self,
        request: Request<ExportPersonaMembersRequest>,
    ) -> Result<Response<Self::ExportPersonaMembersStream>, Status> {
        let request = request.into_inner();
        let at = read_time(request.read_time, &request.segmentation_id)?;
        let from = match (at, request.persona_id) {
            (Some(at), id) if id.is_empty() => self.members_at(None, at).await?,
            (Some(at), id) => self.members_at(Some(&required(id)?), at).await?,
            (None, id) => {
                let segmentation_id = meant(&self.api, request.segmentation_id).await?;
                match id.is_empty() {
                    true => Members::everybody(&self.api, segmentation_id).await?,
                    false => self.members_of(segmentation_id, &id).await?,
                }
            }
        };
        // A page is read when the one before has been taken: memory does not grow, however slow the reader.
        let state = (self.api.clone(), from, Some(String::new()));
        let stream = futures::stream::try_unfold(state, move |(api, mut from, after)| async move {
            let Some(after) = after else { return Ok(None) };
            let members = from.page(&api, Some(&after), EXPORTED).await?;
            if members.is_empty() {
                return Ok(None);
            }
            let full = members.len() as u64 == EXPORTED;
            let next = members.last().filter(|_| full).map(|last| last.customer_id.clone());
            Ok(Some((ExportPersonaMembersResponse { members }, (api, from, next))))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

impl Handler {
    async fn persona(
        &self,
        segmentation_id: &str,
        persona_id: &str,
    ) -> Result<StoredPersona, Refusal> {
        let found = self.api.store.persona_get(segmentation_id, persona_id).await?;
        found.ok_or_else(|| Refusal::PersonaNotFound(persona_id.to_owned()))
    }

    async fn members_of(
        &self,
        segmentation_id: String,
        persona_id: &str,
    ) -> Result<Members, Refusal> {
        Members::of(&self.api, segmentation_id, persona_id).await
    }

    async fn members_at(
        &self,
        persona_id: Option<&str>,
        at: Timestamp,
    ) -> Result<Members, Refusal> {
        Members::at(&self.api, persona_id, at).await
    }

    /// Figures of the members of a persona, where it is one of the active version.
    async fn metrics(&self, stored: &StoredPersona) -> Result<Vec<proto::MetricResult>, Refusal> {
        let store = &self.api.store;
        let active = store.segmentation_active().await?;
        let Some(active) = active.filter(|active| active.id == stored.segmentation_id) else {
            return Ok(Vec::new());
        };
        let end = if active.live { clock::now() } else { stored.as_of };
        let request = proto::QueryMetricsRequest {
            metrics: METRICS.iter().map(|metric| i32::from(*metric)).collect(),
            start_time: Some(to_proto::timestamp(end.days_before(365))),
            end_time: Some(to_proto::timestamp(end)),
            filter: Some(proto::MetricFilter {
                persona_ids: vec![stored.persona.persona_id.clone()],
                ..proto::MetricFilter::default()
            }),
            ..proto::QueryMetricsRequest::default()
        };
        Ok(metrics::answer(store, request, clock::now()).await?.results)
    }
}

/// What is told of the personas of a segmentation besides what was found.
struct Now {
    counts: Vec<(u16, i64)>,
    lineage: Vec<Lineage>,
}

impl Now {
    async fn of(api: &Api, segmentation_id: &str) -> Result<Self, Refusal> {
        let report = api.store.segmentation_report(segmentation_id).await?;
        let lineage = report.map(|report| report.lineage).unwrap_or_default();
        Ok(Self { counts: api.store.assignments_counts(segmentation_id).await?, lineage })
    }

    fn tell(&mut self, stored: &StoredPersona) -> PersonaNow {
        let count = self.counts.iter().find(|(place, _)| *place == stored.ordinal);
        let of = |one: &Lineage| one.persona_id == stored.persona.persona_id;
        PersonaNow {
            customers: count.map_or(0, |(_, count)| *count),
            lineage: self.lineage.iter().position(of).map(|at| self.lineage.swap_remove(at)),
            metrics: Vec::new(),
        }
    }
}

/// The moment as of which members are asked for.
fn read_time(
    wire: Option<prost_types::Timestamp>,
    segmentation_id: &str,
) -> Result<Option<Timestamp>, Refusal> {
    let mut v = Violations::new();
    let at = v.past("read_time", wire, clock::now());
    if wire.is_some() && !segmentation_id.is_empty() {
        v.at("read_time", "excludes segmentation_id: it means whatever was active then");
    }
    v.refuse().map(|()| at)
}

/// What the personas of a segmentation are called.
pub(super) async fn names(api: &Api, segmentation_id: &str) -> Result<PersonaNames, Refusal> {
    let personas = api.store.personas_list(segmentation_id).await?;
    if personas.is_empty() {
        return Err(Refusal::SegmentationNotFound(segmentation_id.to_owned()));
    }
    Ok(PersonaNames::new(segmentation_id, personas))
}

/// A customer's place in the active segmentation; none where there is none, or it does not know the customer.
pub(super) async fn assignment(
    api: &Api,
    customer_id: &str,
) -> Result<Option<proto::Assignment>, Refusal> {
    let segmentation_id = match active(api).await {
        Err(Refusal::NoActiveSegmentation) => return Ok(None),
        other => other?,
    };
    let Some(found) = api.store.assignment_get(&segmentation_id, customer_id).await? else {
        return Ok(None);
    };
    Ok(assignments(api, &segmentation_id, vec![found]).await?.pop())
}

/// Assignments of a segmentation under the names of its personas.
pub(super) async fn assignments(
    api: &Api,
    segmentation_id: &str,
    found: Vec<Assignment>,
) -> Result<Vec<proto::Assignment>, Refusal> {
    let names = names(api, segmentation_id).await?;
    Ok(found.into_iter().map(|assignment| to_proto::assignment(assignment, &names)).collect())
}

fn required(persona_id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id("persona_id", persona_id);
    v.refuse().map(|()| id)
}
