//! Figures of journeys: shares with their intervals, quantiles of times.

use super::{Cell, CellCounts, Place, Transition};
use crate::metrics::intervals::quantile_ranks;
use crate::metrics::quantiles::Sorted;
use crate::metrics::{Counts, Interval, Metric, Share, Status, Terms, evaluate};
use crate::time::SECOND;
use std::collections::BTreeMap;

/// A share with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    /// The counts; excluded are those that cannot be judged yet.
    pub counts: Share,
    /// The share; none of nothing.
    pub value: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// How far to trust it.
    pub status: Status,
}

/// A quantile of times, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// The quantile.
    pub seconds: f64,
    /// Its interval; none where there are too few times to bound it.
    pub interval: Option<Interval>,
}

/// A cell of the map with its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct CellFigures {
    /// Which.
    pub cell: Cell,
    /// What happened in it.
    pub counts: CellCounts,
    /// Its touchpoints of all of the persona.
    pub volume: Proportion,
    /// Customers who dropped off.
    pub drop_off: Proportion,
    /// Where customers go next, the most frequent first.
    pub steps: Vec<StepFigures>,
}

/// A step to the next place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepFigures {
    /// To where.
    pub to: Place,
    /// How often, of the touchpoints of which it is known what followed.
    pub share: Proportion,
    /// Median time to it in seconds.
    pub median: f64,
}

/// The share of counts.
pub fn proportion(counts: Share, terms: &Terms) -> Proportion {
    // What is computed of a share is the same for whichever metric.
    let figure = evaluate(Metric::SurveyResponseRate, &Counts::Share(counts), terms);
    Proportion { counts, value: figure.value, interval: figure.interval, status: figure.status }
}

/// The median in seconds, from the two middle times in microseconds.
pub fn median((lower, upper): (i64, i64)) -> f64 {
    (lower as f64 + (upper - lower) as f64 / 2.0) / SECOND as f64
}

/// The `q`-quantile of times in microseconds, each with how often it occurs. None of nothing.
pub fn quantile(times: &[(i64, i64)], q: f64, terms: &Terms) -> Option<Time> {
    let second = SECOND as f64;
    let sorted = Sorted::new(times.to_vec());
    let seconds = sorted.quantile(q).filter(|_| sorted.n() > 0)? / second;
    let interval = quantile_ranks(sorted.n(), q, terms.confidence).and_then(|(lower, upper)| {
        let (lower, upper) = (sorted.at_rank(lower)? / second, sorted.at_rank(upper)? / second);
        Some(Interval { lower, upper, method: "order statistics" })
    });
    Some(Time { seconds, interval })
}

/// The figures of all cells, in their order, with at most `most` steps each.
pub fn map(
    cells: &BTreeMap<Cell, CellCounts>,
    transitions: &[Transition],
    most: usize,
    terms: &Terms,
) -> Vec<CellFigures> {
    let mut totals: BTreeMap<Option<i16>, i64> = BTreeMap::new();
    for (cell, counts) in cells {
        *totals.entry(cell.persona).or_default() += counts.interactions;
    }
    let figures = |(cell, counts): (&Cell, &CellCounts)| {
        let of = totals.get(&cell.persona).copied().unwrap_or_default();
        let volume = Share { hits: counts.interactions, of, excluded: 0 };
        CellFigures {
            cell: *cell,
            counts: *counts,
            volume: proportion(volume, terms),
            drop_off: proportion(drop_off(counts), terms),
            steps: steps(counts, from(*cell, transitions).into_iter().take(most), terms),
        }
    };
    cells.iter().map(figures).collect()
}

fn drop_off(counts: &CellCounts) -> Share {
    let of = counts.customers - counts.customers_immature;
    Share { hits: counts.customers_ended, of, excluded: counts.customers_immature }
}

/// The transitions from a cell, most frequent first.
fn from(cell: Cell, transitions: &[Transition]) -> Vec<&Transition> {
    let mut steps: Vec<&Transition> =
        transitions.iter().filter(|transition| transition.from == cell).collect();
    steps.sort_unstable_by_key(|step| (std::cmp::Reverse(step.count), step.to));
    steps
}

fn steps<'a>(
    counts: &CellCounts,
    transitions: impl Iterator<Item = &'a Transition>,
    terms: &Terms,
) -> Vec<StepFigures> {
    let of = counts.followed + counts.ended;
    let figures = |step: &Transition| {
        let share = Share { hits: step.count, of, excluded: counts.immature };
        StepFigures { to: step.to, share: proportion(share, terms), median: median(step.middle) }
    };
    transitions.map(figures).collect()
}
