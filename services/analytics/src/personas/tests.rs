use super::*;

/// A feature that all members have; the rest have 2.
pub(crate) fn feature(name: &str, effect_size: f64, median: f64) -> PersonaFeature {
    PersonaFeature {
        name: name.to_owned(),
        unit: "count".to_owned(),
        coverage: 1.0,
        median: Some(median),
        mean: Some(median),
        lower_quartile: Some(median),
        upper_quartile: Some(median),
        overall_median: Some(2.0),
        rest_median: Some(2.0),
        rest_mean: Some(2.0),
        effect_size,
        centre: 0.0,
    }
}

fn bare() -> Persona {
    Persona {
        persona_id: "p".to_owned(),
        name: String::new(),
        description: String::new(),
        customers: 0,
        share: 0.0,
        features: vec![feature("orders", 0.0, 1.0)],
        typical_customer_ids: Vec::new(),
        edge_customer_id: String::new(),
        distinctions: Vec::new(),
        attributes: Vec::new(),
        by_channel: [0; 12],
        by_stage: [0; 8],
        mean_squared_distance: 0.0,
    }
}

#[test]
fn the_nearest_are_typical_and_the_least_certain_is_the_edge() {
    let member = |id: &str, persona, distance: f64, runner_up_distance| Assignment {
        customer_id: id.to_owned(),
        persona,
        distance,
        runner_up: 1 - persona,
        runner_up_distance,
        outlier: false,
        as_of: crate::Timestamp::MIN,
    };
    let assignments = [
        member("a", 0, 1.0, 9.0),
        member("b", 0, 0.5, 9.0),
        member("c", 0, 1.0, 1.1),
        member("d", 0, 1.0, 9.0),
        member("e", 1, 3.0, 9.0),
    ];
    let mut personas = [bare(), bare()];
    examples(&assignments, &mut personas);
    assert_eq!(personas[0].typical_customer_ids, ["b", "a", "c"]);
    assert_eq!(personas[0].edge_customer_id, "c");
    assert_eq!(personas[1].typical_customer_ids, ["e"]);
    assert_eq!(personas[1].edge_customer_id, "e");
}

#[test]
fn a_persona_stored_by_an_older_version_is_read() {
    let mut old = serde_json::to_value(bare()).expect("json");
    let fields = old.as_object_mut().expect("object");
    for new in ["typical_customer_ids", "edge_customer_id", "distinctions", "attributes"] {
        assert!(fields.remove(new).is_some(), "{new}");
    }
    fields.insert("typical_customer_id".to_owned(), "c".into());
    for feature in fields["features"].as_array_mut().expect("array") {
        let feature = feature.as_object_mut().expect("object");
        assert!(feature.remove("rest_median").is_some() && feature.remove("rest_mean").is_some());
    }
    let read: Persona = serde_json::from_value(old).expect("an old persona");
    assert_eq!(read.persona_id, "p");
    assert_eq!(read.features[0].rest_median, None);
}
