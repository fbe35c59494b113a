//! Confidence intervals. Those of shares and scores are never zero wide: equal answers are no proof that all would
//! answer so.
//!
//! Sample sizes are real numbers, because answers that depend on each other count for less than independent ones.

use statrs::distribution::{Binomial, ChiSquared, ContinuousCDF, DiscreteCDF, Normal, StudentsT};

/// Lower and upper end.
pub type Ends = (f64, f64);

/// The normal quantile of a two-sided interval: 1.96 at 0.95.
pub fn z_of(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}

/// The same of Student's t. `None` without a degree of freedom.
pub fn t_of(confidence: f64, freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(distribution.inverse_cdf(0.5 + confidence / 2.0))
}

/// Probability that a standard normal variable is at least so far from 0, on either side.
pub fn normal_tail(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

/// The same of Student's t. `None` without a degree of freedom.
pub fn t_tail(t: f64, freedom: f64) -> Option<f64> {
    Some((2.0 * StudentsT::new(0.0, 1.0, freedom).ok()?.sf(t.abs())).min(1.0))
}

/// Score interval of a share `p` of `n`. Wilson 1927.
pub fn wilson(p: f64, n: f64, confidence: f64) -> Ends {
    let z = z_of(confidence);
    let (zz, scale) = (z * z, 1.0 + z * z / n);
    let centre = (p + zz / (2.0 * n)) / scale;
    let margin = z / scale * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    ((centre - margin).max(0.0).min(p), (centre + margin).min(1.0).max(p))
}

/// Score interval of the difference of two shares `up` and `down` of the same `n` trials, which exclude each other: for
/// NPS promoters and detractors. In [-1, 1]. Tango 1998 (there for paired proportions, the same model).
pub fn trinomial_difference(up: f64, down: f64, n: f64, confidence: f64) -> Ends {
    let z = z_of(confidence);
    let estimate = up - down;
    // The score falls in the difference, and is 0 at the estimate: bisect for ±z on each side.
    let lower = bisect(-1.0, estimate, |difference| score(up, down, n, difference) > z);
    let upper = bisect(estimate, 1.0, |difference| score(up, down, n, difference) > -z);
    (lower, upper)
}

/// How far the observed difference lies from a supposed one, in standard errors under the supposed one.
fn score(up: f64, down: f64, n: f64, difference: f64) -> f64 {
    // The share of `down` that is likeliest under the supposed difference solves 2x² + bx + c = 0.
    let b = (2.0 - up + down) * difference - up - down;
    let c = -down * difference * (1.0 - difference);
    let likeliest = ((b * b - 8.0 * c).max(0.0).sqrt() - b) / 4.0;
    let variance = (2.0 * likeliest + difference * (1.0 - difference)) / n;
    (up - down - difference) / variance.max(f64::MIN_POSITIVE).sqrt()
}

/// Where `above` turns from true to false between `low` and `high`.
fn bisect(mut low: f64, mut high: f64, above: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if above(middle) { low = middle } else { high = middle }
    }
    high
}

/// Ranks (from 1) of the two observations between which the `q`-quantile lies, by the binomial distribution of the number
/// of observations below it. `None` where `n` is too small to bound it on both sides.
pub fn quantile_ranks(n: i64, q: f64, confidence: f64) -> Option<(i64, i64)> {
    let below = Binomial::new(q, u64::try_from(n).ok()?).ok()?;
    let tail = (1.0 - confidence) / 2.0;
    let lower = smallest(n, |k| below.cdf(k) >= tail);
    let upper = smallest(n, |k| below.cdf(k) >= 1.0 - tail) + 1;
    (lower >= 1 && upper <= n).then_some((lower, upper))
}

/// The smallest of `0..=n` for which a rising condition holds.
fn smallest(n: i64, holds: impl Fn(u64) -> bool) -> i64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle.unsigned_abs()) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Exact interval of a count of independent events, or of so many as tell as much. Garwood 1936.
pub fn poisson(events: f64, confidence: f64) -> Ends {
    let half_chi =
        |p: f64, freedom: f64| ChiSquared::new(freedom).map_or(0.0, |chi| chi.inverse_cdf(p) / 2.0);
    let (tail, twice) = ((1.0 - confidence) / 2.0, 2.0 * events);
    let lower = if events <= 0.0 { 0.0 } else { half_chi(tail, twice) };
    (lower, half_chi(1.0 - tail, twice + 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(ends: Ends, expected: Ends) {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-7;
        assert!(
            near(ends.0, expected.0) && near(ends.1, expected.1),
            "{ends:?} is not {expected:?}"
        );
    }

    /// Expected: statsmodels 0.15 `proportion_confint(method="wilson")`.
    #[test]
    fn wilson_equals_statsmodels() {
        close(wilson(0.8, 10.0, 0.95), (0.490_162_471_5, 0.943_317_848_5));
        close(wilson(0.0, 10.0, 0.95), (0.0, 0.277_532_799_9));
        close(wilson(1.0, 10.0, 0.95), (0.722_467_200_1, 1.0));
        close(wilson(263.0 / 400.0, 400.0, 0.9), (0.617_530_861_0, 0.695_352_837_9));
        close(wilson(1.0, 1.0, 0.95), (0.206_549_314_4, 1.0));
    }

    /// Expected: the constrained likelihood maximised numerically by scipy, then solved for the score.
    #[test]
    fn the_nps_interval_equals_a_numeric_score_interval() {
        let nps = |up: f64, down: f64, n: f64, confidence| {
            let (lower, upper) = trinomial_difference(up / n, down / n, n, confidence);
            (lower * 100.0, upper * 100.0)
        };
        let near = |ends: Ends, expected: Ends| {
            close((ends.0 / 1e3, ends.1 / 1e3), (expected.0 / 1e3, expected.1 / 1e3))
        };
        near(nps(15.0, 5.0, 30.0, 0.95), (4.298_09, 56.655_30));
        near(nps(50.0, 17.0, 100.0, 0.95), (17.513_29, 46.718_55));
        near(nps(200.0, 67.0, 400.0, 0.95), (25.722_26, 40.330_91));
        near(nps(7.0, 2.0, 12.0, 0.95), (-7.528_29, 73.485_14));
        near(nps(15.0, 5.0, 30.0, 0.99), (-5.265_63, 62.464_55));
        near(nps(30.0, 0.0, 30.0, 0.95), (77.297_32, 100.0));
        near(nps(0.0, 30.0, 30.0, 0.95), (-100.0, -77.297_32));
        near(nps(0.0, 0.0, 30.0, 0.95), (-11.351_34, 11.351_34));
        near(nps(1.0, 0.0, 1.0, 0.95), (-58.690_14, 100.0));
    }

    /// The plain margins that books give (±26.7, ±14.6, ±7.3 at p = 1/2, d = 1/6), to which half the width comes close.
    #[test]
    fn the_nps_interval_is_about_as_wide_as_the_plain_one() {
        for (n, book) in [(30.0_f64, 26.7), (100.0, 14.6), (400.0, 7.3)] {
            let (up, down) = (0.5, 1.0 / 6.0);
            let plain = 100.0 * z_of(0.95) * ((up + down - (up - down) * (up - down)) / n).sqrt();
            assert!((plain - book).abs() < 0.06, "{plain}");
            let (lower, upper) = trinomial_difference(up, down, n, 0.95);
            assert!((50.0 * (upper - lower) - plain).abs() < 0.03 * plain, "{lower} {upper}");
        }
    }

    #[test]
    fn no_interval_of_a_share_or_score_is_zero_wide_or_misses_its_estimate() {
        for n in 1..60 {
            for up in 0..=n {
                for down in 0..=(n - up) {
                    let (n, up, down) = (
                        f64::from(n),
                        f64::from(up) / f64::from(n),
                        f64::from(down) / f64::from(n),
                    );
                    for confidence in [0.5, 0.95, 0.999] {
                        let (lower, upper) = trinomial_difference(up, down, n, confidence);
                        assert!(
                            lower <= up - down && up - down <= upper && upper - lower > 1e-3,
                            "{n} {up} {down}"
                        );
                    }
                }
            }
        }
    }

    /// Expected: scipy 1.17 `binom.ppf(0.025, n, q)` and `binom.ppf(0.975, n, q) + 1`.
    #[test]
    fn ranks_equal_those_of_scipy() {
        let ranks = |n, q| quantile_ranks(n, q, 0.95);
        assert_eq!(ranks(5, 0.5), None);
        assert_eq!(ranks(6, 0.5), Some((1, 6)));
        assert_eq!(ranks(10, 0.5), Some((2, 9)));
        assert_eq!(ranks(30, 0.5), Some((10, 21)));
        assert_eq!(ranks(100, 0.5), Some((40, 61)));
        assert_eq!(ranks(1001, 0.5), Some((470, 532)));
        assert_eq!(ranks(30, 0.9), None);
        assert_eq!(ranks(1001, 0.9), Some((882, 920)));
        assert_eq!(ranks(0, 0.5), None);
    }

    /// Expected: scipy `chi2.ppf`, `t.ppf`.
    #[test]
    fn poisson_and_t_equal_scipy() {
        close(poisson(0.0, 0.95), (0.0, 3.688_879_454_1));
        close(poisson(3.0, 0.95), (0.618_672_122_6, 8.767_273_069_7));
        assert!((t_of(0.95, 9.0).expect("some freedom") - 2.262_157_162_7).abs() < 1e-7);
        assert_eq!(t_of(0.95, 0.0), None);
    }
}
