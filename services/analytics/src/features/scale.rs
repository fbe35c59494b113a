//! The scaler: how values become coordinates. It is fitted once and stored in the model, so that a customer
//! is placed tomorrow exactly as the model was made today.
//!
//! Order: transform, winsorise at the 1st and 99th percentile, z-score, weigh. Fitted on those who have a
//! value; who has none stands at 0, the average, which moves nobody (a flag or sentinel would make personas of
//! "answered" and "did not answer").

use super::{Block, Column, Feature, Selection, Transform, Unit, Values};
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

impl Unused {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAsked => "NOT_ASKED",
            Self::MostlyMissing => "MOSTLY_MISSING",
            Self::Constant => "CONSTANT",
            Self::Redundant => "REDUNDANT",
        }
    }
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
    fn fit(feature: &Feature, values: &Column) -> Self {
        let transform = feature.transform();
        let mut present: Vec<f64> =
            values.iter().filter(|v| !v.is_nan()).map(|v| transform.apply(v)).collect();
        let (covered, rows) = (present.len(), values.iter().count());
        let spread =
            if feature.unit() == Unit::Flag { flag(&present) } else { number(&mut present) };
        let unused = if stats::share(covered, rows) < Scaler::LEAST_COVERAGE {
            Some(Unused::MostlyMissing)
        } else {
            spread.constant.then_some(Unused::Constant)
        };
        Self {
            name: feature.name(),
            transform,
            low: spread.low,
            high: spread.high,
            mean: spread.mean,
            deviation: if spread.constant { 0.0 } else { spread.deviation },
            weight: 0.0,
            missing_share: 1.0 - stats::share(covered, rows),
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

/// Where the values of a feature lie.
struct Spread {
    low: f64,
    high: f64,
    mean: f64,
    deviation: f64,
    constant: bool,
}

/// Winsorised at the 1st and 99th percentile.
fn number(present: &mut [f64]) -> Spread {
    present.sort_unstable_by(f64::total_cmp);
    let low = stats::quantile(present, 0.01).unwrap_or(0.0);
    let high = stats::quantile(present, 0.99).unwrap_or(0.0);
    present.iter_mut().for_each(|v| *v = v.clamp(low, high));
    let (mean, deviation) = stats::mean_and_deviation(present);
    let wide = deviation > 1e-9 * mean.abs().max(1.0) && deviation.is_finite();
    Spread { low, high, mean, deviation, constant: !wide }
}

/// Of zeros and ones. Two customers drawn at random stand at a mean squared distance of 1, where a z-score, made for
/// amounts, gives 2: a question of yes or no would outweigh a measured difference of degree.
fn flag(present: &[f64]) -> Spread {
    let p = present.iter().sum::<f64>() / present.len().max(1) as f64;
    let constant = !(Scaler::RAREST..=1.0 - Scaler::RAREST).contains(&p);
    Spread { low: 0.0, high: 1.0, mean: p, deviation: (2.0 * p * (1.0 - p)).sqrt(), constant }
}

/// How all features become coordinates, in the order of the model: the registry, then attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// One for each feature.
    pub features: Vec<FeatureScale>,
}

impl Scaler {
    /// Least share of customers with a value for which a feature is used.
    pub const LEAST_COVERAGE: f64 = 0.15;
    /// From this correlation on, of either sign, the later feature says nothing of its own.
    pub const REDUNDANT_CORRELATION: f64 = 0.95;

    /// Share of a value, or of its absence, below which having it is as good as constant.
    pub const RAREST: f64 = 0.01;

    /// Fits every feature, and decides which are used: of those that were selected all that say something of
    /// their own, or where they were named all that differ.
    pub fn fit(values: &Values, selection: &Selection) -> Self {
        let features = (selection.features().par_iter().zip(values.columns()))
            .map(|(feature, column)| FeatureScale::fit(feature, column))
            .collect();
        let mut scaler = Self { features };
        for (place, scale) in scaler.features.iter_mut().enumerate() {
            if selection.factor(place) <= 0.0 {
                scale.unused = Some(Unused::NotAsked);
            }
        }
        if !selection.named() {
            scaler.drop_redundant(values);
        }
        scaler.weigh(selection);
        scaler
    }

    /// The places of the features that are used.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.features.len()).filter(|&place| self.features[place].unused.is_none())
    }

    fn drop_redundant(&mut self, values: &Values) {
        let places: Vec<usize> = self.used().collect();
        let z: Vec<Vec<f32>> = (places.par_iter())
            .map(|&place| {
                values.column(place).iter().map(|v| self.features[place].z(v) as f32).collect()
            })
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

    /// Gives each block its weight, spread over its used features so that squares add up to the block's square; then
    /// the factors that were asked for.
    fn weigh(&mut self, selection: &Selection) {
        let used: Vec<usize> = self.used().collect();
        let block = |place: usize| -> Block { selection.features()[place].block() };
        for &place in &used {
            let own = block(place);
            let size = used.iter().filter(|&&other| block(other) == own).count();
            self.features[place].weight =
                selection.factor(place) * own.weight() / (size as f64).sqrt();
        }
    }
}
