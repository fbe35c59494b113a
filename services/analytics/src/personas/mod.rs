//! Personas: what each group is like, in original units, with a name made of what distinguishes it.

pub(crate) mod figure;
mod name;
mod profile;
mod words;

use crate::{
    Activity,
    features::{FeatureReport, Values},
    interaction::Currency,
    kmeans::Clusters,
    segmentation::{Assignment, PersonaModel},
    stats,
};
use serde::{Deserialize, Serialize};

/// Difference from the rest, in standard deviations, from which a feature is worth a word.
pub const NOTABLE: f64 = 0.5;

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
    /// The members in every feature of the registry.
    pub features: Vec<PersonaFeature>,
    /// The members nearest to the centre.
    #[serde(default)]
    pub typical_customer_ids: Vec<String>,
    /// The member nearest to another persona.
    #[serde(default)]
    pub edge_customer_id: String,
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
    /// Mean of the members less that of the rest, in pooled standard deviations of the scaled space.
    pub effect_size: f64,
    /// Coordinate of the centre.
    pub centre: f64,
}

/// What a description rests on; the parts belong to one fit.
pub(crate) struct Input<'a> {
    pub(crate) activities: &'a [Activity],
    pub(crate) values: &'a Values,
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
    let ids = ids(input.model);
    let mut personas: Vec<Persona> = (ids.into_iter().zip(names).zip(profiles))
        .map(|((persona_id, name), features)| Persona {
            persona_id,
            name,
            description: String::new(),
            customers: 0,
            share: 0.0,
            features,
            typical_customer_ids: Vec::new(),
            edge_customer_id: String::new(),
            by_channel: [0; 12],
            by_stage: [0; 8],
            mean_squared_distance: 0.0,
        })
        .collect();
    let mut nearest = vec![f64::INFINITY; personas.len()];
    for (activity, assignment) in input.activities.iter().zip(input.assignments) {
        let place = usize::from(assignment.persona);
        let persona = &mut personas[place];
        persona.customers += 1;
        persona.mean_squared_distance += assignment.distance * assignment.distance;
        add(&mut persona.by_channel, &activity.by_channel);
        add(&mut persona.by_stage, &activity.by_stage);
        if assignment.distance < nearest[place] {
            nearest[place] = assignment.distance;
            persona.typical_customer_ids = vec![activity.customer_id.clone()];
        }
    }
    for persona in &mut personas {
        persona.mean_squared_distance /= persona.customers.max(1) as f64;
        persona.share = stats::share(persona.customers as usize, input.activities.len());
        persona.description = name::description(persona, input.currency);
    }
    personas
}

fn add(into: &mut [i64], from: &[i64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into = into.saturating_add(*from);
    }
}

/// Ids that depend on nothing but the model and the place in it.
fn ids(model: &PersonaModel) -> Vec<String> {
    // A model is numbers and names: writing it as JSON cannot fail, and nothing would still be an equal id.
    let bytes = serde_json::to_vec(model).unwrap_or_default();
    let id = |place: usize| {
        let mut hash = blake3::Hasher::new();
        hash.update(&bytes).update(&(place as u64).to_le_bytes());
        format!("p{}", &hash.finalize().to_hex()[..12])
    };
    (0..model.centres.len()).map(id).collect()
}
