//! One interaction with its payload.

use super::{duration, money, timestamp};
use crate::proto::{self, interaction::Payload as Wire};
use cx_analytics::{Interaction, Payload, Timestamp, interaction::Score};

/// The code of an optional enum; 0 where there is none.
macro_rules! code {
    ($value:expr) => {
        $value.map_or(0, |value| value.code().into())
    };
}

/// Converts one interaction as it is stored.
pub fn interaction(interaction: Interaction, received_at: Timestamp) -> proto::Interaction {
    proto::Interaction {
        customer_id: interaction.customer_id,
        interaction_id: interaction.interaction_id,
        occurred_at: Some(timestamp(interaction.occurred_at)),
        channel: interaction.channel.code().into(),
        stage: code!(interaction.stage),
        received_at: Some(timestamp(received_at)),
        payload: Some(payload(interaction.payload)),
    }
}

fn scale(score: Score) -> proto::Scale {
    proto::Scale { min: score.min, max: score.max, lower_is_better: score.lower_is_better }
}

fn payload(payload: Payload) -> Wire {
    match payload {
        Payload::Engagement { action, delivered, duration: lasted, subject } => {
            Wire::Engagement(proto::Engagement {
                action: action.code().into(),
                delivered,
                duration: lasted.map(duration),
                subject: subject.unwrap_or_default(),
            })
        }
        Payload::Contact { handler, abandoned, queue_wait, handling_time, reason, case_id } => {
            Wire::Contact(proto::Contact {
                handled_by: code!(handler),
                abandoned,
                queue_wait: queue_wait.map(duration),
                handling_time: handling_time.map(duration),
                reason: reason.unwrap_or_default(),
                case_id: case_id.unwrap_or_default(),
            })
        }
        Payload::Case { case_id, action, handler, reason } => Wire::CaseEvent(proto::CaseEvent {
            case_id,
            action: action.code().into(),
            handler: code!(handler),
            reason: reason.unwrap_or_default(),
        }),
        Payload::Survey { survey_id, kind, action, score, comment } => {
            Wire::Survey(proto::Survey {
                survey_id: survey_id.unwrap_or_default(),
                kind: kind.code().into(),
                outcome: action.code().into(),
                score: score.map(|score| score.value),
                scale: score.map(scale),
                comment: comment.unwrap_or_default(),
            })
        }
        Payload::Review { rating, text, subject, public } => Wire::Review(proto::Review {
            rating: rating.map(|rating| rating.value),
            scale: rating.map(scale),
            text: text.unwrap_or_default(),
            subject: subject.unwrap_or_default(),
            public,
        }),
        Payload::Order { order_id, total, items } => {
            Wire::Order(proto::Order { order_id, total: total.map(money), items })
        }
        Payload::Return { order_id, kind, refund, items, full, reason } => {
            Wire::Return(proto::Return {
                order_id: order_id.unwrap_or_default(),
                kind: kind.code().into(),
                refund: refund.map(money),
                items,
                full,
                reason: reason.unwrap_or_default(),
            })
        }
        Payload::Subscription { subscription_id, action, plan, recurring } => {
            Wire::SubscriptionEvent(proto::SubscriptionEvent {
                subscription_id,
                action: action.code().into(),
                plan: plan.unwrap_or_default(),
                recurring: recurring.map(money),
            })
        }
        Payload::SelfService { topic, resolved, duration: lasted } => {
            Wire::SelfServiceSession(proto::SelfServiceSession {
                topic: topic.unwrap_or_default(),
                resolved,
                duration: lasted.map(duration),
            })
        }
        Payload::Complaint { complaint_id, action, topic, text } => {
            Wire::Complaint(proto::Complaint {
                complaint_id: complaint_id.unwrap_or_default(),
                action: action.code().into(),
                topic: topic.unwrap_or_default(),
                text: text.unwrap_or_default(),
            })
        }
        Payload::FeatureRequest { request_id, action, topic, text } => {
            Wire::FeatureRequest(proto::FeatureRequest {
                request_id: request_id.unwrap_or_default(),
                action: action.code().into(),
                topic: topic.unwrap_or_default(),
                text: text.unwrap_or_default(),
            })
        }
        Payload::Referral { referred_customer_id, converted } => Wire::Referral(proto::Referral {
            referred_customer_id: referred_customer_id.unwrap_or_default(),
            converted,
        }),
        Payload::StaffNote { author_role, topic, text } => Wire::StaffNote(proto::StaffNote {
            author_role: author_role.unwrap_or_default(),
            topic: topic.unwrap_or_default(),
            text,
        }),
    }
}
