//! Cohorts, and parts of the whole.

use super::*;

/// Four days. a and b order first on day 0, a again on day 2; c first on day 1 and twice on day 3; d ordered before the range.
#[tokio::test]
async fn a_cohort_is_who_was_active_first_in_its_bucket() {
    on_every_engine(async |store| {
        let order =
            |customer, hour: i64, channel| (customer, hour * HOUR, 6, channel, 0, "subject='x'");
        record(
            &store,
            &[
                order("a", 1, 1),
                order("a", 50, 5),
                order("b", 3, 5),
                order("c", 30, 1),
                order("c", 73, 1),
                order("c", 74, 1),
                order("d", -9, 1),
                order("d", 10, 1),
                // Not a qualifying activity.
                ("e", 5, 1, 1, 0, "action=2"),
            ],
        )
        .await;
        let mut asker = Asker::days(4);
        let share = |hits, of| Counts::Share(Share { hits, of, excluded: 0 });
        let found = |all: Vec<(GroupKey, Counts)>| -> Vec<_> {
            all.into_iter().map(|(key, counts)| (key.bucket, key.period, counts)).collect()
        };
        assert_eq!(
            found(asker.ask(&store, Metric::RetentionRate).await),
            [
                (0, Some(0), share(2, 2)),
                (0, Some(1), share(0, 2)),
                (0, Some(2), share(1, 2)),
                (0, Some(3), share(0, 2)),
                (1, Some(0), share(1, 1)),
                (1, Some(1), share(0, 1)),
                (1, Some(2), share(1, 1)),
            ]
        );
        asker.filter.channels = vec![Channel::Phone];
        let of_phone = found(asker.ask(&store, Metric::RetentionRate).await);
        assert_eq!(of_phone[0], (0, Some(0), share(1, 1)));
        assert!(of_phone.iter().all(|(bucket, ..)| *bucket == 0));
    })
    .await;
}

#[tokio::test]
async fn parts_are_of_the_whole_of_the_filter() {
    on_every_engine(async |store| {
        let visit = |customer, day: i64, channel, stage| {
            (customer, day * DAY, 1, channel, stage, "action=2")
        };
        record(
            &store,
            &[
                visit("a", 0, 1, 1),
                visit("a", 0, 5, 1),
                visit("b", 0, 1, 1),
                visit("b", 0, 1, 2),
                visit("c", 1, 5, 1),
            ],
        )
        .await;
        let mut asker = Asker::days(2);
        asker.by.channel = true;
        let share = |hits, of| Counts::Share(Share { hits, of, excluded: 0 });
        let found = async |asker: &Asker, metric| -> Vec<_> {
            let all = asker.ask(&store, metric).await;
            all.into_iter().map(|(key, counts)| (key.bucket, key.channel, counts)).collect()
        };
        let (web, phone) = (Some(Channel::Web), Some(Channel::Phone));
        assert_eq!(
            found(&asker, Metric::InteractionShare).await,
            [(0, web, share(3, 4)), (0, phone, share(1, 4)), (1, phone, share(1, 1))]
        );
        assert_eq!(
            found(&asker, Metric::CustomerShare).await,
            [(0, web, share(2, 2)), (0, phone, share(1, 2)), (1, phone, share(1, 1))]
        );
        asker.filter.stages = vec![Stage::Awareness];
        assert_eq!(found(&asker, Metric::InteractionShare).await[0], (0, web, share(2, 3)));
    })
    .await;
}
