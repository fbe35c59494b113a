//! Which persona of a new version is which of the version before, so that an id means the same customers or the same
//! place from one retrain to the next; and what became of those that are not found again.
//!
//! A persona is its members first, and where it lies second. Two are alike by three parts the Jaccard similarity of
//! their members, over the customers that both versions know, and by one part the closeness of their centres,
//! 1 / (1 + distance); closeness decides alone where the versions share no customer. Of all pairs that are alike enough
//! to share an id those are taken that together are most alike: a larger neighbour cannot take an id from the
//! persona whose it is. It knows tables of counts and distances only, no model and no customer.

mod lineage;
mod matching;
mod place;

pub use lineage::{Lineage, LineageKind, PersonaOverlap};
pub use place::{axis_unit, centre_distances, mean_places};

use std::collections::BTreeSet;

/// From this Jaccard similarity of the members on, over the customers that both versions know, an id may stay.
pub const LEAST_JACCARD: f64 = 0.3;
/// Up to this distance of the centres (see [`centre_distances`]) an id may stay, whoever the members are: a persona
/// of newcomers has other members every month.
pub const MOST_DISTANCE: f64 = 1.0;

/// What two versions have in common. Rows are personas of the earlier version and columns those of the later one, by
/// place; what a table lacks counts as 0 customers and as infinitely far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlap {
    /// Customers in both versions, by their two personas.
    pub shared: Vec<Vec<u64>>,
    /// All members of the earlier personas, also those whom the later version does not know.
    pub old_sizes: Vec<u64>,
    /// All members of the later personas, also those whom the earlier version does not know.
    pub new_sizes: Vec<u64>,
    /// Distances of the centres, in standard deviations of the earlier version (see [`centre_distances`]).
    pub distances: Vec<Vec<f64>>,
}

impl Overlap {
    fn shared(&self, old: usize, new: usize) -> u64 {
        self.shared.get(old).and_then(|row| row.get(new)).copied().unwrap_or(0)
    }

    /// Members of the earlier persona whom the later version knows.
    fn old_known(&self, old: usize) -> u64 {
        (0..self.new_sizes.len()).map(|new| self.shared(old, new)).sum()
    }

    /// Members of the later persona whom the earlier version knows.
    fn new_known(&self, new: usize) -> u64 {
        (0..self.old_sizes.len()).map(|old| self.shared(old, new)).sum()
    }

    /// The distance of two centres, where there is one.
    fn distance(&self, old: usize, new: usize) -> Option<f64> {
        let found = self.distances.get(old)?.get(new).copied()?;
        (found >= 0.0 && found.is_finite()).then_some(found)
    }

    /// Customers in both / customers in either, of those that both versions know; 0 of nobody.
    fn jaccard(&self, old: usize, new: usize) -> f64 {
        let both = self.shared(old, new);
        let either = self.old_known(old) + self.new_known(new) - both;
        if either == 0 { 0.0 } else { both as f64 / either as f64 }
    }

    /// How alike two personas are, in `[0, 1]`; none where they are not alike enough to share an id.
    fn similarity(&self, old: usize, new: usize) -> Option<f64> {
        let distance = self.distance(old, new);
        let closeness = distance.map_or(0.0, |distance| 1.0 / (1.0 + distance));
        let jaccard = self.jaccard(old, new);
        let near = distance.is_some_and(|distance| distance <= MOST_DISTANCE);
        let enough = near || jaccard >= LEAST_JACCARD;
        enough.then_some((3.0 * jaccard + closeness) / 4.0)
    }
}

/// Who is who.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// For each persona of the later version the place of the earlier one that it continues, where there is one.
    pub continues: Vec<Option<usize>>,
    /// For each persona of the later version its id.
    pub ids: Vec<String>,
    /// Where each of the later version came from, in their order, and then what became of the earlier ones that are
    /// not in it any more, in theirs.
    pub lineage: Vec<Lineage>,
}

/// Finds the personas with ids `old_ids` again in a later version, and gives the others ids that are not `taken`.
/// `seed` are bytes that name the later version, for example its model. Equal arguments give equal answers; where
/// pairs are exactly as alike, the larger personas and then the earlier places keep their ids.
pub fn identify(
    overlap: &Overlap,
    old_ids: &[String],
    seed: &[u8],
    taken: &BTreeSet<String>,
) -> Identity {
    let mut continues = vec![None; overlap.new_sizes.len()];
    for (old, new) in matching::best_pairs(&weights(overlap)).into_iter().enumerate() {
        if let Some(new) = new.filter(|_| old < old_ids.len()) {
            continues[new] = Some(old);
        }
    }
    let mut taken = taken.clone();
    taken.extend(old_ids.iter().cloned());
    let mut ids = Vec::with_capacity(continues.len());
    for (new, old) in continues.iter().enumerate() {
        let id = old.map_or_else(|| mint(seed, new, &taken), |old| old_ids[old].clone());
        taken.insert(id.clone());
        ids.push(id);
    }
    let lineage = lineage::lineage(overlap, &continues, old_ids, &ids);
    Identity { continues, ids, lineage }
}

/// What each pair is worth, 0 for one that must not be. Whole numbers, so that sums do not depend on their order;
/// the lowest bits hold the sizes, which decide between equals and can never outweigh a difference.
fn weights(overlap: &Overlap) -> Vec<Vec<i128>> {
    let (old, new) = (overlap.old_sizes.len(), overlap.new_sizes.len());
    let size = |size: u64| i128::from(size.min(1 << 24));
    let weight = |i: usize, j: usize| {
        let alike = overlap.similarity(i, j)?;
        let sizes = size(overlap.old_sizes[i]) + size(overlap.new_sizes[j]);
        Some(((alike * 1e12).round() as i128).max(1) << 32 | sizes)
    };
    (0..old).map(|i| (0..new).map(|j| weight(i, j).unwrap_or(0)).collect()).collect()
}

/// An id for the persona at `place` of the version that `seed` names, unlike any that is `taken`. The same for the
/// same arguments: "p" and 12 digits of a hash.
pub fn mint(seed: &[u8], place: usize, taken: &BTreeSet<String>) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(seed).update(&(place as u64).to_le_bytes());
    loop {
        let id = format!("p{}", &hash.finalize().to_hex()[..12]);
        if !taken.contains(&id) {
            return id;
        }
        // Every round hashes one byte more, and so is another draw from 2⁴⁸.
        hash.update(&[0]);
    }
}

#[cfg(test)]
mod tests;
