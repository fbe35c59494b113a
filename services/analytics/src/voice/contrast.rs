//! Contrasts: one group against another, with an interval and a test. Texts count as independent, which several of one customer
//! are not.

use crate::metrics::intervals::{t_of, wilson, z_of};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A figure in one group and in another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contrast {
    /// In the one.
    pub with: f64,
    /// In the other.
    pub without: f64,
    /// `with - without`.
    pub difference: f64,
    /// Interval of the difference.
    pub interval: (f64, f64),
    /// Two-sided probability of such a difference where there is none.
    pub p_value: f64,
    /// The share of false discoveries among those at most as improbable, over all that were asked together.
    pub q_value: f64,
    /// How the interval is made.
    pub method: &'static str,
}

/// Sum and sum of squares of so many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moments {
    /// Values.
    pub n: i64,
    /// Their sum.
    pub sum: i64,
    /// The sum of their squares.
    pub squares: i64,
}

impl Moments {
    /// Those of the values that `part` has not.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self { n: self.n - part.n, sum: self.sum - part.sum, squares: self.squares - part.squares }
    }

    /// The mean; none of nothing.
    pub fn mean(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / self.n as f64)
    }

    /// The squared standard error of the mean; none of fewer than two.
    fn error(self) -> Option<f64> {
        let (n, mean) = (self.n as f64, self.mean()?);
        let variance = ((self.squares as f64 - n * mean * mean) / (n - 1.0)).max(0.0);
        (self.n > 1).then_some(variance / n)
    }
}

/// Shares `hits` of `of` in two groups: Newcombe's interval (1998, method 10), a pooled z test. None where one is empty.
pub(super) fn shares(with: (i64, i64), without: (i64, i64), confidence: f64) -> Option<Contrast> {
    if with.1 <= 0 || without.1 <= 0 {
        return None;
    }
    let share = |(hits, of): (i64, i64)| (hits as f64 / of as f64, of as f64);
    let ((p1, n1), (p2, n2)) = (share(with), share(without));
    let ((l1, u1), (l2, u2)) = (wilson(p1, n1, confidence), wilson(p2, n2, confidence));
    let difference = p1 - p2;
    let lower = difference - (p1 - l1).hypot(u2 - p2);
    let upper = difference + (u1 - p1).hypot(p2 - l2);
    let pooled = (with.0 + without.0) as f64 / (n1 + n2);
    let error = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let p_value = if error > 0.0 { normal_tails(difference / error) } else { 1.0 };
    let interval = (lower, upper);
    Some(Contrast {
        with: p1,
        without: p2,
        difference,
        interval,
        p_value,
        q_value: p_value,
        method: "Newcombe",
    })
}

/// Means in two groups: Welch's interval and t test. None where one has fewer than two values, or nothing varies.
pub(super) fn means(
    with: Moments,
    without: Moments,
    scale: f64,
    confidence: f64,
) -> Option<Contrast> {
    let (m1, m2) = (with.mean()? / scale, without.mean()? / scale);
    let (e1, e2) = (with.error()? / (scale * scale), without.error()? / (scale * scale));
    let error = e1 + e2;
    let freedom =
        error * error / (e1 * e1 / (with.n - 1) as f64 + e2 * e2 / (without.n - 1) as f64);
    let (t, difference) = (t_of(confidence, freedom)?, m1 - m2);
    let tails = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let p_value = 2.0 * tails.cdf(-(difference / error.sqrt()).abs());
    let interval = (difference - t * error.sqrt(), difference + t * error.sqrt());
    Some(Contrast {
        with: m1,
        without: m2,
        difference,
        interval,
        p_value,
        q_value: p_value,
        method: "Welch t",
    })
}

/// Promoters and detractors of so many answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// Answers.
    pub n: i64,
    /// Promoters.
    pub promoters: i64,
    /// Detractors.
    pub detractors: i64,
}

impl Answers {
    /// Those of the answers that `part` has not.
    #[must_use]
    pub fn without(self, part: Self) -> Self {
        Self {
            n: self.n - part.n,
            promoters: self.promoters - part.promoters,
            detractors: self.detractors - part.detractors,
        }
    }
}

/// NPS in two groups: from the sum of both variances. None where one is empty, or all answers are of a kind.
pub(super) fn nps(with: Answers, without: Answers, confidence: f64) -> Option<Contrast> {
    let score = |a: Answers| {
        let n = a.n as f64;
        let (up, down) = (a.promoters as f64 / n, a.detractors as f64 / n);
        (a.n > 0).then(|| (up - down, (up + down - (up - down).powi(2)) / n))
    };
    let ((s1, v1), (s2, v2)) = (score(with)?, score(without)?);
    let (difference, error) = (s1 - s2, (v1 + v2).sqrt());
    if error <= 0.0 {
        return None;
    }
    let margin = z_of(confidence) * error;
    let p_value = normal_tails(difference / error);
    Some(Contrast {
        with: 100.0 * s1,
        without: 100.0 * s2,
        difference: 100.0 * difference,
        interval: (100.0 * (difference - margin).max(-2.0), 100.0 * (difference + margin).min(2.0)),
        p_value,
        q_value: p_value,
        method: "sum of variances",
    })
}

fn normal_tails(z: f64) -> f64 {
    2.0 * Normal::standard().cdf(-z.abs())
}

/// Sets the q-values of contrasts that were asked together (Benjamini and Hochberg 1995).
pub(super) fn control<'a>(contrasts: impl Iterator<Item = &'a mut Contrast>) {
    let mut all: Vec<&mut Contrast> = contrasts.collect();
    all.sort_by(|a, b| b.p_value.total_cmp(&a.p_value));
    let (count, mut least) = (all.len() as f64, 1.0f64);
    for (from_last, contrast) in all.into_iter().enumerate() {
        least = least.min(contrast.p_value * count / (count - from_last as f64));
        contrast.q_value = least;
    }
}
