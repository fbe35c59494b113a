//! Who is looked at, what is written, and what the log says of it, on every engine.

use super::*;
use crate::jobs::JobKind;
use crate::segmentations::Publication;
use crate::testing::{at, claimed, on_every_engine, published, samples};
use cx_analytics::membership::Change;
use cx_analytics::segmentation::{Fitted, Parameters, Table};
use cx_analytics::{Activity, Consent, Customer};

const LEASE: i64 = 30_000_000;

/// Customers c00 to c39 of two kinds; `turned` ones are of the other kind than their number says.
fn fitted(turned: &[usize], left_out: &[usize]) -> Fitted {
    let customers = (0..40).filter(|number| !left_out.contains(number)).map(|number| {
        let mut activity = Activity::empty(format!("c{number:02}"), at(0));
        let many = (number % 3 == 0) != turned.contains(&number);
        activity.orders = if many { 8 } else { 1 };
        activity
    });
    let parameters = Parameters { k: Some(2), ..Parameters::at(at(0)) };
    let asked = parameters.check().expect("rules");
    let table = Table::of(&asked, &customers.collect::<Vec<_>>());
    let mut fitted = asked.fit(table, None, &|_, _| true).expect("two kinds");
    // Personas that go on under the same ids, largest first: few orders, many orders.
    for (persona, id) in fitted.personas.iter_mut().zip(["few", "many"]) {
        persona.persona_id = id.to_owned();
    }
    fitted
}

async fn publish(store: &Store, id: &str, fitted: &Fitted, activate: bool) {
    claimed(store, id).await;
    let reference = store.active_get(JobKind::Segmentation).await.expect("active");
    let of = Publication {
        id,
        owner: "w",
        as_of: at(0),
        live: true,
        seen_until: at(0),
        fitted,
        activate,
        reference: reference.as_deref(),
    };
    assert_eq!(published(store, of, at(2)).await.expect("publish"), activate);
}

async fn log(store: &Store) -> Vec<Change> {
    store.membership_changes_after(0, &[], 1000).await.expect("changes")
}

fn told(change: &Change) -> (&str, Option<&str>, Option<&str>, Cause) {
    (&change.customer_id, change.from.as_deref(), change.to.as_deref(), change.cause)
}

fn placed(customer: &str, persona: u16, second: i64) -> Assignment {
    Assignment {
        customer_id: customer.to_owned(),
        persona,
        distance: 0.5,
        runner_up: 1 - persona,
        runner_up_distance: 1.0,
        outlier: false,
        as_of: at(second),
    }
}

fn of<'a>(found: &'a [Assignment], none: &'a [String], second: i64) -> Refreshed<'a> {
    Refreshed { segmentation_id: "s1", as_of: at(second), found, none }
}

const MINE: (&str, Cause) = ("me", Cause::NewData);

async fn hold(store: &Store) {
    store.duty_hold(Duty::Refresh, "me", at(3), LEASE).await.expect("an answer").expect("free");
}

#[tokio::test]
async fn activation_and_rollback_write_who_moves_and_nobody_else() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[38]), true).await;
        let entered = log(&store).await;
        assert_eq!(entered.len(), 39);
        assert!(entered.iter().all(|c| c.from.is_none() && c.cause == Cause::Retrain));
        assert!(entered.iter().map(|c| c.position).eq(1..=39), "no gap, in order");
        publish(&store, "s2", &fitted(&[1, 3], &[37]), false).await;
        assert_eq!(log(&store).await.len(), 39, "a candidate moves nobody");
        store.segmentation_activate("s2", at(5)).await.expect("activate");
        let moved = log(&store).await.split_off(39);
        let (few, many) = (Some("few"), Some("many"));
        let wanted = [
            ("c01", few, many, Cause::Manual),
            ("c03", many, few, Cause::Manual),
            ("c37", few, None, Cause::Manual),
            ("c38", None, few, Cause::Manual),
        ];
        assert_eq!(moved.iter().map(told).collect::<Vec<_>>(), wanted);
        assert!(moved.iter().map(|c| c.position).eq(40..=43));
        store.segmentation_activate("s2", at(6)).await.expect("again");
        assert_eq!(log(&store).await.len(), 43, "nothing happens twice");
        store.segmentation_activate("s1", at(7)).await.expect("roll back");
        assert_eq!(log(&store).await.len(), 47);
        assert_eq!(store.membership_head().await.expect("head"), 47);

        let members = async |persona: Option<&str>, second: i64| {
            store.members_at(persona, at(second), None, 1000).await.expect("members")
        };
        assert_eq!(members(None, 1).await.len(), 0);
        assert_eq!(members(None, 4).await.len(), 39);
        let customers = |of: Vec<(String, String)>| of.into_iter().map(|m| m.0).collect::<Vec<_>>();
        assert!(customers(members(Some("few"), 4).await).contains(&"c01".to_owned()));
        assert!(!customers(members(Some("few"), 5).await).contains(&"c01".to_owned()));
        assert_eq!(members(None, 7).await, members(None, 4).await);
        let page = store.members_at(Some("many"), at(5), Some("c01"), 2).await.expect("page");
        assert_eq!(customers(page), ["c06", "c09"]);
        let list = async |customer, persona, before, limit| {
            let list = store.membership_changes_list(customer, persona, before, limit);
            list.await.expect("list").into_iter().map(|c| c.position).collect::<Vec<_>>()
        };
        assert_eq!(list(Some("c01"), None, None, 9).await, [44, 40, 2]);
        assert_eq!(list(None, Some("many"), Some(44), 3).await, [41, 40, 39]);
    })
    .await;
}

#[tokio::test]
async fn what_is_found_anew_is_written_once_with_its_cause() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[38]), true).await;
        hold(&store).await;
        let found = [placed("c00", 0, 10), placed("c01", 0, 10), placed("c38", 1, 10)];
        let none = ["c02".to_owned(), "stranger".to_owned()];
        let changes = store.assignments_refresh(of(&found, &none, 10), MINE, at(11)).await;
        assert_eq!(changes.expect("refresh"), 3);
        let wanted = [
            ("c00", Some("many"), Some("few"), Cause::NewData),
            ("c38", None, Some("many"), Cause::NewData),
            ("c02", Some("few"), None, Cause::NewData),
        ];
        assert_eq!(log(&store).await.split_off(39).iter().map(told).collect::<Vec<_>>(), wanted);
        let stored = store.assignment_get("s1", "c01").await.expect("get").expect("c01");
        assert_eq!(stored, found[1], "the same persona, counted anew");
        // Somebody who looked earlier comes later.
        let late = [placed("c00", 1, 9)];
        assert_eq!(
            store.assignments_refresh(of(&late, &[], 9), MINE, at(12)).await.expect("late"),
            0
        );
        let again = store.assignments_refresh(of(&found, &none, 10), MINE, at(12)).await;
        assert_eq!(again.expect("again"), 0);
        let other = ("other", Cause::NewData);
        let lost = store.assignments_refresh(of(&found, &[], 20), other, at(21)).await;
        assert!(matches!(lost, Err(Error::LeaseLost)));
        publish(&store, "s2", &fitted(&[], &[]), true).await;
        let lost = store.assignments_refresh(of(&found, &[], 20), MINE, at(22)).await;
        assert!(matches!(lost, Err(Error::LeaseLost)), "s1 is not the active one any more");
    })
    .await;
}

#[tokio::test]
async fn who_was_erased_or_objects_does_not_come_back() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        hold(&store).await;
        store.customer_erase("c00", at(5)).await.expect("erase");
        store.customer_erase("c00", at(6)).await.expect("again");
        let of_erased = log(&store).await;
        let of_erased: Vec<_> = of_erased.iter().filter(|c| c.customer_id == "c00").collect();
        assert_eq!(of_erased.len(), 1, "one notice and nothing else");
        assert_eq!(told(of_erased[0]), ("c00", Some("many"), None, Cause::Erasure));
        let consent = Consent { profiling: Some(false), ..Consent::default() };
        let objector = Customer { customer_id: "c01".to_owned(), consent, ..Customer::default() };
        store.customers_upsert(vec![objector], at(7)).await.expect("upsert");
        assert_eq!(store.members_objecting("s1", 9).await.expect("objecting"), ["c01"]);
        let found = [placed("c00", 0, 10), placed("c01", 1, 10)];
        let changes = store.assignments_refresh(of(&found, &[], 10), MINE, at(11)).await;
        assert_eq!(changes.expect("refresh"), 1);
        let last = log(&store).await.pop().expect("a change");
        assert_eq!(told(&last), ("c01", Some("few"), None, Cause::NewData));
        assert!(store.members_objecting("s1", 9).await.expect("objecting").is_empty());
        let before = store.members_at(None, at(4), None, 99).await.expect("members");
        assert_eq!(before.len(), 38, "neither of them, at no moment");
        assert_eq!(store.membership_notices_sweep(at(5)).await.expect("sweep"), 0);
        assert_eq!(store.membership_notices_sweep(at(6)).await.expect("sweep"), 1);
        assert!(log(&store).await.iter().all(|c| c.customer_id != "c00"));
    })
    .await;
}

#[tokio::test]
async fn arrivals_are_seen_at_once_and_once_more_when_settled() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        hold(&store).await;
        let mut record = samples::interactions(1, 1, 1).remove(0);
        record.customer_id = "c05".to_owned();
        store.interactions_record(vec![record.clone()], at(100)).await.expect("record");
        record.customer_id = "new".to_owned();
        store.interactions_record(vec![record], at(101)).await.expect("record");
        let customer = Customer { customer_id: "c07".to_owned(), ..Customer::default() };
        store.customers_upsert(vec![customer], at(102)).await.expect("upsert");
        let arrived = async |from: i64, to: i64, beyond: i64| {
            let (from, to, beyond) = (at(from), at(to), beyond * 1_000_000);
            let of = Arrivals { from, to, now: at(120), beyond };
            store.customers_arrived(Kept::Members("s1"), of, "", 100).await.expect("arrivals")
        };
        assert_eq!(arrived(90, 1000, 0).await, ["c05", "c07", "new"]);
        assert_eq!(arrived(101, 102, 0).await, ["new"]);
        let found = [placed("c05", 0, 110), placed("c07", 0, 110), placed("new", 0, 110)];
        store.assignments_refresh(of(&found, &[], 110), MINE, at(111)).await.expect("refresh");
        assert!(arrived(90, 1000, 0).await.is_empty());
        assert_eq!(arrived(90, 1000, 9).await, ["c07"], "not settled at 110");
        assert_eq!(arrived(90, 1000, 60).await, ["c05", "c07", "new"]);
        let page = async |after: &str, limit: u64| {
            let of = Arrivals { from: at(90), to: at(1000), now: at(120), beyond: 60_000_000 };
            store.customers_arrived(Kept::Members("s1"), of, after, limit).await.expect("arrivals")
        };
        assert_eq!(page("", 2).await, ["c05", "c07"]);
        assert_eq!(page("c07", 2).await, ["new"]);
        let stale = store.customers_stale(Kept::Members("s1"), at(110), 3).await.expect("stale");
        assert_eq!(stale, ["c00", "c01", "c02"]);
        assert_eq!(
            store.customers_stale(Kept::Members("s1"), at(110), 99).await.expect("stale").len(),
            38
        );
    })
    .await;
}

/// Whoever cannot have a place is not looked at again and again; a record from a clock that is ahead counts when its time comes.
#[tokio::test]
async fn arrivals_are_of_those_who_can_have_a_place() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        let mut record = samples::interactions(1, 1, 1).remove(0);
        record.customer_id = "objector".to_owned();
        store.interactions_record(vec![record.clone()], at(100)).await.expect("record");
        record.customer_id = "ahead".to_owned();
        record.occurred_at = at(130);
        store.interactions_record(vec![record], at(101)).await.expect("record");
        let consent = Consent { profiling: Some(false), ..Consent::default() };
        let objector =
            Customer { customer_id: "objector".to_owned(), consent, ..Customer::default() };
        let bare = Customer { customer_id: "bare".to_owned(), ..Customer::default() };
        store.customers_upsert(vec![objector, bare], at(102)).await.expect("upsert");
        let arrived = async |from: i64, now: i64| {
            let of = Arrivals { from: at(from), to: Timestamp::MAX, now: at(now), beyond: 0 };
            store.customers_arrived(Kept::Members("s1"), of, "", 100).await.expect("arrivals")
        };
        assert!(arrived(90, 120).await.is_empty());
        assert_eq!(arrived(90, 131).await, ["ahead"]);
        assert_eq!(arrived(128, 131).await, ["ahead"], "long after it arrived");
        assert!(arrived(128, 129).await.is_empty());
    })
    .await;
}

/// Also those who follow one persona only were told of a customer who has left it since.
#[tokio::test]
async fn every_persona_of_an_erased_customer_is_told() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        hold(&store).await;
        let found = [placed("c00", 0, 10)];
        store.assignments_refresh(of(&found, &[], 10), MINE, at(11)).await.expect("refresh");
        store.customer_erase("c00", at(20)).await.expect("erase");
        for persona in ["few", "many"] {
            let followed = store.membership_changes_after(40, &[persona.to_owned()], 9).await;
            let followed = followed.expect("changes");
            let told: Vec<_> = followed.iter().map(told).collect();
            assert_eq!(told, [("c00", Some(persona), None, Cause::Erasure)]);
        }
    })
    .await;
}

#[tokio::test]
async fn positions_are_in_the_order_of_commits_whoever_writes() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        hold(&store).await;
        let (seen, writers) = (&std::sync::Mutex::new(Vec::<i64>::new()), 8);
        let write = async |writer: usize| {
            for turn in 0..10i64 {
                let id = format!("w{writer}");
                let found = [placed(&id, (turn % 2) as u16, 10 + turn)];
                store
                    .assignments_refresh(of(&found, &[], 10 + turn), MINE, at(10 + turn))
                    .await
                    .expect("refresh");
            }
        };
        let follow = async {
            let mut last = 40;
            while last < 40 + writers * 10 {
                for change in store.membership_changes_after(last, &[], 7).await.expect("changes") {
                    assert_eq!(change.position, last + 1, "one was skipped");
                    last = change.position;
                    seen.lock().expect("lock").push(last);
                }
            }
        };
        let writing = futures::future::join_all((0..writers as usize).map(write));
        futures::future::join(writing, follow).await;
        assert_eq!(seen.lock().expect("lock").len(), 80);
    })
    .await;
}

/// Who came or changed since a version was made is where they belong when it becomes the active one: nobody leaves and enters
/// again, or moves back and forth.
#[tokio::test]
async fn a_version_that_caught_up_moves_nobody_back() {
    on_every_engine(async |store| {
        publish(&store, "s1", &fitted(&[], &[]), true).await;
        publish(&store, "s2", &fitted(&[], &[]), false).await;
        hold(&store).await;
        let found = [placed("c00", 0, 10), placed("new", 1, 10)];
        store.assignments_refresh(of(&found, &[], 10), MINE, at(11)).await.expect("refresh");
        let none = ["c02".to_owned()];
        let catch_up = Refreshed { segmentation_id: "s2", ..of(&found, &none, 12) };
        store.assignments_catch_up(catch_up, None).await.expect("catch up");
        assert_eq!(log(&store).await.len(), 42, "a candidate moves nobody");
        let lost = store.assignments_catch_up(catch_up, Some("w")).await;
        assert!(matches!(lost, Err(Error::LeaseLost)), "its job has ended");
        assert!(store.segmentation_activate("s2", at(13)).await.expect("activate"));
        let last = log(&store).await.split_off(42);
        let told: Vec<_> = last.iter().map(told).collect();
        assert_eq!(told, [("c02", Some("few"), None, Cause::Manual)]);
        store.assignments_catch_up(catch_up, None).await.expect("nothing to do");
        assert_eq!(store.segmentation_seen_until("s2").await.expect("seen"), Some(at(0)));
        assert_eq!(store.segmentation_seen_until("s3").await.expect("none"), None);
    })
    .await;
}

/// A million customers are compared with a million by key: on SQLite a join that scans either side takes an hour.
#[tokio::test]
async fn moves_are_found_by_key() {
    on_every_engine(async |store| {
        if !store.is_embedded() {
            return; // PostgreSQL hashes whatever it joins.
        }
        let text = crate::membership::MOVES.replace("$3", "'a'").replace("$5", "'b'");
        let text = format!("EXPLAIN QUERY PLAN {text}");
        let plan = sql::query_all(store.read(), &text, vec![]);
        let steps: Vec<String> = (plan.await.expect("a plan").iter())
            .map(|row| row.try_get_by_index::<String>(3).expect("a step"))
            .collect();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH n")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:#?}");
    })
    .await;
}
