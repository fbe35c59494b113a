//! The model: all that is needed to place a customer, tomorrow as on the day it was fitted.

use crate::{
    Activity, Timestamp,
    features::{Points, Scaler, Values},
    kmeans::{Clusters, nearest},
    stats,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Share of the members beyond whose distance one is an outlier.
const OUTLIER_QUANTILE: f64 = 0.995;

/// A customer's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The customer.
    pub customer_id: String,
    /// The persona, by its place.
    pub persona: u16,
    /// Distance to its centre.
    pub distance: f64,
    /// The second nearest persona.
    pub runner_up: u16,
    /// Distance to its centre.
    pub runner_up_distance: f64,
    /// Farther from the centre than nearly all members were when the model was fitted.
    pub outlier: bool,
    /// The instant before which the customer's interactions were counted.
    pub as_of: Timestamp,
}

impl Assignment {
    /// How much nearer the persona is than the runner-up, in `[0, 1]`. Not a probability.
    pub fn confidence(&self) -> f64 {
        if self.runner_up_distance > 0.0 {
            ((self.runner_up_distance - self.distance) / self.runner_up_distance).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// Features, scaler, weights and centres: fitted once, stored, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaModel {
    /// How values become coordinates; names every feature of the registry.
    pub scaler: Scaler,
    /// The centres over the used features, largest persona first.
    pub centres: Vec<Vec<f64>>,
    /// For each persona the distance from which on a customer is an outlier.
    pub outlier_distances: Vec<f64>,
}

impl PersonaModel {
    /// The model of `clusters`, and the place of everybody it was made from.
    pub(super) fn new(
        activities: &[Activity],
        as_of: Timestamp,
        points: &Points,
        scaler: Scaler,
        clusters: &Clusters,
    ) -> (Self, Vec<Assignment>) {
        let mut model = Self {
            scaler,
            centres: clusters.centres.clone(),
            outlier_distances: vec![f64::INFINITY; clusters.centres.len()],
        };
        let mut assignments = model.place(activities, as_of, points);
        let mut distances = vec![Vec::new(); model.centres.len()];
        for assignment in &assignments {
            distances[usize::from(assignment.persona)].push(assignment.distance);
        }
        for (limit, distances) in model.outlier_distances.iter_mut().zip(&mut distances) {
            distances.sort_unstable_by(f64::total_cmp);
            *limit = stats::quantile(distances, OUTLIER_QUANTILE).unwrap_or(0.0);
        }
        for assignment in &mut assignments {
            assignment.outlier =
                assignment.distance > model.outlier_distances[usize::from(assignment.persona)];
        }
        (model, assignments)
    }

    /// The points of these customers: what k-means saw of them, or would have seen.
    pub fn points(&self, activities: &[Activity], as_of: Timestamp) -> Points {
        Points::new(&Values::extract(activities, as_of), &self.scaler)
    }

    /// Places customers, in the order given.
    pub fn assign(&self, activities: &[Activity], as_of: Timestamp) -> Vec<Assignment> {
        self.place(activities, as_of, &self.points(activities, as_of))
    }

    fn place(&self, activities: &[Activity], as_of: Timestamp, points: &Points) -> Vec<Assignment> {
        (activities.par_iter().enumerate())
            .map(|(row, activity)| {
                let near = nearest(points.row(row), &self.centres);
                let distance = near.squared.sqrt();
                Assignment {
                    customer_id: activity.customer_id.clone(),
                    persona: near.centre as u16,
                    distance,
                    runner_up: near.runner_up as u16,
                    runner_up_distance: near.runner_up_squared.sqrt(),
                    outlier: distance > self.outlier_distances[near.centre],
                    as_of,
                }
            })
            .collect()
    }

    /// Names of the used features, in the order of the coordinates.
    pub fn coordinates(&self) -> impl Iterator<Item = &str> {
        self.scaler.used().map(|place| self.scaler.features[place].name.as_str())
    }

    /// The coordinate of a persona in a feature of the registry; 0 where the feature is not used.
    pub fn centre(&self, persona: usize, feature: usize) -> f64 {
        self.scaler
            .used()
            .position(|place| place == feature)
            .map_or(0.0, |column| self.centres[persona][column])
    }
}
