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
    pub more: Vec<(&'static str, f64)>,
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
    let passives = figure.n - up - down;
    figure.more =
        vec![("promoters", up as f64), ("passives", passives as f64), ("detractors", down as f64)];
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
    figure.value = sorted.quantile(0.5).map(|median| median / second);
    figure.censored = spans.open.iter().map(|(_, count)| count).sum();
    figure.interval = quantile_ranks(n, 0.5, terms.confidence)
        .and_then(|(lower, upper)| {
            Some((sorted.at_rank(lower)? / second, sorted.at_rank(upper)? / second))
        })
        .and_then(|ends| interval(ends, "order statistics"));
    let named = [("p90", sorted.quantile(0.9)), ("p95", sorted.quantile(0.95))];
    figure
        .more
        .extend(named.into_iter().filter_map(|(name, micros)| Some((name, micros? / second))));
    figure.more.extend(mean.map(|mean| ("mean", mean)));
    if figure.censored > 0 {
        let median = kaplan_meier_median(&spans.ended, &spans.open);
        figure.more.extend(median.map(|micros| ("kaplan_meier_median", micros / second)));
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
        let (lower, upper) = poisson(counts.events, terms.confidence);
        ((lower / customers, upper / customers), "Poisson, exact")
    };
    figure.interval = interval((ends.0 * 100.0, ends.1 * 100.0), method);
    let (answered, open) = (counts.answered, counts.events - counts.answered);
    figure.more = vec![("answered", answered as f64), ("open", open as f64)];
    figure
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
