//! Back from a flat row to the interaction it was made of.

use super::{Content, Row};
use crate::error::{Error, Result};
use crate::sql::Columns;
use cx_analytics::interaction::{
    CaseAction, Currency, EngagementAction, FeedbackAction, Handler, Kind, ReturnKind, Score,
    SubscriptionAction, SurveyAction, SurveyKind,
};
use cx_analytics::{Channel, Interaction, Money, Payload, Stage, Timestamp};
use sea_orm::QueryResult;

impl Row {
    /// Reads a row whose columns stand in the order of [`super::COLUMNS`].
    pub(crate) fn read(row: &QueryResult) -> Result<Self> {
        let mut columns = Columns::of(row);
        Ok(Self {
            customer_id: columns.take()?,
            interaction_id: columns.take()?,
            occurred_at: columns.take()?,
            received_at: columns.take()?,
            fingerprint: fingerprint(&columns.take::<Vec<u8>>()?)?,
            content: Content {
                kind: columns.take()?,
                channel: columns.take()?,
                stage: columns.take()?,
                action: columns.take()?,
                variant: columns.take()?,
                subject: columns.take()?,
                topic: columns.take()?,
                body: columns.take()?,
                currency: columns.take()?,
                amount: columns.take()?,
                items: columns.take()?,
                wait: columns.take()?,
                duration: columns.take()?,
                score: columns.take()?,
                score_min: columns.take()?,
                score_max: columns.take()?,
                lower_is_better: columns.take()?,
                flag: columns.take()?,
            },
        })
    }

    /// The interaction, and when it was received.
    pub(crate) fn into_interaction(self) -> Result<(Interaction, Timestamp)> {
        let content = self.content;
        let received_at = instant(self.received_at)?;
        let interaction = Interaction {
            customer_id: self.customer_id,
            interaction_id: self.interaction_id,
            occurred_at: instant(self.occurred_at)?,
            channel: Channel::from_code(content.channel)
                .ok_or(Error::Corrupt { what: "channel" })?,
            stage: match content.stage {
                0 => None,
                code => Some(Stage::from_code(code).ok_or(Error::Corrupt { what: "stage" })?),
            },
            payload: content.into_payload().ok_or(Error::Corrupt { what: "payload" })?,
        };
        Ok((interaction, received_at))
    }
}

pub(crate) fn fingerprint(bytes: &[u8]) -> Result<super::Fingerprint> {
    bytes.try_into().map_err(|_| Error::Corrupt { what: "fingerprint" })
}

fn instant(micros: i64) -> Result<Timestamp> {
    Timestamp::from_micros(micros).ok_or(Error::Corrupt { what: "instant" })
}

impl Content {
    fn into_payload(self) -> Option<Payload> {
        let kind = Kind::from_code(self.kind)?;
        Some(match kind {
            Kind::Engagement => Payload::Engagement {
                action: EngagementAction::from_code(self.action?)?,
                delivered: self.is_flagged(),
                duration: self.duration,
                subject: self.topic,
            },
            Kind::Contact => Payload::Contact {
                handler: self.handler()?,
                abandoned: self.is_flagged()?,
                queue_wait: self.wait,
                handling_time: self.duration,
                reason: self.topic,
                case_id: self.subject,
            },
            Kind::Case => Payload::Case {
                action: CaseAction::from_code(self.action?)?,
                handler: self.handler()?,
                case_id: self.subject?,
                reason: self.topic,
            },
            Kind::Survey => Payload::Survey {
                kind: SurveyKind::from_code(self.variant?)?,
                action: SurveyAction::from_code(self.action?)?,
                score: self.read_score()?,
                survey_id: self.subject,
                comment: self.body,
            },
            Kind::Review => Payload::Review {
                rating: self.read_score()?,
                public: self.is_flagged(),
                text: self.body,
                subject: self.topic,
            },
            Kind::Order => Payload::Order {
                total: self.read_money()?,
                items: self.items,
                order_id: self.subject?,
            },
            Kind::Return => Payload::Return {
                kind: ReturnKind::from_code(self.action?)?,
                refund: self.read_money()?,
                items: self.items,
                full: self.is_flagged(),
                order_id: self.subject,
                reason: self.topic,
            },
            Kind::Subscription => Payload::Subscription {
                action: SubscriptionAction::from_code(self.action?)?,
                recurring: self.read_money()?,
                subscription_id: self.subject?,
                plan: self.topic,
            },
            Kind::SelfService => Payload::SelfService {
                resolved: self.is_flagged(),
                duration: self.duration,
                topic: self.topic,
            },
            Kind::Complaint => Payload::Complaint {
                action: FeedbackAction::from_code(self.action?)?,
                complaint_id: self.subject,
                topic: self.topic,
                text: self.body,
            },
            Kind::FeatureRequest => Payload::FeatureRequest {
                action: FeedbackAction::from_code(self.action?)?,
                request_id: self.subject,
                topic: self.topic,
                text: self.body,
            },
            Kind::Referral => Payload::Referral {
                converted: self.is_flagged(),
                referred_customer_id: self.subject,
            },
            Kind::StaffNote => Payload::StaffNote {
                author_role: self.subject,
                topic: self.topic,
                text: self.body?,
            },
        })
    }

    fn is_flagged(&self) -> Option<bool> {
        self.flag.map(|flag| flag != 0)
    }

    /// The outer `None` is a code that nobody knows.
    fn handler(&self) -> Option<Option<Handler>> {
        match self.variant {
            None => Some(None),
            Some(code) => Handler::from_code(code).map(Some),
        }
    }

    fn read_score(&self) -> Option<Option<Score>> {
        match (self.score, self.score_min, self.score_max, self.lower_is_better) {
            (None, ..) => Some(None),
            (Some(value), Some(min), Some(max), Some(lower)) => {
                Some(Some(Score { value, min, max, lower_is_better: lower != 0 }))
            }
            _ => None,
        }
    }

    fn read_money(&self) -> Option<Option<Money>> {
        match (self.amount, &self.currency) {
            (None, None) => Some(None),
            (Some(amount_minor), Some(code)) => {
                Some(Some(Money { currency: Currency::parse(code)?, amount_minor }))
            }
            _ => None,
        }
    }
}
