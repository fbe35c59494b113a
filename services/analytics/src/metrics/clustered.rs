//! Means over observations of which one customer may have several, which are then not independent.

use super::{Amounts, Answers, counts::AnswerPattern, intervals::t_of};

/// The mean of a variable over observations, and how far it can be trusted.
pub struct Clustered {
    /// Observations.
    pub n: f64,
    /// Customers with one.
    pub customers: f64,
    /// Mean of the observed variable.
    pub mean: f64,
    /// Variance of that mean, with the answers of one customer as one cluster.
    pub variance: f64,
}

impl Clustered {
    /// Linearised ratio estimate: `total` says what one customer's answers add up to. Cochran 1977, ch. 6 and 9A.
    pub fn new(answers: &Answers, total: impl Fn(&AnswerPattern) -> i64) -> Self {
        let sum = |f: &dyn Fn(&AnswerPattern) -> f64| -> f64 {
            answers.patterns.iter().map(|p| p.customers as f64 * f(p)).sum()
        };
        let customers = sum(&|p| f64::from(u8::from(p.answers > 0)));
        let n = sum(&|p| p.answers as f64);
        let mean = sum(&|p| total(p) as f64) / n;
        let squares = sum(&|p| (total(p) as f64 - mean * p.answers as f64).powi(2));
        let variance = customers / (customers - 1.0) * squares / (n * n);
        Self { n, customers, mean, variance }
    }

    /// The same of amounts.
    pub fn of_amounts(amounts: &Amounts) -> Self {
        let (n, customers) = (amounts.n as f64, amounts.customers as f64);
        let mean = amounts.sum as f64 / n;
        // Σ (sᵢ - mean·nᵢ)², where sᵢ is what the nᵢ amounts of a customer add up to.
        let squares = amounts.sum_squares as f64 - 2.0 * mean * amounts.products as f64
            + mean * mean * amounts.n_squares as f64;
        let variance = customers / (customers - 1.0) * squares.max(0.0) / (n * n);
        Self { n, customers, mean, variance }
    }

    /// Whether the mean is seen to vary, beyond what rounding leaves of a difference of large sums.
    pub fn varies(&self) -> bool {
        self.variance * self.n > 1e-12 * self.mean.powi(2).max(1e-3)
    }

    /// Whether somebody answered more than once.
    pub fn repeats(&self) -> bool {
        self.customers < self.n
    }

    /// Number of independent answers that would vary as little, given the mean of squares of the variable: `n` over the design effect.
    pub fn design_n(&self, mean_square: f64) -> f64 {
        self.worth(mean_square, 1.0)
    }

    /// The same for an interval, with Student's correction for few customers. Korn and Graubard 1998.
    pub fn effective_n(&self, mean_square: f64, confidence: f64) -> f64 {
        let t = |n: f64| t_of(confidence, n - 1.0);
        let correction = t(self.n).zip(t(self.customers)).map(|(all, customers)| all / customers);
        self.worth(mean_square, correction.unwrap_or(1.0))
    }

    fn worth(&self, mean_square: f64, correction: f64) -> f64 {
        if !self.repeats() {
            return self.n;
        }
        if self.customers < 2.0 {
            return 1.0;
        }
        let simple = (mean_square - self.mean * self.mean) / (self.n - 1.0);
        // All alike: nothing shows how far the answers of one person go together, so each person counts once.
        if simple <= 1e-15 {
            return self.customers;
        }
        (self.n * simple / self.variance * correction.powi(2)).min(self.n)
    }
}

/// Sum over all customers of a number of each.
pub fn sum_of(answers: &Answers, of: impl Fn(&AnswerPattern) -> i64) -> i64 {
    answers.patterns.iter().map(|p| p.customers * of(p)).sum()
}
