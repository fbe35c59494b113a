//! `MetricsService`: measures segments. What is counted is the datastore's, what figures are made of it is that of
//! `cx_analytics::metrics`.

use super::{Api, configured, from_proto, page_token, status::Refusal, to_proto};
use crate::proto::metrics_service_server::{MetricsService, MetricsServiceServer};
use crate::{clock, proto};
use cx_analytics::Timestamp;
use cx_analytics::metrics::{Buckets, Metric, Terms, definition, evaluate};
use cx_datastore::metrics::{Churned, Filter, Question};
use cx_datastore::{JobKind, Store};
use from_proto::MetricsQuery;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

/// Most results of one answer: every metric over the most buckets fits.
const MOST_RESULTS: usize = 20_000;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(MetricsServiceServer, Handler { store: api.store.clone() }))
}

struct Handler {
    store: Store,
}

#[tonic::async_trait]
impl MetricsService for Handler {
    async fn query_metrics(
        &self,
        request: Request<proto::QueryMetricsRequest>,
    ) -> Result<Response<proto::QueryMetricsResponse>, Status> {
        Ok(Response::new(answer(&self.store, request.into_inner(), clock::now()).await?))
    }

    async fn list_metrics(
        &self,
        request: Request<proto::ListMetricsRequest>,
    ) -> Result<Response<proto::ListMetricsResponse>, Status> {
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let after: Option<i16> = page_token::read(&request.page_token, &["ListMetrics"])?;
        let rest = Metric::ALL.into_iter().filter(|metric| Some(metric.code()) > after);
        let mut page: Vec<Metric> = rest.collect();
        let more = page.len() as u64 > size;
        page.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        let last = page.last().filter(|_| more);
        Ok(Response::new(proto::ListMetricsResponse {
            next_page_token: last
                .map_or(String::new(), |last| page_token::issue(&["ListMetrics"], &last.code())),
            metrics: page.into_iter().map(definition).map(to_proto::metric_definition).collect(),
        }))
    }
}

/// Answers a query, for the service and for whoever shows figures beside something else.
pub(super) async fn answer(
    store: &Store,
    request: proto::QueryMetricsRequest,
    now: Timestamp,
) -> Result<proto::QueryMetricsResponse, Refusal> {
    let plan = plan(store, from_proto::metrics_query(request)?, now).await?;
    let mut results = Vec::new();
    for metric in &plan.query.metrics {
        results.extend(measure(store, &plan, *metric).await?);
        if results.len() > MOST_RESULTS {
            let rule = format!(
                "makes more than {MOST_RESULTS} results; ask for fewer groups, buckets or metrics"
            );
            return Err(Refusal::field("group_by", rule));
        }
    }
    Ok(proto::QueryMetricsResponse {
        results,
        as_of: Some(to_proto::timestamp(plan.as_of)),
        segmentation_id: plan.personas.segmentation_id.unwrap_or_default(),
    })
}

/// A query with what it left to the present.
struct Plan {
    query: MetricsQuery,
    buckets: Buckets,
    as_of: Timestamp,
    churned: Churned,
    filter: Filter,
    personas: Personas,
}

/// The personas of the active segmentation, where they are needed: id and name by ordinal.
#[derive(Default)]
pub(super) struct Personas {
    pub segmentation_id: Option<String>,
    by_ordinal: Vec<(i16, String, String)>,
}

impl Personas {
    pub async fn active(store: &Store) -> Result<Self, Refusal> {
        let id =
            store.active_get(JobKind::Segmentation).await?.ok_or(Refusal::NoActiveSegmentation)?;
        Self::of(store, id).await
    }

    pub async fn of(store: &Store, id: String) -> Result<Self, Refusal> {
        let stored = store.personas_list(&id).await?;
        let by_ordinal = stored.into_iter().filter_map(|stored| {
            let name = stored.label.name.unwrap_or(stored.persona.name);
            Some((i16::try_from(stored.ordinal).ok()?, stored.persona.persona_id, name))
        });
        Ok(Self { by_ordinal: by_ordinal.collect(), segmentation_id: Some(id) })
    }

    pub fn ordinals(&self, ids: &[String]) -> Result<Vec<i16>, Refusal> {
        let mut violations = from_proto::Violations::new();
        let mut ordinals = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            match self.ordinal(id) {
                Some(ordinal) => ordinals.push(ordinal),
                None => violations.at(
                    format!("filter.persona_ids[{place}]"),
                    format!(
                        "{} is not a persona of the active segmentation",
                        from_proto::shown(id)
                    ),
                ),
            }
        }
        violations.refuse().map(|()| ordinals)
    }

    pub fn ordinal(&self, id: &str) -> Option<i16> {
        self.by_ordinal.iter().find(|(_, known, _)| known == id).map(|(ordinal, ..)| *ordinal)
    }

    pub fn id_and_name(&self, ordinal: i16) -> Option<(&str, &str)> {
        let found = self.by_ordinal.iter().find(|(known, ..)| *known == ordinal);
        found.map(|(_, id, name)| (id.as_str(), name.as_str()))
    }
}

async fn plan(store: &Store, query: MetricsQuery, now: Timestamp) -> Result<Plan, Refusal> {
    let personas =
        if query.needs_personas() { Personas::active(store).await? } else { Personas::default() };
    let end = query.end.unwrap_or(now);
    let start = match query.start {
        Some(start) => start,
        None => store.interactions_first_at(end).await?.unwrap_or(end),
    };
    let buckets = query.cut(start, end)?;
    let as_of = end.min(now);
    let filter = Filter {
        personas: personas.ordinals(&query.persona_ids)?,
        channels: query.channels.clone(),
        stages: query.stages.clone(),
    };
    let churned = query.churned(&buckets, as_of);
    Ok(Plan { query, buckets, as_of, churned, filter, personas })
}

async fn measure(
    store: &Store,
    plan: &Plan,
    metric: Metric,
) -> Result<Vec<proto::MetricResult>, Refusal> {
    let query = &plan.query;
    let question = Question {
        buckets: &plan.buckets,
        as_of: plan.as_of,
        by: query.by,
        filter: &plan.filter,
        segmentation_id: plan.personas.segmentation_id.as_deref(),
        policy: query.policy_of(metric),
        clock: query.clock,
        churned: &plan.churned,
        waits: query.waits,
    };
    let mut groups = store.metric_counts(metric, &question).await?;
    if query.by == cx_datastore::metrics::Dimensions::default() {
        groups.fill(metric, plan.buckets.count());
    }
    let result = |(key, counts): (&cx_analytics::metrics::GroupKey, &_)| {
        let cut_off = plan.churned.cut_offs.get(key.bucket);
        let end = plan.buckets.bounds(key.bucket).map(|(_, end)| end);
        let terms = Terms {
            confidence: query.confidence,
            low_sample_floor: query.low_sample_floor,
            immature: query.immature(metric, cut_off, end, plan.as_of),
        };
        let persona = key.persona.and_then(|ordinal| plan.personas.id_and_name(ordinal));
        let group = to_proto::metric_group(key, plan.buckets.bounds(key.bucket), persona);
        to_proto::metric_result(metric, group, evaluate(metric, counts, &terms), query.confidence)
    };
    Ok(groups.iter().map(result).collect())
}
