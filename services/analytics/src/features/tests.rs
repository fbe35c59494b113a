use super::*;
use crate::Customer;
use std::collections::BTreeMap;

fn as_of() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).expect("2026-01-01")
}

fn weights(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
    of.iter().map(|&(name, weight)| (name.to_owned(), weight)).collect()
}

/// Values of 200 customers who differ in orders, value and recency, and half of whom are women.
fn values(selection: &Selection) -> Values {
    let mut values = Values::new(selection.features());
    for i in 0..200 {
        let mut activity = Activity::empty("c", as_of().days_before(i * 7 % 50));
        activity.orders = i % 13;
        activity.orders_valued = activity.orders;
        activity.order_value = i * i % 997 * activity.orders;
        let gender = Some(if i % 2 == 0 { crate::Gender::Female } else { crate::Gender::Male });
        let customer = Customer { gender, ..Customer::default() };
        let of = |feature: &Feature| feature.value(&activity, Some(&customer), as_of());
        values.push(selection.features().iter().map(of));
    }
    values
}

fn used(scaler: &Scaler) -> Vec<&str> {
    scaler.used().map(|place| scaler.features[place].name.as_str()).collect()
}

#[test]
fn a_set_is_made_of_blocks_and_every_registered_feature_is_in_the_full_one() {
    for feature in listing() {
        let attribute = feature.block == "attributes";
        assert_eq!(feature.sets.contains(&FeatureSet::Full), !attribute, "{}", feature.name);
        assert!(feature.block_weight > 0.0, "{}", feature.name);
        assert_eq!(feature.block == "attributes", attribute, "{}", feature.name);
        assert!(!feature.unit.is_empty() && !feature.meaning.is_empty());
    }
    let names = |set: FeatureSet| -> Vec<String> {
        listing()
            .into_iter()
            .filter(|f| f.sets.contains(&set))
            .map(|f| f.block.to_owned())
            .collect()
    };
    let blocks = |set| names(set).into_iter().collect::<std::collections::BTreeSet<_>>();
    let expected = |blocks: &[&str]| blocks.iter().map(|&b| b.to_owned()).collect();
    assert_eq!(blocks(FeatureSet::Value), expected(&["activity", "time", "value"]));
    assert_eq!(blocks(FeatureSet::Behaviour), expected(&["activity", "channel", "stage", "time"]));
    assert_eq!(
        blocks(FeatureSet::Experience),
        expected(&["channel", "friction", "stage", "voice"])
    );
    assert_eq!(names(FeatureSet::Full).len(), REGISTRY.len());
}

#[test]
fn a_set_leaves_out_and_a_factor_weighs() {
    let value = Selection::new(&[], FeatureSet::Value, &BTreeMap::new());
    let scaler = Scaler::fit(&values(&value), &value);
    assert!(used(&scaler).contains(&"orders"));
    let report = report(value.features(), &scaler, None);
    let csat = report.iter().find(|feature| feature.name == "csat").expect("listed");
    assert_eq!((csat.block.as_str(), csat.unused_reason.as_str()), ("voice", "NOT_ASKED"));
    assert!(report.iter().all(|f| f.used == f.unused_reason.is_empty()));
    assert!(report.iter().any(|f| f.unused_reason == "CONSTANT"));

    let factors = weights(&[("orders", 3.0), ("activity", 0.5), ("order_value", 0.0)]);
    let weighed = Selection::new(&[], FeatureSet::Full, &factors);
    let plain = Selection::new(&[], FeatureSet::Full, &BTreeMap::new());
    let weighed = Scaler::fit(&values(&weighed), &weighed);
    let plain = Scaler::fit(&values(&plain), &plain);
    let weight = |scaler: &Scaler, name: &str| {
        scaler.features.iter().find(|f| f.name == name).expect("registered").weight
    };
    assert!((weight(&weighed, "orders") - 1.5 * weight(&plain, "orders")).abs() < 1e-12);
    assert_eq!(weight(&weighed, "order_value"), 0.0);
    assert!(used(&plain).contains(&"order_value") && !used(&weighed).contains(&"order_value"));
    let all = weights(&[("activity", 0.0)]);
    let none = Selection::new(&["orders".to_owned()], FeatureSet::Full, &all);
    assert_eq!(used(&Scaler::fit(&values(&none), &none)), Vec::<&str>::new());
}

#[test]
fn an_attribute_is_a_feature_only_where_it_is_named() {
    let plain = Selection::new(&[], FeatureSet::Full, &BTreeMap::new());
    assert_eq!(plain.features().len(), REGISTRY.len());
    let names = ["gender=FEMALE".to_owned(), "orders".to_owned()];
    let asked = Selection::new(&names, FeatureSet::Full, &BTreeMap::new());
    let scaler = Scaler::fit(&values(&asked), &asked);
    assert_eq!(used(&scaler), ["orders", "gender=FEMALE"]);
    let gender = scaler.features.last().expect("after the registry");
    // Half are women: 1/√(2 · ½ · ½) between who is and who is not, times the weight of the block.
    let apart = f64::from(gender.coordinate(1.0) - gender.coordinate(0.0));
    assert!((apart - 2f64.sqrt() * 0.7).abs() < 1e-6, "{apart}");
    assert_eq!(gender.coordinate(f64::NAN), 0.0);
}

#[test]
fn what_is_kept_agrees_with_what_is_exact() {
    let selection = Selection::new(&[], FeatureSet::Full, &BTreeMap::new());
    let values = values(&selection);
    let scaler = Scaler::fit(&values, &selection);
    let mut activity = Activity::empty("c", as_of().plus(-12_345_678_901_234));
    activity.orders = 3;
    activity.orders_valued = 3;
    activity.order_value = 123_456_789_012;
    for (place, feature) in selection.features().iter().enumerate() {
        let Feature::Registered(definition) = feature else { panic!("no attributes") };
        let exact = (definition.extract)(&activity, as_of());
        let kept = feature.value(&activity, None, as_of());
        let scale = &scaler.features[place];
        let (exact_at, kept_at) = (scale.coordinate(exact), scale.coordinate(kept));
        assert!((exact_at - kept_at).abs() <= 1e-5, "{}", definition.name);
        if definition.unit == Unit::Money {
            assert_eq!(exact, kept);
        }
        let column = values.column(place);
        assert!(column.iter().all(|v| v.is_nan()
            || f64::from(v as f32) == v
            || matches!(column, Column::Double(_))));
    }
}

#[test]
fn factors_are_checked_by_name() {
    let check = |name: &str, named: &[&str], set| {
        let named: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
        check_weight(name, &named, set)
    };
    let (full, value) = (FeatureSet::Full, FeatureSet::Value);
    for good in ["orders", "activity", "attributes", "age"] {
        assert_eq!(check(good, &["age", "orders"], full), Ok(()), "{good}");
    }
    for good in ["orders", "value", "time"] {
        assert_eq!(check(good, &[], value), Ok(()), "{good}");
    }
    for (name, named, set, rule) in [
        ("charm", &["age"][..], full, "no feature or block"),
        ("country=DE", &["age"], full, "only where"),
        ("voice", &["age"], full, "no feature is looked at"),
        ("orders", &["age"], full, "does not name"),
        ("voice", &[], value, "no feature is looked at"),
        ("nps", &[], value, "not in the feature set"),
        ("attributes", &[], full, "no feature is looked at"),
    ] {
        let told = check(name, named, set);
        assert!(told.as_ref().is_err_and(|told| told.contains(rule)), "{name}: {told:?}");
    }
}
