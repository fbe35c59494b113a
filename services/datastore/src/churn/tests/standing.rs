//! Standings and outcomes against records counted by hand.

use super::*;
use crate::activity::Past;
use crate::testing::samples;
use cx_analytics::churn::Standing;
use cx_analytics::codes::{Kind, SubscriptionAction};
use cx_analytics::interaction::{Interaction, Payload};
use cx_analytics::time::DAY;
use std::collections::{BTreeMap, BTreeSet, HashMap};

fn orders_of(records: &[Interaction], before: Timestamp) -> BTreeMap<String, Vec<Timestamp>> {
    let mut orders: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    let wanted =
        |record: &&Interaction| record.payload.kind() == Kind::Order && record.occurred_at < before;
    for record in records.iter().filter(wanted) {
        orders.entry(record.customer_id.clone()).or_default().push(record.occurred_at);
    }
    orders
}

fn by_hand(orders: &BTreeMap<String, Vec<Timestamp>>) -> HashMap<String, Standing> {
    let standing = |(id, at): (&String, &Vec<Timestamp>)| {
        let days: BTreeSet<i64> = at.iter().map(|at| at.micros().div_euclid(DAY)).collect();
        let (first_at, last_at) = (*at.iter().min()?, *at.iter().max()?);
        Some((id.clone(), Standing { first_at, last_at, days: days.len() as i64, runs: false }))
    };
    orders.iter().filter_map(standing).collect()
}

#[tokio::test]
async fn standings_and_outcomes_are_those_of_a_slow_count() {
    on_every_engine(async |store| {
        let records = samples::interactions(16, 4000, 40);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        let definition = Definition::default();
        let cutoff = at(-100 * 86_400);
        let orders = orders_of(&records, cutoff);
        let found = store.churn_standings(&definition, cutoff.into(), &[]).await.expect("read");
        assert_eq!(found, by_hand(&orders));
        let some: Vec<String> = orders.keys().take(3).cloned().chain(["nobody".into()]).collect();
        let few = store.churn_standings(&definition, cutoff.into(), &some).await.expect("read");
        assert_eq!(few.len(), 3);
        assert!(few.iter().all(|(id, standing)| found.get(id) == Some(standing)));

        let end = cutoff.plus(90 * DAY);
        let euro = Currency::parse("EUR");
        let outcomes = store.churn_outcomes(&definition, (cutoff, None), euro).await.expect("read");
        let mut spent: BTreeMap<&str, i64> = BTreeMap::new();
        for record in records.iter().filter(|one| (cutoff..end).contains(&one.occurred_at)) {
            if let Payload::Order { total, .. } = &record.payload {
                let euros = total.filter(|money| Some(money.currency) == euro);
                *spent.entry(&record.customer_id).or_default() +=
                    euros.map_or(0, |money| money.amount_minor);
            }
        }
        let came = |(id, one): (&String, &Outcome)| one.stayed.then(|| (id.clone(), one.spent));
        let came: BTreeMap<String, i64> = outcomes.iter().filter_map(came).collect();
        assert!(came.len() > 5 && came.values().any(|spent| *spent > 0), "{came:?}");
        assert_eq!(came, spent.iter().map(|(id, spent)| ((*id).to_owned(), *spent)).collect());
    })
    .await;
}

fn subscription(
    customer: &str,
    subject: &str,
    day: i64,
    action: SubscriptionAction,
) -> Interaction {
    let mut record = samples::interactions(17, 200, 1)
        .into_iter()
        .find(|record| record.payload.kind() == Kind::Subscription)
        .expect("one of each kind");
    if let Payload::Subscription { subscription_id, action: does, .. } = &mut record.payload {
        *subscription_id = subject.to_owned();
        *does = action;
    }
    record.interaction_id = format!("{customer}-{subject}-{day}");
    record.customer_id = customer.to_owned();
    record.occurred_at = at(day * 86_400);
    record
}

#[tokio::test]
async fn of_contracts_the_latest_event_of_each_subscription_counts() {
    use SubscriptionAction::{Cancelled, Renewed, Started};
    on_every_engine(async |store| {
        let records = vec![
            subscription("stays", "1", 1, Started),
            subscription("stays", "1", 50, Renewed),
            subscription("two", "1", 2, Started),
            subscription("two", "2", 3, Started),
            subscription("two", "1", 20, Cancelled),
            subscription("ends", "1", 4, Started),
            subscription("ends", "1", 45, Cancelled),
            subscription("ended", "1", 4, Started),
            subscription("ended", "1", 30, Cancelled),
            subscription("later", "1", 41, Started),
        ];
        store.interactions_record(records, at(0)).await.expect("record");
        let draft = Draft { contractual: true, horizon_days: Some(10), ..Draft::default() };
        let definition = Definition::new(draft.clone()).expect("valid");
        let cutoff = at(40 * 86_400);
        let runs = |found: HashMap<String, Standing>| -> BTreeMap<String, bool> {
            found.into_iter().map(|(id, standing)| (id, standing.runs)).collect()
        };
        let wanted = |all: &[(&str, bool)]| -> BTreeMap<String, bool> {
            all.iter().map(|(id, runs)| ((*id).to_owned(), *runs)).collect()
        };
        let found = store.churn_standings(&definition, cutoff.into(), &[]).await.expect("read");
        let two = found["two"];
        assert_eq!((two.first_at, two.last_at, two.days), (at(2 * 86_400), at(20 * 86_400), 3));
        let all = [("stays", true), ("two", true), ("ends", true), ("ended", false)];
        assert_eq!(runs(found), wanted(&all));
        let outcomes = store.churn_outcomes(&definition, (cutoff, None), None).await.expect("read");
        let stayed = outcomes.into_iter().filter(|(_, one)| one.stayed).map(|(id, _)| id);
        let stayed: BTreeSet<String> = stayed.collect();
        assert_eq!(stayed, ["later", "stays", "two"].map(str::to_owned).into());

        let lapsing = Definition::new(Draft { lapse_days: Some(37), ..draft }).expect("valid");
        let found = store.churn_standings(&lapsing, cutoff.into(), &[]).await.expect("read");
        let all = [("stays", false), ("two", true), ("ends", true), ("ended", false)];
        assert_eq!(runs(found), wanted(&all), "heard of on day 3 or later");
    })
    .await;
}

#[tokio::test]
async fn before_anything_arrived_what_was_handed_over_is_taken_as_known() {
    on_every_engine(async |store| {
        assert_eq!(store.churn_span(at(0)).await.expect("read"), None);
        let mut records = samples::interactions(18, 60, 5);
        for (place, record) in records.iter_mut().enumerate() {
            record.occurred_at = at(place as i64 * 10);
        }
        let last = records.split_off(40);
        store.interactions_record(records, at(300)).await.expect("record");
        store.interactions_record(last, at(900)).await.expect("record");
        let span = store.churn_span(at(500)).await.expect("read").expect("records");
        assert_eq!(span, Span { first: at(0), last: at(490), arrived: at(300) });
        assert_eq!(span.then(at(200)), Past { as_of: at(200), as_known: false });
        assert_eq!(span.then(at(400)), Past { as_of: at(400), as_known: true });
    })
    .await;
}

#[tokio::test]
async fn gaps_are_days_between_days_with_an_order() {
    on_every_engine(async |store| {
        let mut orders: Vec<Interaction> = samples::interactions(19, 300, 4)
            .into_iter()
            .filter(|record| record.payload.kind() == Kind::Order)
            .take(6)
            .collect();
        // Twice on one day, then after 3 and 4 days; somebody else after 3; and one who came once.
        let places =
            [("a", 0), ("a", 1), ("a", 3 * 86_400), ("a", 7 * 86_400), ("b", 5), ("b", 3 * 86_400)];
        for (order, (customer, second)) in orders.iter_mut().zip(places) {
            order.customer_id = customer.to_owned();
            order.occurred_at = at(second);
        }
        store.interactions_record(orders, at(0)).await.expect("record");
        let (counts, customers) = store.churn_gaps(&[Kind::Order]).await.expect("read");
        assert_eq!((counts, customers), (vec![(3, 2), (4, 1)], 2));
        let none = store.churn_gaps(&[Kind::Review]).await.expect("read");
        assert_eq!(none, (vec![], 0));
    })
    .await;
}
