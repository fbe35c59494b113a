//! `JourneyService`: how customers move from touchpoint to touchpoint. What is counted is the datastore's, what figures are made of it is
//! that of `cx_analytics::journeys`.

use super::{
    Api, configured,
    from_proto::{self, JourneyAsked, MapAsked, PathsAsked, Violations},
    metrics::{self, Personas},
    page_token,
    status::Refusal,
    to_proto,
};
use crate::proto::journey_service_server::{JourneyService, JourneyServiceServer};
use crate::{clock, proto};
use cx_analytics::journeys::{Cell, Converted, Follower, PathKey, Place, map};
use cx_analytics::{Channel, Stage, Timestamp};
use cx_datastore::journeys::Touchpoints;
use cx_datastore::{Store, Stored};
use prost::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Interactions of a customer that are read at a time.
const CHUNK: u64 = 1000;

/// Metrics of a cell of the map.
const METRICS: [proto::Metric; 7] = [
    proto::Metric::NpsTransactional,
    proto::Metric::NpsRelational,
    proto::Metric::CsatTop2Box,
    proto::Metric::CesEasyShare,
    proto::Metric::QueueWait,
    proto::Metric::FirstResponseTime,
    proto::Metric::FirstResolutionTime,
];

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(JourneyServiceServer, Handler { store: api.store.clone() }))
}

struct Handler {
    store: Store,
}

#[tonic::async_trait]
impl JourneyService for Handler {
    async fn get_journey_map(
        &self,
        request: Request<proto::GetJourneyMapRequest>,
    ) -> Result<Response<proto::GetJourneyMapResponse>, Status> {
        let now = clock::now();
        let asked = from_proto::journey_map(request.into_inner(), now)?;
        Ok(Response::new(journey_map(&self.store, asked, now).await?))
    }

    async fn list_journey_paths(
        &self,
        request: Request<proto::ListJourneyPathsRequest>,
    ) -> Result<Response<proto::ListJourneyPathsResponse>, Status> {
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let token = request.page_token.clone();
        let rest = proto::ListJourneyPathsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        };
        let rest = blake3::hash(&rest.encode_to_vec()).to_hex();
        let scope = ["ListJourneyPaths", rest.as_str()];
        let asked = from_proto::journey_paths(request, clock::now())?;
        let place = match page_token::read(&token, &scope)? {
            Some(place) => place,
            None => PathsPlace::begin(&self.store, &asked.of).await?,
        };
        let (page, next) = journey_paths(&self.store, &asked, place, size).await?;
        let next_page_token = next.map(|next| page_token::issue(&scope, &next));
        Ok(Response::new(proto::ListJourneyPathsResponse {
            next_page_token: next_page_token.unwrap_or_default(),
            ..page
        }))
    }

    async fn get_journey_conversion(
        &self,
        request: Request<proto::GetJourneyConversionRequest>,
    ) -> Result<Response<proto::GetJourneyConversionResponse>, Status> {
        let asked = from_proto::journey_conversion(request.into_inner(), clock::now())?;
        let ground = Ground::find(&self.store, &asked.of, None).await?;
        let (of, conditions) = (ground.touchpoints(&asked.of), (&asked.from, &asked.to));
        let found = self.store.journey_conversions(&of, conditions, asked.within);
        let mut found = found.await.map_err(Refusal::from)?;
        if !asked.of.by_persona {
            found.entry(None).or_insert_with(Converted::default);
        }
        let conversion = |(persona, converted): (&Option<i16>, &Converted)| {
            to_proto::journey_conversion(converted, ground.named(*persona), &asked.of.terms)
        };
        Ok(Response::new(proto::GetJourneyConversionResponse {
            conversions: found.iter().map(conversion).collect(),
            as_of: Some(to_proto::timestamp(asked.of.as_of)),
            segmentation_id: ground.personas.segmentation_id.clone().unwrap_or_default(),
        }))
    }

    async fn list_customer_journey(
        &self,
        request: Request<proto::ListCustomerJourneyRequest>,
    ) -> Result<Response<proto::ListCustomerJourneyResponse>, Status> {
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let mut v = Violations::new();
        let customer_id = v.id("customer_id", request.customer_id);
        let gap = from_proto::new_journey_after(&mut v, request.new_journey_after);
        v.refuse()?;
        let scope = ["ListCustomerJourney", &customer_id, &gap.to_string()];
        let after: Option<(Timestamp, String)> = page_token::read(&request.page_token, &scope)?;
        let mut rows = touchpoints(&self.store, &customer_id, gap, after, size + 1).await?;
        let (touchpoints, more) =
            page_token::page(rows.iter().map(|(_, touchpoint)| touchpoint.clone()), size);
        rows.truncate(touchpoints.len());
        let last = rows.pop().filter(|_| more.is_some());
        let next_page_token =
            last.map(|(key, _)| page_token::issue(&scope, &key)).unwrap_or_default();
        Ok(Response::new(proto::ListCustomerJourneyResponse { touchpoints, next_page_token }))
    }
}

/// What a question left to the present: the range, and the personas where they are needed.
struct Ground {
    start: Timestamp,
    end: Timestamp,
    personas: Personas,
    ordinals: Vec<i16>,
}

impl Ground {
    /// On the active segmentation, or on another one.
    async fn find(
        store: &Store,
        asked: &JourneyAsked,
        segmentation_id: Option<String>,
    ) -> Result<Self, Refusal> {
        let personas = match segmentation_id {
            Some(id) => Personas::of(store, id).await?,
            None if asked.by_persona || !asked.persona_ids.is_empty() => {
                Personas::active(store).await?
            }
            None => Personas::default(),
        };
        let ordinals = personas.ordinals(&asked.persona_ids, "filter")?;
        let end = asked.end.unwrap_or(asked.as_of).min(asked.as_of);
        let start = match asked.start {
            Some(start) => start,
            None => store.interactions_first_at(end).await?.unwrap_or(end),
        };
        Ok(Self { start, end, personas, ordinals })
    }

    fn touchpoints<'a>(&'a self, asked: &'a JourneyAsked) -> Touchpoints<'a> {
        Touchpoints {
            start: self.start,
            end: self.end,
            as_of: asked.as_of,
            kinds: &asked.kinds,
            customer_actions: asked.customer_actions,
            personas: &self.ordinals,
            by_persona: asked.by_persona,
            segmentation_id: self.personas.segmentation_id.as_deref(),
        }
    }

    fn named(&self, persona: Option<i16>) -> Option<(&str, &str)> {
        persona.and_then(|ordinal| self.personas.id_and_name(ordinal))
    }
}

async fn journey_map(
    store: &Store,
    asked: MapAsked,
    now: Timestamp,
) -> Result<proto::GetJourneyMapResponse, Refusal> {
    let MapAsked { of, drop_off_after, next } = &asked;
    let measured = metrics::answer(store, measures(of), now).await?;
    // The same personas for the counts, whatever is activated in the meantime.
    let segmentation_id = Some(measured.segmentation_id).filter(|id| !id.is_empty());
    let ground = Ground::find(store, of, segmentation_id).await?;
    let touchpoints = ground.touchpoints(of);
    let (mut cells, transitions) = store.journey_map(&touchpoints, *drop_off_after).await?;
    let mut metrics: BTreeMap<Cell, Vec<proto::MetricResult>> = BTreeMap::new();
    for result in measured.results {
        let cell = cell(&ground.personas, result.group.as_ref());
        cells.entry(cell).or_default();
        metrics.entry(cell).or_default().push(result);
    }
    let figures = map(&cells, &transitions, *next, &of.terms).into_iter();
    let cells = figures.map(|figures| {
        let metrics = metrics.remove(&figures.cell).unwrap_or_default();
        let persona = ground.named(figures.cell.persona);
        to_proto::journey_cell(figures, metrics, persona, of.terms.confidence)
    });
    Ok(proto::GetJourneyMapResponse {
        cells: cells.collect(),
        start_time: Some(to_proto::timestamp(ground.start)),
        end_time: Some(to_proto::timestamp(ground.end)),
        as_of: Some(to_proto::timestamp(of.as_of)),
        segmentation_id: ground.personas.segmentation_id.clone().unwrap_or_default(),
    })
}

/// The question that asks for the metrics of all cells.
fn measures(of: &JourneyAsked) -> proto::QueryMetricsRequest {
    let mut by = vec![proto::MetricDimension::Stage, proto::MetricDimension::Channel];
    by.extend(of.by_persona.then_some(proto::MetricDimension::Persona));
    let end = of.end.unwrap_or(of.as_of).min(of.as_of);
    proto::QueryMetricsRequest {
        metrics: METRICS.map(Into::into).to_vec(),
        start_time: of.start.map(to_proto::timestamp),
        end_time: Some(to_proto::timestamp(end)),
        group_by: by.into_iter().map(Into::into).collect(),
        filter: Some(proto::MetricFilter {
            persona_ids: of.persona_ids.clone(),
            ..proto::MetricFilter::default()
        }),
        confidence: of.terms.confidence,
        low_sample_floor: i32::try_from(of.terms.low_sample_floor).unwrap_or(i32::MAX),
        ..proto::QueryMetricsRequest::default()
    }
}

/// The cell that a metric was measured in.
fn cell(personas: &Personas, group: Option<&proto::MetricGroup>) -> Cell {
    let Some(group) = group else { return Cell::default() };
    let code = |number: i32| i16::try_from(number).unwrap_or_default();
    let place = Place {
        stage: Stage::from_code(code(group.stage)),
        channel: Channel::from_code(code(group.channel)),
    };
    Cell { persona: personas.ordinal(&group.persona_id), place }
}

/// Where a list of paths stands: what it is of, and its last path; none at the beginning.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PathsPlace {
    start: Timestamp,
    end: Timestamp,
    as_of: Timestamp,
    segmentation_id: Option<String>,
    personas: Vec<i16>,
    after: Option<PathKey>,
}

impl PathsPlace {
    async fn begin(store: &Store, of: &JourneyAsked) -> Result<Self, Refusal> {
        let Ground { start, end, personas, ordinals } = Ground::find(store, of, None).await?;
        let segmentation_id = personas.segmentation_id;
        Ok(Self { start, end, as_of: of.as_of, segmentation_id, personas: ordinals, after: None })
    }
}

/// A page of paths, and where the next begins.
async fn journey_paths(
    store: &Store,
    asked: &PathsAsked,
    place: PathsPlace,
    size: u64,
) -> Result<(proto::ListJourneyPathsResponse, Option<PathsPlace>), Refusal> {
    let of = Touchpoints {
        start: place.start,
        end: place.end,
        as_of: place.as_of,
        kinds: &asked.of.kinds,
        customer_actions: asked.of.customer_actions,
        personas: &place.personas,
        by_persona: false,
        segmentation_id: place.segmentation_id.as_deref(),
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let found = store.journey_paths(&of, asked.rules, place.after, size.saturating_add(1));
    let mut found = found.await?;
    let more = found.paths.len() > size;
    found.paths.truncate(size);
    let last = found.paths.last().filter(|_| more).map(|(key, _)| *key);
    let paths = found.paths.into_iter();
    let paths = paths.map(|(_, path)| to_proto::journey_path(path, found.known, &asked.of.terms));
    let page = proto::ListJourneyPathsResponse {
        paths: paths.collect(),
        journeys: found.known,
        immature: found.open,
        as_of: Some(to_proto::timestamp(place.as_of)),
        segmentation_id: place.segmentation_id.clone().unwrap_or_default(),
        next_page_token: String::new(),
    };
    Ok((page, last.map(|key| PathsPlace { after: Some(key), ..place })))
}

/// A customer's touchpoints after one of them, with their keys, at most `limit`. What a touchpoint follows from lies before it, so
/// the journey is read from its beginning.
async fn touchpoints(
    store: &Store,
    customer_id: &str,
    gap: i64,
    after: Option<(Timestamp, String)>,
    limit: u64,
) -> Result<Vec<((Timestamp, String), proto::CustomerTouchpoint)>, Refusal> {
    let (mut follower, mut found, mut read) = (Follower::new(gap), Vec::new(), None);
    loop {
        let range = Timestamp::MIN..Timestamp::MAX;
        let rows = store.interactions_list(customer_id, range, true, read.clone(), CHUNK).await?;
        if rows.is_empty() && read.is_none() {
            let known = store.customer_get(customer_id).await?;
            known.ok_or_else(|| Refusal::CustomerNotFound(customer_id.to_owned()))?;
        }
        let whole = rows.len() as u64 == CHUNK;
        for Stored { interaction, .. } in rows {
            let key = (interaction.occurred_at, interaction.interaction_id.clone());
            let placed = follower.next(&interaction);
            if after.as_ref().is_none_or(|after| key > *after) {
                found.push((key.clone(), to_proto::customer_touchpoint(&interaction, placed)));
                if found.len() as u64 == limit {
                    return Ok(found);
                }
            }
            read = Some(key);
        }
        if !whole {
            return Ok(found);
        }
    }
}
