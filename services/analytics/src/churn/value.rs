//! What customers who stay will spend over the horizon: three ways, of which the one that holds out best is used.
//!
//! The day's rate so far, carried on. Gamma–Gamma (Fader and Hardie 2013): what an order of theirs is worth, drawn towards what others'
//! orders are worth while they have few, times the orders that their rhythm promises. And a regression of the logarithm on every column.
//! Each is scaled so that what it says of all together is what they spent, as a sum is what budgets are made of.

use super::{
    Snapshot,
    bgnbd::{BgNbd, History},
    columns::Columns,
    features::Subject,
    logistic::solve,
    minimise::minimise,
    scale::Scaler,
};
use crate::codes::coded;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;

coded! {
    /// How expected spend is found.
    ValueMethod {
        /// The daily rate of the last 365 days, or since the first order.
        DailyRate = 1,
        /// Gamma–Gamma, times the orders that the rhythm promises.
        GammaGamma = 2,
        /// A regression of the logarithm of spend.
        Regression = 3,
    }
}

impl ValueMethod {
    /// In words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::DailyRate => "daily rate",
            Self::GammaGamma => "Gamma–Gamma",
            Self::Regression => "regression",
        }
    }
}

/// What somebody spent before an instant, in minor units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spending {
    orders: f64,
    total: f64,
    last_year: f64,
    /// Days since the first order.
    known: f64,
    history: History,
}

impl Spending {
    /// None without an order of a known amount.
    pub(super) fn of(subject: &Subject<'_>) -> Option<Self> {
        let activity = subject.activity;
        let first = activity.order_first_at.filter(|_| activity.orders_valued > 0)?;
        let last = activity.order_last_at.unwrap_or(first);
        Some(Self {
            orders: activity.orders_valued as f64,
            total: activity.order_value as f64,
            last_year: activity.order_value_365d as f64,
            known: subject.days_since(first),
            history: History {
                repeats: (activity.order_days - 1).max(0) as f64,
                latest: last.days_since(first).max(0.0),
                now: subject.days_since(first),
            },
        })
    }
}

/// What says how much those who stay will spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Worth {
    way: Way,
    /// What it says is multiplied by this.
    scale: f64,
    horizon_days: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    DailyRate,
    GammaGamma { p: f64, q: f64, v: f64, rhythm: BgNbd },
    Regression { scaler: Scaler, weights: Vec<f64> },
}

/// How one way did on customers who stayed at a cut-off that it had not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueCandidate {
    /// Which.
    pub method: ValueMethod,
    /// Mean deviance of a Tweedie distribution of power 1.5: `4 (√spent − √said)² / √said`; less is better.
    pub deviance: f64,
    /// Mean absolute error, in minor units.
    pub mean_absolute_error: f64,
    /// What it said of all together, over what they spent.
    pub said_over_spent: f64,
    /// Whether it is the one that is used.
    pub chosen: bool,
}

/// Those who stayed and whose spending is known.
#[derive(Debug, Default)]
struct Stayed<'a> {
    rows: Vec<&'a [f64]>,
    spending: Vec<&'a Spending>,
    spent: Vec<f64>,
}

impl<'a> Stayed<'a> {
    fn of(snapshots: &[&'a Snapshot]) -> Self {
        let mut stayed = Self::default();
        for one in snapshots {
            let rows = one.rows.rows().zip(&one.churned).zip(&one.spending).zip(&one.spent);
            for (((row, churned), spending), &spent) in rows {
                if let (false, Some(spending)) = (churned, spending) {
                    stayed.rows.push(row);
                    stayed.spending.push(spending);
                    stayed.spent.push(spent);
                }
            }
        }
        stayed
    }
}

/// Fewest who stayed from whom something is learned.
const FEWEST: usize = 50;

impl Worth {
    /// Lets the ways compete: fitted on `earlier`, judged on the last of `latest`, the best fitted again on those. Without `earlier`
    /// the daily rate is used, as nothing was seen to be better.
    pub(super) fn choose(
        earlier: &[&Snapshot],
        latest: &[&Snapshot],
        columns: &Columns,
        horizon_days: f64,
    ) -> (Option<Self>, Vec<ValueCandidate>) {
        let Some(last) = latest.last() else { return (None, Vec::new()) };
        let (before, test) = (Stayed::of(earlier), Stayed::of(&[last]));
        let all = Stayed::of(latest);
        if all.spent.len() < FEWEST || all.spent.iter().sum::<f64>() <= 0.0 {
            return (None, Vec::new());
        }
        let mut candidates: Vec<ValueCandidate> = Vec::new();
        if before.spent.len() >= FEWEST && before.spent.iter().sum::<f64>() > 0.0 {
            let rhythm = earlier.last().and_then(|one| one.rhythm);
            candidates = ValueMethod::ALL
                .into_iter()
                .filter_map(|method| {
                    Self::fit(method, &before, rhythm, columns, horizon_days)
                        .map(|worth| worth.judged(method, &test))
                })
                .collect();
        }
        let least = candidates
            .iter_mut()
            .min_by(|one, other| one.deviance.total_cmp(&other.deviance))
            .map(|best| {
                best.chosen = true;
                best.method
            });
        let method = least.unwrap_or(ValueMethod::DailyRate);
        (Self::fit(method, &all, last.rhythm, columns, horizon_days), candidates)
    }

    fn fit(
        method: ValueMethod,
        stayed: &Stayed<'_>,
        rhythm: Option<BgNbd>,
        columns: &Columns,
        horizon_days: f64,
    ) -> Option<Self> {
        let way = match method {
            ValueMethod::DailyRate => Way::DailyRate,
            ValueMethod::GammaGamma => gamma_gamma(&stayed.spending, rhythm?),
            ValueMethod::Regression => regression(stayed, columns)?,
        };
        let unscaled = Self { way, scale: 1.0, horizon_days };
        let said: f64 = unscaled.all(stayed).iter().sum();
        let spent: f64 = stayed.spent.iter().sum();
        (said > 0.0 && said.is_finite()).then(|| Self { scale: spent / said, ..unscaled })
    }

    fn all(&self, stayed: &Stayed<'_>) -> Vec<f64> {
        let people = stayed.rows.iter().zip(&stayed.spending);
        people.map(|(row, spending)| self.expected(row, spending)).collect()
    }

    /// Spend over the horizon of a customer who stays, in minor units.
    pub(super) fn expected(&self, row: &[f64], of: &Spending) -> f64 {
        const YEAR: f64 = 365.0;
        let days = self.horizon_days;
        self.scale
            * match &self.way {
                Way::DailyRate => of.last_year / of.known.max(days).min(YEAR) * days,
                Way::GammaGamma { p, q, v, rhythm } => {
                    let order = p * (v + of.total) / (p * of.orders + q - 1.0);
                    order * rhythm.orders_of_who_comes(days, &of.history)
                }
                Way::Regression { scaler, weights } => {
                    let log = weights[0]
                        + scaler.row(row).zip(&weights[1..]).map(|(x, w)| x * w).sum::<f64>();
                    log.min(40.0).exp_m1().max(0.0)
                }
            }
    }

    fn judged(&self, method: ValueMethod, test: &Stayed<'_>) -> ValueCandidate {
        let said = self.all(test);
        let n = said.len() as f64;
        let pairs = || said.iter().zip(&test.spent);
        // Nobody who stays is said to spend nothing: a cent keeps the deviance finite.
        let deviance = |(&said, &spent): (&f64, &f64)| {
            let said = said.max(1.0);
            4.0 * (spent.sqrt() - said.sqrt()).powi(2) / said.sqrt()
        };
        ValueCandidate {
            method,
            deviance: pairs().map(deviance).sum::<f64>() / n,
            mean_absolute_error: pairs().map(|(said, spent)| (said - spent).abs()).sum::<f64>() / n,
            said_over_spent: said.iter().sum::<f64>() / test.spent.iter().sum::<f64>(),
            chosen: false,
        }
    }
}

/// What orders are worth: gamma with shape `p` and a rate of each customer's own, which is gamma with shape `q` and rate `v`.
fn gamma_gamma(spending: &[&Spending], rhythm: BgNbd) -> Way {
    const LOOKED_AT: usize = 20_000;
    let step = spending.len().div_ceil(LOOKED_AT).max(1);
    let looked_at: Vec<&Spending> =
        spending.iter().step_by(step).copied().filter(|one| one.total > 0.0).collect();
    let unit = looked_at.iter().map(|one| one.total / one.orders).sum::<f64>()
        / looked_at.len().max(1) as f64;
    let parameters = |x: &[f64; 3]| (x[0].exp(), 1.0 + x[1].exp(), x[2].exp());
    let loss = |x: &[f64; 3]| {
        let (p, q, v) = parameters(x);
        let terms: Vec<f64> = (looked_at.par_chunks(4096))
            .map(|part| {
                let one = |of: &&Spending| {
                    let (shape, total) = (p * of.orders, of.total / unit);
                    ln_gamma(shape + q) - ln_gamma(shape) - ln_gamma(q)
                        + q * v.ln()
                        + (shape - 1.0) * total.ln()
                        - (shape + q) * (v + total).ln()
                };
                part.iter().map(one).sum()
            })
            .collect();
        1e-5 * x.iter().map(|x| x * x).sum::<f64>()
            - terms.iter().sum::<f64>() / looked_at.len().max(1) as f64
    };
    let (p, q, v) = parameters(&minimise(loss, [0.5, 0.5, 0.0], 0.5));
    Way::GammaGamma { p, q, v: v * unit, rhythm }
}

/// Least squares with a ridge, of log1p of spend.
fn regression(stayed: &Stayed<'_>, columns: &Columns) -> Option<Way> {
    const RIDGE: f64 = 10.0;
    let scaler = Scaler::fit(&stayed.rows, columns, |_| true);
    let x = scaler.apply(&stayed.rows);
    let size = x.width() + 1;
    let (mut product, mut target) = (vec![0.0; size * size], vec![0.0; size]);
    let mut full = vec![1.0; size];
    for (row, spent) in x.rows().zip(&stayed.spent) {
        full[1..].copy_from_slice(row);
        let log = spent.ln_1p();
        for i in 0..size {
            target[i] += full[i] * log;
            (0..=i).for_each(|j| product[i * size + j] += full[i] * full[j]);
        }
    }
    (1..size).for_each(|i| product[i * size + i] += RIDGE);
    Some(Way::Regression { weights: solve(product, &target)?, scaler })
}
