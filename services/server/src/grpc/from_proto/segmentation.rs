//! What to fit, with every default filled in.

use super::Violations;
use crate::proto;
use cx_analytics::{
    Timestamp,
    segmentation::{Checked, Parameters},
};

/// Converts parameters at `path`. None where a rule is broken, of which `v` then knows.
pub fn segmentation_parameters(
    v: &mut Violations,
    path: &str,
    wire: proto::SegmentationParameters,
    now: Timestamp,
) -> Option<Checked> {
    let as_of = v.timestamp(&format!("{path}.as_of"), wire.as_of);
    let currency = v.currency(&format!("{path}.currency_code"), &wire.currency_code);
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
        granularity: if wire.granularity == 0.0 { defaults.granularity } else { wire.granularity },
        ..defaults
    };
    match parameters.check() {
        Ok(checked) => Some(checked),
        Err(problems) => {
            for problem in problems {
                v.at(format!("{path}.{}", problem.field), problem.rule);
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(wire: proto::SegmentationParameters) -> Result<Checked, Vec<String>> {
        let mut v = Violations::new();
        let now = Timestamp::from_micros(5).expect("in range");
        let checked = segmentation_parameters(&mut v, "parameters", wire, now);
        checked.ok_or_else(|| v.into_inner().into_iter().map(|violation| violation.field).collect())
    }

    #[test]
    fn every_default_is_filled_in() {
        let checked = converted(proto::SegmentationParameters::default()).expect("defaults");
        assert_eq!(*checked, Parameters::at(Timestamp::from_micros(5).expect("in range")));
        let wide = proto::SegmentationParameters { min_k: 12, ..Default::default() };
        assert_eq!(converted(wide).expect("a minimum alone").max_k, 12);
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
