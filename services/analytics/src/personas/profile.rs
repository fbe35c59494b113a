//! The members of each persona in every feature: quartiles in original units, and how far they stand from the rest.

use super::{Input, PersonaFeature};
use crate::{features::FeatureScale, stats};
use rayon::prelude::*;

/// For each persona its profile over the features of the model.
pub(super) fn profiles(input: &Input<'_>) -> Vec<Vec<PersonaFeature>> {
    let by_feature: Vec<Vec<PersonaFeature>> =
        (0..input.features.len()).into_par_iter().map(|f| feature(input, f)).collect();
    let mut profiles = vec![Vec::new(); input.model.centres.len()];
    for personas in by_feature {
        for (profile, persona) in profiles.iter_mut().zip(personas) {
            profile.push(persona);
        }
    }
    profiles
}

/// One feature for every persona.
fn feature(input: &Input<'_>, feature: usize) -> Vec<PersonaFeature> {
    let column = input.table.values().column(feature);
    let scale = &input.model.scaler.features[feature];
    let mut groups = vec![Vec::new(); input.model.centres.len()];
    for (value, &label) in
        column.iter().zip(&input.clusters.labels).filter(|(value, _)| !value.is_nan())
    {
        groups[usize::from(label)].push(value);
    }
    let moments: Vec<Moments> = groups.iter().map(|values| Moments::of(values, scale)).collect();
    let whole = moments.iter().fold(Moments::default(), |sum, m| sum.plus(m));
    let sums: Vec<f64> = groups.iter().map(|values| values.iter().sum()).collect();
    let sum: f64 = sums.iter().sum();
    let mut all: Vec<f64> = groups.iter().flatten().copied().collect();
    all.sort_unstable_by(f64::total_cmp);
    let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
    (groups.into_iter().zip(&moments).enumerate())
        .map(|(persona, (mut values, own))| {
            values.sort_unstable_by(f64::total_cmp);
            PersonaFeature {
                name: scale.name.clone(),
                unit: input.features[feature].unit.clone(),
                coverage: stats::share(values.len(), input.clusters.counts[persona]),
                median: stats::quantile(&values, 0.5),
                mean: mean(sums[persona], values.len()),
                lower_quartile: stats::quantile(&values, 0.25),
                upper_quartile: stats::quantile(&values, 0.75),
                overall_median: stats::quantile(&all, 0.5),
                rest_median: rest_median(&all, &values),
                rest_mean: mean(sum - sums[persona], all.len() - values.len()),
                effect_size: own.effect_against(&whole.less(own)),
                centre: input.model.centre(persona, feature),
            }
        })
        .collect()
}

/// Median of those of `all` that are not among `own`, both ascending; without writing them out, which for each persona
/// would be all customers again.
fn rest_median(all: &[f64], own: &[f64]) -> Option<f64> {
    let last = all.len().checked_sub(own.len() + 1)?;
    let upto = |sorted: &[f64], value: f64| sorted.partition_point(|&other| other <= value);
    let at = |rank: usize| {
        let place = all.partition_point(|&value| upto(all, value) - upto(own, value) <= rank);
        all.get(place).copied()
    };
    let (below, above) = (at(last / 2)?, at(last.div_ceil(2))?);
    Some(below + (above - below) / 2.0)
}

/// Number, sum and sum of squares of scaled values.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn of(values: &[f64], scale: &FeatureScale) -> Self {
        values.iter().fold(Self::default(), |sum, &value| {
            let z = scale.z(value);
            sum.plus(&Self { count: 1.0, sum: z, squares: z * z })
        })
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    fn less(self, other: &Self) -> Self {
        Self {
            count: self.count - other.count,
            sum: self.sum - other.sum,
            squares: self.squares - other.squares,
        }
    }

    /// Squared deviations from the mean.
    fn scatter(&self) -> f64 {
        if self.count > 0.0 {
            (self.squares - self.sum * self.sum / self.count).max(0.0)
        } else {
            0.0
        }
    }

    /// (own mean − mean of the rest) / pooled standard deviation; 0 where one side has nobody. Where neither side
    /// varies, the standard deviation of everybody, which is 1, stands in.
    fn effect_against(&self, rest: &Self) -> f64 {
        if self.count < 1.0 || rest.count < 1.0 {
            return 0.0;
        }
        let difference = self.sum / self.count - rest.sum / rest.count;
        let pooled =
            ((self.scatter() + rest.scatter()) / (self.count + rest.count - 2.0).max(1.0)).sqrt();
        if pooled > 1e-6 { difference / pooled } else { difference }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> Moments {
        values.iter().fold(Moments::default(), |sum, &z| {
            sum.plus(&Moments { count: 1.0, sum: z, squares: z * z })
        })
    }

    #[test]
    fn effect_size_is_cohen_s_d() {
        // Means 2 and 5, both with sample variance 1.
        let effect = moments(&[1.0, 2.0, 3.0]).effect_against(&moments(&[4.0, 5.0, 6.0]));
        assert!((effect + 3.0).abs() < 1e-12, "{effect}");
        assert_eq!(moments(&[]).effect_against(&moments(&[1.0])), 0.0);
        assert_eq!(moments(&[1.0, 1.0]).effect_against(&moments(&[0.0, 0.0])), 1.0);
    }

    #[test]
    fn the_median_of_the_rest_is_that_of_the_others() {
        let all = [1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 8.0];
        assert_eq!(rest_median(&all, &[1.0, 8.0]), Some(2.0));
        assert_eq!(rest_median(&all, &[1.0, 1.0, 2.0]), Some(4.0));
        assert_eq!(rest_median(&all, &[]), Some(2.0));
        assert_eq!(rest_median(&all, &all), None);
        assert_eq!(rest_median(&all, &all[1..]), Some(1.0));
    }
}
