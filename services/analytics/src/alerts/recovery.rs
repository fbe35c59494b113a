//! The metric after recovery: how soon alerts were seen and resolved, what came of them, and what those they are about did afterwards. The
//! store counts, this divides.

use super::{Kind, Outcome};
use crate::metrics::{
    Answers, Counts, Figure, Metric, Share, Spans, Terms, counts::AnswerPattern, evaluate,
};

/// Alerts of one kind, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Nobody has seen them.
    pub open: i64,
    /// Somebody has.
    pub acknowledged: i64,
    /// Resolved, by outcome.
    pub outcomes: Vec<(Outcome, i64)>,
    /// From raised to seen, in microseconds.
    pub seen: Spans,
    /// From raised to resolved, in microseconds.
    pub resolved: Spans,
    /// What happened afterwards.
    pub after: After,
}

/// What those did whose alerts were resolved, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct After {
    /// By what became of them.
    pub followed: FollowedUp,
    /// Answers to likelihood to recommend, before and after.
    pub pairs: Vec<Pair>,
}

/// Customers or cases by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FollowedUp {
    /// It is better.
    pub better: i64,
    /// It is not.
    pub not: i64,
    /// Nothing is known yet.
    pub waiting: i64,
    /// Nothing will be known.
    pub unknown: i64,
}

/// Customers who answered alike before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Whether the survey asks for the relation as a whole.
    pub relational: bool,
    /// The answer that raised the alert, 0 to 10.
    pub before: i32,
    /// The next one after the resolution.
    pub after: i32,
    /// How many.
    pub customers: i64,
}

/// The figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Recovered of all that were no false alarm.
    pub recovered: Figure,
    /// Seconds from raised to seen.
    pub seen: Figure,
    /// Seconds from raised to resolved.
    pub resolved: Figure,
    /// Better afterwards.
    pub better: Figure,
    /// The score before and after, of detractors: of relational surveys, and of transactional ones.
    pub nps: [Option<(Figure, Figure)>; 2],
}

/// Makes the figures of one kind.
pub fn recovery(kind: Kind, tally: &Tally, terms: &Terms) -> Recovery {
    let with = |outcome: Outcome| -> i64 {
        tally.outcomes.iter().filter(|(one, _)| *one == outcome).map(|(_, n)| n).sum()
    };
    let (recovered, false_alarms) = (with(Outcome::Recovered), with(Outcome::FalseAlarm));
    let resolved: i64 = tally.outcomes.iter().map(|(_, n)| n).sum();
    let share = Share { hits: recovered, of: resolved - false_alarms, excluded: false_alarms };
    let nps = |relational: bool| {
        let of = |pair: &&Pair| pair.relational == relational;
        let pairs: Vec<Pair> = tally.after.pairs.iter().filter(of).copied().collect();
        (kind == Kind::Detractor && !pairs.is_empty()).then(|| {
            (score(&pairs, |pair| pair.before, terms), score(&pairs, |pair| pair.after, terms))
        })
    };
    Recovery {
        recovered: evaluate(SHARE, &Counts::Share(share), terms),
        seen: evaluate(TIME, &Counts::Spans(tally.seen.clone()), terms),
        resolved: evaluate(TIME, &Counts::Spans(tally.resolved.clone()), terms),
        better: better(tally.after.followed, terms),
        nps: [nps(true), nps(false)],
    }
}

/// Metrics that are plain shares and plain times: figures of the same shape are made in the same way.
const SHARE: Metric = Metric::AbandonmentRate;
const TIME: Metric = Metric::FullResolutionTime;

fn better(of: FollowedUp, terms: &Terms) -> Figure {
    let known = of.better + of.not;
    let share = Share { hits: of.better, of: known, excluded: of.unknown };
    let immature = terms.immature || (known > 0 && of.waiting >= known);
    let mut figure = evaluate(SHARE, &Counts::Share(share), &Terms { immature, ..*terms });
    figure.censored = of.waiting;
    figure
}

fn score(pairs: &[Pair], of: fn(&Pair) -> i32, terms: &Terms) -> Figure {
    let pattern = |pair: &Pair| {
        let score = of(pair);
        AnswerPattern {
            customers: pair.customers,
            answers: 1,
            high: i64::from(score >= 9),
            low: i64::from(score <= 6),
            sum: i64::from(score),
        }
    };
    let answers = Answers { patterns: pairs.iter().map(pattern).collect(), excluded: 0 };
    evaluate(Metric::NpsRelational, &Counts::Answers(answers), terms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{metrics::Status, time::SECOND};

    const TERMS: Terms = Terms { confidence: 0.95, low_sample_floor: 5, immature: false };

    fn tally() -> Tally {
        Tally {
            open: 1,
            acknowledged: 2,
            outcomes: vec![
                (Outcome::Recovered, 8),
                (Outcome::NotRecovered, 1),
                (Outcome::NoAction, 1),
                (Outcome::FalseAlarm, 5),
            ],
            seen: Spans::default(),
            resolved: Spans {
                ended: vec![(60 * SECOND, 5), (120 * SECOND, 5), (600 * SECOND, 5)],
                open: vec![(3600 * SECOND, 3)],
                excluded: 0,
            },
            after: After {
                followed: FollowedUp { better: 6, not: 2, waiting: 3, unknown: 1 },
                pairs: vec![
                    Pair { relational: true, before: 2, after: 10, customers: 4 },
                    Pair { relational: true, before: 6, after: 8, customers: 2 },
                    Pair { relational: true, before: 0, after: 0, customers: 2 },
                    Pair { relational: false, before: 3, after: 9, customers: 7 },
                ],
            },
        }
    }

    #[test]
    fn figures_carry_what_they_rest_on() {
        let figures = recovery(Kind::Detractor, &tally(), &TERMS);
        // 8 of 10 by Wilson, as statsmodels has it.
        let interval = figures.recovered.interval.expect("an interval");
        assert_eq!((figures.recovered.value, figures.recovered.excluded), (Some(0.8), 5));
        assert!((interval.lower - 0.490_162_471_5).abs() < 1e-9, "{interval:?}");
        assert_eq!((figures.resolved.value, figures.resolved.censored), (Some(120.0), 3));
        assert_eq!(figures.seen.status, Status::NoData);
        assert_eq!((figures.better.value, figures.better.n), (Some(0.75), 8));
        assert_eq!((figures.better.censored, figures.better.excluded), (3, 1));
        let [relational, transactional] = figures.nps;
        let (_, after) = transactional.expect("pairs");
        assert_eq!((after.value, after.n), (Some(100.0), 7));
        let (before, after) = relational.expect("pairs");
        assert_eq!((before.value, before.n), (Some(-100.0), 8));
        assert_eq!((after.value, after.n), (Some(25.0), 8));
    }

    #[test]
    fn what_is_not_known_of_half_of_them_is_immature() {
        let mut tally = tally();
        tally.after.followed.waiting = 8;
        let figure = recovery(Kind::CaseOpenTooLong, &tally, &TERMS).better;
        assert_eq!(figure.status, Status::Immature);
        tally.after.followed = FollowedUp { waiting: 3, ..FollowedUp::default() };
        let figure = recovery(Kind::CaseOpenTooLong, &tally, &TERMS).better;
        assert_eq!((figure.status, figure.value, figure.censored), (Status::NoData, None, 3));
        assert_eq!(recovery(Kind::CaseOpenTooLong, &tally, &TERMS).nps, [None, None]);
    }
}
