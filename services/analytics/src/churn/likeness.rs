//! How sure a probability is: what became of customers of like probability whom the model had not seen.

use crate::metrics::intervals::wilson;
use serde::{Deserialize, Serialize};

/// Ends of intervals at a few probabilities, between which they are drawn straight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Likeness {
    /// Probability, lower and upper end, by rising probability.
    knots: Vec<(f64, f64, f64)>,
}

const KNOTS: usize = 40;
const CONFIDENCE: f64 = 0.95;

impl Likeness {
    /// From rows that the model had not seen. None where they are too few to be like anybody.
    pub(super) fn of(probabilities: &[f64], churned: &[bool]) -> Option<Self> {
        const FEWEST: usize = 50;
        let n = probabilities.len();
        if n < 2 * FEWEST {
            return None;
        }
        let mut rows: Vec<(f64, bool)> =
            probabilities.iter().copied().zip(churned.iter().copied()).collect();
        rows.sort_by(|one, other| one.0.total_cmp(&other.0));
        // Wide enough to count, narrow enough to be alike.
        let window = (n / 20).clamp(FEWEST, 1000);
        let steps = KNOTS.min(n / (window / 2)).max(2);
        let knot = |step: usize| {
            let start = (n - window) * step / (steps - 1);
            let like = &rows[start..start + window];
            let mean = like.iter().map(|row| row.0).sum::<f64>() / window as f64;
            let share = like.iter().filter(|row| row.1).count() as f64 / window as f64;
            let (low, high) = wilson(share, window as f64, CONFIDENCE);
            (mean, low, high)
        };
        let mut knots: Vec<_> = (0..steps).map(knot).collect();
        // More probability is never less: the ends rise.
        for place in 1..knots.len() {
            knots[place].1 = knots[place].1.max(knots[place - 1].1);
            knots[place].2 = knots[place].2.max(knots[place - 1].2);
        }
        Some(Self { knots })
    }

    /// The interval of a probability, which lies in it.
    pub(super) fn interval(&self, probability: f64) -> (f64, f64) {
        let after = self.knots.partition_point(|knot| knot.0 < probability);
        let (low, high) =
            match (after.checked_sub(1).map(|before| self.knots[before]), self.knots.get(after)) {
                (Some(before), Some(next)) if next.0 > before.0 => {
                    let along = (probability - before.0) / (next.0 - before.0);
                    (before.1 + along * (next.1 - before.1), before.2 + along * (next.2 - before.2))
                }
                (_, Some(only)) => (only.1, only.2),
                (Some(only), None) => (only.1, only.2),
                (None, None) => (0.0, 1.0),
            };
        (low.min(probability), high.max(probability))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_customers_alike_and_holds_the_probability() {
        let probabilities: Vec<f64> = (0..4000).map(|n| f64::from(n) / 4000.0).collect();
        let churned: Vec<bool> = (0..4000).map(|n| (n * 7919) % 4000 < n).collect();
        let likeness = Likeness::of(&probabilities, &churned).expect("many");
        for probability in [0.1, 0.5, 0.9] {
            let (low, high) = likeness.interval(probability);
            assert!(low < probability && probability < high && high - low < 0.16, "{low} {high}");
        }
        assert!(likeness.interval(0.001).0 <= 0.001 && likeness.interval(0.999).1 >= 0.999);
        assert_eq!(Likeness::of(&probabilities[..99], &churned[..99]), None);
    }
}
