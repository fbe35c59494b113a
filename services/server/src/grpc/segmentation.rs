//! `SegmentationService`: fits and activates segmentations.

use super::{
    Api, configured,
    from_proto::{Violations, segmentation_asked, segmentation_schedule},
    page_token,
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{
        self, ActivateSegmentationRequest, ActivateSegmentationResponse,
        CompareSegmentationsRequest, CompareSegmentationsResponse, CreateSegmentationRequest,
        CreateSegmentationResponse, GetSegmentationRequest, GetSegmentationResponse,
        GetSegmentationScheduleRequest, GetSegmentationScheduleResponse, ListFeaturesRequest,
        ListFeaturesResponse, ListSegmentationsRequest, ListSegmentationsResponse,
        UpdateSegmentationScheduleRequest, UpdateSegmentationScheduleResponse,
        WatchSegmentationRequest, WatchSegmentationResponse,
        segmentation_service_server::{SegmentationService, SegmentationServiceServer},
    },
    work,
};
use cx_analytics::{
    Timestamp, features,
    segmentation::{Called, Contingency, Report, compare},
};
use cx_datastore::{Job, JobKind, JobState, schedules::Schedule};
use futures::stream::BoxStream;
use std::time::Duration;
use tonic::{Request, Response, Status, service::Routes};

/// How often a run that is watched is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(SegmentationServiceServer, Handler { api: api.clone() }))
}

#[derive(Clone)]
struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl SegmentationService for Handler {
    type WatchSegmentationStream = BoxStream<'static, Result<WatchSegmentationResponse, Status>>;

    async fn create_segmentation(
        &self,
        request: Request<CreateSegmentationRequest>,
    ) -> Result<Response<CreateSegmentationResponse>, Status> {
        let request = request.into_inner();
        let now = clock::now();
        let mut v = Violations::new();
        let request_id = v.optional_id("request_id", request.request_id);
        let parameters = request.parameters.unwrap_or_default();
        let policy = request.activation_policy;
        let asked = segmentation_asked(&mut v, "parameters", parameters, policy, now);
        v.refuse()?;
        let parameters = serde_json::to_string(&asked).map_err(|e| Refusal::internal(&e))?;
        let id = uuid::Uuid::now_v7().to_string();
        let create = self.api.store.job_create(
            JobKind::Segmentation,
            &parameters,
            request.activate,
            request_id.as_deref(),
            id,
            now,
        );
        let job = create.await.map_err(Refusal::from)?;
        self.api.work.ring();
        Ok(Response::new(CreateSegmentationResponse { segmentation: Some(self.view(job).await?) }))
    }

    async fn get_segmentation(
        &self,
        request: Request<GetSegmentationRequest>,
    ) -> Result<Response<GetSegmentationResponse>, Status> {
        let id = request.into_inner().segmentation_id;
        let id = match named(id)? {
            None => active(&self.api).await?,
            Some(id) => id,
        };
        let job = job(&self.api, &id).await?;
        Ok(Response::new(GetSegmentationResponse { segmentation: Some(self.view(job).await?) }))
    }

    async fn list_segmentations(
        &self,
        request: Request<ListSegmentationsRequest>,
    ) -> Result<Response<ListSegmentationsResponse>, Status> {
        const SCOPE: &[&str] = &["ListSegmentations"];
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let after: Option<(Timestamp, String)> = page_token::read(&request.page_token, SCOPE)?;
        let list = self.api.store.jobs_list(JobKind::Segmentation, after, size + 1);
        let jobs = list.await.map_err(Refusal::from)?;
        let mut views = Vec::with_capacity(jobs.len());
        for job in &jobs {
            views.push(self.view(job.clone()).await?);
        }
        let (segmentations, last) = page_token::page(views.into_iter(), size);
        let last = last.and_then(|last| jobs.iter().find(|job| job.id == last.segmentation_id));
        let next_page_token = last
            .map_or_else(String::new, |job| page_token::issue(SCOPE, &(job.created_at, &job.id)));
        Ok(Response::new(ListSegmentationsResponse { segmentations, next_page_token }))
    }

    async fn watch_segmentation(
        &self,
        request: Request<WatchSegmentationRequest>,
    ) -> Result<Response<Self::WatchSegmentationStream>, Status> {
        let id = required(request.into_inner().segmentation_id)?;
        let first = job(&self.api, &id).await?;
        let state = (self.clone(), Watch::Begun(first));
        let stream = futures::stream::try_unfold(state, |(handler, watch)| async move {
            let Some(job) = handler.next_change(watch).await? else { return Ok(None) };
            let told =
                WatchSegmentationResponse { segmentation: Some(handler.view(job.clone()).await?) };
            let next = if ended(&job) { Watch::Over } else { Watch::Waiting(job) };
            Ok(Some((told, (handler, next))))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn activate_segmentation(
        &self,
        request: Request<ActivateSegmentationRequest>,
    ) -> Result<Response<ActivateSegmentationResponse>, Status> {
        let id = required(request.into_inner().segmentation_id)?;
        let job = succeeded(job(&self.api, &id).await?)?;
        if !work::refresh::activate(&self.api.store, &id).await.map_err(Refusal::from)? {
            return Err(Refusal::SegmentationNotFound(id).into());
        }
        Ok(Response::new(ActivateSegmentationResponse {
            segmentation: Some(self.view(job).await?),
        }))
    }

    async fn compare_segmentations(
        &self,
        request: Request<CompareSegmentationsRequest>,
    ) -> Result<Response<CompareSegmentationsResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let base = v.optional_id("base_segmentation_id", request.base_segmentation_id);
        let other = v.id("other_segmentation_id", request.other_segmentation_id);
        v.refuse()?;
        let base = self.version(meant(&self.api, base.unwrap_or_default()).await?).await?;
        let other = self.version(meant(&self.api, other).await?).await?;
        let cross = self.api.store.assignments_cross(&base.id, &other.id).await;
        let counts = Contingency::new(cross.map_err(Refusal::from)?, &base.counts, &other.counts);
        let found = compare(&counts, &base.called, &other.called);
        let sides = [&base, &other].map(|v| (v.id.as_str(), &v.report, v.smallest_share()));
        let comparison = Some(to_proto::comparison(found, sides));
        Ok(Response::new(CompareSegmentationsResponse { comparison }))
    }

    async fn list_features(
        &self,
        request: Request<ListFeaturesRequest>,
    ) -> Result<Response<ListFeaturesResponse>, Status> {
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)? as usize;
        let begin: usize = page_token::read(&request.page_token, &["ListFeatures"])?.unwrap_or(0);
        let all = features::listing();
        let end = begin.saturating_add(size);
        let next_page_token = if end < all.len() {
            page_token::issue(&["ListFeatures"], &end)
        } else {
            String::new()
        };
        let features = all.into_iter().skip(begin).take(size).map(to_proto::feature_definition);
        Ok(Response::new(ListFeaturesResponse { features: features.collect(), next_page_token }))
    }

    async fn get_segmentation_schedule(
        &self,
        _: Request<GetSegmentationScheduleRequest>,
    ) -> Result<Response<GetSegmentationScheduleResponse>, Status> {
        let schedule = self.api.store.schedule_get(JobKind::Segmentation).await;
        let schedule = to_proto::segmentation_schedule(schedule.map_err(Refusal::from)?);
        Ok(Response::new(GetSegmentationScheduleResponse { schedule: Some(schedule) }))
    }

    async fn update_segmentation_schedule(
        &self,
        request: Request<UpdateSegmentationScheduleRequest>,
    ) -> Result<Response<UpdateSegmentationScheduleResponse>, Status> {
        let wire = request.into_inner().schedule.unwrap_or_default();
        let mut v = Violations::new();
        let asked = segmentation_schedule(&mut v, wire, clock::now());
        v.refuse()?;
        let schedule = match asked {
            None => None,
            Some((asked, schedule)) => {
                let parameters =
                    serde_json::to_string(&asked).map_err(|e| Refusal::internal(&e))?;
                Some(Schedule { parameters, ..schedule })
            }
        };
        let set = self.api.store.schedule_set(JobKind::Segmentation, schedule.as_ref());
        set.await.map_err(Refusal::from)?;
        let schedule = Some(to_proto::segmentation_schedule(schedule));
        Ok(Response::new(UpdateSegmentationScheduleResponse { schedule }))
    }
}

/// Where a watch stands.
enum Watch {
    /// Nothing was told yet; this is the first thing to tell.
    Begun(Job),
    /// This was told last.
    Waiting(Job),
    /// The run has ended, and that was told.
    Over,
}

/// One side of a comparison.
struct Version {
    id: String,
    report: Report,
    called: Vec<Called>,
    counts: Vec<(u16, i64)>,
}

impl Version {
    /// Share of the persona that has fewest members now.
    fn smallest_share(&self) -> f64 {
        let all: i64 = self.counts.iter().map(|(_, members)| members).sum();
        let members =
            |place: u16| self.counts.iter().find(|(p, _)| *p == place).map_or(0, |(_, n)| *n);
        let least = (0..self.report.k).map(members).min().unwrap_or(0);
        if all == 0 { 0.0 } else { least as f64 / all as f64 }
    }
}

impl Handler {
    async fn version(&self, id: String) -> Result<Version, Refusal> {
        let store = &self.api.store;
        let report = store.segmentation_report(&id).await?;
        let report = report.ok_or_else(|| Refusal::SegmentationNotFound(id.clone()))?;
        let counts = store.assignments_counts(&id).await?;
        let personas = store.personas_list(&id).await?;
        let called = personas.into_iter().map(|stored| Called {
            name: stored.label.name.unwrap_or(stored.persona.name),
            persona_id: stored.persona.persona_id,
        });
        Ok(Version { called: called.collect(), id, report, counts })
    }

    /// The segmentation of a job, as it is told.
    async fn view(&self, job: Job) -> Result<proto::Segmentation, Refusal> {
        let active = self.api.store.active_get(JobKind::Segmentation).await?;
        let report = match job.state {
            JobState::Succeeded => self.api.store.segmentation_report(&job.id).await?,
            _ => None,
        };
        let active = active.as_deref() == Some(job.id.as_str());
        Ok(to_proto::segmentation(job, report, active))
    }

    /// Waits until a run is not as it was told last. None where its end was told.
    async fn next_change(&self, watch: Watch) -> Result<Option<Job>, Refusal> {
        let told = match watch {
            Watch::Begun(first) => return Ok(Some(first)),
            Watch::Waiting(job) => job,
            Watch::Over => return Ok(None),
        };
        loop {
            tokio::select! {
                () = self.api.stop.cancelled() => return Err(Refusal::ShuttingDown),
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = job(&self.api, &told.id).await?;
            if now != told {
                return Ok(Some(now));
            }
        }
    }
}

fn ended(job: &Job) -> bool {
    matches!(job.state, JobState::Succeeded | JobState::Failed)
}

fn required(segmentation_id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id("segmentation_id", segmentation_id);
    v.refuse().map(|()| id)
}

fn named(segmentation_id: String) -> Result<Option<String>, Refusal> {
    let mut v = Violations::new();
    let id = v.optional_id("segmentation_id", segmentation_id);
    v.refuse().map(|()| id)
}

/// The id of the active segmentation.
pub(super) async fn active(api: &Api) -> Result<String, Refusal> {
    api.store.active_get(JobKind::Segmentation).await?.ok_or(Refusal::NoActiveSegmentation)
}

/// The job of a segmentation.
async fn job(api: &Api, id: &str) -> Result<Job, Refusal> {
    let found = api.store.job_get(id).await?.filter(|job| job.kind == JobKind::Segmentation);
    found.ok_or_else(|| Refusal::SegmentationNotFound(id.to_owned()))
}

pub(super) fn succeeded(job: Job) -> Result<Job, Refusal> {
    let state = to_proto::run_state(job.state).as_str_name();
    match job.state {
        JobState::Succeeded => Ok(job),
        _ => Err(Refusal::RunNotSucceeded(state.trim_start_matches("RUN_STATE_").to_owned())),
    }
}

/// The segmentation that a request about personas means, which has succeeded: the one it names, or the active one.
pub(super) async fn meant(api: &Api, segmentation_id: String) -> Result<String, Refusal> {
    match named(segmentation_id)? {
        None => active(api).await,
        Some(id) => Ok(succeeded(job(api, &id).await?)?.id),
    }
}
