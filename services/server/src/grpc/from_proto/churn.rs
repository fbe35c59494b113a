//! What a churn training, and a list of risks, are asked for.

use super::{Refusal, Violations, churn_definition_id};
use crate::{grpc::page_token, proto};
use cx_analytics::{Timestamp, churn::Band, features::Attribute, interaction::Currency};
use cx_datastore::churn::{RiskFilter, RiskOrder};

/// A training that was asked for, checked.
#[derive(Debug, Clone)]
pub struct ChurnTraining {
    /// By which definition.
    pub definition_id: String,
    /// Only interactions before this instant count.
    pub as_of: Timestamp,
    /// Currency of values.
    pub currency: Option<Currency>,
    /// Whether risks are kept fresh, as they are where no instant is given.
    pub live: bool,
    /// Whether it becomes the active one.
    pub activate: bool,
    /// The client's id of the request.
    pub request_id: Option<String>,
}

/// Checks a request; `now` stands in for an `as_of` that was not given.
pub fn churn_training(
    request: proto::TrainChurnModelRequest,
    now: Timestamp,
) -> Result<ChurnTraining, Refusal> {
    let mut violations = Violations::new();
    let definition_id = churn_definition_id(&mut violations, request.churn_definition_id);
    let live = request.as_of.is_none();
    let as_of = violations.timestamp("as_of", request.as_of).unwrap_or(now);
    if as_of > now {
        violations.at("as_of", "is in the future: its past is not complete");
    }
    let currency = violations.currency("currency_code", &request.currency_code);
    let request_id = violations.optional_id("request_id", request.request_id);
    violations.refuse()?;
    let activate = request.activate;
    Ok(ChurnTraining { definition_id, as_of, currency, live, activate, request_id })
}

/// A list of risks that was asked for, checked.
#[derive(Debug, Clone)]
pub struct ChurnList {
    /// Of which definition.
    pub definition_id: String,
    /// Under which model; none for the active one.
    pub model_id: Option<String>,
    /// Only this persona.
    pub persona_id: Option<String>,
    /// Whom else; the persona is looked up first.
    pub filter: RiskFilter,
    /// How to order.
    pub order: RiskOrder,
    /// Risks a page.
    pub limit: u64,
    /// The token of the page before.
    pub token: String,
    /// What a token holds for.
    pub scope: Vec<String>,
}

/// Checks a request for a list.
pub fn churn_list(request: proto::ListChurnRisksRequest) -> Result<ChurnList, Refusal> {
    let limit = page_token::page_size(request.page_size)?;
    // A token is of one question: everything but the page.
    let question =
        proto::ListChurnRisksRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    let scope = vec!["ListChurnRisks".to_owned(), format!("{question:?}")];
    let mut v = Violations::new();
    let definition_id = churn_definition_id(&mut v, request.churn_definition_id);
    let model_id = v.optional_id("churn_model_id", request.churn_model_id);
    let band = v.optional_code("band", request.band, Band::from_code);
    let min_probability = v.within("min_probability", request.min_probability, 0.0..=1.0);
    let order = match proto::ChurnRiskOrder::try_from(request.order_by) {
        Ok(proto::ChurnRiskOrder::Unspecified | proto::ChurnRiskOrder::Probability) => {
            RiskOrder::Probability
        }
        Ok(proto::ChurnRiskOrder::ValueAtRisk) => RiskOrder::ValueAtRisk,
        Ok(proto::ChurnRiskOrder::BandThenValue) => RiskOrder::BandThenValue,
        Err(_) => {
            v.at("order_by", format!("{} is not one of its values", request.order_by));
            RiskOrder::Probability
        }
    };
    let persona_id = v.optional_id("persona_id", request.persona_id);
    let min_value = v.money("min_value_at_risk", request.min_value_at_risk);
    let attribute = one_attribute(&mut v, &request.customer_attribute);
    v.refuse()?;
    let token = request.page_token;
    Ok(ChurnList {
        definition_id,
        model_id,
        persona_id,
        filter: RiskFilter { band, persona: None, min_probability, min_value, attribute },
        order,
        limit,
        token,
        scope,
    })
}

/// Risks in a message of an export.
const EXPORTED: u64 = 1000;

/// Checks a request for all of a list.
pub fn churn_export(request: proto::ExportChurnRisksRequest) -> Result<ChurnList, Refusal> {
    let list = churn_list(proto::ListChurnRisksRequest {
        band: request.band,
        persona_id: request.persona_id,
        min_probability: request.min_probability,
        churn_definition_id: request.churn_definition_id,
        churn_model_id: request.churn_model_id,
        customer_attribute: request.customer_attribute,
        min_value_at_risk: request.min_value_at_risk,
        ..Default::default()
    })?;
    // Risks move while they are read; who they are of does not.
    Ok(ChurnList { order: RiskOrder::Customer, limit: EXPORTED, ..list })
}

/// An attribute with the value that customers must have.
fn one_attribute(v: &mut Violations, name: &str) -> Option<Attribute> {
    if name.is_empty() {
        return None;
    }
    match Attribute::parse(name) {
        Ok(Some(found @ (Attribute::Is(..) | Attribute::EntryIs(..)))) => Some(found),
        Ok(_) => {
            v.at("customer_attribute", format!("{name:?} names no value, as country=DE does"));
            None
        }
        Err(rule) => {
            v.at("customer_attribute", rule);
            None
        }
    }
}
