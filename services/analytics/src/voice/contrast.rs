//! Contrasts: one group against another, with an interval and a test. Texts count as independent, which several of one customer
//! are not.

use crate::metrics::benjamini_hochberg;
use crate::metrics::intervals::{normal_tail, t_of, t_tail, trinomial_difference, wilson};

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
    /// The difference in standard errors.
    pub z: f64,
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
    let z = if error > 0.0 { difference / error } else { 0.0 };
    let p_value = normal_tail(z);
    let interval = (lower, upper);
    Some(Contrast {
        with: p1,
        without: p2,
        difference,
        interval,
        z,
        p_value,
        q_value: p_value,
        method: "Newcombe, of both Wilson",
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
    let z = difference / error.sqrt();
    let p_value = t_tail(z, freedom)?;
    let interval = (difference - t * error.sqrt(), difference + t * error.sqrt());
    Some(Contrast {
        with: m1,
        without: m2,
        difference,
        interval,
        z,
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

/// NPS in two groups: the interval from those of both (Zou and Donner 2008), z from the variances of both. None where one is
/// empty, or all answers are of a kind.
pub(super) fn nps(with: Answers, without: Answers, confidence: f64) -> Option<Contrast> {
    let score = |a: Answers| {
        let n = a.n as f64;
        let (up, down) = (a.promoters as f64 / n, a.detractors as f64 / n);
        let variance = (up + down - (up - down).powi(2)) / n;
        (a.n > 0).then(|| (up - down, variance, trinomial_difference(up, down, n, confidence)))
    };
    let ((s1, v1, (l1, u1)), (s2, v2, (l2, u2))) = (score(with)?, score(without)?);
    let (difference, error) = (s1 - s2, (v1 + v2).sqrt());
    if error <= 0.0 {
        return None;
    }
    let lower = difference - (s1 - l1).hypot(u2 - s2);
    let upper = difference + (u1 - s1).hypot(s2 - l2);
    let z = difference / error;
    let p_value = normal_tail(z);
    Some(Contrast {
        with: 100.0 * s1,
        without: 100.0 * s2,
        difference: 100.0 * difference,
        interval: (100.0 * lower, 100.0 * upper),
        z,
        p_value,
        q_value: p_value,
        method: "MOVER, of both intervals",
    })
}

/// Sets the q-values of contrasts that were asked together.
pub(super) fn control<'a>(contrasts: impl Iterator<Item = &'a mut Contrast>) {
    let mut all: Vec<&mut Contrast> = contrasts.collect();
    let p_values: Vec<f64> = all.iter().map(|contrast| contrast.p_value).collect();
    for (contrast, q_value) in all.iter_mut().zip(benjamini_hochberg(&p_values)) {
        contrast.q_value = q_value;
    }
}
