//! How good probabilities are, on outcomes that they did not know.

use super::score::{Band, Bands};
use crate::metrics::intervals::{wilson, z_of};
use serde::{Deserialize, Serialize};

/// Quality of predictions on a test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Customers tested.
    pub customers: i64,
    /// Those of them that churned.
    pub churned: i64,
    /// Share of (churned, stayed) pairs in the right order, ties half.
    pub auc: f64,
    /// Its interval at 95 % (DeLong 1988, on the scale of log-odds).
    pub auc_interval: (f64, f64),
    /// Mean precision over the recall as the list gets longer: area under the precision-recall curve by steps.
    pub average_precision: f64,
    /// Mean squared difference of probability and outcome.
    pub brier: f64,
    /// Mean negative log likelihood, in nats.
    pub log_loss: f64,
    /// Mean absolute difference of probability and outcome share over ten bins of equal size.
    pub calibration_error: f64,
    /// Churn share in the tenth with the highest probabilities, over that of all.
    pub lift_top_decile: f64,
    /// The ten bins, by rising probability.
    pub bins: Vec<Bin>,
    /// What each band came to, the lowest first.
    pub bands: Vec<BandOutcome>,
}

/// Customers with like probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many.
    pub customers: i64,
    /// Mean of their probabilities.
    pub mean_probability: f64,
    /// Share that churned.
    pub churned_share: f64,
    /// Its interval at 95 % (Wilson).
    pub interval: (f64, f64),
    /// The share over that of all.
    pub lift: f64,
}

/// Customers of a band, and how many of them churned: two columns of a confusion matrix at the band's cut-off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BandOutcome {
    /// The band.
    pub band: Band,
    /// How many were in it.
    pub customers: i64,
    /// Those of them that churned.
    pub churned: i64,
    /// Share of all in it or in a higher band that churned: how often a warning from here on is right.
    pub precision: Option<f64>,
    /// Share of all who churned that is in it or in a higher band: how many are warned of.
    pub recall: Option<f64>,
}

const CONFIDENCE: f64 = 0.95;

impl Quality {
    /// Measures.
    pub fn measure(probabilities: &[f64], churned: &[bool], bands: &Bands) -> Self {
        let n = churned.len() as f64;
        let outcome = |churned: bool| f64::from(u8::from(churned));
        let pairs = || probabilities.iter().zip(churned).map(|(&p, &y)| (p, y));
        let gone = churned.iter().filter(|&&gone| gone).count();
        let brier = pairs().map(|(p, y)| (p - outcome(y)).powi(2)).sum::<f64>() / n;
        let log_loss =
            pairs().map(|(p, y)| -(if y { p } else { 1.0 - p }).max(1e-15).ln()).sum::<f64>() / n;
        let order = ascending(probabilities);
        let bins = bins(probabilities, churned, &order);
        let gap =
            |bin: &Bin| bin.customers as f64 * (bin.mean_probability - bin.churned_share).abs();
        let (auc, error) = ranking(probabilities, churned, &order);
        Self {
            customers: churned.len() as i64,
            churned: gone as i64,
            auc,
            auc_interval: around(auc, error),
            average_precision: average_precision(probabilities, churned, &order),
            brier,
            log_loss,
            calibration_error: bins.iter().map(gap).sum::<f64>() / n,
            lift_top_decile: bins.last().map_or(0.0, |top| top.lift),
            bands: band_outcomes(probabilities, churned, bands),
            bins,
        }
    }

    /// Share that churned.
    pub fn base_rate(&self) -> f64 {
        self.churned as f64 / self.customers.max(1) as f64
    }
}

fn ascending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&i, &j| scores[i].total_cmp(&scores[j]));
    order
}

/// Area under the ROC curve; 0.5 where one outcome is missing.
pub(super) fn auc(scores: &[f64], churned: &[bool]) -> f64 {
    ranking(scores, churned, &ascending(scores)).0
}

/// Area under the ROC curve by mid-ranks (Mann–Whitney) and its standard error by the ranks within each outcome (DeLong 1988, in
/// the form of Sun and Xu 2014).
fn ranking(scores: &[f64], churned: &[bool], order: &[usize]) -> (f64, f64) {
    let gone = churned.iter().filter(|&&churned| churned).count() as f64;
    let stayed = churned.len() as f64 - gone;
    if gone == 0.0 || stayed == 0.0 {
        return (0.5, 0.0);
    }
    // For each row the share of the other outcome that it stands above (ties half): their means are the AUC, their
    // variances its error.
    let (mut above_stayed, mut above_gone) = (0.0, 0.0);
    let (mut of_gone, mut of_stayed) = (Moments::default(), Moments::default());
    for ties in order.chunk_by(|&i, &j| scores[i] == scores[j]) {
        let tied = ties.iter().filter(|&&i| churned[i]).count() as f64;
        let rest = ties.len() as f64 - tied;
        of_gone.add((above_stayed + rest / 2.0) / stayed, tied);
        of_stayed.add((above_gone + tied / 2.0) / gone, rest);
        (above_stayed, above_gone) = (above_stayed + rest, above_gone + tied);
    }
    let error = (of_gone.variance() / gone + of_stayed.variance() / stayed).sqrt();
    (of_gone.sum / gone, error)
}

#[derive(Default)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64, times: f64) {
        self.n += times;
        self.sum += times * value;
        self.squares += times * value * value;
    }

    fn variance(&self) -> f64 {
        let spread = self.squares - self.sum * self.sum / self.n;
        if self.n > 1.0 { (spread / (self.n - 1.0)).max(0.0) } else { 0.0 }
    }
}

/// The interval of a share-like figure with this error, taken on the scale of log-odds so that it stays within 0 and 1.
fn around(figure: f64, error: f64) -> (f64, f64) {
    if error == 0.0 || figure <= 0.0 || figure >= 1.0 {
        return (figure, figure);
    }
    let odds = (figure / (1.0 - figure)).ln();
    let margin = z_of(CONFIDENCE) * error / (figure * (1.0 - figure));
    (super::sigmoid(odds - margin), super::sigmoid(odds + margin))
}

fn average_precision(probabilities: &[f64], churned: &[bool], order: &[usize]) -> f64 {
    let gone = churned.iter().filter(|&&churned| churned).count() as f64;
    let (mut listed, mut found, mut area) = (0.0, 0.0, 0.0);
    let descending: Vec<usize> = order.iter().rev().copied().collect();
    for ties in descending.chunk_by(|&i, &j| probabilities[i] == probabilities[j]) {
        let here = ties.iter().filter(|&&i| churned[i]).count() as f64;
        listed += ties.len() as f64;
        found += here;
        area += here * found / listed;
    }
    if gone > 0.0 { area / gone } else { 0.0 }
}

fn bins(probabilities: &[f64], churned: &[bool], order: &[usize]) -> Vec<Bin> {
    let count = order.len().min(10);
    let base = churned.iter().filter(|&&gone| gone).count() as f64 / churned.len() as f64;
    (0..count)
        .map(|bin| {
            let members = &order[order.len() * bin / count..order.len() * (bin + 1) / count];
            let size = members.len() as f64;
            let share = members.iter().filter(|&&i| churned[i]).count() as f64 / size;
            Bin {
                customers: members.len() as i64,
                mean_probability: members.iter().map(|&i| probabilities[i]).sum::<f64>() / size,
                churned_share: share,
                interval: wilson(share, size, CONFIDENCE),
                lift: if base > 0.0 { share / base } else { 0.0 },
            }
        })
        .collect()
}

fn band_outcomes(probabilities: &[f64], churned: &[bool], bands: &Bands) -> Vec<BandOutcome> {
    let all = churned.iter().filter(|&&gone| gone).count() as i64;
    let (mut warned, mut right) = (0, 0);
    let mut outcomes: Vec<BandOutcome> = [Band::High, Band::Medium, Band::Low]
        .into_iter()
        .map(|band| {
            let of_band = probabilities.iter().zip(churned).filter(|(p, _)| bands.of(**p) == band);
            let (mut customers, mut gone) = (0, 0);
            of_band.for_each(|(_, &churned)| {
                customers += 1;
                gone += i64::from(churned);
            });
            (warned, right) = (warned + customers, right + gone);
            let share = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
            BandOutcome {
                band,
                customers,
                churned: gone,
                precision: share(right, warned),
                recall: share(right, all),
            }
        })
        .collect();
    outcomes.reverse();
    outcomes
}
