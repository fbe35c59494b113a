//! From counts to a figure: value, interval and how far to trust it.

use super::{
    Amounts, Answers, Counts, Incidence, Metric, Share, Spans, Total,
    clustered::{Clustered, sum_of},
    intervals::{Ends, poisson, quantile_ranks, t_of, trinomial_difference, wilson},
    quantiles::{Sorted, kaplan_meier_median},
};
use crate::time::SECOND;

/// What the asker wants to know beside the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Confidence level of intervals, in (0, 1).
    pub confidence: f64,
    /// Number of observations below which a value is [`Status::LowSample`].
    pub low_sample_floor: i64,
    /// The outcome of part of the group is not known yet.
    pub immature: bool,
}

/// How far a value can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Enough observations, all complete.
    Ok,
    /// No observation.
    NoData,
    /// Few observations.
    LowSample,
    /// The outcome of part of the group is not known yet.
    Immature,
}

/// An interval of an estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// How it was made.
    pub method: &'static str,
}

/// A further figure of the same observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Further {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its interval, where it is an estimate and there is enough to make one.
    pub interval: Option<Interval>,
}

impl Further {
    /// A count.
    fn count(name: &'static str, count: i64) -> Self {
        Self { name, value: count as f64, interval: None }
    }
}

/// One figure with what it rests on. `value` is `numerator / denominator` in the metric's unit, or the median of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The value; `None` where there is no data.
    pub value: Option<f64>,
    /// Above the fraction line; of means, times and sums the sum.
    pub numerator: f64,
    /// Below it; 1 for counts and sums.
    pub denominator: f64,
    /// Observations it rests on.
    pub n: i64,
    /// Observations left out.
    pub excluded: i64,
    /// Spans still open.
    pub censored: i64,
    /// The interval, where it is an estimate and there is enough to make one.
    pub interval: Option<Interval>,
    /// How far to trust it.
    pub status: Status,
    /// More figures of the same observations.
    pub more: Vec<Further>,
}

/// Makes the figure of a metric from its counts.
pub fn evaluate(metric: Metric, counts: &Counts, terms: &Terms) -> Figure {
    let mut figure = match counts {
        Counts::Answers(answers) => match metric {
            Metric::NpsRelational | Metric::NpsTransactional => nps(answers, terms),
            Metric::CsatMean => mean(answers, (1.0, 5.0), terms),
            Metric::CesMean => mean(answers, (1.0, 7.0), terms),
            Metric::PurchaseFrequency => per_customer(answers, terms),
            _ => answer_share(answers, terms),
        },
        Counts::Share(counts) => share(*counts, terms),
        Counts::Spans(spans) => times(spans, terms),
        Counts::Total(counts) => total(*counts),
        Counts::Incidence(counts) => per_hundred(*counts, terms),
        Counts::Amounts(counts) if metric == Metric::ValueAtRisk => sum_of_amounts(counts, terms),
        Counts::Amounts(counts) => amount(counts, terms),
    };
    figure.status = status(&figure, terms);
    if figure.status == Status::NoData {
        figure.value = None;
        figure.interval = None;
        figure.more.clear();
    }
    figure
}

fn status(figure: &Figure, terms: &Terms) -> Status {
    if figure.n == 0 {
        Status::NoData
    // Where at least half are still open, the median of all is beyond what is known.
    } else if terms.immature || figure.censored >= figure.n {
        Status::Immature
    } else if figure.n < terms.low_sample_floor {
        Status::LowSample
    } else {
        Status::Ok
    }
}

/// A figure without estimate; the rest is filled in by each kind.
fn plain(numerator: f64, denominator: f64, n: i64, excluded: i64) -> Figure {
    let value = (denominator != 0.0).then(|| numerator / denominator);
    let status = Status::Ok;
    Figure {
        value,
        numerator,
        denominator,
        n,
        excluded,
        censored: 0,
        interval: None,
        status,
        more: Vec::new(),
    }
}

fn interval((lower, upper): Ends, method: &'static str) -> Option<Interval> {
    Some(Interval { lower, upper, method })
}

fn nps(answers: &Answers, terms: &Terms) -> Figure {
    let all = Clustered::new(answers, |p| p.high - p.low);
    let (up, down) = (sum_of(answers, |p| p.high), sum_of(answers, |p| p.low));
    let mut figure = plain((up - down) as f64, all.n, all.n as i64, answers.excluded);
    figure.value = figure.value.map(|share| share * 100.0);
    let (p, d) = (up as f64 / all.n, down as f64 / all.n);
    let ends =
        trinomial_difference(p, d, all.effective_n(p + d, terms.confidence), terms.confidence);
    let method =
        if all.repeats() { "score (Tango), clustered by customer" } else { "score (Tango)" };
    figure.interval = interval((ends.0 * 100.0, ends.1 * 100.0), method);
    let counts = [("promoters", up), ("passives", figure.n - up - down), ("detractors", down)];
    figure.more = counts.map(|(name, count)| Further::count(name, count)).to_vec();
    figure
}

fn answer_share(answers: &Answers, terms: &Terms) -> Figure {
    let all = Clustered::new(answers, |p| p.high);
    let hits = sum_of(answers, |p| p.high) as f64;
    let mut figure = plain(hits, all.n, all.n as i64, answers.excluded);
    let ends = wilson(all.mean, all.effective_n(all.mean, terms.confidence), terms.confidence);
    figure.interval =
        interval(ends, if all.repeats() { "Wilson, clustered by customer" } else { "Wilson" });
    figure
}

fn mean(answers: &Answers, (lowest, highest): (f64, f64), terms: &Terms) -> Figure {
    let all = Clustered::new(answers, |p| p.sum);
    let mut figure =
        plain(sum_of(answers, |p| p.sum) as f64, all.n, all.n as i64, answers.excluded);
    figure.interval = match t_of(terms.confidence, all.customers - 1.0) {
        Some(t) if all.varies() => {
            let margin = t * all.variance.sqrt();
            let ends = ((all.mean - margin).max(lowest), (all.mean + margin).min(highest));
            interval(ends, if all.repeats() { "t, clustered by customer" } else { "t" })
        }
        // One customer, or all alike: no spread to judge by. Of all variables on a scale the one that takes only its ends
        // varies most, so Wilson's interval for that one is wide enough.
        _ => {
            let width = highest - lowest;
            let ends = wilson((all.mean - lowest) / width, all.customers, terms.confidence);
            interval(
                (lowest + width * ends.0, lowest + width * ends.1),
                "Wilson on the scale, as all answers are alike",
            )
        }
    };
    figure
}

/// The mean of a number that each customer has, and that has no upper end.
fn per_customer(answers: &Answers, terms: &Terms) -> Figure {
    let all = Clustered::new(answers, |p| p.sum);
    let mut figure =
        plain(sum_of(answers, |p| p.sum) as f64, all.n, all.n as i64, answers.excluded);
    figure.interval = unbounded(&all, terms);
    figure
}

/// The mean amount, and Student's interval of it.
fn amount(counts: &Amounts, terms: &Terms) -> Figure {
    let all = Clustered::of_amounts(counts);
    let mut figure = plain(counts.sum as f64, all.n, counts.n, counts.excluded);
    figure.interval = unbounded(&all, terms);
    figure
}

/// The sum of the amounts of customers who are taken as drawn at random.
fn sum_of_amounts(counts: &Amounts, terms: &Terms) -> Figure {
    let all = Clustered::of_amounts(counts);
    let mut figure = plain(counts.sum as f64, 1.0, counts.n, counts.excluded);
    figure.interval = unbounded(&all, terms).map(|mean| Interval {
        lower: mean.lower * all.n,
        upper: mean.upper * all.n,
        method: "t over customers",
    });
    figure
}

/// Student's interval of a mean that is not below zero. `None` where nothing shows how it varies.
fn unbounded(all: &Clustered, terms: &Terms) -> Option<Interval> {
    let t = t_of(terms.confidence, all.customers - 1.0).filter(|_| all.varies())?;
    let margin = t * all.variance.sqrt();
    let method = if all.repeats() { "t, clustered by customer" } else { "t" };
    interval(((all.mean - margin).max(0.0), all.mean + margin), method)
}

fn share(counts: Share, terms: &Terms) -> Figure {
    let mut figure = plain(counts.hits as f64, counts.of as f64, counts.of, counts.excluded);
    figure.interval = figure
        .value
        .and_then(|p| interval(wilson(p, counts.of as f64, terms.confidence), "Wilson"));
    figure
}

fn times(spans: &Spans, terms: &Terms) -> Figure {
    let second = SECOND as f64;
    let sorted = Sorted::new(spans.ended.clone());
    let n = sorted.n();
    let mut figure = plain(sorted.sum() / second, n as f64, n, spans.excluded);
    let mean = figure.value;
    let quantile = |q: f64| sorted.quantile(q).map(|micros| micros / second);
    let bounds = |q: f64| {
        let (lower, upper) = quantile_ranks(n, q, terms.confidence)?;
        let ends = (sorted.at_rank(lower)? / second, sorted.at_rank(upper)? / second);
        interval(ends, "order statistics")
    };
    figure.value = quantile(0.5);
    figure.interval = bounds(0.5);
    figure.censored = spans.open.iter().map(|(_, count)| count).sum();
    let further =
        |name, value: Option<f64>, interval| value.map(|value| Further { name, value, interval });
    let margin = t_of(terms.confidence, n as f64 - 1.0)
        .map(|t| t * (sorted.variance() / n as f64).sqrt() / second)
        .filter(|margin| *margin > 0.0);
    let around = mean
        .zip(margin)
        .and_then(|(mean, margin)| interval(((mean - margin).max(0.0), mean + margin), "t"));
    figure.more.extend(further("p90", quantile(0.9), bounds(0.9)));
    figure.more.extend(further("p95", quantile(0.95), bounds(0.95)));
    figure.more.extend(further("mean", mean, around));
    if figure.censored > 0 {
        let median = kaplan_meier_median(&spans.ended, &spans.open);
        figure.more.extend(further(
            "kaplan_meier_median",
            median.map(|micros| micros / second),
            None,
        ));
    }
    figure
}

fn total(counts: Total) -> Figure {
    plain(counts.sum as f64, 1.0, counts.n, counts.excluded)
}

fn per_hundred(counts: Incidence, terms: &Terms) -> Figure {
    let customers = counts.customers as f64;
    let mut figure = plain(counts.events as f64, customers, counts.customers, 0);
    figure.value = figure.value.map(|rate| rate * 100.0);
    // Where somebody has several events they are no share of the customers.
    let (ends, method) = if counts.events == counts.affected {
        (wilson(counts.events as f64 / customers, customers, terms.confidence), "Wilson")
    } else {
        let scale = counts.overdispersion();
        let (lower, upper) = poisson(counts.events as f64 / scale, terms.confidence);
        ((lower * scale / customers, upper * scale / customers), "Poisson, scaled by customer")
    };
    figure.interval = interval((ends.0 * 100.0, ends.1 * 100.0), method);
    let (answered, open) = (counts.answered, counts.events - counts.answered);
    figure.more = vec![Further::count("answered", answered), Further::count("open", open)];
    figure
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
