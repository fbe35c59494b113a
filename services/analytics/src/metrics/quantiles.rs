//! Exact quantiles of weighted observations, and the Kaplan–Meier median of partly censored ones.

/// Observations in rising order, each with how often it occurs.
pub struct Sorted {
    values: Vec<(i64, i64)>,
    n: i64,
}

impl Sorted {
    /// Sorts `(value, count)` pairs. Values may repeat; counts are positive.
    pub fn new(mut values: Vec<(i64, i64)>) -> Self {
        values.sort_unstable();
        let n = values.iter().map(|(_, count)| count).sum();
        Self { values, n }
    }

    /// Number of observations.
    pub fn n(&self) -> i64 {
        self.n
    }

    /// Sum of the observations.
    pub fn sum(&self) -> f64 {
        let sum: i128 =
            self.values.iter().map(|(value, count)| i128::from(*value) * i128::from(*count)).sum();
        sum as f64
    }

    /// Variance of the observations, as of a sample; of one not a number.
    pub fn variance(&self) -> f64 {
        let n = self.n as f64;
        let mean = self.sum() / n;
        let squares: f64 = self
            .values
            .iter()
            .map(|(value, count)| (*value as f64 - mean).powi(2) * *count as f64)
            .sum();
        squares / (n - 1.0)
    }

    /// The observation with this rank, from 1.
    pub fn at_rank(&self, rank: i64) -> Option<f64> {
        let mut seen = 0;
        let (value, _) = self.values.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        })?;
        (rank >= 1).then_some(*value as f64)
    }

    /// The `q`-quantile, interpolated between the two nearest observations (type 7 of Hyndman and Fan 1996:
    /// what SQL's `percentile_cont`, numpy and pandas give).
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let position = q * (self.n - 1) as f64;
        let below = self.at_rank(position.floor() as i64 + 1)?;
        let above = self.at_rank(position.ceil() as i64 + 1)?;
        Some(below + (above - below) * position.fract())
    }
}

/// The Kaplan–Meier median of spans of which some are still open: the shortest time by which more than half have ended, as if
/// the open ones ended like the others; what statsmodels gives. `None` where no more than half end. Kaplan and Meier 1958.
pub fn kaplan_meier_median(ended: &[(i64, i64)], open: &[(i64, i64)]) -> Option<f64> {
    let mut events: Vec<(i64, i64, i64)> =
        ended.iter().map(|(at, count)| (*at, *count, 0)).collect();
    events.extend(open.iter().map(|(at, count)| (*at, 0, *count)));
    events.sort_unstable();
    let mut at_risk: i64 = events.iter().map(|(_, ended, open)| ended + open).sum();
    let mut surviving = 0.0_f64;
    for alike in events.chunk_by(|a, b| a.0 == b.0) {
        let ends: i64 = alike.iter().map(|event| event.1).sum();
        let leaves: i64 = alike.iter().map(|event| event.2).sum();
        // A sum of logarithms, as there: where exactly half have ended, rounding decides between two times that are both medians.
        surviving += (1.0 - ends as f64 / at_risk as f64).max(1e-16).ln();
        if surviving.exp() < 0.5 {
            return Some(alike[0].0 as f64);
        }
        at_risk -= ends + leaves;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_those_of_numpy() {
        let values =
            [40, 1, 2, 3, 7, 8, 20, 41, 100].map(|value| (value, if value == 2 { 2 } else { 1 }));
        let sorted = Sorted::new(values.to_vec());
        assert_eq!(sorted.n(), 10);
        for (q, expected) in [(0.5, 7.5), (0.9, 46.9), (0.95, 73.45), (0.0, 1.0), (1.0, 100.0)] {
            let value = sorted.quantile(q).expect("not empty");
            assert!((value - expected).abs() < 1e-9, "{q}: {value}");
        }
        assert_eq!(Sorted::new(Vec::new()).quantile(0.5), None);
        assert_eq!(Sorted::new(vec![(9, 1)]).quantile(0.9), Some(9.0));
    }

    #[test]
    fn kaplan_meier_median_equals_that_of_statsmodels() {
        // SurvfuncRight([1, 2, 2, 3, 4, 5, 6, 7], [1, 1, 0, 1, 0, 1, 0, 1]).quantile(0.5)
        let ended = [(1, 1), (2, 1), (3, 1), (5, 1), (7, 1)];
        let open = [(2, 1), (4, 1), (6, 1)];
        assert_eq!(kaplan_meier_median(&ended, &open), Some(5.0));
        assert_eq!(kaplan_meier_median(&[(1, 1)], &[(2, 2)]), None);
        // SurvfuncRight([1, 1, 4, 4], [1, 1, 1, 1]): exactly half have ended at 1.
        assert_eq!(kaplan_meier_median(&[(1, 2), (4, 2)], &[]), Some(4.0));
    }
}
