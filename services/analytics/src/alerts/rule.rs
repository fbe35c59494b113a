//! What rules look for.

use super::{Kind, Measure, Moved};
use crate::{
    churn::Band,
    codes::{Channel, Stage},
    interaction::{Money, Score},
};
use serde::{Deserialize, Serialize};

/// When a rule raises an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A bad answer.
    Detractor(Detractor),
    /// A case that has been open for too long.
    CaseOpenTooLong(CaseOpen),
    /// A customer of high value who is likely to leave.
    HighValueAtRisk(AtRisk),
    /// A metric that moved by more than chance.
    MetricMoved(Moved),
}

impl Condition {
    /// What its alerts are about.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Detractor(_) => Kind::Detractor,
            Self::CaseOpenTooLong(_) => Kind::CaseOpenTooLong,
            Self::HighValueAtRisk(_) => Kind::HighValueAtRisk,
            Self::MetricMoved(_) => Kind::MetricMoved,
        }
    }
}

/// The scale of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale {
    /// Lowest answer.
    pub min: i32,
    /// Highest answer.
    pub max: i32,
    /// Whether a low answer is the good one.
    pub lower_is_better: bool,
}

impl Scale {
    /// The usual scale of a measure.
    pub const fn usual(measure: Measure) -> Self {
        let (min, max) = match measure {
            Measure::NpsRelational | Measure::NpsTransactional => (0, 10),
            Measure::Csat | Measure::Review => (1, 5),
            Measure::Ces => (1, 7),
        };
        Self { min, max, lower_is_better: false }
    }

    /// Whether an answer is as bad as another one, or worse.
    pub const fn as_bad(self, answer: i32, than: i32) -> bool {
        if self.lower_is_better { answer >= than } else { answer <= than }
    }
}

impl From<&Score> for Scale {
    fn from(score: &Score) -> Self {
        Self { min: score.min, max: score.max, lower_is_better: score.lower_is_better }
    }
}

/// An answer as bad as the threshold, or worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detractor {
    /// Which answers.
    pub measure: Measure,
    /// The best answer that counts.
    pub threshold: i32,
    /// The scale; answers on another one do not count.
    pub scale: Scale,
}

impl Detractor {
    /// The threshold on the usual scale where none is given: NPS's own, and below the middle for the others.
    pub const fn usual_threshold(measure: Measure) -> i32 {
        match measure {
            Measure::NpsRelational | Measure::NpsTransactional => 6,
            Measure::Csat | Measure::Review => 2,
            Measure::Ces => 3,
        }
    }

    /// Whether an answer raises an alert.
    pub fn is_raised_by(&self, measure: Measure, score: &Score) -> bool {
        measure == self.measure
            && Scale::from(score) == self.scale
            && self.scale.as_bad(score.value, self.threshold)
    }
}

/// A case that has been open for longer than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseOpen {
    /// For how long, in microseconds; positive.
    pub longer_than: i64,
}

/// A customer who is likely to leave and has bought much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AtRisk {
    /// From this probability.
    pub min_probability: f64,
    /// From this band: medium or high.
    pub min_band: Option<Band>,
    /// Orders less refunds from this amount.
    pub min_value: Money,
}

impl AtRisk {
    /// The bands that count; none where every one does.
    pub fn bands(&self) -> Vec<Band> {
        match self.min_band {
            Some(Band::High) => vec![Band::High],
            Some(Band::Medium) => vec![Band::Medium, Band::High],
            _ => Vec::new(),
        }
    }
}

/// Whom and what a rule is about: fields by "and", values within a field by "or", an empty field lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    /// Ids of personas.
    pub personas: Vec<String>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Stages.
    pub stages: Vec<Stage>,
}

impl Scope {
    /// Whether something is in it.
    pub fn holds(
        &self,
        persona: Option<&str>,
        channel: Option<Channel>,
        stage: Option<Stage>,
    ) -> bool {
        let within = |listed: bool, empty: bool| empty || listed;
        within(
            persona.is_some_and(|id| self.personas.iter().any(|one| one == id)),
            self.personas.is_empty(),
        ) && within(
            channel.is_some_and(|one| self.channels.contains(&one)),
            self.channels.is_empty(),
        ) && within(stage.is_some_and(|one| self.stages.contains(&one)), self.stages.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(value: i32, min: i32, max: i32, lower_is_better: bool) -> Score {
        Score { value, min, max, lower_is_better }
    }

    fn rule(measure: Measure, threshold: i32, scale: Scale) -> Detractor {
        Detractor { measure, threshold, scale }
    }

    #[test]
    fn answers_up_to_the_threshold_count_on_their_own_scale_only() {
        let nps = rule(Measure::NpsRelational, 6, Scale::usual(Measure::NpsRelational));
        let raised = |value| nps.is_raised_by(Measure::NpsRelational, &score(value, 0, 10, false));
        assert!(raised(0) && raised(6) && !raised(7) && !raised(10));
        assert!(!nps.is_raised_by(Measure::NpsTransactional, &score(0, 0, 10, false)));
        let csat = rule(Measure::Csat, 2, Scale::usual(Measure::Csat));
        assert!(csat.is_raised_by(Measure::Csat, &score(2, 1, 5, false)));
        assert!(!csat.is_raised_by(Measure::Csat, &score(2, 1, 10, false)));
        assert!(!csat.is_raised_by(Measure::Csat, &score(2, 1, 5, true)));
    }

    #[test]
    fn where_lower_is_better_high_answers_count() {
        let effort = Scale { min: 1, max: 5, lower_is_better: true };
        let effort = rule(Measure::Ces, 4, effort);
        let raised = |value| effort.is_raised_by(Measure::Ces, &score(value, 1, 5, true));
        assert!(raised(5) && raised(4) && !raised(3));
    }

    #[test]
    fn a_scope_is_and_of_or_and_what_is_not_known_is_in_none() {
        let scope = Scope {
            personas: vec!["p".to_owned(), "q".to_owned()],
            channels: vec![Channel::Web],
            stages: Vec::new(),
        };
        assert!(scope.holds(Some("q"), Some(Channel::Web), None));
        assert!(!scope.holds(None, Some(Channel::Web), None));
        assert!(!scope.holds(Some("q"), Some(Channel::Phone), Some(Stage::Support)));
        assert!(Scope::default().holds(None, None, None));
    }

    #[test]
    fn bands_count_from_the_least_one() {
        let min_value = Money {
            currency: crate::interaction::Currency::parse("EUR").expect("a code"),
            amount_minor: 1,
        };
        let bands = |min_band| AtRisk { min_probability: 0.0, min_band, min_value }.bands();
        assert_eq!(bands(Some(Band::Medium)), [Band::Medium, Band::High]);
        assert_eq!(bands(Some(Band::High)), [Band::High]);
        assert!(bands(None).is_empty());
    }
}
