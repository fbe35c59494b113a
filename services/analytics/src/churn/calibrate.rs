//! From log-odds to probabilities that come true: a line fitted on rows that the model has not seen (Platt 1999).

use super::Matrix;
use super::logistic::Logistic;
use serde::{Deserialize, Serialize};

/// A line over log-odds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibration {
    pub(super) slope: f64,
    pub(super) intercept: f64,
}

impl Calibration {
    /// Nothing changes.
    pub(super) const NONE: Self = Self { slope: 1.0, intercept: 0.0 };

    /// The line that fits outcomes best; nothing changes where there are few, as a line would follow their chance.
    pub(super) fn fit(log_odds: &[f64], churned: &[bool]) -> Self {
        const FEWEST: usize = 1000;
        let varies = log_odds.windows(2).any(|pair| pair[0] != pair[1]);
        if log_odds.len() < FEWEST || !varies {
            return Self::NONE;
        }
        let line = Logistic::fit(&Matrix::new(1, log_odds.to_vec()), churned, 1e6);
        match line.weights[..] {
            // A line that falls would turn the order round: then the model knows nothing, which the comparison will show.
            [slope] if slope > 0.0 => Self { slope, intercept: line.intercept },
            _ => Self::NONE,
        }
    }

    pub(super) fn apply(&self, log_odds: f64) -> f64 {
        self.slope * log_odds + self.intercept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::churn::sigmoid;

    #[test]
    fn what_says_too_much_is_drawn_in() {
        // Outcomes at half of the log-odds that are said.
        let said: Vec<f64> = (0..20_000).map(|n| f64::from(n % 41) / 5.0 - 4.0).collect();
        let come = |(n, odds): (usize, &f64)| (n / 41) as f64 / 488.0 < sigmoid(odds / 2.0);
        let churned: Vec<bool> = said.iter().enumerate().map(come).collect();
        let line = Calibration::fit(&said, &churned);
        assert!((line.slope - 0.5).abs() < 0.02 && line.intercept.abs() < 0.05, "{line:?}");
        assert_eq!(Calibration::fit(&said[..900], &churned[..900]), Calibration::NONE);
    }
}
