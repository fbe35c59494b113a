//! Customers with subscriptions, lost and kept.

use super::*;

/// Three buckets of a day. a keeps one throughout. b cancels in bucket 1. c has two, cancels one in bucket 0 and the other in bucket 2.
/// d joins and leaves within bucket 1. e cancels and is back within bucket 0, then pauses. f cancels on the edge: the bucket that begins
/// there loses f. g joined in bucket 1 and stays.
#[tokio::test]
async fn who_has_none_at_the_end_of_a_bucket_is_lost_in_it() {
    on_every_engine(async |store| {
        let row = |customer, hour: i64, more| (customer, hour * HOUR, 8, 1, 0, more);
        record(
            &store,
            &[
                row("a", -50, "subject='1' action=1"),
                row("a", 30, "subject='1' action=2"),
                row("b", -50, "subject='1' action=1"),
                row("b", 40, "subject='1' action=5"),
                row("b", 45, "subject='1' action=5"),
                row("c", -50, "subject='1' action=1"),
                row("c", -40, "subject='2' action=1"),
                row("c", 5, "subject='1' action=5"),
                row("c", 50, "subject='2' action=5"),
                row("d", 30, "subject='1' action=1"),
                row("d", 40, "subject='1' action=5"),
                row("e", -50, "subject='1' action=1"),
                row("e", 3, "subject='1' action=5"),
                row("e", 9, "subject='2' action=1"),
                row("e", 26, "subject='2' action=4"),
                row("f", -50, "subject='1' action=1"),
                row("f", 24, "subject='1' action=5"),
                row("g", 30, "subject='1' action=1"),
            ],
        )
        .await;
        let share = |hits, of| Counts::Share(Share { hits, of, excluded: 0 });
        let found = Asker::days(3).ask(&store, Metric::SubscriptionChurnRate).await;
        let found: Vec<_> = found.into_iter().map(|(key, counts)| (key.bucket, counts)).collect();
        // 0: a b c e f. 1: the same, without b and f at its end. 2: a c e g, without c at its end.
        assert_eq!(found, [(0, share(0, 5)), (1, share(2, 5)), (2, share(1, 4))]);
        let whole = Asker::new(Buckets::whole(at(0), at(3 * DAY)));
        // a b c e f at the start; a and e are left.
        assert_eq!(whole.only(&store, Metric::SubscriptionChurnRate).await, share(3, 5));
    })
    .await;
}
