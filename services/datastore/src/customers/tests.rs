use crate::activity::Past;
use crate::connect::hold_erasures;
use crate::ingest::tests::ALL_TIME;
use crate::testing::{at, on_every_engine, samples};
use crate::{Outcome, Store};
use cx_analytics::{Consent, Customer, Gender, Interaction, Payload};
use std::collections::BTreeMap;

fn full(id: &str) -> Customer {
    Customer {
        customer_id: id.to_owned(),
        gender: Some(Gender::NonBinary),
        birth_year: Some(1980),
        country: Some("DE".to_owned()),
        region: Some(String::new()),
        city: Some("Köln".to_owned()),
        language: Some("pt-BR".to_owned()),
        plan: Some("gold".to_owned()),
        email: Some("a@b.c".to_owned()),
        phone: Some("+49".to_owned()),
        signed_up_at: Some(at(-5)),
        attributes: BTreeMap::from([
            ("b".to_owned(), "\"2".to_owned()),
            ("a".to_owned(), String::new()),
        ]),
        consent: Consent { marketing: Some(true), profiling: Some(false), updated_at: Some(at(1)) },
    }
}

/// In seconds.
const DAY: i64 = 86_400;

fn bare(id: &str) -> Customer {
    Customer { customer_id: id.to_owned(), ..Customer::default() }
}

#[tokio::test]
async fn customers_are_written_whole_and_the_last_of_equal_ids_counts() {
    on_every_engine(async |store| {
        let written = store
            .customers_upsert(vec![bare("a"), full("b"), full("a")], at(7))
            .await
            .expect("upsert");
        assert_eq!(written, [true, true, true]);
        assert_eq!(store.customer_get("a").await.expect("get"), Some((full("a"), Some(at(7)))));
        store.customers_upsert(vec![bare("a")], at(8)).await.expect("upsert");
        assert_eq!(store.customer_get("a").await.expect("get"), Some((bare("a"), Some(at(8)))));
        assert_eq!(store.customer_get("z").await.expect("get"), None);
        let many = (0..1_000).map(|n| full(&format!("m{n}"))).collect();
        assert_eq!(store.customers_upsert(many, at(9)).await.expect("upsert").len(), 1_000);
        assert_eq!(
            store.customers_get(&["m7".to_owned(), "m7".to_owned()]).await.expect("get"),
            [full("m7")]
        );
    })
    .await;
}

/// Ids are compared byte by byte: as the locale of a server sorts, "Z" would come after "a".
#[tokio::test]
async fn pages_are_in_the_order_of_bytes_on_every_engine() {
    on_every_engine(async |store| {
        let ids = ["-", "A", "Z", "a", "a b", "a-b", "ab", "z", "Ä", "ä", "😡"];
        store
            .customers_upsert(ids.iter().rev().map(|id| bare(id)).collect(), at(0))
            .await
            .expect("upsert");
        let mut listed: Vec<String> = Vec::new();
        loop {
            let page = store.customers_list(listed.last().cloned(), 3).await.expect("page");
            if page.is_empty() {
                break;
            }
            listed.extend(page.into_iter().map(|(customer, _)| customer.customer_id));
        }
        assert_eq!(listed, ids);
    })
    .await;
}

#[tokio::test]
async fn a_timeline_is_paged_without_gaps_in_both_directions() {
    on_every_engine(async |store| {
        let records = samples::interactions(21, 200, 1);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        let mut expected: Vec<Interaction> = records;
        expected.sort_by(|a, b| {
            (a.occurred_at, &a.interaction_id).cmp(&(b.occurred_at, &b.interaction_id))
        });
        for ascending in [true, false] {
            let mut listed: Vec<Interaction> = Vec::new();
            loop {
                let after =
                    listed.last().map(|last| (last.occurred_at, last.interaction_id.clone()));
                let page = store
                    .interactions_list("c0", ALL_TIME, ascending, after, 7)
                    .await
                    .expect("page");
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|stored| stored.interaction));
            }
            assert_eq!(listed, expected);
            expected.reverse();
        }
        let some = at(-300 * 86_400)..at(-10 * 86_400);
        let listed =
            store.interactions_list("c0", some.clone(), true, None, 1_000).await.expect("page");
        let within = expected.iter().filter(|record| some.contains(&record.occurred_at)).count();
        assert_eq!(listed.len(), within);
    })
    .await;
}

#[tokio::test]
async fn money_adds_up_by_currency() {
    on_every_engine(async |store| {
        let records = samples::interactions(22, 500, 1);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        let sums = store.customer_money("c0", at(10)).await.expect("money");
        let mut orders: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for record in &records {
            match &record.payload {
                Payload::Order { total: Some(m), .. } => {
                    orders.entry(m.currency.to_string()).or_default().0 += m.amount_minor;
                }
                Payload::Return { refund: Some(m), .. } => {
                    orders.entry(m.currency.to_string()).or_default().1 += m.amount_minor;
                }
                _ => {}
            }
        }
        let sums: BTreeMap<String, (i64, i64)> = sums
            .into_iter()
            .map(|sum| (sum.currency.to_string(), (sum.orders, sum.refunds)))
            .collect();
        assert_eq!(sums, orders);
    })
    .await;
}

/// A cut-off knows the attributes of its time: what was written later is not seen, and who was written later is not known.
#[tokio::test]
async fn the_past_knows_the_attributes_of_its_time() {
    on_every_engine(async |store| {
        let consent = Consent { profiling: Some(true), ..Consent::default() };
        let of =
            |id: &str, plan: &str| Customer { plan: Some(plan.to_owned()), consent, ..full(id) };
        let write = async |customers: Vec<Customer>, second| {
            store.customers_upsert(customers, at(second)).await.expect("upsert");
        };
        write(vec![of("a", "basic"), of("b", "basic")], 10 * DAY).await;
        write(vec![of("a", "gold"), of("b", "basic"), of("c", "gold")], 20 * DAY).await;
        // Consent and what identifies a person are nothing that a model knows.
        let renamed = Customer { email: None, consent: Consent::default(), ..of("a", "gold") };
        write(vec![renamed], 25 * DAY).await;
        write(vec![of("a", "cancelled"), of("c", "gold")], 30 * DAY).await;
        let plans = async |day, as_known, whose: &[&str]| {
            let whose: Vec<String> = whose.iter().map(|id| (*id).to_owned()).collect();
            let past = Past { as_of: at(day * DAY), as_known };
            let then = store.customers_then(past, &whose).await.expect("then");
            let plan = |(id, customer): (String, Option<Customer>)| {
                let customer = customer.inspect(|one| {
                    assert!(one.email.is_none() && one.consent == Consent::default());
                    assert_eq!((&one.city, one.birth_year), (&full("").city, Some(1980)));
                });
                (id, customer.map(|one| one.plan.expect("a plan")))
            };
            then.into_iter().map(plan).collect::<BTreeMap<_, _>>()
        };
        let expected = |of: &[(&str, Option<&str>)]| -> BTreeMap<String, Option<String>> {
            of.iter().map(|(id, plan)| ((*id).to_owned(), plan.map(str::to_owned))).collect()
        };
        assert_eq!(plans(31, true, &[]).await, expected(&[]));
        assert_eq!(plans(30, true, &[]).await, expected(&[("a", Some("gold"))]));
        assert_eq!(plans(21, true, &[]).await, expected(&[("a", Some("gold"))]));
        let second = [("a", Some("basic")), ("c", None)];
        assert_eq!(plans(20, true, &[]).await, expected(&second));
        assert_eq!(plans(20, true, &["c", "b"]).await, expected(&second[1..]));
        let first = [("a", None), ("b", None), ("c", None)];
        assert_eq!(plans(10, true, &[]).await, expected(&first));
        // Before anything was sent, what was sent first stands for the time before.
        assert_eq!(plans(5, false, &[]).await, expected(&[("a", Some("basic"))]));
        assert_eq!(plans(5, false, &["b", "c"]).await, expected(&[]));
        let history = store.customer_history("a").await.expect("read");
        let told = history
            .iter()
            .map(|(one, stands)| (one.plan.as_deref().expect("a plan"), stands.start, stands.end));
        let days = |from: i64, to: i64| (at(from * DAY), at(to * DAY));
        let wanted = [("gold", days(20, 30)), ("basic", days(10, 20))];
        assert_eq!(told.collect::<Vec<_>>(), wanted.map(|(plan, (from, to))| (plan, from, to)));
        // Of who objects to profiling nothing is kept, whatever they change.
        for plan in ["silver", "bronze"] {
            write(vec![Customer { plan: Some(plan.to_owned()), ..full("b") }], 35 * DAY).await;
        }
        assert!(store.customer_history("b").await.expect("read").is_empty());
        store.customer_erase("a", at(40 * DAY)).await.expect("erase");
        assert_eq!(plans(5, false, &[]).await, expected(&[]));
        assert!(store.customer_history("a").await.expect("read").is_empty());
    })
    .await;
}

/// Who changes every day is kept once a week, and never known too early.
#[tokio::test]
async fn a_profile_a_week_is_kept_and_nothing_is_known_too_early() {
    on_every_engine(async |store| {
        let of = |day: i64| Customer { plan: Some(day.to_string()), ..bare("a") };
        for day in 0..=30 {
            let written = store.customers_upsert(vec![of(day), bare("b")], at(day * DAY)).await;
            written.expect("upsert");
        }
        let history = store.customer_history("a").await.expect("read");
        assert!((4..=6).contains(&history.len()), "{history:?}");
        assert!(history.windows(2).all(|two| two[1].1.end == two[0].1.start));
        let whole = history.last().expect("one").1.start..history[0].1.end;
        assert_eq!(whole, at(0)..at(30 * DAY));
        for day in 1..=30 {
            let past = Past { as_of: at(day * DAY), as_known: true };
            let then = store.customers_then(past, &[]).await.expect("then");
            let plan = then["a"].as_ref().and_then(|one| one.plan.as_deref()).expect("a plan");
            let known: i64 = plan.parse().expect("a day");
            assert!((day - 8..day).contains(&known), "on day {day} it was that of {known}");
        }
    })
    .await;
}

async fn rows_about(store: &Store, id: &str) -> i64 {
    let mut rows = 0;
    for table in ["interaction", "customer", "customer_history", "assignment", "churn_risk"] {
        let text = format!("SELECT COUNT(*) FROM {table} WHERE customer_id = $1");
        let row = crate::sql::query_one(store.read(), &text, vec![id.into()]).await.expect("count");
        rows += crate::sql::Columns::of(&row.expect("a row")).take::<i64>().expect("a number");
    }
    rows
}

async fn assign(store: &Store, id: &str) {
    let text = "INSERT INTO assignment VALUES ($1, 's', 0, 0.0, 1, 0.0, 0, 0)";
    store
        .write(async |tx| crate::sql::execute(tx, text, vec![id.into()]).await)
        .await
        .expect("assign");
}

#[tokio::test]
async fn an_erased_customer_is_gone_everywhere_and_does_not_come_back() {
    on_every_engine(async |store| {
        let records = samples::interactions(23, 60, 2);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        store.customers_upsert(vec![full("c0"), full("c1")], at(0)).await.expect("upsert");
        assign(&store, "c0").await;
        let mine = records.iter().filter(|record| record.customer_id == "c0").count();
        assert_eq!(
            store.customer_erase("c0", at(1)).await.expect("erase"),
            i64::try_from(mine).unwrap()
        );
        assert_eq!(store.customer_erase("c0", at(2)).await.expect("erase"), 0);
        assert_eq!(rows_about(&store, "c0").await, 0);
        assert_eq!(store.customer_get("c0").await.expect("get"), None);
        for outcomes in [
            store.interactions_check(records.clone()).await.expect("check"),
            store.interactions_record(records.clone(), at(3)).await.expect("record"),
        ] {
            for (record, outcome) in records.iter().zip(outcomes) {
                let expected = if record.customer_id == "c0" {
                    Outcome::Suppressed
                } else {
                    Outcome::Duplicate
                };
                assert_eq!(outcome, expected);
            }
        }
        let written =
            store.customers_upsert(vec![full("c0"), full("c1")], at(4)).await.expect("upsert");
        assert_eq!(written, [false, true]);
        assert_eq!(rows_about(&store, "c0").await, 0);
        assert_eq!(store.erasures_finish(at(5)).await.expect("nothing to finish"), 0);
    })
    .await;
}

#[tokio::test]
async fn an_erasure_that_was_cut_off_is_finished() {
    on_every_engine(async |store| {
        let records = samples::interactions(24, 60, 2);
        store.interactions_record(records, at(0)).await.expect("record");
        store.bury("c0", at(1)).await.expect("the first step");
        assert!(rows_about(&store, "c0").await > 0);
        assert_eq!(store.erasures_finish(at(5)).await.expect("finish"), 1);
        assert_eq!(rows_about(&store, "c0").await, 0);
        assert!(rows_about(&store, "c1").await > 0);
        assert_eq!(store.erasures_finish(at(6)).await.expect("finish"), 0);
    })
    .await;
}

/// An erasure waits for those who already looked who was erased, so that they cannot write the person back.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_and_writers_at_the_same_time_leave_nothing() {
    on_every_engine(async |store| {
        for round in 0..5_u64 {
            let id = format!("r{round}");
            let writers = (0..4_u64).map(|writer| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move {
                    for turn in 0..10 {
                        let mut records =
                            samples::interactions(round * 1_000 + writer * 100 + turn, 20, 5);
                        records.iter_mut().for_each(|record| record.customer_id.clone_from(&id));
                        store.interactions_record(records, at(0)).await.expect("record");
                        store.customers_upsert(vec![bare(&id)], at(0)).await.expect("upsert");
                    }
                })
            });
            let writers = futures::future::join_all(writers);
            let erasure = async {
                tokio::time::sleep(std::time::Duration::from_millis(15)).await;
                store.customer_erase(&id, at(1)).await.expect("erase");
            };
            let (finished, ()) = tokio::join!(writers, erasure);
            finished.into_iter().for_each(|writer| writer.expect("no panic"));
            assert_eq!(rows_about(&store, &id).await, 0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_waits_for_a_writer_in_the_middle_of_its_transaction() {
    on_every_engine(async |store| {
        let (looked, has_looked) = tokio::sync::oneshot::channel();
        let looked = std::sync::Mutex::new(Some(looked));
        let writer = store.write(async |tx| {
            hold_erasures(tx).await?;
            assert!(store.suppressed_among(tx, vec!["late"]).await?.is_empty());
            if let Some(looked) = looked.lock().expect("lock").take() {
                looked.send(()).expect("somebody listens");
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let text = "INSERT INTO customer (customer_id, attributes, updated_at) VALUES ('late', '{}', 0)";
            crate::sql::execute(tx, text, vec![]).await
        });
        let erasure = async {
            has_looked.await.expect("the writer is in its transaction");
            store.customer_erase("late", at(1)).await.expect("erase");
        };
        let (written, ()) = tokio::join!(writer, erasure);
        assert_eq!(written.expect("write"), 1);
        assert_eq!(rows_about(&store, "late").await, 0);
    })
    .await;
}
