//! Rules.

use super::{duration, money, timestamp};
use crate::proto::{self, alert_rule::Condition as Wire};
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Condition, Scale, Scope};
use cx_datastore::alerts::Rule;

/// Converts a rule.
pub fn alert_rule(rule: Rule) -> proto::AlertRule {
    let etag = rule.etag();
    proto::AlertRule {
        alert_rule_id: rule.id,
        name: rule.name,
        description: rule.description,
        condition: Some(condition(&rule.condition)),
        scope: (rule.scope != Scope::default()).then(|| scope(rule.scope)),
        enabled: rule.enabled,
        create_time: Some(timestamp(rule.created_at)),
        update_time: Some(timestamp(rule.updated_at)),
        since_time: (rule.since > Timestamp::MIN).then(|| timestamp(rule.since)),
        etag,
    }
}

/// Converts a scale.
pub(super) fn scale(scale: Scale) -> proto::Scale {
    proto::Scale { min: scale.min, max: scale.max, lower_is_better: scale.lower_is_better }
}

fn condition(condition: &Condition) -> Wire {
    match condition {
        Condition::Detractor(of) => Wire::Detractor(proto::DetractorCondition {
            measure: of.measure.code().into(),
            threshold: Some(of.threshold),
            scale: Some(scale(of.scale)),
        }),
        Condition::CaseOpenTooLong(of) => Wire::CaseOpenTooLong(proto::CaseOpenCondition {
            longer_than: Some(duration(of.longer_than)),
        }),
        Condition::HighValueAtRisk(of) => Wire::HighValueAtRisk(proto::AtRiskCondition {
            min_probability: Some(of.min_probability),
            min_band: of.min_band.map_or(0, |band| band.code().into()),
            min_value: Some(money(of.min_value)),
        }),
    }
}

fn scope(scope: Scope) -> proto::AlertScope {
    proto::AlertScope {
        persona_ids: scope.personas,
        channels: scope.channels.into_iter().map(|channel| channel.code().into()).collect(),
        stages: scope.stages.into_iter().map(|stage| stage.code().into()).collect(),
    }
}
