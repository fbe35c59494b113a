//! The scaler: how values become coordinates. It is fitted once and stored in the model, so that a customer
//! is placed tomorrow exactly as the model was made today.
//!
//! Order: transform, winsorise at the 1st and 99th percentile, z-score, weigh. Fitted on those who have a
//! value; who has none stands at 0, the average, which moves nobody (a flag or sentinel would make personas of
//! "answered" and "did not answer").

use super::{Definition, REGISTRY, Transform, Values};
use crate::stats;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Why a feature is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unused {
    /// The caller did not name it.
    NotAsked,
    /// Fewer than [`Scaler::LEAST_COVERAGE`] of the customers have a value.
    MostlyMissing,
    /// The same for (nearly) everybody.
    Constant,
    /// Says the same as a feature before it.
    Redundant,
}

/// How one feature becomes a coordinate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureScale {
    /// The feature.
    pub name: String,
    /// What is done first.
    pub transform: Transform,
    /// 1st percentile of the transformed values.
    pub low: f64,
    /// 99th percentile of the transformed values.
    pub high: f64,
    /// Mean of the winsorised values.
    pub mean: f64,
    /// Standard deviation of the winsorised values; 0 where they are constant.
    pub deviation: f64,
    /// Weight in the distance; 0 where unused.
    pub weight: f64,
    /// Share of customers without a value.
    pub missing_share: f64,
    /// Why it is not used, where it is not.
    pub unused: Option<Unused>,
}

impl FeatureScale {
    fn fit(definition: &Definition, values: &[f64]) -> Self {
        let mut present: Vec<f64> =
            values.iter().filter(|v| !v.is_nan()).map(|&v| definition.transform.apply(v)).collect();
        let missing_share = 1.0 - stats::share(present.len(), values.len());
        present.sort_unstable_by(f64::total_cmp);
        let low = stats::quantile(&present, 0.01).unwrap_or(0.0);
        let high = stats::quantile(&present, 0.99).unwrap_or(0.0);
        present.iter_mut().for_each(|v| *v = v.clamp(low, high));
        let (mean, deviation) = stats::mean_and_deviation(&present);
        let constant = deviation <= 1e-9 * mean.abs().max(1.0);
        let unused = if missing_share > 1.0 - Scaler::LEAST_COVERAGE {
            Some(Unused::MostlyMissing)
        } else {
            constant.then_some(Unused::Constant)
        };
        let deviation = if constant { 0.0 } else { deviation };
        Self {
            name: definition.name.to_owned(),
            transform: definition.transform,
            low,
            high,
            mean,
            deviation,
            weight: 0.0,
            missing_share,
            unused,
        }
    }

    /// Standard deviations from the average; NaN where the value is missing, 0 where the feature is constant.
    pub fn z(&self, value: f64) -> f64 {
        if value.is_nan() || self.deviation == 0.0 {
            return if value.is_nan() { f64::NAN } else { 0.0 };
        }
        (self.transform.apply(value).clamp(self.low, self.high) - self.mean) / self.deviation
    }

    /// The coordinate: weighted, and 0 where the value is missing.
    pub fn coordinate(&self, value: f64) -> f32 {
        let z = self.z(value);
        if z.is_finite() { (z * self.weight) as f32 } else { 0.0 }
    }
}

/// How all features become coordinates, in the order of the registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// One for each feature of the registry.
    pub features: Vec<FeatureScale>,
}

impl Scaler {
    /// Least share of customers with a value for which a feature is used.
    pub const LEAST_COVERAGE: f64 = 0.15;
    /// From this correlation on, of either sign, the later feature says nothing of its own.
    pub const REDUNDANT_CORRELATION: f64 = 0.95;

    /// Fits every feature, and decides which are used: those named in `asked`, or where that is empty all that
    /// say something of their own.
    pub fn fit(values: &Values, asked: &[String]) -> Self {
        let fit =
            |(definition, column): (&Definition, &Vec<f64>)| FeatureScale::fit(definition, column);
        let features = REGISTRY.par_iter().zip(values.columns()).map(fit).collect();
        let mut scaler = Self { features };
        if asked.is_empty() {
            scaler.drop_redundant(values);
        } else {
            for feature in
                scaler.features.iter_mut().filter(|feature| !asked.contains(&feature.name))
            {
                feature.unused = Some(Unused::NotAsked);
            }
        }
        scaler.weigh();
        scaler
    }

    /// The places of the features that are used.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.features.len()).filter(|&place| self.features[place].unused.is_none())
    }

    fn drop_redundant(&mut self, values: &Values) {
        let places: Vec<usize> = self.used().collect();
        let z: Vec<Vec<f64>> = (places.par_iter())
            .map(|&place| values.column(place).iter().map(|&v| self.features[place].z(v)).collect())
            .collect();
        let mut kept: Vec<usize> = Vec::new();
        for (index, &place) in places.iter().enumerate() {
            // All pairs at once are still cheap: a few hundred passes over a column.
            let same = kept.par_iter().any(|&other| {
                stats::correlation(&z[index], &z[other], Self::LEAST_COVERAGE)
                    .is_some_and(|r| r.abs() >= Self::REDUNDANT_CORRELATION)
            });
            if same {
                self.features[place].unused = Some(Unused::Redundant);
            } else {
                kept.push(index);
            }
        }
    }

    /// Gives each block its weight, spread over its used features so that squares add up to the block's square.
    fn weigh(&mut self) {
        let used: Vec<usize> = self.used().collect();
        for &place in &used {
            let block = REGISTRY[place].block;
            let size = used.iter().filter(|&&other| REGISTRY[other].block == block).count();
            self.features[place].weight = block.weight() / (size as f64).sqrt();
        }
    }
}
