//! A customer placed and explained, from their activity and what is known of the personas.

use super::{Assignment, Explanation, FeatureFacts, PersonaModel, Place, explain};
use crate::{
    Activity, Customer, Timestamp, features::Feature, interaction::Currency, personas::Persona,
};

/// A persona under the name that people know it by.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Its name.
    pub name: &'a str,
    /// What was found of it.
    pub persona: &'a Persona,
}

/// What one used feature is, and what customer and personas have of it, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The feature.
    pub name: String,
    /// Its unit in words.
    pub unit: String,
    /// The customer's value; none where it is missing.
    pub value: Option<f64>,
    /// Median of the persona's members who have it.
    pub persona_median: Option<f64>,
    /// Median of the runner-up's members who have it.
    pub runner_up_median: Option<f64>,
}

/// Where a customer is, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// Where.
    pub assignment: Assignment,
    /// The used features, in the order of the model; contributions name them by their places here.
    pub facts: Vec<Fact>,
    /// Why.
    pub explanation: Explanation,
}

impl PersonaModel {
    /// Places one customer and says why. `personas` are those of the model, by their places. None where they are not.
    pub fn why(
        &self,
        activity: &Activity,
        customer: Option<&Customer>,
        as_of: Timestamp,
        personas: &[Named<'_>],
        currency: Option<Currency>,
    ) -> Option<Why> {
        let alone = std::slice::from_ref(activity);
        let known = |_: &str| customer;
        let points = self.points(alone, &known, as_of);
        let assignment = self.assign(alone, &known, as_of).pop()?;
        let (own, other) = (usize::from(assignment.persona), usize::from(assignment.runner_up));
        let (persona, runner_up) = (personas.get(own)?, personas.get(other)?);
        let median = |of: &Named<'_>, name: &str| {
            of.persona.features.iter().find(|f| f.name == name).and_then(|f| f.median)
        };
        let fact = |name: &str| Fact {
            name: name.to_owned(),
            unit: (persona.persona.features.iter().find(|f| f.name == name))
                .map_or_else(String::new, |f| f.unit.clone()),
            value: Feature::parse(name)
                .ok()
                .map(|feature| feature.value(activity, customer, as_of))
                .filter(|value| value.is_finite()),
            persona_median: median(persona, name),
            runner_up_median: median(runner_up, name),
        };
        let facts: Vec<Fact> = self.coordinates().map(fact).collect();
        let borrowed: Vec<FeatureFacts<'_>> = (facts.iter())
            .map(|fact| FeatureFacts {
                name: &fact.name,
                unit: &fact.unit,
                value: fact.value,
                persona_median: fact.persona_median,
                runner_up_median: fact.runner_up_median,
            })
            .collect();
        let explanation = explain(
            points.row(0),
            Place { name: persona.name, centre: self.centres.get(own)? },
            Place { name: runner_up.name, centre: self.centres.get(other)? },
            &borrowed,
            currency,
        );
        Some(Why { assignment, facts, explanation })
    }
}
