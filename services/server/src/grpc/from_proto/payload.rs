//! What happened: a function for each kind of payload with the rules of its message.
//!
//! Each gives none exactly where it has noted a violation that leaves no value to go on with.

use super::{MAX_ITEMS, Violations};
use crate::proto::{self, interaction::Payload as Wire};
use cx_analytics::{
    Interaction, Payload,
    interaction::{
        CaseAction, EngagementAction, FeedbackAction, Handler, ReturnKind, Score,
        SubscriptionAction, SurveyAction, SurveyKind,
    },
};

const LABEL: usize = Interaction::MAX_LABEL;
const TEXT: usize = Interaction::MAX_TEXT;

/// Converts a payload.
pub(super) fn payload(v: &mut Violations, wire: Wire) -> Option<Payload> {
    match wire {
        Wire::Engagement(wire) => engagement(v, wire),
        Wire::Contact(wire) => Some(contact(v, wire)),
        Wire::CaseEvent(wire) => case(v, wire),
        Wire::Survey(wire) => survey(v, wire),
        Wire::Review(wire) => Some(review(v, wire)),
        Wire::Order(wire) => Some(order(v, wire)),
        Wire::Return(wire) => returned(v, wire),
        Wire::SubscriptionEvent(wire) => subscription(v, wire),
        Wire::SelfServiceSession(wire) => Some(Payload::SelfService {
            topic: v.text("self_service_session.topic", wire.topic, LABEL),
            resolved: wire.resolved,
            duration: v.duration("self_service_session.duration", wire.duration),
        }),
        Wire::Complaint(wire) => Some(complaint(v, wire)),
        Wire::FeatureRequest(wire) => Some(feature_request(v, wire)),
        Wire::Referral(wire) => Some(Payload::Referral {
            referred_customer_id: v
                .optional_id("referral.referred_customer_id", wire.referred_customer_id),
            converted: wire.converted,
        }),
        Wire::StaffNote(wire) => Some(staff_note(v, wire)),
    }
}

fn engagement(v: &mut Violations, wire: proto::Engagement) -> Option<Payload> {
    let action = v.code("engagement.action", wire.action, EngagementAction::from_code);
    let duration = v.duration("engagement.duration", wire.duration);
    let subject = v.text("engagement.subject", wire.subject, LABEL);
    Some(Payload::Engagement { action: action?, delivered: wire.delivered, duration, subject })
}

fn contact(v: &mut Violations, wire: proto::Contact) -> Payload {
    let handler = v.optional_code("contact.handled_by", wire.handled_by, Handler::from_code);
    if wire.abandoned && handler.is_some() {
        v.at("contact.handled_by", "must stay unspecified where the contact was abandoned");
    }
    if wire.abandoned && wire.handling_time.is_some() {
        v.at("contact.handling_time", "must be absent where the contact was abandoned");
    }
    Payload::Contact {
        handler,
        abandoned: wire.abandoned,
        queue_wait: v.duration("contact.queue_wait", wire.queue_wait),
        handling_time: v.duration("contact.handling_time", wire.handling_time),
        reason: v.text("contact.reason", wire.reason, LABEL),
        case_id: v.optional_id("contact.case_id", wire.case_id),
    }
}

fn case(v: &mut Violations, wire: proto::CaseEvent) -> Option<Payload> {
    let case_id = v.id("case_event.case_id", wire.case_id);
    let action = v.code("case_event.action", wire.action, CaseAction::from_code);
    let handler = v.optional_code("case_event.handler", wire.handler, Handler::from_code);
    let reason = v.text("case_event.reason", wire.reason, LABEL);
    Some(Payload::Case { case_id, action: action?, handler, reason })
}

fn survey(v: &mut Violations, wire: proto::Survey) -> Option<Payload> {
    let survey_id = v.optional_id("survey.survey_id", wire.survey_id);
    let comment = v.text("survey.comment", wire.comment, TEXT);
    let kind = v.code("survey.kind", wire.kind, SurveyKind::from_code);
    let action = match (
        v.optional_code("survey.outcome", wire.outcome, SurveyAction::from_code),
        wire.score,
    ) {
        (None, None) if wire.outcome == 0 => {
            v.at("survey.outcome", "is required where no score is given");
            None
        }
        (None, Some(_)) if wire.outcome == 0 => Some(SurveyAction::Answered),
        (Some(SurveyAction::Answered), None) => {
            v.at("survey.score", "is required where the outcome is ANSWERED");
            None
        }
        (Some(SurveyAction::Delivered | SurveyAction::Dismissed), Some(_)) => {
            v.at("survey.score", "must be absent unless the outcome is ANSWERED");
            None
        }
        (action, _) => action,
    };
    let scale = survey_scale(v, kind?, wire.scale, wire.score.is_some());
    let score = wire.score.zip(scale).map(|(value, scale)| score(v, "survey.score", value, scale));
    Some(Payload::Survey { survey_id, kind: kind?, action: action?, score, comment })
}

/// The scale of a survey: as given, else the usual one of its kind. None where a violation was noted, or
/// where there is no answer to need one.
fn survey_scale(
    v: &mut Violations,
    kind: SurveyKind,
    given: Option<proto::Scale>,
    answered: bool,
) -> Option<proto::Scale> {
    let usual = |max| proto::Scale { min: i32::from(max != 10), max, lower_is_better: false };
    match (kind, given) {
        (SurveyKind::NpsRelational | SurveyKind::NpsTransactional, given) => {
            if given.is_some_and(|given| given != usual(10)) {
                v.at("survey.scale", "NPS has no other scale than 0 to 10, higher being better");
            }
            Some(usual(10))
        }
        (_, Some(given)) => scale(v, "survey.scale", given),
        (SurveyKind::Csat, None) => Some(usual(5)),
        (SurveyKind::Ces, None) => Some(usual(7)),
        (SurveyKind::Other, None) => {
            if answered {
                v.at("survey.scale", "is required where the kind is OTHER");
            }
            None
        }
    }
}

/// A scale, or none where it is not one.
pub(super) fn scale(v: &mut Violations, field: &str, scale: proto::Scale) -> Option<proto::Scale> {
    let min = v.within(&format!("{field}.min"), scale.min, -1000..=1000);
    let max = v.within(&format!("{field}.max"), scale.max, -1000..=1000);
    if min >= max {
        v.at(format!("{field}.max"), format!("{max} is not above min, which is {min}"));
        return None;
    }
    Some(scale)
}

fn score(v: &mut Violations, field: &str, value: i32, scale: proto::Scale) -> Score {
    let value = v.within(field, value, scale.min..=scale.max);
    Score { value, min: scale.min, max: scale.max, lower_is_better: scale.lower_is_better }
}

fn review(v: &mut Violations, wire: proto::Review) -> Payload {
    let usual = proto::Scale { min: 1, max: 5, lower_is_better: false };
    let scale = wire.scale.map_or(Some(usual), |given| scale(v, "review.scale", given));
    let rating =
        wire.rating.zip(scale).map(|(value, scale)| score(v, "review.rating", value, scale));
    let text = v.text("review.text", wire.text, TEXT);
    if wire.rating.is_none() && text.is_none() {
        v.at("review", "has neither a rating nor a text");
    }
    Payload::Review {
        rating,
        text,
        subject: v.text("review.subject", wire.subject, LABEL),
        public: wire.public,
    }
}

fn order(v: &mut Violations, wire: proto::Order) -> Payload {
    Payload::Order {
        order_id: v.id("order.order_id", wire.order_id),
        total: v.money("order.total", wire.total),
        items: wire.items.map(|items| v.within("order.items", items, 0..=MAX_ITEMS)),
    }
}

fn returned(v: &mut Violations, wire: proto::Return) -> Option<Payload> {
    let order_id = v.optional_id("return.order_id", wire.order_id);
    let kind = v.code("return.kind", wire.kind, ReturnKind::from_code);
    let refund = v.money("return.refund", wire.refund);
    let items = wire.items.map(|items| v.within("return.items", items, 1..=MAX_ITEMS));
    let reason = v.text("return.reason", wire.reason, LABEL);
    Some(Payload::Return { order_id, kind: kind?, refund, items, full: wire.full, reason })
}

fn subscription(v: &mut Violations, wire: proto::SubscriptionEvent) -> Option<Payload> {
    let subscription_id = v.id("subscription_event.subscription_id", wire.subscription_id);
    let action = v.code("subscription_event.action", wire.action, SubscriptionAction::from_code);
    let plan = v.text("subscription_event.plan", wire.plan, LABEL);
    let recurring = v.money("subscription_event.recurring", wire.recurring);
    Some(Payload::Subscription { subscription_id, action: action?, plan, recurring })
}

/// Whether something was raised or answered; what is answered must be named.
fn feedback(
    v: &mut Violations,
    field: &str,
    number: i32,
    id_field: &str,
    id: Option<&String>,
) -> FeedbackAction {
    let action =
        v.optional_code(field, number, FeedbackAction::from_code).unwrap_or(FeedbackAction::Raised);
    if action == FeedbackAction::Answered && id.is_none() {
        v.at(id_field, "is required where the action is ANSWERED");
    }
    action
}

fn complaint(v: &mut Violations, wire: proto::Complaint) -> Payload {
    let complaint_id = v.optional_id("complaint.complaint_id", wire.complaint_id);
    let action = feedback(
        v,
        "complaint.action",
        wire.action,
        "complaint.complaint_id",
        complaint_id.as_ref(),
    );
    Payload::Complaint {
        complaint_id,
        action,
        topic: v.text("complaint.topic", wire.topic, LABEL),
        text: v.text("complaint.text", wire.text, TEXT),
    }
}

fn feature_request(v: &mut Violations, wire: proto::FeatureRequest) -> Payload {
    let request_id = v.optional_id("feature_request.request_id", wire.request_id);
    let action = feedback(
        v,
        "feature_request.action",
        wire.action,
        "feature_request.request_id",
        request_id.as_ref(),
    );
    Payload::FeatureRequest {
        request_id,
        action,
        topic: v.text("feature_request.topic", wire.topic, LABEL),
        text: v.text("feature_request.text", wire.text, TEXT),
    }
}

fn staff_note(v: &mut Violations, wire: proto::StaffNote) -> Payload {
    if wire.text.is_empty() {
        v.at("staff_note.text", "is required");
    }
    Payload::StaffNote {
        author_role: v.text("staff_note.author_role", wire.author_role, LABEL),
        topic: v.text("staff_note.topic", wire.topic, LABEL),
        text: v.text("staff_note.text", wire.text, TEXT).unwrap_or_default(),
    }
}
