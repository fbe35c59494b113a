//! What must hold of a table, and of fits on customers with attributes.

use super::*;
use crate::{
    features::{FeatureSet, REGISTRY},
    segmentation::{
        Fitted, PersonaModel,
        tests::{as_of, members},
    },
    synthetic::Archetype,
};
use std::collections::BTreeMap;

fn table(asked: &Checked, customers: &[(Activity, Customer, Archetype)]) -> Table {
    let mut builder = Table::builder(asked);
    customers.iter().for_each(|(activity, customer, _)| builder.push(activity, Some(customer)));
    builder.finish()
}

fn fit(parameters: Parameters, customers: &[(Activity, Customer, Archetype)]) -> Fitted {
    let asked = parameters.check().expect("rules hold");
    asked.fit(table(&asked, customers), None, &|_, _| true).expect("structure")
}

fn named(names: &[&str], k: i64) -> Parameters {
    let features = names.iter().map(|&name| name.to_owned()).collect();
    Parameters { features, k: Some(k), ..Parameters::at(as_of()) }
}

#[test]
fn a_customer_takes_fewer_than_three_hundred_bytes() {
    let customers = members(500);
    let asked = Parameters::at(as_of()).check().expect("rules hold");
    let table = table(&asked, &customers);
    let row = table.bytes() / table.rows();
    assert!((250..300).contains(&row), "{row} bytes for each customer");
    assert!(REGISTRY.len() <= 30 && size_of::<Activity>() > 700, "{}", size_of::<Activity>());
}

#[test]
fn attributes_change_no_distance_unless_they_are_named() {
    let customers = members(400);
    let with = fit(Parameters { k: Some(4), ..Parameters::at(as_of()) }, &customers);
    let asked = Parameters { k: Some(4), ..Parameters::at(as_of()) }.check().expect("rules hold");
    let activities: Vec<Activity> = customers.iter().map(|(a, _, _)| a.clone()).collect();
    let without = asked.fit(Table::of(&asked, &activities), None, &|_, _| true).expect("structure");
    assert_eq!((&with.model, &with.assignments), (&without.model, &without.assignments));
    assert_eq!(with.report, without.report);
    assert!(with.personas.iter().all(|persona| !persona.attributes.is_empty()));
    assert!(without.personas.iter().all(|persona| persona.attributes.is_empty()));
    assert!(!with.model.asks_attributes());
}

#[test]
fn a_named_attribute_separates_and_a_stored_model_asks_for_it() {
    let customers = members(600);
    let fitted = fit(named(&["gender=FEMALE"], 2), &customers);
    let known = |c: &Customer| c.gender.is_some_and(|gender| gender != crate::Gender::Undisclosed);
    for persona in 0..2 {
        let women: Vec<bool> = (customers.iter().zip(&fitted.assignments))
            .filter(|((_, customer, _), a)| a.persona == persona && known(customer))
            .map(|((_, customer, _), _)| customer.gender == Some(crate::Gender::Female))
            .collect();
        assert!(women.iter().all(|&is| is == women[0]), "persona {persona} is mixed");
    }
    let women = fitted.personas.iter().find(|p| p.name.contains("gender FEMALE"));
    let women = women.expect("one is named so");
    assert_eq!(women.distinctions[0].feature, "gender=FEMALE");
    assert!(women.distinctions[0].text.starts_with("gender FEMALE 100 %, the rest "));

    let json = serde_json::to_string(&fitted.model).expect("json");
    let model: PersonaModel = serde_json::from_str(&json).expect("json");
    assert!(model.asks_attributes());
    let by_id: BTreeMap<&str, &Customer> =
        customers.iter().map(|(_, c, _)| (c.customer_id.as_str(), c)).collect();
    let activities: Vec<Activity> = customers.iter().map(|(a, _, _)| a.clone()).collect();
    let found = |id: &str| by_id.get(id).copied();
    assert_eq!(model.assign(&activities, &found, as_of()), fitted.assignments);
    assert_ne!(model.assign(&activities, &|_| None, as_of()), fitted.assignments);
}

#[test]
fn arrival_order_changes_no_byte_with_attributes() {
    let customers = members(300);
    let parameters = || named(&["orders", "age", "order_value", "attribute:newsletter=weekly"], 3);
    let mut permuted = customers.clone();
    permuted.reverse();
    permuted.rotate_left(77);
    let bytes = |customers: &[(Activity, Customer, Archetype)]| {
        let fitted = fit(parameters(), customers);
        let parts = (&fitted.model, &fitted.report, &fitted.personas, &fitted.assignments);
        serde_json::to_string(&parts).expect("json")
    };
    assert_eq!(bytes(&customers), bytes(&permuted));
}

#[test]
fn the_faces_of_the_population_are_those_of_its_archetypes() {
    let customers = members(3_000);
    let fitted = fit(Parameters { k: Some(6), ..Parameters::at(as_of()) }, &customers);
    let mut names: Vec<&str> = fitted.personas.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6);
    for (place, persona) in fitted.personas.iter().enumerate() {
        let found = persona.distinctions.len();
        assert!((1..=5).contains(&found), "{}: {:?}", persona.name, persona.distinctions);
        assert!(persona.distinctions.iter().all(|d| persona.description.contains(&d.text)));
        let own = |id: &String| {
            let at = fitted.assignments.binary_search_by(|a| a.customer_id.cmp(id)).expect("is in");
            usize::from(fitted.assignments[at].persona) == place
        };
        assert!(persona.typical_customer_ids.len() == 3);
        assert!(persona.typical_customer_ids.iter().chain([&persona.edge_customer_id]).all(own));
        let told: Vec<&str> = persona.attributes.iter().map(|a| a.attribute.as_str()).collect();
        let keys = ["attribute:favourite_category", "attribute:newsletter"];
        let fixed = ["gender", "age_band", "country", "city", "language", "plan"];
        assert_eq!(told, [&fixed[..], &keys[..]].concat());
    }
    let subscribers = fitted.personas.iter().max_by(|a, b| {
        let share = |p: &crate::personas::Persona| {
            p.attributes[5]
                .values
                .iter()
                .find(|v| v.value == "subscription")
                .map_or(0.0, |v| v.share)
        };
        share(a).total_cmp(&share(b))
    });
    let plan = &subscribers.expect("six personas").attributes[5].values[0];
    assert_eq!(plan.value, "subscription");
    assert!(plan.share > 0.6 && plan.share > 2.0 * plan.overall_share, "{plan:?}");
    assert!((0.001..0.02).contains(&fitted.report.outlier_share));
}

#[test]
fn a_set_and_factors_reach_the_model() {
    let customers = members(400);
    let value = Parameters {
        feature_set: FeatureSet::Value,
        feature_weights: [("time".to_owned(), 0.0), ("orders".to_owned(), 2.0)].into(),
        k: Some(3),
        ..Parameters::at(as_of())
    };
    let fitted = fit(value, &customers);
    let used: Vec<&str> = fitted.model.coordinates().collect();
    assert!(used.contains(&"orders") && !used.contains(&"tenure") && !used.contains(&"csat"));
    assert_eq!(fitted.personas[0].features.len(), REGISTRY.len(), "described by all");
}

#[test]
fn a_report_of_an_older_version_is_read() {
    let report = fit(named(&["orders", "order_value"], 3), &members(200)).report;
    let mut old = serde_json::to_value(&report).expect("json");
    assert!(old.as_object_mut().expect("object").remove("outlier_share").is_some());
    for feature in old["features"].as_array_mut().expect("array") {
        let feature = feature.as_object_mut().expect("object");
        assert!(feature.remove("block").is_some() && feature.remove("unused_reason").is_some());
    }
    let read: crate::segmentation::Report = serde_json::from_value(old).expect("an old report");
    assert_eq!((read.outlier_share, read.features[0].block.as_str()), (0.0, ""));
}

#[test]
fn parameters_of_an_older_version_are_read_and_new_rules_are_told() {
    let mut old = serde_json::to_value(Parameters::at(as_of())).expect("json");
    let fields = old.as_object_mut().expect("object");
    assert!(fields.remove("feature_set").is_some() && fields.remove("feature_weights").is_some());
    let read: Parameters = serde_json::from_value(old).expect("old parameters");
    assert_eq!(read, Parameters::at(as_of()));

    let weights =
        [("charm", 1.0), ("orders", -1.0), ("voice", f64::NAN), ("age", 1.0), ("activity", 10.0)];
    let parameters = Parameters {
        feature_set: FeatureSet::Value,
        feature_weights: weights.map(|(name, weight)| (name.to_owned(), weight)).into(),
        ..named(&["orders", "gender=female", "attribute:"], 3)
    };
    let problems = parameters.check().expect_err("rules are broken");
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    let weight = |name: &str| format!("feature_weights[{name:?}]");
    let expected = ["features[1]", "features[2]", "feature_set"].map(str::to_owned);
    let expected = [&expected[..], &["age", "charm", "orders", "voice"].map(weight)[..]].concat();
    assert_eq!(fields, expected);
    assert!(problems[4].rule.starts_with("there is no feature or block"), "{}", problems[4].rule);
}
