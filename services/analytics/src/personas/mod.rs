//! Personas: what each group is like, in original units, with a name made of what distinguishes it.

mod attributes;
mod distinct;
pub(crate) mod figure;
mod name;
mod profile;
mod words;

pub(crate) use attributes::Attributes;
pub use attributes::{AttributeProfile, AttributeShare};
pub use distinct::Distinction;

use crate::{
    features::FeatureReport,
    interaction::Currency,
    kmeans::Clusters,
    segmentation::{Assignment, PersonaModel, Table, new_ids},
    stats,
};
use serde::{Deserialize, Serialize};

/// Difference from the rest, in standard deviations, from which a feature is worth a word.
pub const NOTABLE: f64 = 0.5;
/// Members that are shown as typical.
const TYPICAL: usize = 3;

/// A group of customers who behave alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Persona {
    /// Its id: the same for the same data, parameters and seed.
    pub persona_id: String,
    /// Its name, unlike that of any other of the segmentation.
    pub name: String,
    /// What it is, with figures.
    pub description: String,
    /// Members.
    pub customers: i64,
    /// Their share of all customers.
    pub share: f64,
    /// The members in every feature of the model.
    pub features: Vec<PersonaFeature>,
    /// The three members nearest to the centre, the nearest first.
    #[serde(default)]
    pub typical_customer_ids: Vec<String>,
    /// The member nearest to another persona.
    #[serde(default)]
    pub edge_customer_id: String,
    /// What sets it apart from the rest, the most first: at most five, of different topics.
    #[serde(default)]
    pub distinctions: Vec<Distinction>,
    /// Who the members are.
    #[serde(default)]
    pub attributes: Vec<AttributeProfile>,
    /// Interactions of the members by channel, in the order of [`crate::Channel::ALL`].
    pub by_channel: [i64; 12],
    /// Interactions of the members by stage, in the order of [`crate::Stage::ALL`].
    pub by_stage: [i64; 8],
    /// Mean squared distance of the members to the centre.
    pub mean_squared_distance: f64,
}

/// The members in one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PersonaFeature {
    /// The feature.
    pub name: String,
    /// Its unit in words.
    pub unit: String,
    /// Share of the members who have it.
    pub coverage: f64,
    /// Median of the members who have it, in the unit.
    pub median: Option<f64>,
    /// Mean of the same.
    pub mean: Option<f64>,
    /// Lower quartile of the same.
    pub lower_quartile: Option<f64>,
    /// Upper quartile of the same.
    pub upper_quartile: Option<f64>,
    /// Median of all customers who have it.
    pub overall_median: Option<f64>,
    /// Median of the customers who are not members and have it.
    #[serde(default)]
    pub rest_median: Option<f64>,
    /// Mean of the same.
    #[serde(default)]
    pub rest_mean: Option<f64>,
    /// Mean of the members less that of the rest, in pooled standard deviations of the scaled space.
    pub effect_size: f64,
    /// Coordinate of the centre.
    pub centre: f64,
}

/// What a description rests on; the parts belong to one fit.
pub(crate) struct Input<'a> {
    pub(crate) table: &'a Table,
    pub(crate) model: &'a PersonaModel,
    pub(crate) clusters: &'a Clusters,
    pub(crate) assignments: &'a [Assignment],
    pub(crate) features: &'a [FeatureReport],
    pub(crate) currency: Option<Currency>,
}

/// Describes every persona, in the order of the centres.
pub(crate) fn describe(input: &Input<'_>) -> Vec<Persona> {
    let profiles = profile::profiles(input);
    let names = name::names(&profiles);
    let attributes = input.table.attributes().profiles(&input.clusters.labels, profiles.len());
    let ids = new_ids(input.model);
    let mut personas: Vec<Persona> = (ids.into_iter().zip(names).zip(profiles).zip(attributes))
        .map(|(((persona_id, name), features), attributes)| Persona {
            persona_id,
            name,
            description: String::new(),
            customers: 0,
            share: 0.0,
            distinctions: distinct::distinctions(&features, input.currency),
            features,
            typical_customer_ids: Vec::new(),
            edge_customer_id: String::new(),
            attributes,
            by_channel: [0; 12],
            by_stage: [0; 8],
            mean_squared_distance: 0.0,
        })
        .collect();
    for (row, assignment) in input.assignments.iter().enumerate() {
        let persona = &mut personas[usize::from(assignment.persona)];
        persona.customers += 1;
        persona.mean_squared_distance += assignment.distance * assignment.distance;
        add(&mut persona.by_channel, input.table.channels(row));
        add(&mut persona.by_stage, input.table.stages(row));
    }
    examples(input.assignments, &mut personas);
    for persona in &mut personas {
        persona.mean_squared_distance /= persona.customers.max(1) as f64;
        persona.share = stats::share(persona.customers as usize, input.table.rows());
        persona.description = name::description(persona);
    }
    personas
}

/// Names the members nearest to each centre and the one nearest to another; ties by id, the order of assignments.
fn examples(assignments: &[Assignment], personas: &mut [Persona]) {
    let mut members: Vec<Vec<&Assignment>> = vec![Vec::new(); personas.len()];
    for assignment in assignments {
        members[usize::from(assignment.persona)].push(assignment);
    }
    for (persona, mut members) in personas.iter_mut().zip(members) {
        let edge = members.iter().min_by(|a, b| a.confidence().total_cmp(&b.confidence()));
        persona.edge_customer_id = edge.map_or_else(String::new, |edge| edge.customer_id.clone());
        members.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let nearest = members.iter().take(TYPICAL);
        persona.typical_customer_ids = nearest.map(|near| near.customer_id.clone()).collect();
    }
}

fn add(into: &mut [i64], from: &[u32]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into = into.saturating_add(from.into());
    }
}

#[cfg(test)]
mod tests;
