//! A small seeded source of the few distributions that the population needs.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{RngCore, SeedableRng},
};

/// Equal seeds give equal draws, on every machine.
pub(super) struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of one member of one population.
    pub(super) fn new(seed: u64, member: u64) -> Self {
        // An odd multiplier is a bijection: no two members of a population share a stream.
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ member.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Exponential with this mean.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Standard normal (sum of twelve uniforms: exact enough, and no rejection).
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Log-normal with this median.
    pub(super) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Number of arrivals at this rate (Knuth's product, for small rates).
    pub(super) fn poisson(&mut self, rate: f64) -> usize {
        let floor = (-rate).exp();
        let mut product = self.unit();
        let mut arrivals = 0;
        while product > floor {
            arrivals += 1;
            product *= self.unit();
        }
        arrivals
    }

    /// One of the values, by weight. The last where weights run out.
    pub(super) fn choose<T: Copy>(&mut self, weighted: &[(T, f64)]) -> Option<T> {
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let mut left = self.unit() * total;
        weighted
            .iter()
            .find(|(_, weight)| {
                left -= weight;
                left < 0.0
            })
            .or(weighted.last())
            .map(|(value, _)| *value)
    }

    /// One of the texts, all equally likely.
    pub(super) fn text(&mut self, texts: &[&str]) -> String {
        texts
            .get((self.unit() * texts.len() as f64) as usize)
            .copied()
            .unwrap_or_default()
            .to_owned()
    }
}
