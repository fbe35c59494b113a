//! From the domain to the wire. Cannot fail: every domain value has a form on the wire.

mod alert;
mod alert_rule;
mod audience;
mod churn;
mod churn_model;
mod customer;
mod feedback;
mod interaction;
mod journey;
mod membership;
mod metrics;
mod persona;
mod segmentation;
mod webhook;

use crate::proto;
pub use alert::{alert, alert_change, recovery};
pub use alert_rule::{alert_rule, moved_query};
pub use audience::audience;
pub use churn::{churn_band_change, churn_definition, churn_driver_group, churn_risk};
pub use churn_model::{churn_backtest, churn_model};
pub use customer::{activity, customer, earlier_profile};
use cx_analytics::{Channel, Money, Stage, Timestamp};
pub use feedback::{
    Beside, feedback, feedback_analyser, theme, theme_language, theme_persona, theme_trend,
};
pub use interaction::interaction;
pub use journey::{customer_touchpoint, journey_cell, journey_conversion, journey_path};
pub use membership::{explanation, membership_change};
pub use metrics::{
    interval, metric_comparison, metric_definition, metric_group, metric_result, metric_status,
    named_figure,
};
pub use persona::{PersonaNames, PersonaNow, assignment, member_at, persona};
pub use segmentation::{
    comparison, feature_definition, lineage, run_progress, run_state, segmentation,
    segmentation_schedule,
};
pub use webhook::{webhook, webhook_delivery};

/// An instant.
pub fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let micros = instant.micros();
    // Below a second, and so within 32 bits.
    let nanos = (micros.rem_euclid(1_000_000) * 1000) as i32;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// A duration, from microseconds that are not negative.
pub fn duration(micros: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: micros / 1_000_000, nanos: (micros % 1_000_000 * 1000) as i32 }
}

/// An amount of money.
pub fn money(money: Money) -> proto::Money {
    proto::Money { currency_code: money.currency.to_string(), amount_minor: money.amount_minor }
}

/// Interactions by channel, in the order of [`Channel::ALL`]; channels without any are left out.
pub fn channels(counts: &[i64; 12]) -> Vec<proto::ChannelCount> {
    let pairs = Channel::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    pairs
        .map(|(channel, count)| proto::ChannelCount {
            channel: channel.code().into(),
            interactions: *count,
        })
        .collect()
}

/// Interactions by stage, in the order of [`Stage::ALL`]; stages without any are left out.
pub fn stages(counts: &[i64; 8]) -> Vec<proto::StageCount> {
    let pairs = Stage::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
    pairs
        .map(|(stage, count)| proto::StageCount {
            stage: stage.code().into(),
            interactions: *count,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_before_1970_have_positive_nanos() {
        let instant = Timestamp::from_micros(-1).expect("in range");
        assert_eq!(timestamp(instant), prost_types::Timestamp { seconds: -1, nanos: 999_999_000 });
    }
}
