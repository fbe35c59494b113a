//! One customer: attributes, consent and activity.

use super::{channels, duration, money, stages, timestamp};
use crate::proto;
use cx_analytics::{Activity, Consent, Customer, Money, ScoreActivity, Timestamp};
use std::ops::Range;

/// Converts a customer's attributes; `updated_at` is there where attributes were written.
pub fn customer(customer: Customer, updated_at: Option<Timestamp>) -> proto::Customer {
    let consent = (customer.consent != Consent::default()).then(|| proto::Consent {
        marketing: customer.consent.marketing,
        profiling: customer.consent.profiling,
        update_time: customer.consent.updated_at.map(timestamp),
    });
    proto::Customer {
        customer_id: customer.customer_id,
        gender: customer.gender.map_or(0, |gender| gender.code().into()),
        birth_year: customer.birth_year.unwrap_or_default(),
        country: customer.country.unwrap_or_default(),
        region: customer.region.unwrap_or_default(),
        city: customer.city.unwrap_or_default(),
        language: customer.language.unwrap_or_default(),
        plan: customer.plan.unwrap_or_default(),
        email: customer.email.unwrap_or_default(),
        phone: customer.phone.unwrap_or_default(),
        sign_up_time: customer.signed_up_at.map(timestamp),
        attributes: customer.attributes,
        consent,
        update_time: updated_at.map(timestamp),
    }
}

/// Converts what was known of a customer before, with from when until when it stands.
pub fn earlier_profile((before, stands): (Customer, Range<Timestamp>)) -> proto::EarlierProfile {
    proto::EarlierProfile {
        customer: Some(customer(before, None)),
        start_time: (stands.start.micros() != 0).then(|| timestamp(stands.start)),
        end_time: Some(timestamp(stands.end)),
    }
}

/// Converts activity, with the sums of orders and refunds for each currency.
pub fn activity(
    activity: Activity,
    as_of: Timestamp,
    orders: Vec<Money>,
    refunds: Vec<Money>,
) -> proto::Activity {
    proto::Activity {
        as_of: Some(timestamp(as_of)),
        interactions: activity.interactions,
        first_time: Some(timestamp(activity.first_at)),
        last_time: Some(timestamp(activity.last_at)),
        active_days: activity.active_days,
        interactions_30d: activity.interactions_30d,
        interactions_90d: activity.interactions_90d,
        channels: channels(&activity.by_channel),
        stages: stages(&activity.by_stage),
        orders: activity.orders,
        last_order_time: activity.order_last_at.map(timestamp),
        order_value: orders.into_iter().map(money).collect(),
        returns: activity.returns,
        refund_value: refunds.into_iter().map(money).collect(),
        contacts: activity.contacts,
        mean_queue_wait: (activity.waits > 0).then(|| duration(activity.wait_sum / activity.waits)),
        cases_opened: activity.cases_opened,
        cases_reopened: activity.cases_reopened,
        complaints: activity.complaints,
        feature_requests: activity.feature_requests,
        nps: scores(activity.nps),
        csat: scores(activity.csat),
        ces: scores(activity.ces),
        rating: scores(activity.rating),
    }
}

fn scores(scores: ScoreActivity) -> Option<proto::ScoreSummary> {
    let share = |permille: f64| permille / 1000.0;
    (scores.answers > 0).then(|| proto::ScoreSummary {
        answers: scores.answers,
        mean: Some(share(scores.permille_sum as f64 / scores.answers as f64)),
        last: scores.permille_last.map(|permille| share(permille as f64)),
    })
}
