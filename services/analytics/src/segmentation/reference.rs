//! The version that is active while another one is made: from it personas keep their ids, the fit a second start, and the
//! policy its figure of who would move.

use super::{
    Candidate, Decision, Identity, Overlap, PersonaModel, Policy, Report, Structure, Table,
    axis_unit, centre_distances, decide, identify, mean_places, mint,
};
use crate::{
    features::{Block, Feature, Points},
    kmeans::{self, Clusters, nearest},
};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for the place of a customer who had none.
pub const NOWHERE: u16 = u16::MAX;
/// A warm start is taken where its inertia is no more than this share above that of the best cold one: personas that go on
/// are worth more than a thousandth.
const WARM: f64 = 0.001;

/// The active version, as far as the next one looks at it.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The segmentation.
    pub segmentation_id: String,
    /// Whether it was asked for in the same way: only then its number of personas is one to keep.
    pub same_question: bool,
    /// Its model.
    pub model: PersonaModel,
    /// Ids of its personas, by their places.
    pub persona_ids: Vec<String>,
    /// Members of its personas, by their places.
    pub sizes: Vec<u64>,
    /// For each row of the table the place of the customer in it, or [`NOWHERE`].
    pub places: Vec<u16>,
}

impl Reference {
    /// The customers where the model of the reference sees them. A feature that the table does not hold is missing for everybody.
    pub(super) fn points(&self, table: &Table) -> Points {
        let columns: BTreeMap<String, usize> = (table.selection().features().iter().enumerate())
            .map(|(place, feature)| (feature.name(), place))
            .collect();
        let scaler = &self.model.scaler;
        let column: Vec<Option<usize>> =
            scaler.features.iter().map(|scale| columns.get(&scale.name).copied()).collect();
        Points::new(table.rows(), scaler, |row, feature| {
            column[feature].map_or(f64::NAN, |column| table.values().column(column).get(row))
        })
    }

    /// The fit that begins where the personas of the reference are now, if it is as good as the one found without.
    pub(super) fn warm(&self, seen: &Points, points: &Points, cold: Clusters) -> Clusters {
        let k = self.model.centres.len();
        if k != cold.centres.len() || seen.width() == 0 {
            return cold;
        }
        let rows = (0..seen.rows())
            .map(|row| (points.row(row), nearest(seen.row(row), &self.model.centres).centre));
        let starts = mean_places(rows, k, points.width());
        if starts.iter().flatten().any(|x| !x.is_finite()) {
            return cold;
        }
        match kmeans::fit_from(points, &starts) {
            Some(warm)
                if warm.centres.len() == k && warm.inertia <= cold.inertia * (1.0 + WARM) =>
            {
                warm
            }
            _ => cold,
        }
    }

    /// What the personas of `clusters` have in common with those of the reference.
    fn overlap(&self, seen: &Points, clusters: &Clusters) -> Overlap {
        let (old, new) = (self.persona_ids.len(), clusters.centres.len());
        let mut shared = vec![vec![0u64; new]; old];
        for (&place, &label) in self.places.iter().zip(&clusters.labels) {
            if let Some(row) = shared.get_mut(usize::from(place)) {
                row[usize::from(label)] += 1;
            }
        }
        let rows = (0..seen.rows()).map(|row| (seen.row(row), usize::from(clusters.labels[row])));
        let places = mean_places(rows, new, seen.width());
        let scaler = &self.model.scaler;
        let weights = scaler.used().map(|place| {
            let scale = &scaler.features[place];
            let block = Feature::parse(&scale.name).map_or(Block::Attributes, |f| f.block());
            (block.name(), scale.weight)
        });
        Overlap {
            shared,
            old_sizes: self.sizes.clone(),
            new_sizes: clusters.counts.iter().map(|&count| count as u64).collect(),
            distances: centre_distances(&self.model.centres, &places, axis_unit(weights)),
        }
    }

    /// Who is who, and the share of the customers in both versions whose persona is another one by that; none where nobody is.
    pub(super) fn identify(
        &self,
        seen: &Points,
        clusters: &Clusters,
        model: &PersonaModel,
    ) -> (Identity, Option<f64>) {
        let overlap = self.overlap(seen, clusters);
        let identity = identify(&overlap, &self.persona_ids, &seed(model), &BTreeSet::new());
        let both: u64 = overlap.shared.iter().flatten().sum();
        let stayed: u64 = (identity.continues.iter().enumerate())
            .filter_map(|(new, old)| old.map(|old| overlap.shared[old][new]))
            .sum();
        let moved = (both > 0).then(|| (both - stayed) as f64 / both as f64);
        (identity, moved)
    }
}

/// The bytes of which new ids are made.
fn seed(model: &PersonaModel) -> Vec<u8> {
    // A model is numbers and names: writing it as JSON cannot fail, and nothing would still be an equal id.
    serde_json::to_vec(model).unwrap_or_default()
}

/// The ids of personas that continue nothing.
pub(crate) fn new_ids(model: &PersonaModel) -> Vec<String> {
    let (seed, mut taken) = (seed(model), BTreeSet::new());
    (0..model.centres.len())
        .map(|place| {
            let id = mint(&seed, place, &taken);
            taken.insert(id.clone());
            id
        })
        .collect()
}

impl Report {
    /// What was measured for the number of personas that was taken, on a sample.
    pub fn chosen(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.k == self.k)
    }

    /// Mean squared distance of the customers to their centres.
    pub fn mean_squared_distance(&self) -> f64 {
        self.inertia / self.customers.max(1) as f64
    }

    /// Decides whether the version becomes the active one by itself.
    pub fn decide(&self, policy: &Policy) -> Decision {
        decide(
            policy,
            self.structure == Structure::None,
            &self.structure_reason,
            self.moved_share,
            self.chosen().map(|candidate| candidate.stability),
        )
    }
}
