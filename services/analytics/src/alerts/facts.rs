//! What a rule found: what an alert is about for ever, by which it is known again, and in words.

use super::{Kind, Measure, Movement, Scale};
use crate::{Timestamp, churn::Band, churn::in_words, interaction::Money, time::SECOND};
use serde::{Deserialize, Serialize};

/// What raised an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facts {
    /// A bad answer.
    Answer(Answer),
    /// A case that was open for too long.
    Case(OpenCase),
    /// A customer of high value who is likely to leave.
    Risk(Risk),
    /// A metric that moved.
    Metric(Box<Movement>),
}

/// A bad answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The interaction that holds it.
    pub interaction_id: String,
    /// What it answers.
    pub measure: Measure,
    /// The answer.
    pub score: i32,
    /// Its scale.
    pub scale: Scale,
    /// The threshold of the rule.
    pub threshold: i32,
}

/// A case that was open for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCase {
    /// The case.
    pub case_id: String,
    /// Since when it was open.
    pub open_since: Timestamp,
    /// When it had been solved before that. It tells each time that the case is open from the others, also where events of one
    /// arrive out of order.
    pub solved_before: Option<Timestamp>,
    /// For how long a case might be open, in microseconds.
    pub longer_than: i64,
}

/// A customer of high value who is likely to leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    /// The churn model.
    pub model_id: String,
    /// The probability.
    pub probability: f64,
    /// Its band.
    pub band: Band,
    /// Orders less refunds.
    pub value: Money,
}

impl Facts {
    /// What it is about.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Answer(_) => Kind::Detractor,
            Self::Case(_) => Kind::CaseOpenTooLong,
            Self::Risk(_) => Kind::HighValueAtRisk,
            Self::Metric(_) => Kind::MetricMoved,
        }
    }

    /// What makes it the same thing again, beside rule and customer. Two things never have the same.
    pub fn subject(&self) -> String {
        match self {
            Self::Answer(answer) => answer.interaction_id.clone(),
            Self::Case(case) => {
                let period = case.solved_before.map_or(i64::MIN, Timestamp::micros);
                // The number first: an id may hold anything.
                format!("{period} {}", case.case_id)
            }
            Self::Risk(risk) => risk.model_id.clone(),
            Self::Metric(moved) => moved.subject(),
        }
    }

    /// What happened, in words.
    pub fn in_words(&self) -> String {
        match self {
            Self::Answer(answer) => {
                let what = match answer.measure {
                    Measure::NpsRelational => "relational NPS",
                    Measure::NpsTransactional => "transactional NPS",
                    Measure::Csat => "satisfaction",
                    Measure::Ces => "effort",
                    Measure::Review => "review",
                };
                let Scale { min, max, .. } = answer.scale;
                format!("{what}: {} on {min} to {max}", answer.score)
            }
            Self::Case(case) => {
                format!("case {:?} open for longer than {}", case.case_id, span(case.longer_than))
            }
            Self::Risk(risk) => format!(
                "likely to leave ({:.0} %), bought for {}",
                risk.probability * 100.0,
                in_words(risk.value)
            ),
            Self::Metric(moved) => moved.in_words(),
        }
    }
}

/// "3 days", "1 day 12 hours", "90 seconds": in the two largest units that it has.
fn span(micros: i64) -> String {
    let seconds = micros / SECOND;
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut left = seconds;
    let mut words = Vec::new();
    for (size, name) in units {
        let number = left / size;
        left %= size;
        match number {
            0 => {}
            1 => words.push(format!("1 {name}")),
            _ => words.push(format!("{number} {name}s")),
        }
    }
    words.truncate(2);
    if words.is_empty() { "no time".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        assert_eq!(span(259_200 * SECOND), "3 days");
        assert_eq!(span(129_600 * SECOND), "1 day 12 hours");
        assert_eq!(span(90 * SECOND), "1 minute 30 seconds");
        assert_eq!(span(86_401 * SECOND), "1 day 1 second");
    }

    #[test]
    fn each_time_that_a_case_is_open_is_another_subject_whatever_its_id_holds() {
        let case = |id: &str, solved: Option<i64>| {
            let at = |micros| Timestamp::from_micros(micros).expect("in range");
            Facts::Case(OpenCase {
                case_id: id.to_owned(),
                open_since: at(9),
                solved_before: solved.map(at),
                longer_than: 1,
            })
            .subject()
        };
        assert_ne!(case("1", None), case("1", Some(0)));
        assert_ne!(case("2", Some(1)), case("2", Some(2)));
        assert_ne!(case("1 2", Some(1)), case("2", Some(1)));
        assert_eq!(case("x", Some(1)), case("x", Some(1)));
    }
}
