//! How one group differs from another: the difference, its interval and a two-sided test, made of the counts of both.
//!
//! The two groups are taken as independent. Where the same customers are in both, as in two periods, their answers go
//! together, the difference varies less than is supposed here, and a test errs towards saying nothing.

use super::{
    Amounts, Answers, Counts, Figure, Incidence, Interval, Metric, Share, Spans, Terms,
    clustered::{Clustered, sum_of},
    evaluate,
    intervals::{Ends, normal_tail, t_tail},
};

/// How one group differs from another.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Value of the one less that of the other, in the metric's unit.
    pub value: f64,
    /// Its interval, where the metric is an estimate and both have one.
    pub interval: Option<Interval>,
    /// Whether chance explains it, where the metric is an estimate.
    pub test: Option<Test>,
    /// The difference in standard deviations of one observation, so that metrics can be put in one order; for times the rank-biserial
    /// correlation: how much oftener one of the one is longer than one of the other, than shorter.
    pub effect: Option<f64>,
}

/// Whether chance explains a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// How often a difference as large comes of chance where there is none.
    pub p_value: f64,
    /// How it was found.
    pub method: &'static str,
}

/// Compares a group with a baseline. `None` where either has no data, or no value.
pub fn compare(
    metric: Metric,
    group: &Counts,
    baseline: &Counts,
    terms: &Terms,
) -> Option<Difference> {
    let (one, other) = (evaluate(metric, group, terms), evaluate(metric, baseline, terms));
    let value = one.value? - other.value?;
    let (test, effect) = match (group, baseline) {
        (Counts::Share(one), Counts::Share(other)) => shares(*one, *other),
        (Counts::Answers(one), Counts::Answers(other)) => answers(metric, one, other),
        (Counts::Spans(one), Counts::Spans(other)) => ranks(one, other),
        (Counts::Amounts(one), Counts::Amounts(other)) if metric != Metric::ValueAtRisk => {
            amounts(one, other)
        }
        (Counts::Incidence(one), Counts::Incidence(other)) => incidences(*one, *other),
        // Numbers and sums are no estimates.
        _ => (None, None),
    };
    Some(Difference { value, interval: apart(value, &one, &other), test, effect })
}

/// The interval of a difference from those of both values, which need not be as wide below as above. For shares Newcombe 1998
/// (method 10), for others Zou and Donner 2008.
fn apart(value: f64, one: &Figure, other: &Figure) -> Option<Interval> {
    let (one_ends, other_ends) = (one.interval?, other.interval?);
    let (above, below) = (one.value?, other.value?);
    let (lower, upper): Ends = (
        value - (above - one_ends.lower).hypot(other_ends.upper - below),
        value + (one_ends.upper - above).hypot(below - other_ends.lower),
    );
    let shares = one_ends.method.starts_with("Wilson") && other_ends.method.starts_with("Wilson");
    let method = if shares { "Newcombe, of both Wilson" } else { "MOVER, of both intervals" };
    Some(Interval { lower, upper, method })
}

type Tested = (Option<Test>, Option<f64>);

/// A difference in standard errors, and in standard deviations of one observation.
fn normal(difference: f64, error: f64, deviation: f64, method: &'static str) -> Tested {
    let p_value = if difference == 0.0 { 1.0 } else { normal_tail(difference / error) };
    let effect = if difference == 0.0 { 0.0 } else { difference / deviation };
    (Some(Test { p_value, method }), Some(effect).filter(|effect| effect.is_finite()))
}

fn shares(one: Share, other: Share) -> Tested {
    let share = |counts: Share| (counts.hits as f64 / counts.of as f64, counts.of as f64);
    proportions(share(one), share(other), "two-proportion z")
}

/// Shares of so many, by their common variance where there is no difference.
fn proportions((p, n): (f64, f64), (q, m): (f64, f64), method: &'static str) -> Tested {
    let pooled = (p * n + q * m) / (n + m);
    let variance = pooled * (1.0 - pooled);
    normal(p - q, (variance * (1.0 / n + 1.0 / m)).sqrt(), variance.sqrt(), method)
}

fn answers(metric: Metric, one: &Answers, other: &Answers) -> Tested {
    match metric {
        Metric::NpsRelational | Metric::NpsTransactional => nps(one, other),
        Metric::CsatMean | Metric::CesMean | Metric::PurchaseFrequency => {
            welch(&Clustered::new(one, |p| p.sum), &Clustered::new(other, |p| p.sum))
        }
        _ => {
            let high = |answers: &Answers| {
                let all = Clustered::new(answers, |p| p.high);
                ((all.mean, all.design_n(all.mean)), all.repeats())
            };
            let ((one, first), (other, second)) = (high(one), high(other));
            let clustered = first || second;
            let method = if clustered {
                "two-proportion z, clustered by customer"
            } else {
                "two-proportion z"
            };
            proportions(one, other, method)
        }
    }
}

/// Scores of promoters less detractors, by the variances of both.
fn nps(one: &Answers, other: &Answers) -> Tested {
    let ends = |answers: &Answers| (sum_of(answers, |p| p.high), sum_of(answers, |p| p.low));
    let all = |answers: &Answers| Clustered::new(answers, |p| p.high - p.low);
    let (first, second) = (all(one), all(other));
    let spread =
        |(up, down): (i64, i64), n: f64| (up + down) as f64 / n - ((up - down) as f64 / n).powi(2);
    let variance = |answers: &Answers, all: &Clustered| {
        if all.repeats() { all.variance } else { spread(ends(answers), all.n) / all.n }
    };
    let ((up, down), (more_up, more_down)) = (ends(one), ends(other));
    let pooled = spread((up + more_up, down + more_down), first.n + second.n);
    let (one, other) = (variance(one, &first), variance(other, &second));
    let error = if one > 0.0 && other > 0.0 {
        (one + other).sqrt()
    } else {
        // All alike in one of them, which does not mean that they cannot vary: by as much as if both were one, each customer once.
        (pooled * (1.0 / first.customers + 1.0 / second.customers)).sqrt()
    };
    let method = if first.repeats() || second.repeats() { "z, clustered by customer" } else { "z" };
    normal(first.mean - second.mean, error, pooled.sqrt(), method)
}

fn amounts(one: &Amounts, other: &Amounts) -> Tested {
    welch(&Clustered::of_amounts(one), &Clustered::of_amounts(other))
}

/// Means by their own variances. Welch 1947.
fn welch(one: &Clustered, other: &Clustered) -> Tested {
    let few = one.customers < 2.0 || other.customers < 2.0;
    if few || !(one.varies() || other.varies()) {
        return (None, None);
    }
    let variance = one.variance + other.variance;
    let part = |group: &Clustered| group.variance.powi(2) / (group.customers - 1.0);
    let freedom = variance.powi(2) / (part(one) + part(other));
    let difference = one.mean - other.mean;
    let Some(p_value) = t_tail(difference / variance.sqrt(), freedom) else { return (None, None) };
    let clustered = one.repeats() || other.repeats();
    let method = if clustered { "Welch's t, clustered by customer" } else { "Welch's t" };
    let deviation = ((one.variance * one.n + other.variance * other.n) / 2.0).sqrt();
    (Some(Test { p_value, method }), Some(difference / deviation))
}

/// Times by their ranks, those that ended only. Mann and Whitney 1947, with the variance of ties.
fn ranks(one: &Spans, other: &Spans) -> Tested {
    let mut all: Vec<(i64, i64, i64)> = Vec::with_capacity(one.ended.len() + other.ended.len());
    all.extend(one.ended.iter().map(|(span, count)| (*span, *count, 0)));
    all.extend(other.ended.iter().map(|(span, count)| (*span, 0, *count)));
    all.sort_unstable();
    // Pairs of one and other in which the one is longer, a tie being half; counted twice.
    let (mut below, mut longer_twice, mut ties) = (0_i128, 0_i128, 0.0);
    for alike in all.chunk_by(|a, b| a.0 == b.0) {
        let ones: i128 = alike.iter().map(|(_, count, _)| i128::from(*count)).sum();
        let others: i128 = alike.iter().map(|(.., count)| i128::from(*count)).sum();
        longer_twice += ones * (2 * below + others);
        below += others;
        let tied = (ones + others) as f64;
        ties += tied.powi(3) - tied;
    }
    let sum = |spans: &Spans| spans.ended.iter().map(|(_, count)| *count).sum::<i64>() as f64;
    let (n, m) = (sum(one), sum(other));
    let both = n + m;
    let variance = n * m / 12.0 * (both + 1.0 - ties / (both * (both - 1.0)));
    let excess = longer_twice as f64 / 2.0 - n * m / 2.0;
    let (test, _) = normal(excess, variance.sqrt(), 1.0, "Mann-Whitney");
    (test, Some(2.0 * excess / (n * m)))
}

/// Events per customer.
fn incidences(one: Incidence, other: Incidence) -> Tested {
    let once = |counts: Incidence| counts.events == counts.affected;
    let of = |counts: Incidence| (counts.rate(), counts.customers as f64);
    if once(one) && once(other) {
        return proportions(of(one), of(other), "two-proportion z");
    }
    let ((rate, n), (other_rate, m)) = (of(one), of(other));
    let pooled = (rate * n + other_rate * m) / (n + m);
    let (scale, other_scale) = (one.overdispersion(), other.overdispersion());
    let error = (pooled * (scale / n + other_scale / m)).sqrt();
    normal(rate - other_rate, error, pooled.sqrt(), "z of Poisson rates, scaled by customer")
}

/// For each p value of a family the least rate of false discoveries at which it is one. Benjamini and Hochberg 1995.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut adjusted, mut least) = (vec![1.0; p_values.len()], 1.0_f64);
    for (place, index) in order.into_iter().enumerate().rev() {
        least = least.min(p_values[index] * p_values.len() as f64 / (place + 1) as f64);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
