//! The model: all that is needed to place a customer, tomorrow as on the day it was fitted.

use super::Table;
use crate::{
    Activity, Customer, Timestamp,
    features::{Feature, Points, Scaler},
    kmeans::{Clusters, nearest},
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Share of the members beyond whose distance one is an outlier.
const OUTLIER_QUANTILE: f64 = 0.995;

/// Where the attributes of a customer are found, by id.
pub type Customers<'a> = dyn Fn(&str) -> Option<&'a Customer> + Sync + 'a;

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
    /// How values become coordinates; names every feature that the model knows.
    pub scaler: Scaler,
    /// The centres over the used features, largest persona first.
    pub centres: Vec<Vec<f64>>,
    /// For each persona the distance from which on a customer is an outlier.
    pub outlier_distances: Vec<f64>,
}

impl PersonaModel {
    /// The model of `clusters`, and the place of everybody it was made from.
    pub(super) fn new(
        table: &Table,
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
        let mut assignments = model.place(points, as_of, &|row| table.id(row));
        let mut distances = vec![Vec::new(); model.centres.len()];
        for assignment in &assignments {
            distances[usize::from(assignment.persona)].push(assignment.distance);
        }
        for (limit, distances) in model.outlier_distances.iter_mut().zip(&mut distances) {
            distances.sort_unstable_by(f64::total_cmp);
            // The value itself and not a point between two: so few that it is the farthest have no outlier.
            let place = (distances.len() as f64 * OUTLIER_QUANTILE).ceil() as usize;
            *limit = place.checked_sub(1).and_then(|at| distances.get(at)).copied().unwrap_or(0.0);
        }
        for assignment in &mut assignments {
            assignment.outlier =
                assignment.distance > model.outlier_distances[usize::from(assignment.persona)];
        }
        (model, assignments)
    }

    /// Whether it looks at attributes: whether `customers` is asked for anybody when customers are placed.
    pub fn asks_attributes(&self) -> bool {
        let attribute = |place: usize| {
            matches!(Feature::parse(&self.scaler.features[place].name), Ok(Feature::Attribute(_)))
        };
        self.scaler.used().any(attribute)
    }

    /// The points of these customers: what k-means saw of them, or would have seen.
    pub fn points(
        &self,
        activities: &[Activity],
        customers: &Customers<'_>,
        as_of: Timestamp,
    ) -> Points {
        // A feature that this version does not know, of a model of a later one, is missing for everybody.
        let features: Vec<Option<Feature>> =
            self.scaler.features.iter().map(|scale| Feature::parse(&scale.name).ok()).collect();
        let attributes = self.asks_attributes();
        let found: Vec<Option<&Customer>> = (activities.iter())
            .map(|activity| attributes.then(|| customers(&activity.customer_id)).flatten())
            .collect();
        Points::new(activities.len(), &self.scaler, |row, feature| {
            let value = |feature: &Feature| feature.value(&activities[row], found[row], as_of);
            features[feature].as_ref().map_or(f64::NAN, value)
        })
    }

    /// Places customers, in the order given.
    pub fn assign(
        &self,
        activities: &[Activity],
        customers: &Customers<'_>,
        as_of: Timestamp,
    ) -> Vec<Assignment> {
        let points = self.points(activities, customers, as_of);
        self.place(&points, as_of, &|row| &activities[row].customer_id)
    }

    fn place<'a>(
        &self,
        points: &Points,
        as_of: Timestamp,
        id: &(dyn Fn(usize) -> &'a str + Sync),
    ) -> Vec<Assignment> {
        (0..points.rows())
            .into_par_iter()
            .map(|row| {
                let near = nearest(points.row(row), &self.centres);
                let distance = near.squared.sqrt();
                Assignment {
                    customer_id: id(row).to_owned(),
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

    /// The coordinate of a persona in a feature, by its place in the scaler; 0 where the feature is not used.
    pub fn centre(&self, persona: usize, feature: usize) -> f64 {
        self.scaler
            .used()
            .position(|place| place == feature)
            .map_or(0.0, |column| self.centres[persona][column])
    }
}
