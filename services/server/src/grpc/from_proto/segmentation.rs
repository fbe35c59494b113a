//! What to fit, with every default filled in, and what must hold for it to become the active version.

use super::Violations;
use crate::proto;
use cx_analytics::{
    Timestamp,
    features::FeatureSet,
    segmentation::{Asked, Parameters, Policy},
    time::{DAY, SECOND},
};
use cx_datastore::schedules::Schedule;

/// Shortest and longest time from one scheduled run to the next.
const INTERVAL: std::ops::RangeInclusive<i64> = 60 * SECOND..=366 * DAY;

/// Converts what to fit at `path`. None where a rule is broken, of which `v` then knows.
pub fn segmentation_asked(
    v: &mut Violations,
    path: &str,
    wire: proto::SegmentationParameters,
    policy: Option<proto::ActivationPolicy>,
    now: Timestamp,
) -> Option<Asked> {
    let as_of = v.past(&format!("{path}.as_of"), wire.as_of, now);
    let live = wire.as_of.is_none();
    let currency = v.currency(&format!("{path}.currency_code"), &wire.currency_code);
    let feature_set =
        v.optional_code(&format!("{path}.feature_set"), wire.feature_set, feature_set);
    let given = |value: i32, default: i64| if value == 0 { default } else { i64::from(value) };
    let defaults = Parameters::at(as_of.unwrap_or(now));
    let min_k = given(wire.min_k, defaults.min_k);
    let parameters = Parameters {
        seed: wire.seed,
        k: (wire.k != 0).then_some(i64::from(wire.k)),
        min_k,
        // Who asks for at least twelve has not asked for at most ten.
        max_k: given(wire.max_k, defaults.max_k.max(min_k)),
        restarts: given(wire.restarts, defaults.restarts),
        currency,
        features: wire.features,
        feature_set: feature_set.unwrap_or(defaults.feature_set),
        feature_weights: wire.feature_weights.into_iter().collect(),
        granularity: if wire.granularity == 0.0 { defaults.granularity } else { wire.granularity },
        ..defaults
    };
    let policy = activation_policy(policy);
    // It stands beside the parameters.
    let beside = path.strip_suffix("parameters").unwrap_or_default();
    for problem in policy.check() {
        v.at(format!("{beside}{}", problem.field), problem.rule);
    }
    match parameters.clone().check() {
        Ok(_) => Some(Asked { parameters, policy, live }),
        Err(problems) => {
            for problem in problems {
                v.at(format!("{path}.{}", problem.field), problem.rule);
            }
            None
        }
    }
}

fn activation_policy(wire: Option<proto::ActivationPolicy>) -> Policy {
    let wire = wire.unwrap_or_default();
    let defaults = Policy::default();
    Policy {
        max_moved_share: wire.max_moved_share.unwrap_or(defaults.max_moved_share),
        min_stability: wire.min_stability.unwrap_or(defaults.min_stability),
    }
}

fn feature_set(code: i16) -> Option<FeatureSet> {
    match proto::FeatureSet::try_from(i32::from(code)).ok()? {
        proto::FeatureSet::Unspecified => None,
        proto::FeatureSet::Value => Some(FeatureSet::Value),
        proto::FeatureSet::Behaviour => Some(FeatureSet::Behaviour),
        proto::FeatureSet::Experience => Some(FeatureSet::Experience),
        proto::FeatureSet::Full => Some(FeatureSet::Full),
    }
}

/// What a schedule asks for and when; none ends it.
pub fn segmentation_schedule(
    v: &mut Violations,
    wire: proto::SegmentationSchedule,
    now: Timestamp,
) -> Option<(Asked, Schedule)> {
    let interval = wire.interval?;
    let micros = interval
        .seconds
        .checked_mul(SECOND)
        .and_then(|s| s.checked_add(i64::from(interval.nanos / 1000)));
    let every = micros.filter(|micros| INTERVAL.contains(micros)).unwrap_or_else(|| {
        v.at("schedule.interval", "is not from 1 minute to 366 days");
        *INTERVAL.start()
    });
    let parameters = wire.parameters.unwrap_or_default();
    if parameters.as_of.is_some() {
        v.at("schedule.parameters.as_of", "must be absent: each run counts up to its own moment");
    }
    let path = "schedule.parameters";
    let asked = segmentation_asked(v, path, parameters, wire.activation_policy, now)?;
    let schedule = Schedule {
        every,
        next_at: now.plus(every),
        parameters: String::new(),
        activate: !wire.candidates_only,
    };
    Some((asked, schedule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(wire: proto::SegmentationParameters) -> Result<Asked, Vec<String>> {
        let mut v = Violations::new();
        let now = Timestamp::from_micros(5).expect("in range");
        let asked = segmentation_asked(&mut v, "parameters", wire, None, now);
        asked.ok_or_else(|| v.into_inner().into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn every_default_is_filled_in() {
        let asked = converted(proto::SegmentationParameters::default()).expect("defaults");
        let now = Timestamp::from_micros(5).expect("in range");
        assert_eq!(asked.parameters, Parameters::at(now));
        assert!(asked.live && asked.policy == Policy::default());
        let as_of = Some(prost_types::Timestamp { seconds: 7, nanos: 0 });
        let past = proto::SegmentationParameters { as_of, ..Default::default() };
        assert!(!converted(past).expect("an instant").live, "a picture of that instant");
        let wide = proto::SegmentationParameters { min_k: 12, ..Default::default() };
        assert_eq!(converted(wide).expect("a minimum alone").parameters.max_k, 12);
    }

    #[test]
    fn broken_rules_are_told_with_their_paths() {
        let wire = proto::SegmentationParameters {
            k: 51,
            restarts: -1,
            currency_code: "eur".to_owned(),
            features: vec!["charm".to_owned()],
            granularity: 1.5,
            ..Default::default()
        };
        let fields = ["currency_code", "k", "restarts", "granularity", "features[0]"];
        let fields = fields.map(|field| format!("parameters.{field}"));
        assert_eq!(converted(wire).expect_err("broken"), fields);
    }
}
