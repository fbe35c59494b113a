//! What sets a persona apart, in figures: the strongest feature of each topic, against the customers who are not
//! members. Nothing here is a test of significance: the groups were made from these features.

use super::{
    NOTABLE, PersonaFeature,
    figure::figure,
    words::{Topic, label, topic},
};
use crate::interaction::Currency;
use serde::{Deserialize, Serialize};

/// Least share of the members who must have a feature for it to speak for the persona.
const LEAST_COVERAGE: f64 = 0.2;
/// Most that are told of one persona.
const MOST: usize = 5;

/// One thing that sets a persona apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinction {
    /// The feature.
    pub feature: String,
    /// Standardised difference from the rest, as in [`PersonaFeature::effect_size`].
    pub effect_size: f64,
    /// Median of the members, in the unit of the feature.
    pub median: Option<f64>,
    /// Median of the customers who are not members.
    pub rest_median: Option<f64>,
    /// The same in words.
    pub text: String,
}

/// Features worth a word, the strongest first.
pub(super) fn notable(profile: &[PersonaFeature]) -> Vec<&PersonaFeature> {
    let enough =
        |f: &&PersonaFeature| f.effect_size.abs() >= NOTABLE && f.coverage >= LEAST_COVERAGE;
    let mut features: Vec<&PersonaFeature> = profile.iter().filter(enough).collect();
    features.sort_by(|a, b| b.effect_size.abs().total_cmp(&a.effect_size.abs()));
    features
}

/// The distinctions of a persona, the most first, each topic once.
pub(super) fn distinctions(
    profile: &[PersonaFeature],
    currency: Option<Currency>,
) -> Vec<Distinction> {
    let mut topics: Vec<Topic<'_>> = Vec::new();
    let mut found = Vec::new();
    for feature in notable(profile) {
        let topic = topic(&feature.name);
        if found.len() == MOST || topics.contains(&topic) {
            continue;
        }
        // Where no figure shows the difference, another feature of the topic may.
        if let Some(text) = text(feature, currency) {
            topics.push(topic);
            found.push(Distinction {
                feature: feature.name.clone(),
                effect_size: feature.effect_size,
                median: feature.median,
                rest_median: feature.rest_median,
                text,
            });
        }
    }
    found
}

/// "order value 940.00 EUR, the rest 120.00 EUR"; with means where the medians look the same, as they do of what most
/// customers never do. None where the means do as well.
fn text(feature: &PersonaFeature, currency: Option<Currency>) -> Option<String> {
    let name = label(&feature.name);
    let (median, rest) = (feature.median?, feature.rest_median?);
    let show = |value: f64, digits| figure(&feature.unit, value, digits, currency);
    let (own, others) = (show(median, 0), show(rest, 0));
    if own != others && feature.unit != "0 or 1" {
        return Some(format!("{name} {own}, the rest {others}"));
    }
    let (own, others) = (show(feature.mean?, 2), show(feature.rest_mean?, 2));
    let of = if feature.unit == "0 or 1" { "" } else { " on average" };
    (own != others).then(|| format!("{name} {own}{of}, the rest {others}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::personas::tests::feature;

    #[test]
    fn each_topic_is_told_once_and_the_most_distinct_first() {
        let euro = Currency::parse("EUR");
        let money = |mut feature: PersonaFeature| {
            feature.unit = "EUR minor units".to_owned();
            (feature.median, feature.rest_median) = (Some(94_000.0), Some(12_000.0));
            feature
        };
        let profile = [
            feature("orders", 0.9, 9.0),
            money(feature("order_value", 1.5, 0.0)),
            feature("days_since_interaction", -0.6, 3.0),
            feature("days_since_order", -0.8, 4.0),
            feature("contacts", 0.4, 9.0),
        ];
        let found = distinctions(&profile, euro);
        let texts: Vec<&str> = found.iter().map(|d| d.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "order value 940.00 EUR, the rest 120.00 EUR",
                "orders 9, the rest 2",
                "days since order 4, the rest 2"
            ]
        );
        assert_eq!((found[0].median, found[0].rest_median), (Some(94_000.0), Some(12_000.0)));
    }

    #[test]
    fn what_most_never_do_is_told_by_means() {
        let mut complaints = feature("complaints", 0.7, 0.0);
        complaints.rest_median = Some(0.0);
        (complaints.mean, complaints.rest_mean) = (Some(0.4), Some(0.05));
        let texts = |feature: &PersonaFeature| {
            let found = distinctions(std::slice::from_ref(feature), None);
            found.into_iter().map(|d| d.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(&complaints), ["complaints 0.40 on average, the rest 0.05"]);
        complaints.mean = complaints.rest_mean;
        assert_eq!(texts(&complaints), Vec::<String>::new());
    }

    #[test]
    fn no_more_than_five_are_told() {
        let names =
            ["orders", "tenure", "csat", "contacts", "queue_wait", "complaints", "usage_share"];
        let profile = names.map(|name| feature(name, 1.0, 9.0));
        assert_eq!(distinctions(&profile, None).len(), 5);
    }
}
