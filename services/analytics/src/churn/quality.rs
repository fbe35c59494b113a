//! How good probabilities are, on outcomes that they did not know.

use serde::{Deserialize, Serialize};

/// Quality of predictions on a test.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Share of (churned, stayed) pairs in the right order, ties half.
    pub auc: f64,
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
}

impl Quality {
    /// Measures; both outcomes must be there.
    pub fn measure(probabilities: &[f64], churned: &[bool]) -> Self {
        let n = churned.len() as f64;
        let outcome = |churned: bool| f64::from(u8::from(churned));
        let pairs = || probabilities.iter().zip(churned).map(|(&p, &y)| (p, y));
        let base = pairs().map(|(_, y)| outcome(y)).sum::<f64>() / n;
        let brier = pairs().map(|(p, y)| (p - outcome(y)).powi(2)).sum::<f64>() / n;
        let log_loss =
            pairs().map(|(p, y)| -(if y { p } else { 1.0 - p }).max(1e-15).ln()).sum::<f64>() / n;
        let bins = bins(probabilities, churned);
        let gap =
            |bin: &Bin| bin.customers as f64 * (bin.mean_probability - bin.churned_share).abs();
        Self {
            auc: auc(probabilities, churned),
            brier,
            log_loss,
            calibration_error: bins.iter().map(gap).sum::<f64>() / n,
            lift_top_decile: bins.last().map_or(0.0, |top| top.churned_share / base),
            bins,
        }
    }
}

/// Area under the ROC curve by mid-ranks (Mann–Whitney). NaN counts as 0.5 where one outcome is missing.
pub(super) fn auc(scores: &[f64], churned: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&i, &j| scores[i].total_cmp(&scores[j]));
    let positives = churned.iter().filter(|&&churned| churned).count() as f64;
    let negatives = churned.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return 0.5;
    }
    let mut rank_sum = 0.0;
    let mut before = 0;
    for ties in order.chunk_by(|&i, &j| scores[i] == scores[j]) {
        let middle = before as f64 + (ties.len() + 1) as f64 / 2.0;
        rank_sum += middle * ties.iter().filter(|&&i| churned[i]).count() as f64;
        before += ties.len();
    }
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

fn bins(probabilities: &[f64], churned: &[bool]) -> Vec<Bin> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&i, &j| probabilities[i].total_cmp(&probabilities[j]));
    let count = order.len().min(10);
    (0..count)
        .map(|bin| {
            let members = &order[order.len() * bin / count..order.len() * (bin + 1) / count];
            let size = members.len() as f64;
            Bin {
                customers: members.len() as i64,
                mean_probability: members.iter().map(|&i| probabilities[i]).sum::<f64>() / size,
                churned_share: members.iter().filter(|&&i| churned[i]).count() as f64 / size,
            }
        })
        .collect()
}
