use super::*;
use crate::testing::{at, on_every_database, on_every_engine, samples};
use cx_analytics::{Payload, Timestamp};
use std::ops::Range;

pub(crate) const ALL_TIME: Range<Timestamp> = Timestamp::MIN..Timestamp::MAX;

fn order(customer: &str, id: &str, items: i64) -> Interaction {
    let mut record = samples::interactions(1, 1, 1).remove(0);
    record.customer_id = customer.to_owned();
    record.interaction_id = id.to_owned();
    record.payload = Payload::Order { order_id: "o".to_owned(), total: None, items: Some(items) };
    record
}

async fn count(store: &Store) -> i64 {
    let row = sql::query_one(store.read(), "SELECT COUNT(*) FROM interaction", vec![])
        .await
        .expect("count");
    Columns::of(&row.expect("a row")).take().expect("a number")
}

#[tokio::test]
async fn each_record_gets_the_outcome_it_deserves() {
    use Outcome::{Accepted, Conflict, Duplicate};
    on_every_engine(async |store| {
        let batch = vec![
            order("b", "1", 1),
            order("a", "1", 1),
            order("b", "1", 1),
            order("b", "1", 2),
            order("a", "2", 1),
            order("b", "1", 1),
        ];
        let expected = [Accepted, Accepted, Duplicate, Conflict, Accepted, Duplicate];
        assert_eq!(store.interactions_check(batch.clone()).await.expect("check"), expected);
        assert_eq!(count(&store).await, 0);
        assert_eq!(
            store.interactions_record(batch.clone(), at(0)).await.expect("record"),
            expected
        );
        assert_eq!(count(&store).await, 3);
        // Against what is stored the same rule holds: the stored one stands.
        let again =
            vec![order("b", "1", 2), order("b", "1", 1), order("b", "1", 2), order("c", "1", 1)];
        let expected = [Conflict, Duplicate, Conflict, Accepted];
        assert_eq!(store.interactions_check(again.clone()).await.expect("check"), expected);
        assert_eq!(store.interactions_record(again, at(1)).await.expect("record"), expected);
        let stored = store.interactions_list("b", ALL_TIME, true, None, 10).await.expect("list");
        assert_eq!(stored.len(), 1);
        assert_eq!(
            (stored[0].interaction.clone(), stored[0].received_at),
            (order("b", "1", 1), at(0))
        );
        assert!(store.interactions_record(vec![], at(0)).await.expect("record").is_empty());
    })
    .await;
}

#[tokio::test]
async fn large_batches_in_any_order_and_twice_store_each_record_once() {
    on_every_engine(async |store| {
        let records = samples::interactions(5, 3_333, 40);
        let first =
            store.interactions_record(records[..2_000].to_vec(), at(0)).await.expect("record");
        assert!(first.iter().all(|outcome| *outcome == Outcome::Accepted));
        let mut all = records.clone();
        all.reverse();
        let second = store.interactions_record(all, at(1)).await.expect("record");
        let accepted = second.iter().filter(|outcome| **outcome == Outcome::Accepted).count();
        assert_eq!(accepted, 1_333);
        assert!(second[1_333..].iter().all(|outcome| *outcome == Outcome::Duplicate));
        assert_eq!(count(&store).await, 3_333);
        for customer in 0..40 {
            let id = format!("c{customer}");
            let mut expected: Vec<Interaction> =
                records.iter().filter(|record| record.customer_id == id).cloned().collect();
            expected.sort_by(|a, b| {
                (a.occurred_at, &a.interaction_id).cmp(&(b.occurred_at, &b.interaction_id))
            });
            let stored =
                store.interactions_list(&id, ALL_TIME, true, None, 10_000).await.expect("list");
            assert_eq!(
                stored.into_iter().map(|stored| stored.interaction).collect::<Vec<_>>(),
                expected
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_of_the_same_records_store_each_once() {
    on_every_engine(async |store| {
        let records = samples::interactions(6, 600, 20);
        let callers = (0..8).map(|caller| {
            let (store, mut records) = (store.clone(), records.clone());
            records.rotate_left(caller * 70);
            tokio::spawn(async move {
                let mut accepted = 0;
                for part in records.chunks(50) {
                    let outcomes =
                        store.interactions_record(part.to_vec(), at(0)).await.expect("record");
                    accepted +=
                        outcomes.iter().filter(|outcome| **outcome == Outcome::Accepted).count();
                }
                accepted
            })
        });
        let accepted: usize = futures::future::join_all(callers)
            .await
            .into_iter()
            .map(|caller| caller.expect("no panic"))
            .sum();
        assert_eq!(accepted, 600);
        assert_eq!(count(&store).await, 600);
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_loses_nothing_and_may_send_again() {
    on_every_engine(async |store| {
        let records = samples::interactions(8, 500, 20);
        for part in records.chunks(100) {
            // One poll puts the batch into the queue; then the caller is gone.
            let gone = tokio::time::timeout(
                Duration::ZERO,
                store.interactions_record(part.to_vec(), at(0)),
            );
            let _ = gone.await;
        }
        let outcomes = store.interactions_record(records, at(1)).await.expect("record");
        let lost = outcomes
            .iter()
            .filter(|outcome| !matches!(outcome, Outcome::Accepted | Outcome::Duplicate));
        assert_eq!(lost.count(), 0);
        assert_eq!(count(&store).await, 500);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_tells_callers_to_slow_down_and_recovers() {
    on_every_database(async |options| {
        let store = Store::connect(&crate::Options { queue_records: 10, ..options })
            .await
            .expect("connect");
        store.migrate().await.expect("migrate");
        let room = Arc::clone(&store.queue().room).acquire_many_owned(10).await.expect("room");
        let refused = store.interactions_record(samples::interactions(9, 3, 2), at(0)).await;
        assert!(matches!(refused, Err(Error::Overloaded)));
        drop(room);
        // A batch larger than the whole queue waits until it is empty, rather than for ever.
        let outcomes = store
            .interactions_record(samples::interactions(9, 30, 2), at(0))
            .await
            .expect("record");
        assert_eq!(outcomes.len(), 30);
        store.clone().close().await;
        assert!(matches!(
            store.interactions_record(samples::interactions(9, 3, 2), at(0)).await,
            Err(Error::Unavailable(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_without_telling_it() {
    on_every_engine(async |store| {
        let error = store
            .interactions_record(vec![order("secret\0", "1", 1)], at(0))
            .await
            .expect_err("NUL");
        assert!(matches!(error, Error::Invalid { field: "customer_id", .. }));
        assert!(!format!("{error} {error:?}").contains("secret"));
        assert_eq!(count(&store).await, 0);
    })
    .await;
}
