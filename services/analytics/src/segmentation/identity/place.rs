//! Where the personas of a later version lie in the space of an earlier one, and how far apart that is.
//!
//! Distances are Euclidean in the scaled and weighted space of the earlier model, divided by the greatest weight of a
//! block: 1 is one standard deviation of everything that the weightiest block measures, and factors on all weights
//! change nothing. Not per feature, for two reasons: five ways to say "buys often" would count five times, and a mean
//! over thirty features calls everybody near who differs much in three.

use std::collections::BTreeMap;

/// One standard deviation in the space of a model: the greatest weight of a block, which is the root of the sum of
/// the squares of its features' weights. Takes block and weight of each used feature; 1 where there is none.
pub fn axis_unit<Block: Ord>(weights: impl IntoIterator<Item = (Block, f64)>) -> f64 {
    let mut blocks: BTreeMap<Block, f64> = BTreeMap::new();
    for (block, weight) in weights {
        *blocks.entry(block).or_default() += weight * weight;
    }
    let greatest = blocks.into_values().fold(0.0, f64::max).sqrt();
    if greatest > 0.0 { greatest } else { 1.0 }
}

/// For each of `k` groups the mean of its rows, over `width` coordinates; NaN for a group without rows. With the
/// coordinates of an earlier model and the labels of a later one these are the later centres, where the earlier
/// model sees them.
pub fn mean_places<'a>(
    rows: impl IntoIterator<Item = (&'a [f32], usize)>,
    k: usize,
    width: usize,
) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; width]; k];
    let mut counts = vec![0.0; k];
    for (row, label) in rows {
        let Some(sum) = sums.get_mut(label) else { continue };
        counts[label] += 1.0;
        for (sum, &cell) in sum.iter_mut().zip(row) {
            *sum += f64::from(cell);
        }
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        sum.iter_mut().for_each(|sum| *sum /= count);
    }
    sums
}

/// Distance of each centre of `old` to each of `new`, both in the space of the earlier model, in `unit`s (see
/// [`axis_unit`]); infinite where a coordinate is not a number.
pub fn centre_distances(old: &[Vec<f64>], new: &[Vec<f64>], unit: f64) -> Vec<Vec<f64>> {
    let distance = |a: &Vec<f64>, b: &Vec<f64>| {
        let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        let distance = squared.sqrt() / unit;
        if distance.is_finite() { distance } else { f64::INFINITY }
    };
    old.iter().map(|a| new.iter().map(|b| distance(a, b)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_of_one_is_one_standard_deviation_of_a_block() {
        // Two features share the weight of one block, a third has a lighter one of its own.
        let half = 2.0 * 0.5f64.sqrt();
        let unit = axis_unit([("value", half), ("value", half), ("voice", 1.4)]);
        assert!((unit - 2.0).abs() < 1e-12, "{unit}");
        let old = [vec![0.0, 0.0, 0.0]];
        let new = [vec![half, half, 0.0], vec![0.0, 0.0, 1.4], vec![f64::NAN, 0.0, 0.0]];
        let found = &centre_distances(&old, &new, unit)[0];
        assert!((found[0] - 1.0).abs() < 1e-12, "{found:?}");
        assert!((found[1] - 0.7).abs() < 1e-12, "{found:?}");
        assert_eq!(found[2], f64::INFINITY);
        assert_eq!(axis_unit::<u8>([]), 1.0);
    }

    #[test]
    fn centres_are_the_means_of_the_members() {
        let rows: [(&[f32], usize); 4] =
            [(&[1.0, 2.0], 1), (&[3.0, 6.0], 1), (&[5.0, 5.0], 0), (&[9.0, 9.0], 7)];
        let means = mean_places(rows, 3, 2);
        assert_eq!(means[..2], [vec![5.0, 5.0], vec![2.0, 4.0]]);
        assert!(means[2].iter().all(|mean| mean.is_nan()));
    }
}
