//! `ChurnService`: says what churn is, trains models of it and lists risks.

use super::{
    Api, configured,
    follow::{Follow, From, TOLD},
    from_proto::{self, ChurnDefinitionPut, Violations},
    risks::{Risks, ordinal},
    segmentation::succeeded,
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{self, churn_service_server::*, watch_churn_risks_request::Start, *},
    work,
};
use cx_analytics::{
    churn::{Band, Gaps},
    codes::Kind,
};
use cx_datastore::{
    Job, JobKind, JobState, Store,
    churn::{BandChange, ChangesOf, ChurnModel, DEFAULT_DEFINITION, RiskFilter},
};
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, service::Routes};

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(ChurnServiceServer, Handler(api.clone())))
}

struct Handler(Api);

#[tonic::async_trait]
impl ChurnService for Handler {
    type ExportChurnRisksStream = BoxStream<'static, Result<ExportChurnRisksResponse, Status>>;
    type WatchChurnRisksStream = BoxStream<'static, Result<WatchChurnRisksResponse, Status>>;

    async fn put_churn_definition(
        &self,
        request: Request<PutChurnDefinitionRequest>,
    ) -> Result<Response<PutChurnDefinitionResponse>, Status> {
        let asked = from_proto::churn_definition_put(request.into_inner())?;
        let ChurnDefinitionPut { id, display_name, definition } = asked;
        let put =
            self.0.store.churn_definition_put(&id, &display_name, &definition, clock::now()).await;
        let churn_definition = Some(to_proto::churn_definition(put.map_err(Refusal::from)?));
        Ok(Response::new(PutChurnDefinitionResponse { churn_definition }))
    }

    async fn get_churn_definition(
        &self,
        request: Request<GetChurnDefinitionRequest>,
    ) -> Result<Response<GetChurnDefinitionResponse>, Status> {
        let mut v = Violations::new();
        let id = from_proto::churn_definition_id(&mut v, request.into_inner().churn_definition_id);
        v.refuse()?;
        let found = definition(&self.0.store, &id).await?;
        let churn_definition = Some(to_proto::churn_definition(found));
        Ok(Response::new(GetChurnDefinitionResponse { churn_definition }))
    }

    async fn list_churn_definitions(
        &self,
        _: Request<ListChurnDefinitionsRequest>,
    ) -> Result<Response<ListChurnDefinitionsResponse>, Status> {
        let all = self.0.store.churn_definitions_list().await.map_err(Refusal::from)?;
        let churn_definitions = all.into_iter().map(to_proto::churn_definition).collect();
        Ok(Response::new(ListChurnDefinitionsResponse { churn_definitions }))
    }

    async fn suggest_churn_horizon(
        &self,
        request: Request<SuggestChurnHorizonRequest>,
    ) -> Result<Response<SuggestChurnHorizonResponse>, Status> {
        let mut v = Violations::new();
        let mut kinds = from_proto::kinds(&mut v, &request.into_inner().qualifying_kinds);
        v.refuse()?;
        if kinds.is_empty() {
            kinds.push(Kind::Order);
        }
        let (counts, customers) = self.0.store.churn_gaps(&kinds).await.map_err(Refusal::from)?;
        let gaps = Gaps::of(&counts);
        Ok(Response::new(SuggestChurnHorizonResponse {
            // A usual length, which fits.
            horizon_days: gaps.horizon_days().unwrap_or_default() as i32,
            gaps: gaps.gaps,
            customers,
            median_days: gaps.median as f64,
            p75_days: gaps.p75 as f64,
            p90_days: gaps.p90 as f64,
            p95_days: gaps.p95 as f64,
        }))
    }

    async fn list_churn_risks(
        &self,
        request: Request<ListChurnRisksRequest>,
    ) -> Result<Response<ListChurnRisksResponse>, Status> {
        let asked = from_proto::churn_list(request.into_inner())?;
        let store = &self.0.store;
        let mut risks = Risks::at(store, &asked).await?;
        let page = risks.page(store, &asked).await?;
        let next = risks.token(&asked).filter(|_| page.more);
        Ok(Response::new(ListChurnRisksResponse {
            risks: page.risks,
            churn_model_id: risks.into_model_id(),
            next_page_token: next.unwrap_or_default(),
        }))
    }

    async fn export_churn_risks(
        &self,
        request: Request<ExportChurnRisksRequest>,
    ) -> Result<Response<Self::ExportChurnRisksStream>, Status> {
        let asked = from_proto::churn_export(request.into_inner())?;
        let store = self.0.store.clone();
        let risks = Risks::at(&store, &asked).await?;
        Ok(Response::new(risks.stream(store, asked)))
    }

    async fn get_churn_risk(
        &self,
        request: Request<GetChurnRiskRequest>,
    ) -> Result<Response<GetChurnRiskResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let customer_id = violations.id("customer_id", request.customer_id);
        let id = from_proto::churn_definition_id(&mut violations, request.churn_definition_id);
        violations.refuse()?;
        let risk = risk_of(&self.0.store, &id, &customer_id).await?;
        Ok(Response::new(GetChurnRiskResponse { churn_risk: Some(risk) }))
    }

    async fn watch_churn_risks(
        &self,
        request: Request<WatchChurnRisksRequest>,
    ) -> Result<Response<Self::WatchChurnRisksStream>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let bands = from_proto::codes_once(&mut v, "bands", &request.bands, Band::from_code);
        let id = from_proto::churn_definition_id(&mut v, request.churn_definition_id);
        v.refuse()?;
        let start = match Start::try_from(request.start) {
            Ok(Start::Earliest) => From::Earliest,
            Ok(Start::Now | Start::Unspecified) => From::Now,
            Err(_) => {
                let rule = format!("{} is not one of its values", request.start);
                return Err(Refusal::field("start", rule).into());
            }
        };
        definition(&self.0.store, &id).await?;
        let mut scope = vec!["WatchChurnRisks".to_owned(), id.clone()];
        scope.extend(bands.iter().map(|band| band.code().to_string()));
        let follow = Follow::begin(&self.0, scope, &request.resume_token, start).await?;
        let (store, of) = (self.0.store.clone(), ChangesOf { definition_id: id, bands });
        let read = move |position| {
            let (store, of) = (store.clone(), of.clone());
            async move { store.churn_changes_after(position, &of, TOLD).await }
        };
        let told = |changes: Vec<BandChange>, resume_token| WatchChurnRisksResponse {
            changes: changes.into_iter().map(to_proto::churn_band_change).collect(),
            resume_token,
        };
        Ok(Response::new(follow.stream(read, |change| change.position, told)))
    }

    async fn get_churn_drivers(
        &self,
        request: Request<GetChurnDriversRequest>,
    ) -> Result<Response<GetChurnDriversResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let id = from_proto::churn_definition_id(&mut v, request.churn_definition_id);
        let persona_id = v.optional_id("persona_id", request.persona_id);
        let band = v.optional_code("band", request.band, Band::from_code);
        v.refuse()?;
        let store = &self.0.store;
        let churn_model_id = active(store, &id).await?;
        let segmentation = store.active_get(JobKind::Segmentation).await.map_err(Refusal::from)?;
        let persona = match persona_id {
            None => None,
            Some(persona) => Some(ordinal(store, segmentation.as_deref(), &persona).await?),
        };
        let filter = RiskFilter { band, persona, ..RiskFilter::default() };
        let groups =
            work::drivers::of(store, &churn_model_id, segmentation.as_deref(), filter).await;
        let groups = groups.map_err(Refusal::from)?.into_iter().map(to_proto::churn_driver_group);
        Ok(Response::new(GetChurnDriversResponse { groups: groups.collect(), churn_model_id }))
    }

    async fn list_churn_backtests(
        &self,
        request: Request<ListChurnBacktestsRequest>,
    ) -> Result<Response<ListChurnBacktestsResponse>, Status> {
        const MOST: u64 = 100;
        let mut v = Violations::new();
        let id = from_proto::churn_definition_id(&mut v, request.into_inner().churn_definition_id);
        v.refuse()?;
        definition(&self.0.store, &id).await?;
        let found = self.0.store.churn_backtests(&id, MOST).await.map_err(Refusal::from)?;
        let backtests = found.into_iter().map(to_proto::churn_backtest).collect();
        Ok(Response::new(ListChurnBacktestsResponse { backtests }))
    }

    async fn train_churn_model(
        &self,
        request: Request<TrainChurnModelRequest>,
    ) -> Result<Response<TrainChurnModelResponse>, Status> {
        let now = clock::now();
        let asked = from_proto::churn_training(request.into_inner(), now)?;
        let of = definition(&self.0.store, &asked.definition_id).await?;
        let parameters = work::churn::Parameters {
            definition_id: of.id,
            version: of.version,
            definition: of.definition,
            as_of: asked.as_of,
            currency: asked.currency,
            live: asked.live,
            in_place_of: None,
        };
        let parameters =
            serde_json::to_string(&parameters).map_err(|error| Refusal::internal(&error))?;
        let id = uuid::Uuid::now_v7().to_string();
        let request_id = asked.request_id.as_deref();
        let kind = JobKind::ChurnTraining;
        let job = self.0.store.job_create(kind, &parameters, asked.activate, request_id, id, now);
        let job = job.await.map_err(Refusal::from)?;
        self.0.work.ring();
        let model = described(&self.0.store, job).await?;
        Ok(Response::new(TrainChurnModelResponse { churn_model: Some(model) }))
    }

    async fn activate_churn_model(
        &self,
        request: Request<ActivateChurnModelRequest>,
    ) -> Result<Response<ActivateChurnModelResponse>, Status> {
        let mut v = Violations::new();
        let id = v.id("churn_model_id", request.into_inner().churn_model_id);
        v.refuse()?;
        let store = &self.0.store;
        let job = succeeded(training(store, &id).await?)?;
        if !store.churn_activate(&id, clock::now()).await.map_err(Refusal::from)? {
            return Err(Refusal::ChurnModelNotFound(id).into());
        }
        let model = described(store, job).await?;
        Ok(Response::new(ActivateChurnModelResponse { churn_model: Some(model) }))
    }

    async fn get_churn_model(
        &self,
        request: Request<GetChurnModelRequest>,
    ) -> Result<Response<GetChurnModelResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let id = violations.optional_id("churn_model_id", request.churn_model_id);
        let of = from_proto::churn_definition_id(&mut violations, request.churn_definition_id);
        violations.refuse()?;
        let store = &self.0.store;
        let id = match id {
            Some(id) => id,
            None => active(store, &of).await?,
        };
        let model = described(store, training(store, &id).await?).await?;
        Ok(Response::new(GetChurnModelResponse { churn_model: Some(model) }))
    }
}

/// A customer's risk by the default definition, for the customer's own page.
pub(super) async fn default_risk_of(
    store: &Store,
    customer_id: &str,
) -> Result<proto::ChurnRisk, Refusal> {
    risk_of(store, DEFAULT_DEFINITION, customer_id).await
}

/// A customer's risk under the active model of a definition.
async fn risk_of(
    store: &Store,
    definition_id: &str,
    customer_id: &str,
) -> Result<proto::ChurnRisk, Refusal> {
    let id = active(store, definition_id).await?;
    let segmentation = store.active_get(JobKind::Segmentation).await?;
    match store.churn_risk_get(&id, segmentation.as_deref(), customer_id).await? {
        Some(risk) => Ok(to_proto::churn_risk(&id, &published(store, &id).await?, risk)),
        None if store.customer_get(customer_id).await?.is_none() => {
            Err(Refusal::CustomerNotFound(customer_id.to_owned()))
        }
        None => Err(Refusal::ChurnRiskNotFound(customer_id.to_owned())),
    }
}

async fn definition(
    store: &Store,
    id: &str,
) -> Result<cx_datastore::churn::ChurnDefinition, Refusal> {
    let found = store.churn_definition_get(id).await?;
    found.ok_or_else(|| Refusal::ChurnDefinitionNotFound(id.to_owned()))
}

pub(super) async fn active(store: &Store, definition_id: &str) -> Result<String, Refusal> {
    definition(store, definition_id).await?.model_id.ok_or(Refusal::NoActiveChurnModel)
}

pub(super) async fn published(store: &Store, id: &str) -> Result<ChurnModel, Refusal> {
    let model = store.churn_model_get(id).await?;
    model.ok_or_else(|| Refusal::ChurnModelNotFound(id.to_owned()))
}

async fn training(store: &Store, id: &str) -> Result<Job, Refusal> {
    let job = store.job_get(id).await?.filter(|job| job.kind == JobKind::ChurnTraining);
    job.ok_or_else(|| Refusal::ChurnModelNotFound(id.to_owned()))
}

/// A training as the API shows it, with its report where it has succeeded.
async fn described(store: &Store, job: Job) -> Result<proto::ChurnModel, Refusal> {
    let found = match job.state {
        JobState::Succeeded => store.churn_model_get(&job.id).await?,
        _ => None,
    };
    let parameters: work::churn::Parameters =
        serde_json::from_str(&job.parameters).map_err(|error| Refusal::internal(&error))?;
    let definition = store.churn_definition_get(&parameters.definition_id).await?;
    let active = definition.and_then(|of| of.model_id).as_deref() == Some(&job.id);
    Ok(to_proto::churn_model(job, &parameters, found, active))
}
