//! A segmentation: from activities to personas, in one call that gives equal bytes to equal arguments.
//!
//! Three types, three states: [`Parameters`] as asked, [`Checked`] where every rule holds, [`Fitted`] with what
//! came out. Customers are put in the order of their ids first, so that the order of arrival changes nothing.

mod choice;
mod gaps;
mod indices;
mod model;
mod parameters;
mod principal;
mod quality;
mod resamples;
mod structure;

pub use choice::{Candidate, Choice, choose};
pub use model::{Assignment, PersonaModel};
pub use parameters::{Checked, Parameters, Problem};
pub use structure::{Structure, judge};

use crate::{
    Activity,
    features::{self, FeatureReport, Points, Scaler, Values},
    interaction::Currency,
    kmeans::{self, Clusters},
    personas::{self, Persona},
};
use serde::{Deserialize, Serialize};

/// Why there is no segmentation. None of these is a fault: another question or more data may go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Personas of a handful are anecdotes.
    #[error(
        "{customers} customers have activity before as_of, and {needed} are needed: 30, or 10 for each persona asked \
         for. Import more interactions, choose a later as_of or a smaller k"
    )]
    TooFewCustomers {
        /// How many there are.
        customers: usize,
        /// How many are needed.
        needed: usize,
    },
    /// Nothing tells the customers apart, or not enough of them.
    #[error(
        "the features tell only {distinct} customers apart, too few for {k} personas. Ask for fewer personas, for other \
         features, or import interactions that differ"
    )]
    ConstantFeatures {
        /// Different points; 1 where no feature differs at all.
        distinct: usize,
        /// Personas asked for.
        k: usize,
    },
    /// The caller of the progress callback said stop.
    #[error("the run was stopped")]
    Stopped,
}

/// Told the share of the work done and its step; answers whether to go on.
pub type Progress<'a> = &'a (dyn Fn(f64, &str) -> bool + Sync);

/// What came out, and on what it rests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Customers clustered.
    pub customers: i64,
    /// Customers left out because they objected to profiling; filled in by who loads the activities.
    pub customers_excluded: i64,
    /// Number of personas.
    pub k: u16,
    /// The rule by which it was chosen, in words.
    pub k_rule: String,
    /// What was measured for each number that was tried.
    pub candidates: Vec<Candidate>,
    /// What kind of structure the customers have, whatever k is.
    #[serde(default)]
    pub structure: Structure,
    /// Why, in words.
    #[serde(default)]
    pub structure_reason: String,
    /// Sum of squared distances to the centres.
    pub inertia: f64,
    /// Mean silhouette of a sample.
    pub silhouette: f64,
    /// Customers in that sample.
    pub silhouette_customers: i64,
    /// Steps of Lloyd's algorithm in the last fit.
    pub iterations: i64,
    /// Whether it came to rest before the limit of steps.
    pub converged: bool,
    /// Every feature of the registry, in the order of the centres.
    pub features: Vec<FeatureReport>,
    /// Currency of the value features; none where no order has an amount.
    pub currency: Option<Currency>,
    /// Orders without an amount in that currency.
    pub orders_unvalued: i64,
}

/// A segmentation that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What places a customer.
    pub model: PersonaModel,
    /// On what it rests.
    pub report: Report,
    /// The personas, largest first; an [`Assignment`] names them by their place.
    pub personas: Vec<Persona>,
    /// Everybody, by customer id.
    pub assignments: Vec<Assignment>,
}

/// Customers in original units and in the space of distances.
struct Space {
    values: Values,
    scaler: Scaler,
    points: Points,
}

impl Space {
    fn new(activities: &[Activity], asked: &Checked) -> Self {
        let values = Values::extract(activities, asked.as_of);
        let scaler = Scaler::fit(&values, &asked.features);
        let points = Points::new(&values, &scaler);
        Self { values, scaler, points }
    }
}

impl Checked {
    /// Finds the personas among `activities`.
    ///
    /// # Errors
    /// [`Refusal`], each with its reason.
    pub fn fit(
        &self,
        mut activities: Vec<Activity>,
        progress: Progress<'_>,
    ) -> Result<Fitted, Refusal> {
        let step = |done: f64, what: &str| {
            if progress(done, what) { Ok(()) } else { Err(Refusal::Stopped) }
        };
        step(0.1, "computing features")?;
        activities.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        let least_k = self.least_k();
        let needed = (10 * least_k).max(30);
        if activities.len() < needed {
            return Err(Refusal::TooFewCustomers { customers: activities.len(), needed });
        }
        let space = Space::new(&activities, self);
        let distinct = space.points.distinct(self.greatest_k());
        let constant = Refusal::ConstantFeatures { distinct, k: least_k };
        if distinct < least_k || space.points.width() == 0 {
            return Err(constant);
        }

        step(0.2, "choosing k")?;
        let choice = choice::choose(&space.points, self, None, &|done| {
            progress(0.2 + 0.5 * done, "choosing k")
        })?;
        let choice = choice.ok_or(constant.clone())?;
        step(0.7, "fitting")?;
        let clusters = kmeans::fit(&space.points, usize::from(choice.k), self.restarts, self.seed);
        let clusters = clusters.filter(|found| found.centres.len() >= 2).ok_or(constant)?;
        step(0.85, "describing personas")?;
        Ok(self.describe(&activities, space, &clusters, choice))
    }

    fn describe(
        &self,
        activities: &[Activity],
        space: Space,
        clusters: &Clusters,
        choice: Choice,
    ) -> Fitted {
        let Space { values, scaler, points } = space;
        let (silhouette, sampled) = quality::sampled_silhouette(
            &points,
            &clusters.labels,
            clusters.centres.len(),
            self.seed,
        );
        let (structure, structure_reason) = structure::judge(&points, self);
        let features = features::report(&scaler, self.currency);
        let (model, assignments) = PersonaModel::new(activities, &points, scaler, clusters);
        let personas = personas::describe(&personas::Input {
            activities,
            values: &values,
            model: &model,
            clusters,
            assignments: &assignments,
            features: &features,
            currency: self.currency,
        });
        let report = Report {
            customers: activities.len() as i64,
            customers_excluded: 0,
            k: clusters.centres.len() as u16,
            candidates: choice.with_silhouette(silhouette),
            k_rule: choice.rule,
            structure,
            structure_reason,
            inertia: clusters.inertia,
            silhouette,
            silhouette_customers: sampled as i64,
            iterations: clusters.steps as i64,
            converged: clusters.converged,
            features,
            currency: self.currency,
            orders_unvalued: activities.iter().fold(0, |sum: i64, a| {
                sum.saturating_add(a.orders.saturating_sub(a.orders_valued))
            }),
        };
        Fitted { model, report, personas, assignments }
    }
}

#[cfg(test)]
mod tests;
