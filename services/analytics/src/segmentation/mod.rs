//! A segmentation: from activities to personas, in one call that gives equal bytes to equal arguments.
//!
//! Three types, three states: [`Parameters`] as asked, [`Checked`] where every rule holds, [`Fitted`] with what
//! came out. Customers come in a [`Table`], in the order of their ids, so that the order of arrival changes nothing.

mod choice;
mod compare;
mod explain;
mod gaps;
mod identity;
mod indices;
mod model;
mod parameters;
mod policy;
mod principal;
mod quality;
mod reference;
mod resamples;
mod structure;
mod table;
mod why;

pub use choice::{Candidate, Choice, choose};
pub use compare::{Called, Comparison, Contingency, PersonaChange, adjusted_rand_index, compare};
pub use explain::{Contribution, Explanation, FeatureFacts, Place, explain};
pub use identity::{
    Identity, LEAST_JACCARD, Lineage, LineageKind, MOST_DISTANCE, Overlap, PersonaOverlap,
    axis_unit, centre_distances, identify, mean_places, mint,
};
pub use model::{Assignment, Customers, PersonaModel};
pub use parameters::{Checked, Parameters, Problem};
pub use policy::{Asked, Decision, Policy, decide};
pub(crate) use reference::new_ids;
pub use reference::{NOWHERE, Reference};
pub use structure::{Structure, judge};
pub use table::{Builder, Table};
pub use why::{Fact, Named, Why};

use crate::{
    features::{self, FeatureReport, Points, Scaler},
    interaction::Currency,
    kmeans::Clusters,
    personas::{self, Persona},
    stats,
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
    /// Every feature of the registry and every attribute that was asked for, in the order of the centres.
    pub features: Vec<FeatureReport>,
    /// Currency of the value features; none where no order has an amount.
    pub currency: Option<Currency>,
    /// Orders without an amount in that currency.
    pub orders_unvalued: i64,
    /// Share of the customers who are outliers of their persona.
    #[serde(default)]
    pub outlier_share: f64,
    /// The version from which personas keep their ids; none where there was none.
    #[serde(default)]
    pub reference: Option<String>,
    /// What became of the personas of the reference, and where each of these came from.
    #[serde(default)]
    pub lineage: Vec<Lineage>,
    /// Share of the customers in both versions whose persona is another one now; none where nobody is in both.
    #[serde(default)]
    pub moved_share: Option<f64>,
    /// Whether it became the active one by itself; filled in by who asks for it.
    #[serde(default)]
    pub activation: Option<Decision>,
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

impl Checked {
    /// Finds the personas among the customers of `table`, which was built for the same question. Those that go on keep the ids that
    /// they have in `reference`.
    ///
    /// # Errors
    /// [`Refusal`], each with its reason.
    pub fn fit(
        &self,
        table: Table,
        reference: Option<&Reference>,
        progress: Progress<'_>,
    ) -> Result<Fitted, Refusal> {
        let step = |done: f64, what: &str| {
            if progress(done, what) { Ok(()) } else { Err(Refusal::Stopped) }
        };
        step(0.1, "computing features")?;
        let least_k = self.least_k();
        let needed = (10 * least_k).max(30);
        if table.rows() < needed {
            return Err(Refusal::TooFewCustomers { customers: table.rows(), needed });
        }
        let (scaler, points) = table.space();
        let distinct = points.distinct(self.greatest_k());
        let constant = Refusal::ConstantFeatures { distinct, k: least_k };
        if distinct < least_k || points.width() == 0 {
            return Err(constant);
        }

        step(0.2, "choosing k")?;
        let reference_k = (reference.filter(|reference| reference.same_question))
            .map(|reference| reference.model.centres.len() as u16);
        let choice = choice::choose(&points, self, reference_k, &|done| {
            progress(0.2 + 0.5 * done, "choosing k")
        })?;
        let choice = choice.ok_or(constant.clone())?;
        step(0.7, "fitting")?;
        let clusters = choice.fit(&points, self.restarts, self.seed);
        let mut clusters = clusters.filter(|found| found.centres.len() >= 2).ok_or(constant)?;
        let seen = reference.map(|reference| (reference, reference.points(&table)));
        if let Some((reference, seen)) = &seen {
            clusters = reference.warm(seen, &points, clusters);
        }
        step(0.85, "describing personas")?;
        let mut fitted = self.describe(&table, (scaler, &points), &clusters, choice);
        if let Some((reference, seen)) = seen {
            let (identity, moved) = reference.identify(&seen, &clusters, &fitted.model);
            for (persona, id) in fitted.personas.iter_mut().zip(identity.ids) {
                persona.persona_id = id;
            }
            fitted.report.reference = Some(reference.segmentation_id.clone());
            fitted.report.lineage = identity.lineage;
            fitted.report.moved_share = moved;
        }
        Ok(fitted)
    }

    fn describe(
        &self,
        table: &Table,
        (scaler, points): (Scaler, &Points),
        clusters: &Clusters,
        choice: Choice,
    ) -> Fitted {
        let (silhouette, sampled) = quality::sampled_silhouette(
            points,
            &clusters.labels,
            clusters.centres.len(),
            self.seed,
        );
        let (structure, structure_reason) = structure::judge(points, self);
        let selected = table.selection().features();
        let features = features::report(selected, &scaler, self.currency);
        let (model, assignments) = PersonaModel::new(table, self.as_of, points, scaler, clusters);
        let personas = personas::describe(&personas::Input {
            table,
            model: &model,
            clusters,
            assignments: &assignments,
            features: &features,
            currency: self.currency,
        });
        let report = Report {
            customers: table.rows() as i64,
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
            orders_unvalued: table.orders_unvalued(),
            outlier_share: stats::share(
                assignments.iter().filter(|a| a.outlier).count(),
                table.rows(),
            ),
            reference: None,
            lineage: Vec::new(),
            moved_share: None,
            activation: None,
        };
        Fitted { model, report, personas, assignments }
    }
}

#[cfg(test)]
mod retrain_tests;
#[cfg(test)]
mod tests;
