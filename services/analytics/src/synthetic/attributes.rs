//! Attributes of a member: some follow the archetype, most do not.

use super::{archetype::Archetype, random::Random};
use crate::{Consent, Customer, Gender, Timestamp};
use std::collections::BTreeMap;

/// Country, language and a few cities.
type Place = (&'static str, &'static str, &'static [&'static str]);

const PLACES: &[(Place, f64)] = &[
    (("DE", "de", &["Berlin", "Hamburg", "Köln", "Leipzig"]), 0.34),
    (("FR", "fr", &["Paris", "Lyon", "Nantes"]), 0.22),
    (("ES", "es", &["Madrid", "Sevilla", "Bilbao"]), 0.14),
    (("IT", "it", &["Milano", "Torino", "Napoli"]), 0.12),
    (("NL", "nl", &["Utrecht", "Rotterdam"]), 0.08),
    (("AT", "de", &["Wien", "Graz"]), 0.05),
    (("IE", "en", &["Dublin", "Cork"]), 0.05),
];

pub(super) fn customer(
    random: &mut Random,
    archetype: Archetype,
    customer_id: &str,
    signed_up_at: Timestamp,
) -> Customer {
    let traits = archetype.traits();
    let (country, language, cities) = random.choose(PLACES).unwrap_or(PLACES[0].0);
    let mut attributes = BTreeMap::new();
    attributes.insert(
        "favourite_category".to_owned(),
        random.text(&["garden", "kitchen", "sports", "books", "electronics"]),
    );
    attributes.insert("newsletter".to_owned(), random.text(&["weekly", "monthly", "never"]));
    Customer {
        customer_id: customer_id.to_owned(),
        gender: random
            .choose(&[
                (Some(Gender::Female), 0.47),
                (Some(Gender::Male), 0.45),
                (Some(Gender::NonBinary), 0.01),
                (Some(Gender::Undisclosed), 0.02),
                (None, 0.05),
            ])
            .flatten(),
        birth_year: random.chance(0.9).then(|| {
            (traits.born.0 + traits.born.1 * random.normal()).clamp(1930.0, 2007.0) as i32
        }),
        country: Some(country.to_owned()),
        city: Some(random.text(cities)),
        language: Some(language.to_owned()),
        plan: random.choose(traits.plans).map(str::to_owned),
        email: random.chance(0.95).then(|| format!("{customer_id}@example.com")),
        signed_up_at: Some(signed_up_at),
        attributes,
        consent: Consent {
            marketing: Some(random.chance(0.7)),
            // Half a per cent object to profiling, so that a demonstration shows them left out.
            profiling: Some(!random.chance(0.005)),
            updated_at: Some(signed_up_at),
        },
        ..Customer::default()
    }
}
