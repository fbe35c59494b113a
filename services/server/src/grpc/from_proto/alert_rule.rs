//! What a rule shall be.

use super::metrics::{codes_once, each_once};
use super::{Violations, payload};
use crate::proto::{self, alert_rule::Condition as Wire};
use cx_analytics::alerts::{
    AtRisk, CaseOpen, Condition, Detractor, Direction, Every, Kind, Measure, Moved, Scale, Scope,
};
use cx_analytics::churn::Band;
use cx_analytics::metrics::{self, Counts, Metric};
use cx_analytics::{Channel, Stage};
use cx_datastore::alerts::{NewRule, RuleChange};

/// Longest name and description, in bytes.
const MAX_NAME: usize = 256;
const MAX_DESCRIPTION: usize = 1024;
/// Most personas of a scope.
const MAX_PERSONAS: usize = 50;
/// Longest time that a case may be open, in days.
const MAX_OPEN: i64 = 366;
/// The shortest one.
const MIN_OPEN: i64 = cx_analytics::time::SECOND;
/// Most buckets of a baseline.
const MAX_BASELINE: i32 = 24;
/// What metrics take where nothing is asked for.
const LOW_SAMPLE_FLOOR: i32 = 30;
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Converts a rule to be made with this id. None where a rule is broken, of which `v` then knows.
pub fn new_alert_rule(
    v: &mut Violations,
    wire: proto::CreateAlertRuleRequest,
    id: String,
) -> Option<NewRule> {
    let request_id = v.optional_id("request_id", wire.request_id);
    let Some(rule) = wire.rule else {
        v.at("rule", "is required");
        return None;
    };
    let name = name(v, rule.name);
    let description = description(v, rule.description);
    if rule.condition.is_none() {
        v.at("rule.condition", "is required");
    }
    let wanted = rule.condition?;
    let kind = kind_of(&wanted);
    let condition = condition(v, wanted);
    let scope = scope(v, rule.scope.unwrap_or_default(), kind);
    let backfill = wire.backfill;
    Some(NewRule { id, request_id, name, description, condition: condition?, scope, backfill })
}

/// Converts a change of a rule: what the mask names is taken from it.
pub fn alert_rule_change(
    v: &mut Violations,
    rule: proto::AlertRule,
    mask: Option<prost_types::FieldMask>,
    kind: Kind,
) -> RuleChange {
    let mut change = RuleChange::default();
    let paths = mask.unwrap_or_default().paths;
    if paths.is_empty() {
        v.at("update_mask", "is required");
    }
    for (place, path) in paths.iter().enumerate() {
        match path.as_str() {
            "name" => change.name = Some(name(v, rule.name.clone())),
            "description" => {
                change.description = Some(description(v, rule.description.clone()));
            }
            "enabled" => change.enabled = Some(rule.enabled),
            "scope" => {
                let wanted = rule.scope.clone().unwrap_or_default();
                change.scope = Some(scope(v, wanted, kind));
            }
            "detractor" | "case_open_too_long" | "high_value_at_risk" | "metric_moved" => {
                match &rule.condition {
                    Some(wanted) if name_of(wanted) == path => {
                        change.condition = condition(v, wanted.clone());
                    }
                    _ => v.at(format!("rule.{path}"), "is required"),
                }
            }
            other => v.at(
                format!("update_mask.paths[{place}]"),
                format!("{} is not a field that can be changed", super::shown(other)),
            ),
        }
    }
    change
}

fn kind_of(condition: &Wire) -> Kind {
    match condition {
        Wire::Detractor(_) => Kind::Detractor,
        Wire::CaseOpenTooLong(_) => Kind::CaseOpenTooLong,
        Wire::HighValueAtRisk(_) => Kind::HighValueAtRisk,
        Wire::MetricMoved(_) => Kind::MetricMoved,
    }
}

fn name_of(condition: &Wire) -> &'static str {
    match condition {
        Wire::Detractor(_) => "detractor",
        Wire::CaseOpenTooLong(_) => "case_open_too_long",
        Wire::HighValueAtRisk(_) => "high_value_at_risk",
        Wire::MetricMoved(_) => "metric_moved",
    }
}

fn name(v: &mut Violations, name: String) -> String {
    if name.is_empty() {
        v.at("rule.name", "is required");
    }
    v.text("rule.name", name, MAX_NAME).unwrap_or_default()
}

fn description(v: &mut Violations, text: String) -> String {
    v.text("rule.description", text, MAX_DESCRIPTION).unwrap_or_default()
}

fn condition(v: &mut Violations, wire: Wire) -> Option<Condition> {
    match wire {
        Wire::Detractor(wire) => detractor(v, wire).map(Condition::Detractor),
        Wire::CaseOpenTooLong(wire) => {
            let field = "rule.case_open_too_long.longer_than";
            if wire.longer_than.is_none() {
                v.at(field, "is required");
            }
            let longer_than = v.duration_within(field, wire.longer_than, MAX_OPEN)?;
            if longer_than < MIN_OPEN {
                v.at(field, "is shorter than a second");
            }
            Some(Condition::CaseOpenTooLong(CaseOpen { longer_than }))
        }
        Wire::HighValueAtRisk(wire) => at_risk(v, wire).map(Condition::HighValueAtRisk),
        Wire::MetricMoved(wire) => metric_moved(v, wire).map(Condition::MetricMoved),
    }
}

fn detractor(v: &mut Violations, wire: proto::DetractorCondition) -> Option<Detractor> {
    const SCALE: &str = "rule.detractor.scale";
    const THRESHOLD: &str = "rule.detractor.threshold";
    let measure = v.code("rule.detractor.measure", wire.measure, Measure::from_code)?;
    let usual = Scale::usual(measure);
    let scale = match wire.scale {
        None => usual,
        Some(given) => {
            let given = payload::scale(v, SCALE, given)?;
            Scale { min: given.min, max: given.max, lower_is_better: given.lower_is_better }
        }
    };
    if measure.is_nps() && scale != usual {
        v.at(SCALE, "NPS has no other scale than 0 to 10, higher being better");
    }
    if wire.threshold.is_none() && scale != usual {
        v.at(THRESHOLD, "is required where a scale is given");
    }
    let threshold = wire.threshold.unwrap_or(Detractor::usual_threshold(measure));
    let threshold = v.within(THRESHOLD, threshold, scale.min..=scale.max);
    Some(Detractor { measure, threshold, scale })
}

fn at_risk(v: &mut Violations, wire: proto::AtRiskCondition) -> Option<AtRisk> {
    const BAND: &str = "rule.high_value_at_risk.min_band";
    let min_probability = wire
        .min_probability
        .map(|least| v.within("rule.high_value_at_risk.min_probability", least, 0.0..=1.0));
    let min_band = v.optional_code(BAND, wire.min_band, Band::from_code);
    if min_band.is_some_and(|band| !matches!(band, Band::Medium | Band::High)) {
        v.at(BAND, "is neither MEDIUM nor HIGH");
    }
    if min_probability.is_none() && wire.min_band == 0 {
        v.at("rule.high_value_at_risk", "has neither min_probability nor min_band");
    }
    if wire.min_value.is_none() {
        v.at("rule.high_value_at_risk.min_value", "is required");
    }
    let min_value = v.money("rule.high_value_at_risk.min_value", wire.min_value)?;
    Some(AtRisk { min_probability: min_probability.unwrap_or(0.0), min_band, min_value })
}

fn metric_moved(v: &mut Violations, wire: proto::MetricMovedCondition) -> Option<Moved> {
    const PATH: &str = "rule.metric_moved";
    let at = |field: &str| format!("{PATH}.{field}");
    let metric = v.code(&at("metric"), wire.metric, Metric::from_code);
    let every = v.code(&at("bucket"), wire.bucket, Every::from_code);
    let direction = v.optional_code(&at("direction"), wire.direction, Direction::from_code);
    let baseline = if wire.baseline_buckets == 0 { 1 } else { wire.baseline_buckets };
    let baseline = v.within(&at("baseline_buckets"), baseline, 1..=MAX_BASELINE);
    let floor = if wire.low_sample_floor == 0 { LOW_SAMPLE_FLOOR } else { wire.low_sample_floor };
    let low_sample_floor = v.within(&at("low_sample_floor"), floor, 1..=i32::MAX).into();
    // Exactly 0 is what an absent field reads as.
    let false_discovery_rate = match wire.false_discovery_rate.to_bits() {
        0 => FALSE_DISCOVERY_RATE,
        _ => v.within(
            &at("false_discovery_rate"),
            wire.false_discovery_rate,
            f64::MIN_POSITIVE..=0.5,
        ),
    };
    let min_difference = v.within(&at("min_difference"), wire.min_difference, 0.0..=f64::MAX);
    let by = dimensions(v, &at("group_by"), &wire.group_by);
    let (metric, every) = (metric?, every?);
    if !is_testable(metric) {
        v.at(at("metric"), "has no chance in it that could be told from a movement");
    }
    if every == Every::Hour && matches!(metric, Metric::ChurnRate | Metric::ReturnRate) {
        v.at(at("bucket"), "is too short for a metric whose outcome is known so much later");
    }
    let time_zone = if wire.time_zone.is_empty() { "UTC".to_owned() } else { wire.time_zone };
    if time_zone.len() > MAX_NAME || metrics::buckets::time_zone(&time_zone).is_none() {
        v.at(at("time_zone"), format!("{} is not an IANA time zone", super::shown(&time_zone)));
    }
    let baseline_buckets = usize::try_from(baseline).unwrap_or(1);
    Some(Moved {
        metric,
        every,
        time_zone,
        by,
        baseline_buckets,
        direction,
        false_discovery_rate,
        min_difference,
        low_sample_floor,
    })
}

/// Whether a metric is an estimate of one bucket by itself.
fn is_testable(metric: Metric) -> bool {
    !matches!(metric, Metric::RetentionRate | Metric::ValueAtRisk)
        && !matches!(Counts::none(metric), Counts::Total(_))
}

fn dimensions(v: &mut Violations, field: &str, numbers: &[i32]) -> (bool, bool, bool) {
    use proto::MetricDimension::{Channel, Persona, Stage};
    each_once(v, field, numbers);
    for (place, number) in numbers.iter().enumerate() {
        if ![Persona, Channel, Stage].iter().any(|one| i32::from(*one) == *number) {
            v.at(format!("{field}[{place}]"), "is none of PERSONA, CHANNEL and STAGE");
        }
    }
    let by = |one: proto::MetricDimension| numbers.contains(&one.into());
    (by(Persona), by(Channel), by(Stage))
}

fn scope(v: &mut Violations, wire: proto::AlertScope, kind: Kind) -> Scope {
    if wire.persona_ids.len() > MAX_PERSONAS {
        let has = wire.persona_ids.len();
        v.at("rule.scope.persona_ids", format!("has {has} ids; at most {MAX_PERSONAS} are taken"));
    }
    if kind == Kind::HighValueAtRisk {
        for (field, empty) in [
            ("rule.scope.channels", wire.channels.is_empty()),
            ("rule.scope.stages", wire.stages.is_empty()),
        ] {
            if !empty {
                v.at(field, "must be empty: a risk knows neither channel nor stage");
            }
        }
    }
    let ids = wire.persona_ids.into_iter().take(MAX_PERSONAS).enumerate();
    let personas: Vec<String> =
        ids.map(|(place, id)| v.id(&format!("rule.scope.persona_ids[{place}]"), id)).collect();
    each_once(v, "rule.scope.persona_ids", &personas);
    Scope {
        personas,
        channels: codes_once(v, "rule.scope.channels", &wire.channels, Channel::from_code),
        stages: codes_once(v, "rule.scope.stages", &wire.stages, Stage::from_code),
    }
}
