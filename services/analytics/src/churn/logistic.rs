//! Logistic regression with a ridge, by Newton's method: exact, few steps, no tolerance to tune.
//!
//! Minimises `Σ log-loss + |w|² / 2C`, the intercept free: the objective of scikit-learn and of liblinear.

use super::matrix::Matrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A fitted model. Positive is churned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Logistic {
    pub(crate) intercept: f64,
    pub(crate) weights: Vec<f64>,
}

const MOST_STEPS: usize = 50;
/// Newton's steps end when a whole one would lower the loss by less than this share of a nat a row.
const TOLERANCE: f64 = 1e-15;
/// Rows summed at a time: fixed, so that sums are the same on any number of threads.
const CHUNK: usize = 4096;

/// The probability for log-odds.
pub(crate) fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Log-odds of a probability, kept from the ends.
pub(crate) fn logit(probability: f64) -> f64 {
    let kept = probability.clamp(1e-9, 1.0 - 1e-9);
    (kept / (1.0 - kept)).ln()
}

/// Mean negative log likelihood of outcomes, in nats.
pub(crate) fn log_loss(log_odds: &[f64], churned: &[bool]) -> f64 {
    let losses = log_odds.iter().zip(churned).map(|(&odds, &churned)| loss_of(odds, churned));
    losses.sum::<f64>() / churned.len() as f64
}

pub(super) fn loss_of(log_odds: f64, churned: bool) -> f64 {
    let against = if churned { -log_odds } else { log_odds };
    // log(1 + e^a) without overflow
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

impl Logistic {
    pub(crate) fn fit(x: &Matrix, churned: &[bool], c: f64) -> Self {
        Self::nothing(x.width).refit(x, churned, c)
    }

    /// A model that knows nothing of so many columns.
    pub(crate) fn nothing(width: usize) -> Self {
        Self { intercept: 0.0, weights: vec![0.0; width] }
    }

    /// The same from where another fit ended, which is nearer.
    pub(crate) fn refit(self, x: &Matrix, churned: &[bool], c: f64) -> Self {
        let ridge = 1.0 / c;
        let mut model = self;
        let mut loss = model.loss(x, churned, ridge);
        for _ in 0..MOST_STEPS {
            let (gradient, hessian) = model.derivatives(x, churned, ridge);
            let Some(step) = solve(hessian, &gradient) else { break };
            let promised: f64 = step.iter().zip(&gradient).map(|(s, g)| s * g).sum::<f64>() / 2.0;
            if promised < TOLERANCE * churned.len() as f64 {
                break;
            }
            let Some((better, less)) =
                model.descend(&step, loss, |model| model.loss(x, churned, ridge))
            else {
                break;
            };
            (model, loss) = (better, less);
        }
        model
    }

    /// The first of ever shorter steps that lowers the loss.
    fn descend(
        &self,
        step: &[f64],
        loss: f64,
        measure: impl Fn(&Self) -> f64,
    ) -> Option<(Self, f64)> {
        (0..30).map(|halvings| 0.5f64.powi(halvings)).find_map(|length| {
            let next = Self {
                intercept: self.intercept - length * step[0],
                weights: self.weights.iter().zip(&step[1..]).map(|(w, s)| w - length * s).collect(),
            };
            let less = measure(&next);
            (less < loss).then_some((next, less))
        })
    }

    pub(crate) fn log_odds(&self, row: &[f64]) -> f64 {
        self.intercept + self.weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
    }

    /// The same of a row that is made on the way.
    pub(crate) fn along(&self, row: impl Iterator<Item = f64>) -> f64 {
        self.intercept + self.weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
    }

    fn loss(&self, x: &Matrix, churned: &[bool], ridge: f64) -> f64 {
        let penalty = ridge / 2.0 * self.weights.iter().map(|w| w * w).sum::<f64>();
        let losses = chunks(x, churned, |rows, churned| {
            let loss = |(row, &churned): (&[f64], &bool)| loss_of(self.log_odds(row), churned);
            rows.chunks_exact(x.width.max(1)).zip(churned).map(loss).sum::<f64>()
        });
        penalty + losses.into_iter().sum::<f64>()
    }

    /// Gradient and Hessian, the intercept first.
    fn derivatives(&self, x: &Matrix, churned: &[bool], ridge: f64) -> (Vec<f64>, Vec<f64>) {
        let size = x.width + 1;
        let parts = chunks(x, churned, |rows, churned| {
            let (mut gradient, mut hessian) = (vec![0.0; size], vec![0.0; size * size]);
            let mut full = vec![1.0; size];
            for (row, &churned) in rows.chunks_exact(x.width.max(1)).zip(churned) {
                full[1..].copy_from_slice(row);
                let probability = sigmoid(self.log_odds(row));
                let residual = probability - f64::from(u8::from(churned));
                let weight = probability * (1.0 - probability);
                for i in 0..size {
                    gradient[i] += residual * full[i];
                    let scaled = weight * full[i];
                    let line = &mut hessian[i * size..i * size + i + 1];
                    line.iter_mut().zip(&full).for_each(|(cell, value)| *cell += scaled * value);
                }
            }
            (gradient, hessian)
        });
        let (mut gradient, mut hessian) = (vec![0.0; size], vec![0.0; size * size]);
        for (g, h) in parts {
            gradient.iter_mut().zip(g).for_each(|(sum, part)| *sum += part);
            hessian.iter_mut().zip(h).for_each(|(sum, part)| *sum += part);
        }
        for i in 1..size {
            gradient[i] += ridge * self.weights[i - 1];
            hessian[i * size + i] += ridge;
        }
        (gradient, hessian)
    }
}

/// Maps fixed chunks of rows in parallel; the answers come in order.
fn chunks<T: Send>(
    x: &Matrix,
    churned: &[bool],
    map: impl Fn(&[f64], &[bool]) -> T + Sync,
) -> Vec<T> {
    let width = x.width.max(1);
    x.values
        .par_chunks(CHUNK * width)
        .zip(churned.par_chunks(CHUNK))
        .map(|(x, y)| map(x, y))
        .collect()
}

/// Solves `a · s = b` for a positive definite `a`, of which the lower triangle is given (Cholesky).
pub(super) fn solve(mut a: Vec<f64>, b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - sum;
            a[i * n + j] =
                if i == j { (rest > 0.0).then(|| rest.sqrt())? } else { rest / a[j * n + j] };
        }
    }
    let mut s = b.to_vec();
    for i in 0..n {
        let sum: f64 = (0..i).map(|k| a[i * n + k] * s[k]).sum();
        s[i] = (s[i] - sum) / a[i * n + i];
    }
    for i in (0..n).rev() {
        let sum: f64 = (i + 1..n).map(|k| a[k * n + i] * s[k]).sum();
        s[i] = (s[i] - sum) / a[i * n + i];
    }
    Some(s)
}
