use super::*;
use crate::testing::{at, samples};

fn order(id: &str, subject: &str) -> Interaction {
    let mut record = samples::interactions(1, 1, 1).remove(0);
    record.customer_id = id.to_owned();
    record.payload = Payload::Order { order_id: subject.to_owned(), total: None, items: Some(3) };
    record
}

fn fingerprint_of(record: &Interaction) -> Fingerprint {
    Row::new(record.clone(), at(0)).unwrap_or_else(|_| panic!("valid")).fingerprint
}

#[test]
fn every_payload_survives_the_way_through_a_row() {
    for record in samples::interactions(7, 5_000, 10) {
        let row = Row::new(record.clone(), at(9)).unwrap_or_else(|_| panic!("valid"));
        let (back, received_at) = row.into_interaction().expect("readable");
        assert_eq!(back, record);
        assert_eq!(received_at, at(9));
    }
}

#[test]
fn the_fingerprint_depends_on_the_content_alone() {
    let record = order("a", "b");
    assert_eq!(
        fingerprint_of(&record),
        Row::new(record.clone(), at(77)).unwrap_or_else(|_| panic!()).fingerprint
    );
    // The border between two texts counts, and so does which column holds a text.
    assert_ne!(fingerprint_of(&order("ab", "c")), fingerprint_of(&order("a", "bc")));
    let mut other = record.clone();
    other.stage = None;
    let mut third = record.clone();
    third.stage = Some(cx_analytics::Stage::Advocacy);
    assert_ne!(fingerprint_of(&other), fingerprint_of(&third));
}

#[test]
fn no_two_different_records_share_a_fingerprint() {
    let records = samples::interactions(3, 5_000, 3);
    let mut seen = std::collections::HashMap::new();
    for record in &records {
        if let Some(earlier) = seen.insert(fingerprint_of(record), record) {
            assert_eq!(earlier, record);
        }
    }
}

/// Stored fingerprints must mean the same for ever.
#[test]
fn the_fingerprint_of_a_known_record_never_changes() {
    let record = Interaction {
        customer_id: "c1".to_owned(),
        interaction_id: "i1".to_owned(),
        occurred_at: at(0),
        channel: cx_analytics::Channel::Web,
        stage: None,
        payload: Payload::Order {
            order_id: "o1".to_owned(),
            total: Some(Money {
                currency: cx_analytics::interaction::Currency::parse("EUR").expect("a code"),
                amount_minor: 1234,
            }),
            items: Some(2),
        },
    };
    let hex: String = fingerprint_of(&record).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "f877d46a0ff28de606756590a32c5b65");
}

#[test]
fn nul_and_numbers_past_all_sense_are_refused() {
    assert!(matches!(
        Row::new(order("a\0", "b"), at(0)),
        Err(Error::Invalid { field: "customer_id", .. })
    ));
    assert!(matches!(
        Row::new(order("a", "b\0"), at(0)),
        Err(Error::Invalid { field: "subject", .. })
    ));
    let mut record = order("a", "b");
    record.payload =
        Payload::Order { order_id: "b".to_owned(), total: None, items: Some(i64::MAX) };
    assert!(matches!(Row::new(record, at(0)), Err(Error::Invalid { field: "items", .. })));
}
