//! What must hold for a segmentation to become the active one by itself, and what a job stores of what was asked.

use super::{Parameters, Problem};
use serde::{Deserialize, Serialize};

/// What must hold for a segmentation to become the active one by itself. A person may activate whatever succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Most customers whose persona may change against the active version, as a share of those in both, in `[0, 1]`.
    pub max_moved_share: f64,
    /// Least stability of the least stable persona (Hennig 2007), in `[0, 1]`.
    pub min_stability: f64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_moved_share: 0.5, min_stability: 0.0 }
    }
}

impl Policy {
    /// Every rule that a field breaks; the fields are called as in the API.
    pub fn check(&self) -> Vec<Problem> {
        let fields =
            [("max_moved_share", self.max_moved_share), ("min_stability", self.min_stability)];
        (fields.into_iter())
            .filter(|(_, value)| !(0.0..=1.0).contains(value))
            .map(|(field, value)| Problem {
                field: format!("activation_policy.{field}"),
                rule: format!("{value} is not in 0..=1"),
            })
            .collect()
    }
}

/// Whether a segmentation becomes the active one by itself, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it does.
    pub activated: bool,
    /// What was looked at and how it came out, for a person; what stood in the way comes with the rest.
    pub reasons: Vec<String>,
}

/// Decides. Everything is looked at, so that a person learns all that stands in the way at once. `structure_reason`
/// says by what the structure was told; `moved_share` is none where there is no version before; `stability` is none
/// where it was not measured, which is enough only for a policy that asks for none.
pub fn decide(
    policy: &Policy,
    structure_is_none: bool,
    structure_reason: &str,
    moved_share: Option<f64>,
    stability: Option<f64>,
) -> Decision {
    let structure =
        if structure_is_none { "no structure was found" } else { "structure was found" };
    let structure = match structure_reason {
        "" => structure.to_owned(),
        reason => format!("{structure}: {reason}"),
    };
    let checks = [
        (!structure_is_none, structure),
        moved(policy.max_moved_share, moved_share),
        stable(policy.min_stability, stability),
    ];
    Decision {
        activated: checks.iter().all(|(holds, _)| *holds),
        reasons: checks.into_iter().map(|(_, reason)| reason).collect(),
    }
}

fn moved(most: f64, share: Option<f64>) -> (bool, String) {
    let Some(share) = share else {
        return (true, "no customer had a persona in a version before".to_owned());
    };
    let holds = share <= most;
    let (share, limit) = apart(
        share,
        most,
        |share| format!("{} %", share * 100.0),
        |share| format!("{:.1} %", share * 100.0),
    );
    let text = if holds {
        format!("{share} of the customers change persona, {limit} may")
    } else {
        format!("{share} of the customers would change persona, only {limit} may")
    };
    (holds, text)
}

fn stable(least: f64, stability: Option<f64>) -> (bool, String) {
    let Some(stability) = stability else {
        let holds = least <= 0.0;
        return (holds, format!("stability was not measured, at least {least:.2} is asked for"));
    };
    let holds = stability >= least;
    let (figure, limit) =
        apart(stability, least, |value| value.to_string(), |value| format!("{value:.2}"));
    let text = if holds { "at least" } else { "but at least" };
    (holds, format!("stability of the least stable persona {figure}, {text} {limit} is asked for"))
}

/// A figure and its limit, rounded; in full where they differ and rounding would hide it.
fn apart(
    figure: f64,
    limit: f64,
    full: impl Fn(f64) -> String,
    rounded: impl Fn(f64) -> String,
) -> (String, String) {
    let short = (rounded(figure), rounded(limit));
    if short.0 == short.1 && figure != limit { (full(figure), full(limit)) } else { short }
}

/// What a segmentation job stores. That of a job from before there were policies has the default one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// What to fit.
    #[serde(flatten)]
    pub parameters: Parameters,
    /// What must hold for it to become the active one by itself.
    #[serde(default)]
    pub policy: Policy,
    /// Whether the members are kept fresh while it is active: not where the caller chose the instant. The instant of such a run is
    /// that at which its job was made.
    #[serde(default)]
    pub live: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn with(max_moved_share: f64, min_stability: f64) -> Policy {
        Policy { max_moved_share, min_stability }
    }

    #[test]
    fn every_rule_of_a_policy_is_checked() {
        assert_eq!(Policy::default().check(), []);
        assert_eq!(with(0.0, 1.0).check(), []);
        let problems = with(f64::NAN, -0.1).check();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            ["activation_policy.max_moved_share", "activation_policy.min_stability"]
        );
        assert_eq!(problems[1].rule, "-0.1 is not in 0..=1");
        assert_eq!(with(f64::INFINITY, 0.0).check().len(), 1);
    }

    #[test]
    fn every_figure_is_held_against_its_limit() {
        let of = |policy, none, moved, stability| decide(&policy, none, "gaps", moved, stability);
        let good = of(Policy::default(), false, Some(0.31), Some(0.84));
        assert!(good.activated);
        assert_eq!(
            good.reasons,
            [
                "structure was found: gaps",
                "31.0 % of the customers change persona, 50.0 % may",
                "stability of the least stable persona 0.84, at least 0.00 is asked for",
            ]
        );
        assert!(!of(Policy::default(), true, Some(0.0), Some(1.0)).activated, "no structure");
        let far = of(with(0.3, 0.6), false, Some(0.31), Some(0.5));
        assert!(!far.activated);
        assert_eq!(far.reasons[1], "31.0 % of the customers would change persona, only 30.0 % may");
        assert_eq!(
            far.reasons[2],
            "stability of the least stable persona 0.50, but at least 0.60 is asked for"
        );
        assert!(of(with(0.31, 0.5), false, Some(0.31), Some(0.5)).activated, "limits are allowed");
        let first = of(with(0.0, 0.0), false, None, None);
        assert!(first.activated, "{first:?}");
        assert!(!of(with(1.0, 0.1), false, Some(0.0), None).activated, "not measured");
        assert!(!of(with(1.0, 0.0), false, Some(f64::NAN), Some(1.0)).activated);
        let close = of(with(0.5, 0.0), false, Some(0.5001), Some(1.0));
        assert!(close.reasons[1].starts_with("50.01 % of"), "{close:?}");
    }

    #[test]
    fn what_older_jobs_stored_is_read() {
        let parameters =
            Parameters { seed: u64::MAX, k: Some(5), ..Parameters::at(Timestamp::MIN) };
        let old = serde_json::to_string(&parameters).expect("JSON");
        let asked: Asked = serde_json::from_str(&old).expect("older JSON");
        assert_eq!(
            asked,
            Asked { parameters: parameters.clone(), policy: Policy::default(), live: false }
        );
        let asked = Asked { parameters: parameters.clone(), policy: with(0.2, 0.7), live: true };
        let text = serde_json::to_string(&asked).expect("JSON");
        assert_eq!(serde_json::from_str::<Asked>(&text).expect("JSON"), asked);
        // And a version before this one reads what this one stores.
        assert_eq!(serde_json::from_str::<Parameters>(&text).expect("JSON"), parameters);
        let part: Policy = serde_json::from_str(r#"{"min_stability":0.6}"#).expect("JSON");
        assert_eq!(part, with(0.5, 0.6));
    }
}
