//! Which horizon fits, by how long customers take to come back.

/// How long customers who come back take: days from one day with activity to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaps {
    /// Gaps counted.
    pub gaps: i64,
    /// Half are no longer.
    pub median: i64,
    /// Three in four are no longer.
    pub p75: i64,
    /// Nine in ten are no longer.
    pub p90: i64,
    /// Nineteen in twenty are no longer.
    pub p95: i64,
}

/// Fewest gaps that suggest anything.
const FEWEST: i64 = 50;
/// Lengths that people think in.
const USUAL: [i64; 9] = [7, 14, 30, 60, 90, 120, 180, 365, 730];

impl Gaps {
    /// From how often each length occurs, by rising length.
    pub fn of(counts: &[(i64, i64)]) -> Self {
        let gaps = counts.iter().map(|(_, count)| count).sum();
        let quantile = |share: f64| {
            let wanted = (gaps as f64 * share).ceil() as i64;
            let mut seen = 0;
            let reached = |&&(_, count): &&(i64, i64)| {
                seen += count;
                seen >= wanted
            };
            counts.iter().find(reached).map_or(0, |(days, _)| *days)
        };
        let [median, p75, p90, p95] = [0.5, 0.75, 0.9, 0.95].map(quantile);
        Self { gaps, median, p75, p90, p95 }
    }

    /// The usual length within which nine in ten of those who come back have come back.
    pub fn horizon_days(&self) -> Option<i64> {
        let enough = USUAL.into_iter().find(|days| *days >= self.p90).or(USUAL.last().copied());
        enough.filter(|_| self.gaps >= FEWEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_in_ten_decide_and_few_say_nothing() {
        let gaps = Gaps::of(&[(1, 50), (20, 25), (41, 15), (100, 5), (400, 5)]);
        assert_eq!(gaps, Gaps { gaps: 100, median: 1, p75: 20, p90: 41, p95: 100 });
        assert_eq!(gaps.horizon_days(), Some(60));
        assert_eq!(Gaps::of(&[(5, 49)]).horizon_days(), None);
        assert_eq!(Gaps::of(&[(900, 50)]).horizon_days(), Some(730));
        assert_eq!(Gaps::of(&[]).p95, 0);
    }
}
