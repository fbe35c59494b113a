//! `PersonaService`: reads and names personas, and pulls their members.

use super::{
    Api, configured,
    from_proto::Violations,
    page_token,
    segmentation::{active, meant},
    status::Refusal,
    to_proto::{self, PersonaNames},
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
use cx_analytics::segmentation::Assignment;
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
        let personas = all.into_iter().skip(begin).take(size).map(to_proto::persona).collect();
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
        Ok(Response::new(GetPersonaResponse { persona: Some(to_proto::persona(persona)) }))
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
        Ok(Response::new(UpdatePersonaResponse { persona: Some(to_proto::persona(persona)) }))
    }

    async fn list_persona_members(
        &self,
        request: Request<ListPersonaMembersRequest>,
    ) -> Result<Response<ListPersonaMembersResponse>, Status> {
        let request = request.into_inner();
        let scope = ["ListPersonaMembers", &request.persona_id, &request.segmentation_id];
        let size = page_token::page_size(request.page_size)?;
        let place: Option<Place> = page_token::read(&request.page_token, &scope)?;
        let persona_id = required(request.persona_id.clone())?;
        let segmentation_id = match &place {
            Some(place) => place.segmentation_id.clone(),
            None => meant(&self.api, request.segmentation_id.clone()).await?,
        };
        let (names, persona) = self.names(&segmentation_id, &persona_id).await?;
        let total = match &place {
            Some(place) => place.total,
            None => self.count(&segmentation_id, persona).await?,
        };
        let after = place.as_ref().map(|place| place.after.as_str());
        let store = &self.api.store;
        let list = store.assignments_list(&segmentation_id, Some(persona), after, size + 1);
        let mut members = list.await.map_err(Refusal::from)?;
        let more = members.len() as u64 > size;
        members.truncate(size as usize);
        let next = members.last().filter(|_| more).map(|last| last.customer_id.clone());
        let next_page_token = next.map_or_else(String::new, |after| {
            page_token::issue(&scope, &Place { segmentation_id, total, after })
        });
        let members = members.into_iter().map(|member| to_proto::assignment(member, &names));
        Ok(Response::new(ListPersonaMembersResponse {
            members: members.collect(),
            total_size: total,
            next_page_token,
        }))
    }

    async fn export_persona_members(
        &self,
        request: Request<ExportPersonaMembersRequest>,
    ) -> Result<Response<Self::ExportPersonaMembersStream>, Status> {
        let request = request.into_inner();
        let segmentation_id = meant(&self.api, request.segmentation_id).await?;
        let (names, persona) = match request.persona_id {
            id if id.is_empty() => (names(&self.api, &segmentation_id).await?, None),
            id => {
                let (names, persona) = self.names(&segmentation_id, &id).await?;
                (names, Some(persona))
            }
        };
        // A page is read when the one before has been taken: memory does not grow, however slow the reader.
        let state = (self.api.clone(), segmentation_id, names, Some(String::new()));
        let stream = futures::stream::try_unfold(
            state,
            move |(api, segmentation_id, names, after)| async move {
                let Some(after) = after else { return Ok(None) };
                let list =
                    api.store.assignments_list(&segmentation_id, persona, Some(&after), EXPORTED);
                let found: Vec<Assignment> = list.await.map_err(Refusal::from)?;
                if found.is_empty() {
                    return Ok(None);
                }
                let full = found.len() as u64 == EXPORTED;
                let next = found.last().filter(|_| full).map(|last| last.customer_id.clone());
                let members =
                    found.into_iter().map(|member| to_proto::assignment(member, &names)).collect();
                let told = ExportPersonaMembersResponse { members };
                Ok(Some((told, (api, segmentation_id, names, next))))
            },
        );
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

    /// What the personas are called, and the place of one of them.
    async fn names(
        &self,
        segmentation_id: &str,
        persona_id: &str,
    ) -> Result<(PersonaNames, u16), Refusal> {
        let names = names(&self.api, segmentation_id).await?;
        let place = names
            .place(persona_id)
            .ok_or_else(|| Refusal::PersonaNotFound(persona_id.to_owned()))?;
        Ok((names, place))
    }

    async fn count(&self, segmentation_id: &str, persona: u16) -> Result<i64, Refusal> {
        Ok(self.api.store.assignments_count(segmentation_id, persona).await?)
    }
}

/// What the personas of a segmentation are called.
pub(super) async fn names(api: &Api, segmentation_id: &str) -> Result<PersonaNames, Refusal> {
    let personas = api.store.personas_list(segmentation_id).await?;
    let none = || Refusal::SegmentationNotFound(segmentation_id.to_owned());
    let as_of = personas.first().map(|persona| persona.as_of).ok_or_else(none)?;
    Ok(PersonaNames::new(segmentation_id, as_of, personas))
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
    let names = names(api, &segmentation_id).await?;
    Ok(Some(to_proto::assignment(found, &names)))
}

fn required(persona_id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id("persona_id", persona_id);
    v.refuse().map(|()| id)
}
