//! Personas and who is in them.

use super::{channels, lineage, stages, timestamp};
use crate::proto;
use cx_analytics::{
    Timestamp,
    personas::{AttributeProfile, Distinction, PersonaFeature},
    segmentation::{self, Lineage},
};
use cx_datastore::StoredPersona;

/// What is told of a persona besides what was found when it was fitted.
#[derive(Debug, Default)]
pub struct PersonaNow {
    /// Its members now.
    pub customers: i64,
    /// Where it came from, if there was a version before.
    pub lineage: Option<Lineage>,
    /// Metrics of its members.
    pub metrics: Vec<proto::MetricResult>,
}

/// Converts a persona; a given name or description stands in front of the made one.
pub fn persona(stored: StoredPersona, now: PersonaNow) -> proto::Persona {
    let (found, label) = (stored.persona, stored.label);
    proto::Persona {
        persona_id: found.persona_id,
        segmentation_id: stored.segmentation_id,
        name_given: label.name.is_some(),
        name: label.name.unwrap_or(found.name),
        description: label.description.unwrap_or(found.description),
        customers: found.customers,
        share: found.share,
        features: found.features.into_iter().map(feature).collect(),
        typical_customer_ids: found.typical_customer_ids,
        edge_customer_id: found.edge_customer_id,
        channels: channels(&found.by_channel),
        stages: stages(&found.by_stage),
        mean_squared_distance: found.mean_squared_distance,
        etag: label.etag,
        as_of: Some(timestamp(stored.as_of)),
        distinctions: found.distinctions.into_iter().map(distinction).collect(),
        attributes: found.attributes.into_iter().map(attribute).collect(),
        customers_now: now.customers,
        lineage: now.lineage.map(lineage),
        metrics: now.metrics,
    }
}

fn feature(feature: PersonaFeature) -> proto::PersonaFeature {
    proto::PersonaFeature {
        name: feature.name,
        unit: feature.unit,
        median: feature.median,
        mean: feature.mean,
        lower_quartile: feature.lower_quartile,
        upper_quartile: feature.upper_quartile,
        overall_median: feature.overall_median,
        effect_size: feature.effect_size,
        centre: feature.centre,
    }
}

fn distinction(distinction: Distinction) -> proto::Distinction {
    proto::Distinction {
        feature: distinction.feature,
        effect_size: distinction.effect_size,
        median: distinction.median,
        rest_median: distinction.rest_median,
        text: distinction.text,
    }
}

fn attribute(profile: AttributeProfile) -> proto::AttributeProfile {
    let values = profile.values.into_iter().map(|value| proto::AttributeShare {
        value: value.value,
        customers: value.customers,
        share: value.share,
        overall_share: value.overall_share,
    });
    proto::AttributeProfile {
        attribute: profile.attribute,
        customers_known: profile.customers_known,
        values: values.collect(),
    }
}

/// The ids and names of a segmentation's personas, which assignments name by their places.
#[derive(Debug, Clone)]
pub struct PersonaNames {
    segmentation_id: String,
    personas: Vec<(String, String)>,
}

impl PersonaNames {
    /// Those of a segmentation, from all its personas in their order.
    pub fn new(segmentation_id: &str, personas: Vec<StoredPersona>) -> Self {
        let named = |stored: StoredPersona| {
            (stored.persona.persona_id, stored.label.name.unwrap_or(stored.persona.name))
        };
        Self {
            segmentation_id: segmentation_id.to_owned(),
            personas: personas.into_iter().map(named).collect(),
        }
    }

    /// The place of a persona.
    pub fn place(&self, persona_id: &str) -> Option<u16> {
        self.personas.iter().position(|(id, _)| id == persona_id).map(|place| place as u16)
    }

    /// The name of the persona at a place.
    pub fn name(&self, place: u16) -> String {
        self.at(place).1
    }

    fn at(&self, place: u16) -> (String, String) {
        self.personas.get(usize::from(place)).cloned().unwrap_or_default()
    }
}

/// Converts a customer's place in a segmentation.
pub fn assignment(assignment: segmentation::Assignment, names: &PersonaNames) -> proto::Assignment {
    let (persona_id, persona_name) = names.at(assignment.persona);
    proto::Assignment {
        confidence: Some(assignment.confidence()),
        customer_id: assignment.customer_id,
        persona_id,
        persona_name,
        segmentation_id: names.segmentation_id.clone(),
        distance: Some(assignment.distance),
        runner_up_persona_id: names.at(assignment.runner_up).0,
        runner_up_distance: Some(assignment.runner_up_distance),
        as_of: Some(timestamp(assignment.as_of)),
        outlier: assignment.outlier,
    }
}

/// A customer's persona at an earlier moment, of which nothing else is kept.
pub fn member_at(
    (customer_id, persona_id): (String, String),
    persona_name: String,
    at: Timestamp,
) -> proto::Assignment {
    proto::Assignment {
        customer_id,
        persona_id,
        persona_name,
        as_of: Some(timestamp(at)),
        ..proto::Assignment::default()
    }
}
