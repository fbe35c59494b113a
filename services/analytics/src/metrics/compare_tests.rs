//! Differences against values computed with statsmodels 0.15 and scipy 1.17.

use super::*;
use crate::metrics::counts::AnswerPattern;

const TERMS: Terms = Terms { confidence: 0.95, low_sample_floor: 30, immature: false };

fn share(hits: i64, of: i64) -> Counts {
    Counts::Share(Share { hits, of, excluded: 0 })
}

fn answers(patterns: &[(i64, i64, i64, i64, i64)]) -> Counts {
    let pattern = |&(customers, answers, high, low, sum): &(i64, i64, i64, i64, i64)| {
        AnswerPattern { customers, answers, high, low, sum }
    };
    Counts::Answers(Answers { patterns: patterns.iter().map(pattern).collect(), excluded: 0 })
}

/// Scores of one answer each.
fn scores(scores: &[i64]) -> Counts {
    answers(
        &scores.iter().map(|score| (1, 1, i64::from(*score >= 4), 0, *score)).collect::<Vec<_>>(),
    )
}

fn spans(ended: &[i64]) -> Counts {
    Counts::Spans(Spans {
        ended: ended.iter().map(|span| (*span, 1)).collect(),
        ..Spans::default()
    })
}

/// Orders of each customer.
fn amounts(customers: &[&[i64]]) -> Counts {
    let mut all = Amounts::default();
    for orders in customers {
        let (n, sum) = (orders.len() as i64, i128::from(orders.iter().sum::<i64>()));
        all.n += n;
        all.customers += 1;
        all.sum += sum;
        all.sum_squares += sum * sum;
        all.products += sum * i128::from(n);
        all.n_squares += n * n;
    }
    Counts::Amounts(all)
}

#[track_caller]
fn near(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-7 * expected.abs().max(1.0), "{value} is not {expected}");
}

#[track_caller]
fn difference(metric: Metric, one: &Counts, other: &Counts) -> Difference {
    compare(metric, one, other, &TERMS).expect("both have data")
}

#[track_caller]
fn p_value(difference: &Difference, expected: f64, method: &str) {
    let test = difference.test.expect("a test");
    assert_eq!(test.method, method);
    near(test.p_value, expected);
}

/// Expected: `proportions_ztest`, `confint_proportions_2indep(method="newcomb")`.
#[test]
fn shares_equal_statsmodels() {
    let found = difference(Metric::AbandonmentRate, &share(45, 120), &share(30, 115));
    near(found.value, 45.0 / 120.0 - 30.0 / 115.0);
    p_value(&found, 0.060_624_743_671, "two-proportion z");
    let interval = found.interval.expect("an interval");
    assert_eq!(interval.method, "Newcombe, of both Wilson");
    near(interval.lower, -0.005_103_573_842);
    near(interval.upper, 0.228_532_859_743);
    let (most, none) = (share(5, 5), share(0, 9));
    let found = difference(Metric::AbandonmentRate, &most, &none);
    p_value(&found, 0.000_182_810_633, "two-proportion z");
    near(found.interval.expect("an interval").lower, 0.472_493_817_858);
    near(found.interval.expect("an interval").upper, 1.0);
}

/// Expected: √(SE₁² + SE₂²) with SE = √(p + d - (p - d)²)/√n.
#[test]
fn nps_is_compared_by_the_errors_of_both() {
    let one = answers(&[(50, 1, 1, 0, 9), (33, 1, 0, 0, 7), (17, 1, 0, 1, 3)]);
    let other = answers(&[(30, 1, 1, 0, 9), (40, 1, 0, 0, 7), (40, 1, 0, 1, 3)]);
    let found = difference(Metric::NpsRelational, &one, &other);
    near(found.value, 42.090_909_090_9);
    p_value(&found, 7.624_487_339_48e-5, "z");
    let interval = found.interval.expect("an interval");
    assert!(interval.lower > 0.0 && interval.upper < 84.0, "{interval:?}");
    let back = difference(Metric::NpsRelational, &other, &one);
    near(back.value, -found.value);
    near(back.interval.expect("an interval").lower, -interval.upper);
    // All promoters against all detractors: no spread within, and yet no chance.
    let (up, down) = (answers(&[(20, 1, 1, 0, 9)]), answers(&[(20, 1, 0, 1, 3)]));
    let found = difference(Metric::NpsRelational, &up, &down);
    assert!(found.test.expect("a test").p_value < 1e-6, "{found:?}");
    p_value(&difference(Metric::NpsRelational, &up, &up), 1.0, "z");
    // One promoter is no discovery, though one answer has no spread.
    let many = answers(&[(500, 1, 1, 0, 9), (300, 1, 0, 0, 7), (200, 1, 0, 1, 3)]);
    let found = difference(Metric::NpsRelational, &answers(&[(1, 1, 1, 0, 9)]), &many);
    p_value(&found, 0.370_306_834_952, "z");
}

/// Expected: `ttest_ind(equal_var=False)`.
#[test]
fn means_equal_scipy() {
    let one = scores(&[5, 4, 4, 3, 5, 1, 2, 5, 4, 4]);
    let other = scores(&[3, 2, 4, 1, 2, 3, 3]);
    let found = difference(Metric::CsatMean, &one, &other);
    p_value(&found, 0.062_733_747_381_8, "Welch's t");
    assert!(found.effect.expect("an effect") > 0.8, "{found:?}");
    p_value(&difference(Metric::CsatMean, &scores(&[4, 4]), &one), 0.496_101_555_525, "Welch's t");
    let alike = difference(Metric::CsatMean, &scores(&[4, 4]), &scores(&[5, 5]));
    assert_eq!((alike.test, alike.effect), (None, None));
    let lone = difference(Metric::CsatMean, &scores(&[4]), &one);
    assert_eq!((lone.test, lone.effect), (None, None));
}

/// Answers of few customers count for less than as many of many.
#[test]
fn the_answers_of_one_customer_are_not_independent() {
    let apart = answers(&[(30, 1, 1, 0, 0), (30, 1, 0, 0, 0)]);
    let together = answers(&[(10, 3, 3, 0, 0), (10, 3, 0, 0, 0)]);
    let other = answers(&[(12, 1, 1, 0, 0), (48, 1, 0, 0, 0)]);
    let p = |one: &Counts| difference(Metric::CsatTop2Box, one, &other).test.expect("a test");
    assert!(p(&together).p_value > 5.0 * p(&apart).p_value);
    assert_eq!(p(&together).method, "two-proportion z, clustered by customer");
    let nps = |one: &Counts| difference(Metric::NpsRelational, one, &other).test.expect("a test");
    assert!(nps(&together).p_value > 5.0 * nps(&apart).p_value);
}

/// Expected: `mannwhitneyu(use_continuity=False, method="asymptotic")`.
#[test]
fn times_equal_scipy() {
    let one = spans(&[1, 2, 2, 3, 9, 9, 20]);
    let other = spans(&[2, 4, 5, 9, 30]);
    let found = difference(Metric::QueueWait, &one, &other);
    p_value(&found, 0.458_548_751_913, "Mann-Whitney");
    near(found.value, (3.0 - 5.0) / 1e6);
    near(found.effect.expect("an effect"), 2.0 * 13.0 / 35.0 - 1.0);
    p_value(&difference(Metric::QueueWait, &one, &one), 1.0, "Mann-Whitney");
}

/// Expected: OLS on a constant with `cov_type="cluster"`, times k/(k - 1); then Welch's t on the customers.
#[test]
fn mean_amounts_equal_statsmodels() {
    let one = amounts(&[&[10, 30], &[25], &[40, 45, 60], &[5]]);
    let other = amounts(&[&[50], &[70, 20], &[90]]);
    let figure = evaluate(Metric::AverageOrderValue, &one, &TERMS);
    near(figure.value.expect("a value"), 30.714_285_714_3);
    let interval = figure.interval.expect("an interval");
    assert_eq!(interval.method, "t, clustered by customer");
    // Not below zero, where the plain interval would begin at -2.27.
    near(interval.lower, 0.0);
    near(interval.upper, 63.695_193_713_2);
    let found = difference(Metric::AverageOrderValue, &one, &other);
    near(found.value, -26.785_714_285_7);
    p_value(&found, 0.174_087_726_018, "Welch's t, clustered by customer");
}

/// Expected: `test_poisson_2indep(30, 100, 18, 90, method="score", compare="diff")`.
#[test]
fn rates_equal_statsmodels() {
    let rate = |events, affected, customers| {
        let squares = if affected == 1 { events * events } else { events };
        Counts::Incidence(Incidence { events, answered: 0, affected, squares, customers })
    };
    let metric = Metric::ComplaintsPer100Customers;
    let found = difference(metric, &rate(30, 25, 100), &rate(18, 18, 90));
    near(found.value, 10.0);
    p_value(&found, 0.170_903_520_231, "z of Poisson rates, scaled by customer");
    // One customer with twenty complaints is no discovery.
    let found = difference(metric, &rate(20, 1, 100), &rate(5, 5, 100));
    near(found.test.expect("a test").p_value, 0.354_539_479_77);
    // Nobody has two: shares of the customers.
    let found = difference(metric, &rate(45, 45, 120), &rate(30, 30, 115));
    p_value(&found, 0.060_624_743_671, "two-proportion z");
}

#[test]
fn what_has_no_data_is_not_compared_and_sums_are_not_tested() {
    assert_eq!(compare(Metric::AbandonmentRate, &share(0, 0), &share(3, 9), &TERMS), None);
    let total = |n: i64| Counts::Total(crate::metrics::Total { sum: n.into(), n, excluded: 0 });
    let found = difference(Metric::Orders, &total(12), &total(8));
    assert_eq!((found.value, found.interval, found.test, found.effect), (4.0, None, None, None));
}

/// Expected: `multipletests(method="fdr_bh")`.
#[test]
fn false_discoveries_are_controlled_as_in_statsmodels() {
    let adjusted = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.9, 0.04]);
    for (value, expected) in adjusted.iter().zip([0.03, 0.048, 0.048, 0.03, 0.9, 0.048]) {
        near(*value, expected);
    }
    assert!(benjamini_hochberg(&[]).is_empty());
}
