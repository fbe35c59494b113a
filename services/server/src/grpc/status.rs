//! Refusals: the one place where an error becomes a gRPC status.
//!
//! Every reason of `error_reason.proto` is one variant here, with its canonical code, its `ErrorInfo`,
//! and where it helps `BadRequest` or `RetryInfo`. Texts name what the caller sent by field, and never
//! what the database said.

use crate::proto::ErrorReason;
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "cx";
/// When to come back after an overload.
const RETRY_OVERLOAD: Duration = Duration::from_millis(500);
/// When to come back after the database could not be reached.
const RETRY_DATABASE: Duration = Duration::from_secs(1);
/// Violations told in one status: its headers must fit what clients take (often 8 KiB).
const VIOLATIONS_TOLD: usize = 20;

/// A field and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field within the request, for example `interactions[3].survey.score`.
    pub field: String,
    /// The rule and what was given, for example `11 is not in 0..=10`.
    pub description: String,
}

/// Why a request is refused: the variants are those of [`ErrorReason`].
#[derive(Debug, Clone)]
pub enum Refusal {
    /// Fields that break a rule.
    InvalidField(Vec<Violation>),
    /// The message could not be decoded; says how.
    MalformedMessage(String),
    /// The page token is not ours, or of another request.
    InvalidPageToken,
    /// No such customer.
    CustomerNotFound(String),
    /// No such segmentation.
    SegmentationNotFound(String),
    /// No such persona.
    PersonaNotFound(String),
    /// No such definition of churn.
    ChurnDefinitionNotFound(String),
    /// No such churn model.
    ChurnModelNotFound(String),
    /// The customer has no risk under the active model.
    ChurnRiskNotFound(String),
    /// The customer has no persona in that segmentation.
    AssignmentNotFound(String),
    /// No such webhook.
    WebhookNotFound(String),
    /// No such rule.
    AlertRuleNotFound(String),
    /// No such alert.
    AlertNotFound(String),
    /// The alert is resolved.
    AlertResolved(String),
    /// No segmentation is active.
    NoActiveSegmentation,
    /// No churn model is active.
    NoActiveChurnModel,
    /// The run has not succeeded; its state.
    RunNotSucceeded(String),
    /// Fewer customers than needed.
    TooFewCustomers {
        /// Those there are.
        customers: i64,
        /// Those it takes.
        needed: i64,
    },
    /// Nothing differs between the customers.
    ConstantFeatures(String),
    /// Changed since it was read; the etag it has now.
    EtagMismatch(String),
    /// At the limit of work in hand.
    Overloaded,
    /// Larger than the server takes; size and limit in bytes, where known.
    MessageTooLarge {
        /// Size of the message.
        size: Option<u64>,
        /// The most that is taken.
        limit: Option<u64>,
    },
    /// The deadline passed.
    DeadlineExceeded,
    /// The database cannot be reached or is too busy.
    DatabaseUnavailable,
    /// A fault of ours; the id under which the log tells more.
    Internal(String),
    /// The server is going down.
    ShuttingDown,
}

impl Refusal {
    /// One field that breaks a rule.
    pub fn field(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::InvalidField(vec![Violation { field: field.into(), description: description.into() }])
    }

    /// A fault of ours: logs `what` under a new incident id, and tells the caller only the id.
    pub fn internal(what: &dyn std::fmt::Display) -> Self {
        let incident = uuid::Uuid::now_v7().to_string();
        tracing::error!(incident, "internal error: {what}");
        Self::Internal(incident)
    }

    /// The reason, as the API names it.
    pub const fn reason(&self) -> ErrorReason {
        match self {
            Self::InvalidField(_) => ErrorReason::InvalidField,
            Self::MalformedMessage(_) => ErrorReason::MalformedMessage,
            Self::InvalidPageToken => ErrorReason::InvalidPageToken,
            Self::CustomerNotFound(_) => ErrorReason::CustomerNotFound,
            Self::SegmentationNotFound(_) => ErrorReason::SegmentationNotFound,
            Self::PersonaNotFound(_) => ErrorReason::PersonaNotFound,
            Self::ChurnDefinitionNotFound(_) => ErrorReason::ChurnDefinitionNotFound,
            Self::ChurnModelNotFound(_) => ErrorReason::ChurnModelNotFound,
            Self::ChurnRiskNotFound(_) => ErrorReason::ChurnRiskNotFound,
            Self::AssignmentNotFound(_) => ErrorReason::AssignmentNotFound,
            Self::WebhookNotFound(_) => ErrorReason::WebhookNotFound,
            Self::AlertRuleNotFound(_) => ErrorReason::AlertRuleNotFound,
            Self::AlertNotFound(_) => ErrorReason::AlertNotFound,
            Self::AlertResolved(_) => ErrorReason::AlertResolved,
            Self::NoActiveSegmentation => ErrorReason::NoActiveSegmentation,
            Self::NoActiveChurnModel => ErrorReason::NoActiveChurnModel,
            Self::RunNotSucceeded(_) => ErrorReason::RunNotSucceeded,
            Self::TooFewCustomers { .. } => ErrorReason::TooFewCustomers,
            Self::ConstantFeatures(_) => ErrorReason::ConstantFeatures,
            Self::EtagMismatch(_) => ErrorReason::EtagMismatch,
            Self::Overloaded => ErrorReason::Overloaded,
            Self::MessageTooLarge { .. } => ErrorReason::MessageTooLarge,
            Self::DeadlineExceeded => ErrorReason::DeadlineExceeded,
            Self::DatabaseUnavailable => ErrorReason::DatabaseUnavailable,
            Self::Internal(_) => ErrorReason::Internal,
            Self::ShuttingDown => ErrorReason::ShuttingDown,
        }
    }

    /// The canonical code.
    pub const fn code(&self) -> Code {
        match self {
            Self::InvalidField(_) | Self::MalformedMessage(_) | Self::InvalidPageToken => {
                Code::InvalidArgument
            }
            Self::CustomerNotFound(_)
            | Self::SegmentationNotFound(_)
            | Self::PersonaNotFound(_)
            | Self::ChurnDefinitionNotFound(_)
            | Self::ChurnModelNotFound(_)
            | Self::ChurnRiskNotFound(_)
            | Self::AssignmentNotFound(_)
            | Self::WebhookNotFound(_)
            | Self::AlertRuleNotFound(_)
            | Self::AlertNotFound(_) => Code::NotFound,
            Self::NoActiveSegmentation
            | Self::AlertResolved(_)
            | Self::NoActiveChurnModel
            | Self::RunNotSucceeded(_)
            | Self::TooFewCustomers { .. }
            | Self::ConstantFeatures(_) => Code::FailedPrecondition,
            Self::EtagMismatch(_) => Code::Aborted,
            Self::Overloaded | Self::MessageTooLarge { .. } => Code::ResourceExhausted,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::DatabaseUnavailable | Self::ShuttingDown => Code::Unavailable,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// What happened and what to do about it, for a person.
    pub fn message(&self) -> String {
        match self {
            Self::InvalidField(violations) => told(violations),
            Self::MalformedMessage(how) => format!("the message could not be decoded: {how}"),
            Self::InvalidPageToken => {
                "the token was not made by this server, or for a request with other fields".into()
            }
            Self::CustomerNotFound(id) => format!("there is no customer {id:?}"),
            Self::SegmentationNotFound(id) => format!("there is no segmentation {id:?}"),
            Self::PersonaNotFound(id) => format!("there is no persona {id:?} in that segmentation"),
            Self::ChurnDefinitionNotFound(id) => format!("there is no churn definition {id:?}"),
            Self::ChurnModelNotFound(id) => format!("there is no churn model {id:?}"),
            Self::ChurnRiskNotFound(id) => {
                format!("the active churn model did not score customer {id:?}: not eligible at its cut-off, or newer")
            }
            Self::AssignmentNotFound(id) => {
                format!(
                    "customer {id:?} has no persona in that segmentation: unknown, without interactions, not assigned yet, or \
                     objecting to profiling"
                )
            }
            Self::WebhookNotFound(id) => format!("there is no webhook {id:?}"),
            Self::AlertRuleNotFound(id) => format!("there is no rule {id:?}"),
            Self::AlertNotFound(id) => {
                format!("there is no alert {id:?}; its customer may have been erased")
            }
            Self::AlertResolved(id) => format!("alert {id:?} is resolved, which is final"),
            Self::NoActiveSegmentation => "no segmentation is active yet; create and activate one".into(),
            Self::NoActiveChurnModel => "no churn model is active yet; train one".into(),
            Self::RunNotSucceeded(state) => format!("the run has not succeeded; its state is {state}"),
            Self::TooFewCustomers { customers, needed } => {
                format!("{customers} customers with activity are too few; at least {needed} are needed")
            }
            Self::ConstantFeatures(what) => what.clone(),
            Self::EtagMismatch(_) => "the resource was changed since it was read; read it again".into(),
            Self::Overloaded => "the server is at its limit of work in hand; try again a little later".into(),
            Self::MessageTooLarge { size: Some(size), limit: Some(limit) } => {
                format!("the message has {size} bytes; at most {limit} are taken")
            }
            Self::MessageTooLarge { limit: Some(limit), .. } => {
                format!("the message has more than the {limit} bytes that are taken")
            }
            Self::MessageTooLarge { .. } => "the message is larger than the server takes".into(),
            Self::DeadlineExceeded => {
                "the work took longer than the deadline; a write may have happened all the same, sending it again is safe".into()
            }
            Self::DatabaseUnavailable => "the database cannot be reached, or is too busy; try again".into(),
            Self::Internal(incident) => format!("a fault of the server; the log tells more under incident {incident}"),
            Self::ShuttingDown => "the server is shutting down; connect again".into(),
        }
    }

    /// What `ErrorInfo.metadata` holds for programs.
    fn metadata(&self) -> HashMap<String, String> {
        let pairs: Vec<(&str, String)> = match self {
            Self::CustomerNotFound(id)
            | Self::ChurnRiskNotFound(id)
            | Self::AssignmentNotFound(id) => {
                vec![("customer_id", id.clone())]
            }
            Self::SegmentationNotFound(id) => vec![("segmentation_id", id.clone())],
            Self::PersonaNotFound(id) => vec![("persona_id", id.clone())],
            Self::WebhookNotFound(id) => vec![("webhook_id", id.clone())],
            Self::AlertRuleNotFound(id) => vec![("alert_rule_id", id.clone())],
            Self::AlertNotFound(id) | Self::AlertResolved(id) => vec![("alert_id", id.clone())],
            Self::ChurnDefinitionNotFound(id) => vec![("churn_definition_id", id.clone())],
            Self::ChurnModelNotFound(id) => vec![("churn_model_id", id.clone())],
            Self::RunNotSucceeded(state) => vec![("state", state.clone())],
            Self::TooFewCustomers { customers, needed } => {
                vec![("customers", customers.to_string()), ("needed", needed.to_string())]
            }
            Self::EtagMismatch(etag) => vec![("etag", etag.clone())],
            Self::MessageTooLarge { size, limit } => {
                let size = size.map(|size| ("size", size.to_string()));
                let limit = limit.map(|limit| ("limit", limit.to_string()));
                size.into_iter().chain(limit).collect()
            }
            Self::Internal(incident) => vec![("incident", incident.clone())],
            _ => Vec::new(),
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// The first violation, and how many more there are.
fn told(violations: &[Violation]) -> String {
    match violations {
        [] => "a field breaks a rule".into(),
        [only] => format!("{}: {}", only.field, only.description),
        [first, rest @ ..] => {
            format!("{}: {} (and {} more)", first.field, first.description, rest.len())
        }
    }
}

/// The reason's name in `ErrorInfo.reason`: without the prefix of the enum.
pub fn reason_name(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

/// A status with which tonic refused a message that arrived, in our words: too large, or unreadable.
/// Others stay as they are.
pub fn arrived(status: Status) -> Status {
    let numbers = || {
        status.message().split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok())
    };
    match status.code() {
        // "Error, decoded message length too large: found {} bytes, the limit is: {} bytes"
        Code::OutOfRange => {
            let (size, limit) = (numbers().next(), numbers().nth(1));
            Refusal::MessageTooLarge { size, limit }.into()
        }
        // "Error decompressing: size limit, of {} bytes, exceeded while decompressing message"
        Code::ResourceExhausted if status.details().is_empty() => {
            Refusal::MessageTooLarge { size: None, limit: numbers().next() }.into()
        }
        // Truncated, wrongly flagged or wrongly compressed; our own INTERNAL always has details.
        Code::Internal if status.details().is_empty() => Refusal::MalformedMessage(
            "it is truncated, or not framed or compressed as it says".into(),
        )
        .into(),
        // The connection broke in the middle of the request: nobody is there to read this, but the log is.
        Code::Unknown if status.details().is_empty() => {
            Status::cancelled("the caller went away before the request had arrived")
        }
        _ => status,
    }
}

impl From<cx_datastore::Error> for Refusal {
    fn from(error: cx_datastore::Error) -> Self {
        use cx_datastore::Error;
        match error {
            Error::Unavailable(ref fault) | Error::Timeout(ref fault) => {
                tracing::warn!("{error}: {fault}");
                Self::DatabaseUnavailable
            }
            Error::Overloaded => Self::Overloaded,
            Error::Invalid { field, rule } => Self::field(field, rule),
            Error::EtagMismatch { etag } => Self::EtagMismatch(etag),
            Error::Fault(ref fault) => Self::internal(&format!("{error}: {fault}")),
            other => Self::internal(&other),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(reason_name(refusal.reason()), DOMAIN, refusal.metadata());
        match &refusal {
            Refusal::InvalidField(violations) => {
                let told = violations.iter().take(VIOLATIONS_TOLD);
                details.set_bad_request(
                    told.map(|v| FieldViolation::new(&v.field, &v.description)).collect::<Vec<_>>(),
                );
            }
            Refusal::Overloaded => {
                details.set_retry_info(Some(RETRY_OVERLOAD));
            }
            Refusal::DatabaseUnavailable | Refusal::ShuttingDown => {
                details.set_retry_info(Some(RETRY_DATABASE));
            }
            _ => {}
        }
        Self::with_error_details(refusal.code(), refusal.message(), details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_its_reason_domain_and_metadata() {
        let status = Status::from(Refusal::CustomerNotFound("c-7".into()));
        assert_eq!(status.code(), Code::NotFound);
        let info = status.get_details_error_info().expect("ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("CUSTOMER_NOT_FOUND", "cx"));
        assert_eq!(info.metadata["customer_id"], "c-7");
    }

    #[test]
    fn bad_fields_are_named_and_their_number_is_bounded() {
        let violation =
            |i| Violation { field: format!("customers[{i}]"), description: "is bad".into() };
        let status = Status::from(Refusal::InvalidField((0..100).map(violation).collect()));
        assert_eq!(status.message(), "customers[0]: is bad (and 99 more)");
        let told = status.get_details_bad_request().expect("BadRequest").field_violations;
        assert_eq!(told.len(), VIOLATIONS_TOLD);
        assert_eq!(told[1].field, "customers[1]");
    }

    #[test]
    fn overload_and_an_unreachable_database_say_when_to_come_back() {
        for refusal in [Refusal::Overloaded, Refusal::DatabaseUnavailable] {
            let delay =
                Status::from(refusal).get_details_retry_info().and_then(|info| info.retry_delay);
            assert!(delay.is_some_and(|delay| delay > Duration::ZERO));
        }
    }

    #[test]
    fn errors_of_the_store_become_refusals_that_a_caller_can_act_on() {
        use cx_datastore::Error;
        let reason = |error| reason_name(Refusal::from(error).reason());
        assert_eq!(reason(Error::Overloaded), "OVERLOADED");
        assert_eq!(reason(Error::EtagMismatch { etag: "e".into() }), "ETAG_MISMATCH");
        assert_eq!(reason(Error::Invalid { field: "f", rule: "is wrong" }), "INVALID_FIELD");
        assert_eq!(reason(Error::Corrupt { what: "row" }), "INTERNAL");
        assert_eq!(reason(Error::SchemaAhead), "INTERNAL");
    }

    #[test]
    fn an_internal_error_tells_only_its_incident() {
        let refusal = Refusal::internal(&"password=hunter2");
        let status = Status::from(refusal);
        assert!(!status.message().contains("hunter2"));
        let info = status.get_details_error_info().expect("ErrorInfo");
        assert!(status.message().contains(&info.metadata["incident"]));
    }
}
