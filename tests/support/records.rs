//! Records for tests: the shortest that say what a test is about.

use std::time::{SystemTime, UNIX_EPOCH};

use cx_server::proto::{
    Channel, Complaint, Customer, IngestSummary, Interaction, Money, Order, Survey,
    interaction::Payload, survey,
};

const DAY: i64 = 86_400;

/// So many days ago.
pub fn days_ago(days: i64) -> prost_types::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    prost_types::Timestamp { seconds: now as i64 - days * DAY, nanos: 0 }
}

/// Something that happened on the web so many days ago.
pub fn interaction(customer: &str, id: &str, days: i64, payload: Payload) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: Some(days_ago(days)),
        channel: Channel::Web.into(),
        payload: Some(payload),
        ..Interaction::default()
    }
}

/// An order of so many cents.
pub fn order(customer: &str, id: &str, days: i64, cents: i64) -> Interaction {
    let total = Money { currency_code: "EUR".to_owned(), amount_minor: cents };
    let order = Order { order_id: id.to_owned(), total: Some(total), items: Some(1) };
    interaction(customer, id, days, Payload::Order(order))
}

/// So many orders of one customer, `o000000` and on, a second apart from 2026 on.
pub fn orders(customer: &str, count: usize) -> Vec<Interaction> {
    let record = |number: usize| Interaction {
        occurred_at: Some(second_of_2026(number as i64)),
        ..order(customer, &format!("o{number:06}"), 0, 1000)
    };
    (0..count).map(record).collect()
}

/// So many seconds after the beginning of 2026.
pub fn second_of_2026(second: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: 1_767_225_600 + second, nanos: 0 }
}

/// A customer in Germany.
pub fn customer(customer: &str) -> Customer {
    Customer { customer_id: customer.to_owned(), country: "DE".to_owned(), ..Customer::default() }
}

/// Accepted, duplicate, conflict, rejected, suppressed; checks that they add up.
pub fn counts(summary: Option<IngestSummary>) -> [i64; 5] {
    let s = summary.unwrap();
    let counts = [s.accepted, s.duplicate, s.conflict, s.rejected, s.suppressed];
    assert_eq!(s.received, counts.iter().sum::<i64>(), "the summary adds up");
    counts
}

/// An answer to "how likely are you to recommend us".
pub fn nps(customer: &str, id: &str, days: i64, score: i32) -> Interaction {
    let survey = Survey {
        kind: survey::Kind::NpsRelational.into(),
        score: Some(score),
        ..Survey::default()
    };
    interaction(customer, id, days, Payload::Survey(survey))
}

/// Two kinds of people, half and half, over the last 300 days: who orders much and is content, who seldom orders and complains.
pub fn two_kinds(customers: usize) -> Vec<Interaction> {
    let mut records = Vec::new();
    for number in 0..customers {
        let name = format!("c{number:04}");
        let spread = number as i64 * 7 % 23;
        if number % 2 == 0 {
            records.extend((0..10).map(|step| {
                order(&name, &format!("o{step}"), 3 + spread + step * 27, 5_000 + spread * 100)
            }));
            records.push(nps(&name, "nps", 10 + spread, 9));
        } else {
            records.push(order(&name, "o0", 100 + spread * 5, 900 + spread * 10));
            records.push(nps(&name, "nps", 50 + spread, 2));
            let complaint = Complaint { topic: "delivery".to_owned(), ..Complaint::default() };
            records.push(interaction(
                &name,
                "complaint",
                40 + spread,
                Payload::Complaint(complaint),
            ));
        }
    }
    records
}
