//! What became of personas: continued, split, merged, new or retired, with the figures that say so.
//!
//! Split and merged are told from the customers that both versions know. A later persona is a *part* of an earlier
//! one where it holds at least a quarter of the earlier one's and draws at least half of its own from it; an earlier
//! persona with two parts or more is split. A later persona that holds at least half of each of two or more earlier
//! ones is merged. Merged is said before split, and both before continued and new, for they say more.

use super::Overlap;
use crate::codes::coded;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// An overlap is told where it is at least one in this many of either's members.
const TOLD: u64 = 20;
/// A part holds at least one in this many of the earlier persona.
const PART_OF_EARLIER: u64 = 4;
/// A part draws at least one in this many of its own from the earlier persona.
const PART_OF_LATER: u64 = 2;
/// What is merged into a later persona leaves at least one in this many there.
const MERGED_OF_EARLIER: u64 = 2;

coded! {
    /// How a persona stands to those of the version before.
    LineageKind {
        /// The same persona: its id stays.
        Continued = 1,
        /// A part of a persona of which another part is elsewhere. The part that is most like it keeps the id.
        Split = 2,
        /// At least half of each of several personas is in it. It has the id of the one that it continues, or where it
        /// is like none of them an id of its own.
        Merged = 3,
        /// Like none of the version before.
        New = 4,
        /// Of the version before, and not in this one any more.
        Retired = 5,
    }
}

/// Where a persona came from, or where it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The persona.
    pub persona_id: String,
    /// How it stands to the version before.
    pub kind: LineageKind,
    /// The personas of the version before that it shares at least a twentieth of either's members with, the most
    /// first; for a retired one those of this version.
    pub overlaps: Vec<PersonaOverlap>,
    /// Members in the version before; none where it was not there.
    pub previous_customers: Option<i64>,
    /// Their share of that version's customers, in `[0, 1]`.
    pub previous_share: Option<f64>,
    /// Distance of its centre to that of the persona it continues, in standard deviations of the version before (see
    /// [`super::centre_distances`]); none where it continues none.
    pub centre_distance: Option<f64>,
}

/// What two personas of two versions have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaOverlap {
    /// The other persona.
    pub persona_id: String,
    /// Customers in both.
    pub customers: i64,
    /// Customers in both / customers in either, in `[0, 1]`, of those that both versions know.
    pub jaccard: f64,
    /// Share of all members of the earlier persona that is in the later one, in `[0, 1]`.
    pub share_of_earlier: f64,
    /// Share of all members of the later persona that was in the earlier one, in `[0, 1]`.
    pub share_of_later: f64,
}

/// The lineage of every later persona, and then of every earlier one that none of them continues.
pub(super) fn lineage(
    overlap: &Overlap,
    continues: &[Option<usize>],
    old_ids: &[String],
    new_ids: &[String],
) -> Vec<Lineage> {
    let reader = Reader { overlap, old_ids, new_ids, customers: overlap.old_sizes.iter().sum() };
    let later = continues.iter().enumerate().map(|(new, &old)| reader.later(new, old));
    let gone = (0..old_ids.len()).filter(|&old| !continues.contains(&Some(old)));
    later.chain(gone.map(|old| reader.retired(old))).collect()
}

struct Reader<'a> {
    overlap: &'a Overlap,
    old_ids: &'a [String],
    new_ids: &'a [String],
    customers: u64,
}

impl Reader<'_> {
    fn later(&self, new: usize, continues: Option<usize>) -> Lineage {
        let kind = if self.merged(new) {
            LineageKind::Merged
        } else if self.split(new) {
            LineageKind::Split
        } else if continues.is_some() {
            LineageKind::Continued
        } else {
            LineageKind::New
        };
        let overlaps = (0..self.old_ids.len())
            .filter_map(|old| self.told(old, new, &self.old_ids[old]))
            .collect();
        Lineage {
            centre_distance: continues.and_then(|old| self.overlap.distance(old, new)),
            ..self.entry(&self.new_ids[new], kind, overlaps, continues)
        }
    }

    fn retired(&self, old: usize) -> Lineage {
        let overlaps = (0..self.new_ids.len())
            .filter_map(|new| self.told(old, new, &self.new_ids[new]))
            .collect();
        self.entry(&self.old_ids[old], LineageKind::Retired, overlaps, Some(old))
    }

    fn entry(
        &self,
        id: &str,
        kind: LineageKind,
        mut overlaps: Vec<PersonaOverlap>,
        previous: Option<usize>,
    ) -> Lineage {
        overlaps.sort_by_key(|overlap| Reverse(overlap.customers));
        let previous = previous.map(|old| self.size(&self.overlap.old_sizes, old));
        Lineage {
            persona_id: id.to_owned(),
            kind,
            overlaps,
            previous_customers: previous.map(|size| size as i64),
            previous_share: previous.map(|size| share(size, self.customers)),
            centre_distance: None,
        }
    }

    fn size(&self, sizes: &[u64], place: usize) -> u64 {
        sizes.get(place).copied().unwrap_or(0)
    }

    /// What the two have in common, where it is worth telling; `other` is the one that is told of.
    fn told(&self, old: usize, new: usize, other: &str) -> Option<PersonaOverlap> {
        let shared = self.overlap.shared(old, new);
        let earlier = self.size(&self.overlap.old_sizes, old);
        let later = self.size(&self.overlap.new_sizes, new);
        let enough = at_least(shared, TOLD, earlier) || at_least(shared, TOLD, later);
        enough.then(|| PersonaOverlap {
            persona_id: other.to_owned(),
            customers: shared as i64,
            jaccard: self.overlap.jaccard(old, new),
            share_of_earlier: share(shared, earlier),
            share_of_later: share(shared, later),
        })
    }

    fn merged(&self, new: usize) -> bool {
        let holds = |&old: &usize| {
            let known = self.overlap.old_known(old);
            at_least(self.overlap.shared(old, new), MERGED_OF_EARLIER, known)
        };
        (0..self.old_ids.len()).filter(holds).count() >= 2
    }

    fn split(&self, new: usize) -> bool {
        (0..self.old_ids.len()).any(|old| {
            let parts = (0..self.new_ids.len()).filter(|&part| self.part(old, part)).count();
            self.part(old, new) && parts >= 2
        })
    }

    fn part(&self, old: usize, new: usize) -> bool {
        let shared = self.overlap.shared(old, new);
        at_least(shared, PART_OF_EARLIER, self.overlap.old_known(old))
            && at_least(shared, PART_OF_LATER, self.overlap.new_known(new))
    }
}

/// Whether `part` is somebody, and at least one in `one_in` of `whole`.
fn at_least(part: u64, one_in: u64, whole: u64) -> bool {
    part > 0 && part.saturating_mul(one_in) >= whole
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}
