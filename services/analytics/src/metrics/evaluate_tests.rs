//! Figures against values computed with statsmodels 0.15 and scipy 1.17.

use super::*;
use crate::metrics::{GroupKey, Groups, counts::AnswerPattern};

const TERMS: Terms = Terms { confidence: 0.95, low_sample_floor: 30, immature: false };

fn pattern(customers: i64, answers: i64, high: i64, low: i64, sum: i64) -> AnswerPattern {
    AnswerPattern { customers, answers, high, low, sum }
}

/// Scores on 1–5 of one answer each.
fn singles(scores: &[i64]) -> Answers {
    let one = |score: &i64| pattern(1, 1, i64::from(*score >= 4), 0, *score);
    Answers { patterns: scores.iter().map(one).collect(), excluded: 0 }
}

#[track_caller]
fn ends(figure: &Figure, lower: f64, upper: f64) {
    let interval = figure.interval.expect("an interval");
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(1.0);
    assert!(near(interval.lower, lower) && near(interval.upper, upper), "{interval:?}");
}

#[test]
fn nps_counts_passives_below_the_line_only() {
    let patterns = vec![pattern(50, 1, 1, 0, 9), pattern(17, 1, 0, 1, 3), pattern(33, 1, 0, 0, 7)];
    let counts = Counts::Answers(Answers { patterns, excluded: 4 });
    let figure = evaluate(Metric::NpsRelational, &counts, &TERMS);
    assert_eq!(
        (figure.value, figure.n, figure.excluded, figure.status),
        (Some(33.0), 100, 4, Status::Ok)
    );
    assert_eq!((figure.numerator, figure.denominator), (33.0, 100.0));
    let counts: Vec<_> = figure.more.iter().map(|more| (more.name, more.value)).collect();
    assert_eq!(counts, [("promoters", 50.0), ("passives", 33.0), ("detractors", 17.0)]);
    ends(&figure, 17.513_29, 46.718_55);
}

/// Expected: statsmodels OLS on a constant with `cov_type="cluster"`, `use_t=True`.
#[test]
fn several_answers_of_a_person_widen_the_interval() {
    // Scores 5 4 4 | 3 5 | 1 | 2 | 5 4 | 4 of six customers.
    let patterns = vec![
        pattern(1, 3, 3, 0, 13),
        pattern(1, 2, 1, 0, 8),
        pattern(1, 1, 0, 0, 1),
        pattern(1, 1, 0, 0, 2),
        pattern(1, 2, 2, 0, 9),
        pattern(1, 1, 1, 0, 4),
    ];
    let counts = Counts::Answers(Answers { patterns, excluded: 0 });
    let mean = evaluate(Metric::CsatMean, &counts, &TERMS);
    assert_eq!((mean.value, mean.n, mean.status), (Some(3.7), 10, Status::LowSample));
    ends(&mean, 2.545_811_62, 4.854_188_38);
    let share = evaluate(Metric::CsatTop2Box, &counts, &TERMS);
    assert_eq!(share.value, Some(0.7));
    ends(&share, 0.331_619_576, 0.916_480_815);
    assert_eq!(
        share.interval.map(|interval| interval.method),
        Some("Wilson, clustered by customer")
    );
}

/// Expected: `scipy.stats.t.interval`.
#[test]
fn the_mean_of_independent_answers_has_the_plain_t_interval() {
    let counts = Counts::Answers(singles(&[5, 4, 4, 3, 5, 1, 2, 5, 4, 4]));
    let mean = evaluate(Metric::CsatMean, &counts, &TERMS);
    ends(&mean, 2.743_214_781, 4.656_785_219);
    assert_eq!(mean.interval.map(|interval| interval.method), Some("t"));
    let share = evaluate(Metric::CsatTop2Box, &counts, &TERMS);
    assert_eq!(share.interval.map(|interval| interval.method), Some("Wilson"));
}

#[test]
fn equal_answers_never_give_an_interval_of_no_width() {
    for customers in [1, 2, 40] {
        for answers in [1, 3] {
            for (score, high) in [(1, 0), (3, 0), (5, 1)] {
                let patterns = vec![pattern(
                    customers,
                    answers,
                    high * answers,
                    answers - high * answers,
                    score * answers,
                )];
                let counts = Counts::Answers(Answers { patterns, excluded: 0 });
                for metric in [Metric::NpsRelational, Metric::CsatTop2Box, Metric::CsatMean] {
                    let figure = evaluate(metric, &counts, &TERMS);
                    let (value, interval) =
                        (figure.value.expect("a value"), figure.interval.expect("an interval"));
                    assert!(interval.upper - interval.lower > 0.05, "{metric:?} {interval:?}");
                    assert!(
                        interval.lower <= value && value <= interval.upper,
                        "{metric:?} {interval:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_data_is_not_zero() {
    for counts in [
        Counts::Answers(Answers { patterns: Vec::new(), excluded: 3 }),
        Counts::Share(Share { hits: 0, of: 0, excluded: 3 }),
        Counts::Spans(Spans { ended: Vec::new(), open: vec![(7, 2)], excluded: 3 }),
        Counts::Total(Total { sum: 0, n: 0, excluded: 3 }),
    ] {
        let figure = evaluate(Metric::CsatMean, &counts, &TERMS);
        assert_eq!((figure.value, figure.status, figure.excluded), (None, Status::NoData, 3));
        assert!(figure.interval.is_none() && figure.more.is_empty());
    }
}

#[test]
fn times_give_median_tail_and_mean_and_set_open_ones_apart() {
    let micros = [1, 2, 2, 3, 7, 8, 20, 40, 41, 100].map(|seconds| (seconds * SECOND, 1));
    let spans = Spans { ended: micros.to_vec(), open: vec![(5 * SECOND, 2)], excluded: 1 };
    let figure = evaluate(Metric::FirstResponseTime, &Counts::Spans(spans), &TERMS);
    assert_eq!((figure.value, figure.n, figure.censored, figure.excluded), (Some(7.5), 10, 2, 1));
    ends(&figure, 2.0, 41.0);
    let named: Vec<&str> = figure.more.iter().map(|more| more.name).collect();
    assert_eq!(named, ["p90", "p95", "mean", "kaplan_meier_median"]);
    assert!((figure.more[2].value - 22.4).abs() < 1e-9);
}

#[test]
fn a_group_that_is_mostly_open_or_not_over_is_immature() {
    let spans = Spans { ended: vec![(1, 40)], open: vec![(2, 40)], excluded: 0 };
    assert_eq!(
        evaluate(Metric::FirstResponseTime, &Counts::Spans(spans), &TERMS).status,
        Status::Immature
    );
    let churn = Counts::Share(Share { hits: 5, of: 50, excluded: 0 });
    let terms = Terms { immature: true, ..TERMS };
    assert_eq!(evaluate(Metric::ChurnRate, &churn, &terms).status, Status::Immature);
    assert_eq!(evaluate(Metric::ChurnRate, &churn, &TERMS).status, Status::Ok);
}

/// Expected: Garwood by `scipy.stats.chi2.ppf`, and statsmodels' Wilson where nobody complained twice.
#[test]
fn complaints_of_the_same_person_are_no_share() {
    let rate = |events, affected, squares, customers| {
        let counts = Incidence { events, answered: 1, affected, squares, customers };
        evaluate(Metric::ComplaintsPer100Customers, &Counts::Incidence(counts), &TERMS)
    };
    // As independent as events can be of which one customer has two.
    let twice = rate(3, 2, 3, 50);
    assert_eq!(twice.value, Some(6.0));
    ends(&twice, 1.237_344_245_8, 17.534_546_139_5);
    assert_eq!(rate(3, 3, 3, 50).interval.map(|interval| interval.method), Some("Wilson"));
    // All twenty of one customer tell as much as one.
    ends(&rate(20, 1, 400, 100), 0.506_356_159_686, 111.432_867_817_779);
}

#[test]
fn groups_are_combined_by_adding_counts() {
    let mut whole = Counts::Answers(singles(&[5, 4, 1]));
    whole.add(Counts::Answers(singles(&[2, 5])));
    let together = Counts::Answers(singles(&[5, 4, 1, 2, 5]));
    let figure = evaluate(Metric::CsatMean, &whole, &TERMS);
    assert_eq!(figure, evaluate(Metric::CsatMean, &together, &TERMS));
}

#[test]
fn buckets_without_any_observation_are_filled_in() {
    let mut groups = Groups::default();
    groups.add(
        GroupKey { bucket: 1, ..GroupKey::default() },
        Counts::Share(Share { hits: 1, of: 2, excluded: 0 }),
    );
    groups.fill(Metric::ChurnRate, 3);
    let status = |counts| evaluate(Metric::ChurnRate, counts, &TERMS).status;
    let all: Vec<_> = groups.iter().map(|(key, counts)| (key.bucket, status(counts))).collect();
    assert_eq!(all, [(0, Status::NoData), (1, Status::LowSample), (2, Status::NoData)]);
}

/// Expected: mean and standard error of 1, 1, 1, 1, 1, 2, 2, 2, 3, 9 by hand, with the quantile 2.262157163 of t at 9 degrees.
#[test]
fn purchase_frequency_has_an_interval_over_buyers() {
    let of = |bought: &[(i64, i64)]| {
        let patterns =
            bought.iter().map(|(customers, orders)| pattern(*customers, 1, 0, 0, *orders));
        let counts = Counts::Answers(Answers { patterns: patterns.collect(), excluded: 2 });
        evaluate(Metric::PurchaseFrequency, &counts, &TERMS)
    };
    let figure = of(&[(5, 1), (3, 2), (1, 3), (1, 9)]);
    assert_eq!(
        (figure.value, figure.numerator, figure.n, figure.excluded),
        (Some(2.3), 23.0, 10, 2)
    );
    ends(&figure, 0.546118884, 4.053881116);
    assert_eq!(of(&[(7, 1)]).interval, None);
    assert_eq!(of(&[]).value, None);
}
