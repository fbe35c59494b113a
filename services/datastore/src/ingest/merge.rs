//! Several batches as one set of rows with distinct names, and back to an outcome for each record.

use super::Outcome;
use crate::rows::{Fingerprint, Row};
use std::collections::HashSet;

/// Records of the same name, of which the first to arrive may be stored.
struct Group<'a> {
    first: &'a Row,
    /// Batch and place of each record of this name, in order of arrival.
    places: Vec<(usize, usize)>,
}

/// The merged batches, sorted by name so that two transactions never wait for each other in a circle.
pub(super) struct Merge<'a> {
    batches: &'a [&'a [Row]],
    groups: Vec<Group<'a>>,
}

impl<'a> Merge<'a> {
    pub(super) fn of(batches: &'a [&'a [Row]]) -> Self {
        let mut order: Vec<(usize, usize)> = batches
            .iter()
            .enumerate()
            .flat_map(|(batch, rows)| (0..rows.len()).map(move |place| (batch, place)))
            .collect();
        let name = |&(batch, place): &(usize, usize)| {
            let row: &'a Row = &batches[batch][place];
            (row.customer_id.as_str(), row.interaction_id.as_str())
        };
        // Stable, so that records of one name stay in the order of their arrival.
        order.sort_by(|a, b| name(a).cmp(&name(b)));
        let groups = order
            .chunk_by(|a, b| name(a) == name(b))
            .map(|places| Group {
                first: &batches[places[0].0][places[0].1],
                places: places.to_vec(),
            })
            .collect();
        Self { batches, groups }
    }

    /// The customers, each once, sorted.
    pub(super) fn customers(&self) -> Vec<&'a str> {
        let mut customers: Vec<&str> =
            self.groups.iter().map(|group| group.first.customer_id.as_str()).collect();
        customers.dedup();
        customers
    }

    /// The rows to insert: the first of each name, but for erased customers.
    pub(super) fn candidates(&self, suppressed: &HashSet<&str>) -> Vec<&'a Row> {
        self.groups
            .iter()
            .map(|group| group.first)
            .filter(|row| !suppressed.contains(row.customer_id.as_str()))
            .collect()
    }

    /// The outcomes of each batch. `stored` tells for each candidate what was there before under its name, if anything.
    pub(super) fn outcomes(
        &self,
        suppressed: &HashSet<&str>,
        stored: &[Option<Fingerprint>],
    ) -> Vec<Vec<Outcome>> {
        let mut outcomes: Vec<Vec<Outcome>> =
            self.batches.iter().map(|rows| vec![Outcome::Suppressed; rows.len()]).collect();
        let mut stored = stored.iter();
        for group in &self.groups {
            if suppressed.contains(group.first.customer_id.as_str()) {
                continue;
            }
            let before = stored.next().copied().flatten();
            let stands = before.unwrap_or(group.first.fingerprint);
            for (nth, &(batch, place)) in group.places.iter().enumerate() {
                outcomes[batch][place] = match (before, nth) {
                    (None, 0) => Outcome::Accepted,
                    _ if self.batches[batch][place].fingerprint == stands => Outcome::Duplicate,
                    _ => Outcome::Conflict,
                };
            }
        }
        outcomes
    }
}
