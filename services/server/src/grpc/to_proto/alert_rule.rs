//! Rules.

use super::{duration, money, timestamp};
use crate::proto::{self, alert_rule::Condition as Wire};
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Condition, Moved, Scale, Scope};
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
        Condition::MetricMoved(of) => Wire::MetricMoved(metric_moved(of)),
    }
}

fn metric_moved(of: &Moved) -> proto::MetricMovedCondition {
    proto::MetricMovedCondition {
        metric: of.metric.code().into(),
        bucket: of.every.code().into(),
        time_zone: of.time_zone.clone(),
        group_by: dimensions(of.by),
        baseline_buckets: i32::try_from(of.baseline_buckets).unwrap_or(i32::MAX),
        direction: of.direction.map_or(0, |direction| direction.code().into()),
        false_discovery_rate: of.false_discovery_rate,
        min_difference: of.min_difference,
        low_sample_floor: i32::try_from(of.low_sample_floor).unwrap_or(i32::MAX),
    }
}

fn dimensions((persona, channel, stage): (bool, bool, bool)) -> Vec<i32> {
    use proto::MetricDimension::{Channel, Persona, Stage};
    let all = [(persona, Persona), (channel, Channel), (stage, Stage)];
    all.into_iter().filter(|(by, _)| *by).map(|(_, dimension)| dimension.into()).collect()
}

/// The question that a rule about a metric asks.
pub fn moved_query(of: &Moved, over: &Scope) -> proto::QueryMetricsRequest {
    let over = scope(over.clone());
    proto::QueryMetricsRequest {
        metrics: vec![of.metric.code().into()],
        time_zone: of.time_zone.clone(),
        bucket: of.every.code().into(),
        group_by: dimensions(of.by),
        filter: Some(proto::MetricFilter {
            persona_ids: over.persona_ids,
            channels: over.channels,
            stages: over.stages,
            ..proto::MetricFilter::default()
        }),
        low_sample_floor: i32::try_from(of.low_sample_floor).unwrap_or(i32::MAX),
        ..proto::QueryMetricsRequest::default()
    }
}

fn scope(scope: Scope) -> proto::AlertScope {
    proto::AlertScope {
        persona_ids: scope.personas,
        channels: scope.channels.into_iter().map(|channel| channel.code().into()).collect(),
        stages: scope.stages.into_iter().map(|stage| stage.code().into()).collect(),
    }
}
