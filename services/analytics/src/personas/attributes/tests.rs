use super::*;
use crate::Gender;

fn as_of() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).expect("2026-01-01")
}

fn customer(attributes: &[(&str, String)]) -> Customer {
    let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Customer { attributes: attributes.collect(), ..Customer::default() }
}

fn profiles(
    customers: &[Option<Customer>],
    labels: &[u16],
    k: usize,
) -> Vec<Vec<AttributeProfile>> {
    let mut attributes = Attributes::new();
    customers.iter().for_each(|customer| attributes.push(customer.as_ref(), as_of()));
    attributes.profiles(labels, k)
}

fn names(profiles: &[AttributeProfile]) -> Vec<&str> {
    profiles.iter().map(|profile| profile.attribute.as_str()).collect()
}

#[test]
fn shares_are_of_those_who_are_known() {
    let of = |gender, birth_year| {
        Some(Customer { gender, birth_year, plan: Some("x".to_owned()), ..Customer::default() })
    };
    let customers = [
        of(Some(Gender::Female), Some(2000)),
        of(Some(Gender::Female), Some(1950)),
        of(Some(Gender::Male), None),
        None,
        of(Some(Gender::Male), Some(2001)),
        of(None, Some(1999)),
    ];
    let told = profiles(&customers, &[0, 0, 0, 0, 1, 1], 2);
    assert_eq!(names(&told[0]), ["gender", "age_band", "plan"]);
    assert_eq!(names(&told[1]), names(&told[0]));
    let gender = &told[0][0];
    assert_eq!(gender.customers_known, 3);
    assert_eq!((gender.values[0].value.as_str(), gender.values[0].customers), ("FEMALE", 2));
    assert!((gender.values[0].share - 2.0 / 3.0).abs() < 1e-12);
    assert!((gender.values[0].overall_share - 0.5).abs() < 1e-12);
    assert_eq!(told[1][0].values.len(), 1, "no woman is in it");

    let ages = &told[0][1];
    let bands: Vec<&str> = ages.values.iter().map(|share| share.value.as_str()).collect();
    assert_eq!(bands, ["0-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+"]);
    let counts: Vec<i64> = ages.values.iter().map(|share| share.customers).collect();
    assert_eq!((ages.customers_known, counts), (2, vec![0, 0, 1, 0, 0, 0, 1]));
}

#[test]
fn five_values_are_told_the_most_frequent_first_and_ties_by_text() {
    let cities = ["g", "b", "a", "c", "d", "e", "f", "f"];
    let customers: Vec<Option<Customer>> = cities
        .iter()
        .map(|&city| Some(Customer { city: Some(city.to_owned()), ..Customer::default() }))
        .collect();
    let told = profiles(&customers, &[0; 8], 1);
    let values: Vec<&str> = told[0][0].values.iter().map(|share| share.value.as_str()).collect();
    assert_eq!(values, ["f", "a", "b", "c", "d"]);
    assert_eq!(told[0][0].customers_known, 8);
}

#[test]
fn entries_are_told_where_many_have_them_and_values_are_few() {
    let customers: Vec<Option<Customer>> = (0..200)
        .map(|i| {
            let mut entries = vec![("news", format!("{}", i % 3)), ("number", format!("{i}"))];
            entries.extend((i < 50).then(|| ("fifty", format!("{i}"))));
            entries.extend((i < 51).then(|| ("more", format!("{i}"))));
            entries.extend((i < 10).then(|| ("a_tenth", "x".to_owned())));
            entries.extend((i < 9).then(|| ("rare", "x".to_owned())));
            Some(customer(&entries))
        })
        .collect();
    let told = profiles(&customers, &[0; 200], 1);
    assert_eq!(names(&told[0]), ["attribute:news", "attribute:fifty", "attribute:a_tenth"]);
    let many: Vec<(String, String)> =
        (0..30).map(|i| (format!("k{i:02}"), "x".to_owned())).collect();
    let entries: Vec<(&str, String)> = many.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    let told = profiles(&[Some(customer(&entries)), None], &[0, 0], 1);
    assert_eq!(told[0].len(), 20);
    assert_eq!(told[0][19].attribute, "attribute:k19");
}

#[test]
fn a_key_or_value_for_each_customer_takes_no_room() {
    let mut attributes = Attributes::new();
    for i in 0..10_000 {
        let key = format!("k{i}");
        attributes.push(Some(&customer(&[(&key, "x".to_owned())])), as_of());
    }
    assert!(attributes.entries.flooded && attributes.entries.pairs.is_empty());
    assert_eq!(attributes.entries.ends.len(), 10_000);
    assert_eq!(attributes.profiles(&[0; 10_000], 1), [Vec::new()]);

    let mut attributes = Attributes::new();
    for i in 0..10_000 {
        attributes.push(Some(&customer(&[("number", format!("{i}"))])), as_of());
    }
    assert_eq!(attributes.entries.pairs.len(), MOST_VALUES);
}

#[test]
fn another_order_tells_the_same() {
    let of = |i: usize| {
        let mut customer = customer(&[("news", format!("{}", i % 4))]);
        customer.city = (!i.is_multiple_of(3)).then(|| format!("city {}", i % 7));
        customer.birth_year = (!i.is_multiple_of(5)).then_some(1940 + i as i32);
        Some(customer)
    };
    let customers: Vec<Option<Customer>> = (0..60).map(of).collect();
    let labels: Vec<u16> = (0..60).map(|i| i % 2).collect();
    let mut attributes = Attributes::new();
    customers.iter().rev().for_each(|customer| attributes.push(customer.as_ref(), as_of()));
    let order: Vec<usize> = (0..60).rev().collect();
    attributes.arrange(&order);
    assert_eq!(attributes.profiles(&labels, 2), profiles(&customers, &labels, 2));
}
