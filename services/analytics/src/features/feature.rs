//! A feature of a model: one of the registry, or an attribute that was asked for by name. A model knows its own
//! list of them by name, those of the registry first.

use super::{Attribute, Block, Definition, REGISTRY, Transform, Unit, find};
use crate::{Activity, Customer, Timestamp};

/// What one coordinate of a model is made of.
#[derive(Debug, Clone)]
pub enum Feature {
    /// A feature of the registry.
    Registered(&'static Definition),
    /// An attribute.
    Attribute(Attribute),
}

impl Feature {
    /// The feature with this name.
    ///
    /// # Errors
    /// The rule that the name breaks.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, definition)) = find(name) {
            return Ok(Self::Registered(definition));
        }
        Attribute::parse(name)?.map(Self::Attribute).ok_or_else(|| {
            let known: Vec<_> = REGISTRY.iter().map(|feature| feature.name).collect();
            let forms = Attribute::FORMS;
            format!(
                "there is no feature {name:?}; there are {}; and as attributes {forms}",
                known.join(", ")
            )
        })
    }

    /// Its name: what [`Feature::parse`] reads.
    pub fn name(&self) -> String {
        match self {
            Self::Registered(definition) => definition.name.to_owned(),
            Self::Attribute(attribute) => attribute.name(),
        }
    }

    /// What it is counted in.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Registered(definition) => definition.unit,
            Self::Attribute(attribute) => attribute.unit(),
        }
    }

    /// What it means.
    pub fn meaning(&self) -> String {
        match self {
            Self::Registered(definition) => definition.meaning.to_owned(),
            Self::Attribute(attribute) => attribute.meaning(),
        }
    }

    /// What is done before scaling.
    pub fn transform(&self) -> Transform {
        match self {
            Self::Registered(definition) => definition.transform,
            Self::Attribute(attribute) => attribute.transform(),
        }
    }

    /// With which others it shares a weight.
    pub fn block(&self) -> Block {
        match self {
            Self::Registered(definition) => definition.block,
            Self::Attribute(_) => Block::Attributes,
        }
    }

    /// The customer's value; NaN where there is none, or none that is finite. It is rounded to what is kept of it in
    /// a fit, so that a customer who is placed later gets the very same coordinate.
    pub fn value(&self, activity: &Activity, customer: Option<&Customer>, as_of: Timestamp) -> f64 {
        let value = match self {
            Self::Registered(definition) => (definition.extract)(activity, as_of),
            Self::Attribute(attribute) => {
                customer.and_then(|customer| attribute.value(customer, as_of)).unwrap_or(f64::NAN)
            }
        };
        let value = if self.unit().precise() { value } else { f64::from(value as f32) };
        if value.is_finite() { value } else { f64::NAN }
    }
}

/// A feature as the API lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its name, or for attributes with a value the form of it: "gender=VALUE".
    pub name: String,
    /// Its unit in words.
    pub unit: String,
    /// What it means.
    pub meaning: String,
    /// What is done before scaling.
    pub transform: &'static str,
    /// The name of its block.
    pub block: &'static str,
    /// Weight of the whole block; 0 for attributes, which enter only where they are named.
    pub block_weight: f64,
    /// The sets that it belongs to.
    pub sets: Vec<super::FeatureSet>,
}

/// Every feature that there is, the registry first, then the forms of attributes.
pub fn listing() -> Vec<Listed> {
    let value = || "VALUE".to_owned();
    let fields = super::Field::ALL.into_iter().map(|field| Attribute::Is(field, value()));
    let attributes = [Attribute::Age, Attribute::DaysSinceSignUp]
        .into_iter()
        .chain(fields)
        .chain([Attribute::EntryIs("KEY".to_owned(), value()), Attribute::Entry("KEY".to_owned())]);
    let registered = REGISTRY.iter().map(Feature::Registered);
    registered.chain(attributes.map(Feature::Attribute)).map(|feature| listed(&feature)).collect()
}

fn listed(feature: &Feature) -> Listed {
    let block = feature.block();
    Listed {
        name: feature.name(),
        unit: feature.unit().describe(None),
        meaning: feature.meaning(),
        transform: feature.transform().name(),
        block: block.name(),
        block_weight: block.weight(),
        sets: super::FeatureSet::ALL.into_iter().filter(|set| set.contains(block)).collect(),
    }
}
