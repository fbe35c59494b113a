//! `MetricsService`: measures segments. What is counted is the datastore's, what figures are made of it is that of
//! `cx_analytics::metrics`.

use super::{Api, compare, configured, from_proto, page_token, status::Refusal, to_proto};
use crate::proto::metrics_service_server::{MetricsService, MetricsServiceServer};
use crate::{clock, proto};
use cx_analytics::Timestamp;
use cx_analytics::metrics::{
    Buckets, Counts, GroupKey, Groups, Metric, Terms, definition, evaluate,
};
use cx_datastore::metrics::{Churned, Dimensions, Filter, Question};
use cx_datastore::{JobKind, Store};
use from_proto::{MetricsQuery, Only};
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

    async fn compare_metrics(
        &self,
        request: Request<proto::CompareMetricsRequest>,
    ) -> Result<Response<proto::CompareMetricsResponse>, Status> {
        Ok(Response::new(compare::answer(&self.store, request.into_inner(), clock::now()).await?))
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
    let plan = Plan::new(store, from_proto::metrics_query(request)?, now).await?;
    let mut results = Vec::new();
    for metric in plan.query.metrics.iter().copied() {
        let groups = plan.count(store, metric).await?;
        results.extend(groups.iter().map(|(key, counts)| plan.result(metric, key, counts)));
        few_enough(results.len(), "group_by")?;
    }
    Ok(proto::QueryMetricsResponse {
        results,
        as_of: Some(to_proto::timestamp(plan.as_of)),
        segmentation_id: plan.personas.segmentation_id.unwrap_or_default(),
    })
}

/// Refuses what would be more than an answer holds.
pub(super) fn few_enough(results: usize, field: &str) -> Result<(), Refusal> {
    if results <= MOST_RESULTS {
        return Ok(());
    }
    let rule =
        format!("makes more than {MOST_RESULTS} results; ask for fewer groups, buckets or metrics");
    Err(Refusal::field(field, rule))
}

/// A query with what it left to the present.
pub(super) struct Plan {
    pub query: MetricsQuery,
    pub buckets: Buckets,
    pub as_of: Timestamp,
    known_until: Timestamp,
    churned: Churned,
    filter: Filter,
    pub personas: Personas,
}

/// The personas of the active segmentation, where they are needed: id and name by ordinal.
#[derive(Default, Clone)]
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

    pub fn ordinals(&self, ids: &[String], path: &str) -> Result<Vec<i16>, Refusal> {
        let mut violations = from_proto::Violations::new();
        let mut ordinals = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            match self.ordinal(id) {
                Some(ordinal) => ordinals.push(ordinal),
                None => violations.at(
                    format!("{path}.persona_ids[{place}]"),
                    format!(
                        "{} is not a persona of the active segmentation",
                        from_proto::shown(id)
                    ),
                ),
            }
        }
        violations.refuse().map(|()| ordinals)
    }

    /// What to count of, with personas by their ordinals; `path` is where ids stand in the request.
    fn filter(&self, only: &Only, path: &str) -> Result<Filter, Refusal> {
        Ok(Filter {
            personas: self.ordinals(&only.persona_ids, path)?,
            channels: only.channels.clone(),
            stages: only.stages.clone(),
            attributes: only.attributes.clone(),
            details: only.details.clone(),
        })
    }

    pub fn ordinal(&self, id: &str) -> Option<i16> {
        self.by_ordinal.iter().find(|(_, known, _)| known == id).map(|(ordinal, ..)| *ordinal)
    }

    pub fn id_and_name(&self, ordinal: i16) -> Option<(&str, &str)> {
        let found = self.by_ordinal.iter().find(|(known, ..)| *known == ordinal);
        found.map(|(_, id, name)| (id.as_str(), name.as_str()))
    }
}

impl Plan {
    /// Fills in the ends of the range and the personas.
    pub async fn new(store: &Store, query: MetricsQuery, now: Timestamp) -> Result<Self, Refusal> {
        let personas = if query.needs_personas() {
            Personas::active(store).await?
        } else {
            Personas::default()
        };
        let end = query.end.unwrap_or(now);
        let start = match query.start {
            Some(start) => start,
            None => store.interactions_first_at(end).await?.unwrap_or(end),
        };
        let buckets = query.cut(start, end)?;
        let as_of = end.min(now);
        let filter = personas.filter(&query.only, "filter")?;
        let churned = query.churned(&buckets, as_of);
        Ok(Self { query, buckets, as_of, known_until: now, churned, filter, personas })
    }

    /// The same of another range.
    pub fn over(self, start: Timestamp, end: Timestamp, now: Timestamp) -> Result<Self, Refusal> {
        let (buckets, as_of) = (self.query.cut(start, end)?, end.min(now));
        let churned = self.query.churned(&buckets, as_of);
        Ok(Self { buckets, as_of, known_until: now, churned, ..self })
    }

    /// The same of others.
    pub async fn of(self, store: &Store, only: &Only, path: &str) -> Result<Self, Refusal> {
        let mut personas = self.personas.clone();
        if !only.persona_ids.is_empty() && personas.segmentation_id.is_none() {
            personas = Personas::active(store).await?;
        }
        let filter = personas.filter(only, path)?;
        Ok(Self { filter, personas, ..self })
    }

    /// Counts what a metric rests on.
    pub async fn count(&self, store: &Store, metric: Metric) -> Result<Groups, Refusal> {
        let query = &self.query;
        let question = Question {
            buckets: &self.buckets,
            as_of: self.as_of,
            known_until: self.known_until,
            by: query.by.clone(),
            filter: &self.filter,
            segmentation_id: self.personas.segmentation_id.as_deref(),
            policy: query.policy_of(metric),
            clock: query.clock,
            churned: &self.churned,
            waits: query.waits,
        };
        let mut groups = store.metric_counts(metric, &question).await?;
        // A cohort that nobody is in has no periods.
        if query.by == Dimensions::default() && metric != Metric::RetentionRate {
            groups.fill(metric, self.buckets.count());
        }
        Ok(groups)
    }

    /// How far to trust a figure of a group.
    pub fn terms(&self, metric: Metric, key: &GroupKey) -> Terms {
        let (query, place) = (&self.query, (key.bucket, key.period.unwrap_or_default()));
        Terms {
            confidence: query.confidence,
            low_sample_floor: query.low_sample_floor,
            immature: query.immature(
                metric,
                (&self.buckets, &self.churned),
                place,
                (self.as_of, self.known_until),
            ),
        }
    }

    /// The figure of a group.
    pub fn result(&self, metric: Metric, key: &GroupKey, counts: &Counts) -> proto::MetricResult {
        let persona = key.persona.and_then(|ordinal| self.personas.id_and_name(ordinal));
        let group = to_proto::metric_group(metric, key, self.buckets.bounds(key.bucket), persona);
        let figure = evaluate(metric, counts, &self.terms(metric, key));
        to_proto::metric_result(metric, group, figure, self.query.confidence)
    }
}
