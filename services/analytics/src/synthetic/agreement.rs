//! How well groups that were found agree with groups that are known.

use std::collections::BTreeMap;
use std::hash::Hash;

/// The adjusted Rand index of pairs (known group, found group), one for each member: 1 where they agree, about 0 where
/// they have nothing to do with each other (Hubert and Arabie 1985). `None` where there is nothing to tell apart.
pub fn adjusted_rand<K: Ord + Hash + Copy, F: Ord + Hash + Copy>(pairs: &[(K, F)]) -> Option<f64> {
    let two = |count: &u64| (*count as f64) * (*count as f64 - 1.0) / 2.0;
    let (mut cells, mut known, mut found) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for pair in pairs {
        *cells.entry(*pair).or_insert(0u64) += 1;
        *known.entry(pair.0).or_insert(0u64) += 1;
        *found.entry(pair.1).or_insert(0u64) += 1;
    }
    let together: f64 = cells.values().map(two).sum();
    let (in_known, in_found) =
        (known.values().map(two).sum::<f64>(), found.values().map(two).sum::<f64>());
    let by_chance = in_known * in_found / two(&(pairs.len() as u64));
    let most = f64::midpoint(in_known, in_found);
    (most > by_chance).then(|| (together - by_chance) / (most - by_chance))
}

#[cfg(test)]
mod tests {
    use super::adjusted_rand;

    #[test]
    fn the_index_is_that_of_an_independent_measure() {
        // scikit-learn 1.9: adjusted_rand_score
        let of = |known: [u8; 6], found: [u8; 6]| {
            adjusted_rand(&known.into_iter().zip(found).collect::<Vec<_>>())
        };
        assert_eq!(of([0, 0, 1, 1, 2, 2], [5, 5, 3, 3, 4, 4]), Some(1.0));
        let some = of([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]).expect("groups");
        assert!((some - 0.242_424_242_424_242_4).abs() < 1e-12, "{some}");
        assert_eq!(of([0; 6], [0; 6]), None);
    }
}
