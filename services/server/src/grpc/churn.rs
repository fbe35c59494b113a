//! `ChurnService`: says what churn is, trains models of it and lists risks.

use super::{
    Api, configured,
    follow::{Follow, From, TOLD},
    from_proto::{self, ChurnDefinitionPut, ChurnList, Violations},
    page_token,
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
    churn::{
        BandChange, ChangesOf, ChurnModel, DEFAULT_DEFINITION, RiskFilter, RiskKey, RiskPage,
        StoredRisk,
    },
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tonic::{Request, Response, Status, service::Routes};

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(ChurnServiceServer, Handler(api.clone())))
}

struct Handler(Api);

#[tonic::async_trait]
impl ChurnService for Handler {
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
        let place = place(&self.0.store, &asked).await?;
        let model = published(&self.0.store, &place.model_id).await?;
        let (risks, next) = page(&self.0.store, &asked, place.clone()).await?;
        let risks =
            risks.into_iter().map(|risk| to_proto::churn_risk(&place.model_id, &model, risk));
        Ok(Response::new(ListChurnRisksResponse {
            risks: risks.collect(),
            churn_model_id: place.model_id.clone(),
            next_page_token: next,
        }))
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
        let job = store.job_get(&id).await.map_err(Refusal::from)?;
        let job = job.filter(|job| job.kind == JobKind::ChurnTraining);
        let job = job.ok_or(Refusal::ChurnModelNotFound(id))?;
        let model = described(store, job).await?;
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

async fn active(store: &Store, definition_id: &str) -> Result<String, Refusal> {
    definition(store, definition_id).await?.model_id.ok_or(Refusal::NoActiveChurnModel)
}

async fn published(store: &Store, id: &str) -> Result<ChurnModel, Refusal> {
    let model = store.churn_model_get(id).await?;
    model.ok_or_else(|| Refusal::ChurnModelNotFound(id.to_owned()))
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

/// Where a list stands: the versions it keeps to, and its last row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    model_id: String,
    segmentation_id: Option<String>,
    /// None at the beginning.
    after: Option<RiskKey>,
}

fn scope(asked: &ChurnList) -> Vec<&str> {
    asked.scope.iter().map(String::as_str).collect()
}

/// Where to go on: where the token says, else at the beginning of the versions asked for.
async fn place(store: &Store, asked: &ChurnList) -> Result<Place, Refusal> {
    if let Some(place) = page_token::read(&asked.token, &scope(asked))? {
        return Ok(place);
    }
    let model_id = match &asked.model_id {
        Some(id) => id.clone(),
        None => active(store, &asked.definition_id).await?,
    };
    let segmentation_id = store.active_get(JobKind::Segmentation).await?;
    Ok(Place { model_id, segmentation_id, after: None })
}

/// The page, and the token of the next.
async fn page(
    store: &Store,
    asked: &ChurnList,
    place: Place,
) -> Result<(Vec<StoredRisk>, String), Refusal> {
    let persona = match &asked.persona_id {
        None => None,
        Some(persona) => Some(ordinal(store, place.segmentation_id.as_deref(), persona).await?),
    };
    let page = RiskPage {
        model_id: &place.model_id,
        segmentation_id: place.segmentation_id.as_deref(),
        filter: RiskFilter {
            band: asked.band,
            persona,
            min_probability: asked.min_probability,
            min_value: asked.min_value,
            attribute: asked.attribute.clone(),
        },
        order: asked.order,
        after: place.after.clone(),
        limit: asked.limit + 1,
    };
    let mut risks = store.churn_risks_list(&page).await?;
    let more = risks.len() as u64 > asked.limit;
    risks.truncate(usize::try_from(asked.limit).unwrap_or(usize::MAX));
    let next = risks.last().filter(|_| more).map(|last| {
        let next = Place { after: Some(last.key()), ..place.clone() };
        page_token::issue(&scope(asked), &next)
    });
    Ok((risks, next.unwrap_or_default()))
}

/// A persona's place in the segmentation.
async fn ordinal(store: &Store, segmentation: Option<&str>, persona: &str) -> Result<u16, Refusal> {
    let segmentation = segmentation.ok_or(Refusal::NoActiveSegmentation)?;
    let found = store.persona_get(segmentation, persona).await?;
    found.map(|one| one.ordinal).ok_or_else(|| Refusal::PersonaNotFound(persona.to_owned()))
}
