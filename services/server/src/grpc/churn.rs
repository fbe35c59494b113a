//! `ChurnService`: trains churn models and lists risks.

use super::{
    Api, configured,
    from_proto::{self, Violations},
    page_token,
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{self, churn_service_server::*, *},
    work,
};
use cx_analytics::churn::Band;
use cx_datastore::{
    Job, JobKind, JobState, Store,
    churn::{ChurnModel, RiskFilter, RiskKey, RiskOrder, RiskPage, StoredRisk},
};
use serde::{Deserialize, Serialize};
use tonic::{Request, Response, Status, service::Routes};

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(ChurnServiceServer, Handler(api.clone())))
}

struct Handler(Api);

#[tonic::async_trait]
impl ChurnService for Handler {
    async fn list_churn_risks(
        &self,
        request: Request<ListChurnRisksRequest>,
    ) -> Result<Response<ListChurnRisksResponse>, Status> {
        let asked = AskedPage::read(request.into_inner())?;
        let place = asked.place(&self.0.store).await?;
        let model = published(&self.0.store, &place.model_id).await?;
        let (risks, next) = asked.fetch(&self.0.store, place.clone()).await?;
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
        let mut violations = Violations::new();
        let customer_id = violations.id("customer_id", request.into_inner().customer_id);
        violations.refuse()?;
        let risk = risk_of(&self.0.store, &customer_id).await?;
        Ok(Response::new(GetChurnRiskResponse { churn_risk: Some(risk) }))
    }

    async fn train_churn_model(
        &self,
        request: Request<TrainChurnModelRequest>,
    ) -> Result<Response<TrainChurnModelResponse>, Status> {
        let now = clock::now();
        let asked = from_proto::churn_training(request.into_inner(), now)?;
        let parameters =
            serde_json::to_string(&asked.parameters).map_err(|error| Refusal::internal(&error))?;
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
        let mut violations = Violations::new();
        let id = violations.optional_id("churn_model_id", request.into_inner().churn_model_id);
        violations.refuse()?;
        let store = &self.0.store;
        let id = match id {
            Some(id) => id,
            None => active(store).await?,
        };
        let job = store.job_get(&id).await.map_err(Refusal::from)?;
        let job = job.filter(|job| job.kind == JobKind::ChurnTraining);
        let job = job.ok_or(Refusal::ChurnModelNotFound(id))?;
        let model = described(store, job).await?;
        Ok(Response::new(GetChurnModelResponse { churn_model: Some(model) }))
    }
}

/// A customer's risk under the active model, for this service and for the customer's own page.
pub(super) async fn risk_of(store: &Store, customer_id: &str) -> Result<proto::ChurnRisk, Refusal> {
    let id = active(store).await?;
    let segmentation = store.active_get(JobKind::Segmentation).await?;
    match store.churn_risk_get(&id, segmentation.as_deref(), customer_id).await? {
        Some(risk) => Ok(to_proto::churn_risk(&id, &published(store, &id).await?, risk)),
        None if store.customer_get(customer_id).await?.is_none() => {
            Err(Refusal::CustomerNotFound(customer_id.to_owned()))
        }
        None => Err(Refusal::ChurnRiskNotFound(customer_id.to_owned())),
    }
}

async fn active(store: &Store) -> Result<String, Refusal> {
    store.active_get(JobKind::ChurnTraining).await?.ok_or(Refusal::NoActiveChurnModel)
}

async fn published(store: &Store, id: &str) -> Result<ChurnModel, Refusal> {
    let model = store.churn_model_get(id).await?;
    model.ok_or_else(|| Refusal::ChurnModelNotFound(id.to_owned()))
}

/// A training as the API shows it, with its report where it has succeeded.
async fn described(store: &Store, job: Job) -> Result<proto::ChurnModel, Refusal> {
    let active = store.active_get(JobKind::ChurnTraining).await?.as_deref() == Some(&job.id);
    let found = match job.state {
        JobState::Succeeded => store.churn_model_get(&job.id).await?,
        _ => None,
    };
    let parameters: work::churn::Parameters =
        serde_json::from_str(&job.parameters).map_err(|error| Refusal::internal(&error))?;
    Ok(to_proto::churn_model(job, &parameters, found, active))
}

/// Where a list stands: the versions it keeps to, and its last row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    model_id: String,
    segmentation_id: Option<String>,
    /// Bits of the probability: their decimal form need not come back exactly.
    probability: u64,
    value_at_risk: Option<i64>,
    /// The last row's customer; none at the beginning.
    customer_id: Option<String>,
}

/// A list that was asked for, checked.
struct AskedPage {
    band: Option<Band>,
    persona_id: Option<String>,
    min_probability: f64,
    order: RiskOrder,
    limit: u64,
    scope: Vec<String>,
    token: String,
}

impl AskedPage {
    fn read(request: ListChurnRisksRequest) -> Result<Self, Refusal> {
        let limit = page_token::page_size(request.page_size)?;
        let mut violations = Violations::new();
        let band = violations.optional_code("band", request.band, Band::from_code);
        let least = violations.within("min_probability", request.min_probability, 0.0..=1.0);
        let order = match ChurnRiskOrder::try_from(request.order_by) {
            Ok(ChurnRiskOrder::Unspecified | ChurnRiskOrder::Probability) => RiskOrder::Probability,
            Ok(ChurnRiskOrder::ValueAtRisk) => RiskOrder::ValueAtRisk,
            Err(_) => {
                violations.at("order_by", format!("{} is not one of its values", request.order_by));
                RiskOrder::Probability
            }
        };
        let persona_id = violations.optional_id("persona_id", request.persona_id.clone());
        violations.refuse()?;
        let scope = vec![
            "ListChurnRisks".to_owned(),
            request.band.to_string(),
            request.persona_id,
            least.to_bits().to_string(),
            request.order_by.to_string(),
        ];
        let token = request.page_token;
        Ok(Self { band, persona_id, min_probability: least, order, limit, scope, token })
    }

    fn scope(&self) -> Vec<&str> {
        self.scope.iter().map(String::as_str).collect()
    }

    /// Where to go on: where the token says, else at the beginning of the active versions.
    async fn place(&self, store: &Store) -> Result<Place, Refusal> {
        if let Some(place) = page_token::read(&self.token, &self.scope())? {
            return Ok(place);
        }
        Ok(Place {
            model_id: active(store).await?,
            segmentation_id: store.active_get(JobKind::Segmentation).await?,
            probability: 0,
            value_at_risk: None,
            customer_id: None,
        })
    }

    /// The page, and the token of the next.
    async fn fetch(
        &self,
        store: &Store,
        place: Place,
    ) -> Result<(Vec<StoredRisk>, String), Refusal> {
        let persona = match &self.persona_id {
            None => None,
            Some(persona) => Some(ordinal(store, place.segmentation_id.as_deref(), persona).await?),
        };
        let after = place.customer_id.map(|id| match self.order {
            RiskOrder::Probability => RiskKey::Probability(f64::from_bits(place.probability), id),
            RiskOrder::ValueAtRisk => RiskKey::ValueAtRisk(place.value_at_risk, id),
        });
        let page = RiskPage {
            model_id: &place.model_id,
            segmentation_id: place.segmentation_id.as_deref(),
            filter: RiskFilter { band: self.band, persona, min_probability: self.min_probability },
            order: self.order,
            after,
            limit: self.limit + 1,
        };
        let mut risks = store.churn_risks_list(&page).await?;
        let more = risks.len() as u64 > self.limit;
        risks.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let next = risks.last().filter(|_| more).map(|last| {
            let key = Place {
                model_id: place.model_id.clone(),
                segmentation_id: place.segmentation_id.clone(),
                probability: last.risk.probability.to_bits(),
                value_at_risk: last.risk.value_at_risk,
                customer_id: Some(last.risk.customer_id.clone()),
            };
            page_token::issue(&self.scope(), &key)
        });
        Ok((risks, next.unwrap_or_default()))
    }
}

/// A persona's place in the segmentation.
async fn ordinal(store: &Store, segmentation: Option<&str>, persona: &str) -> Result<u16, Refusal> {
    let segmentation = segmentation.ok_or(Refusal::NoActiveSegmentation)?;
    let found = store.persona_get(segmentation, persona).await?;
    found.map(|one| one.ordinal).ok_or_else(|| Refusal::PersonaNotFound(persona.to_owned()))
}
