//! What a churn training is asked for.

use super::{Refusal, Violations, churn_definition};
use crate::{proto, work::churn::Parameters};
use cx_analytics::{Timestamp, churn::Definition};

/// A training that was asked for, checked.
#[derive(Debug, Clone)]
pub struct ChurnTraining {
    /// What to train.
    pub parameters: Parameters,
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
    let definition = churn_definition(request.definition).unwrap_or_else(|broken| {
        violations.under("definition", broken);
        Definition::default()
    });
    let as_of = violations.timestamp("as_of", request.as_of).unwrap_or(now);
    if as_of > now {
        violations.at("as_of", "is in the future: its past is not complete");
    }
    let currency = violations.currency("currency_code", &request.currency_code);
    let request_id = violations.optional_id("request_id", request.request_id);
    violations.refuse()?;
    let parameters = Parameters { definition, as_of, currency };
    Ok(ChurnTraining { parameters, activate: request.activate, request_id })
}
