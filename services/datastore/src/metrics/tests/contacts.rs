//! What contacts settle.

use super::*;

fn human(customer: &'static str, day: i64) -> Row {
    (customer, day * DAY, 2, 5, 6, "variant=1")
}

#[tokio::test]
async fn contacts_are_answered_in_time_or_not() {
    on_every_engine(async |store| {
        let contact = |second: i64, more| ("a", second, 2, 5, 6, more);
        record(
            &store,
            &[
                contact(1, "flag=0 wait=20000000"),
                contact(2, "flag=0 wait=20000001"),
                contact(3, "flag=1 wait=1000000"),
                contact(4, "flag=1"),
                contact(5, "flag=0"),
            ],
        )
        .await;
        let wanted = Counts::Share(Share { hits: 1, of: 4, excluded: 1 });
        assert_eq!(whole().only(&store, Metric::ServiceLevel).await, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_contact_is_settled_where_nobody_comes_again_for_the_same() {
    on_every_engine(async |store| {
        let contact = |customer, day: i64, more| (customer, day * DAY, 2, 5, 6, more);
        record(
            &store,
            &[
                // On the seventh day again, by another channel, and then not for eight days.
                contact("a", 1, "topic='bill'"),
                ("a", 8 * DAY, 2, 4, 6, "topic='bill'"),
                contact("a", 16, "topic='bill'"),
                // Another reason, and another customer.
                contact("a", 2, "topic='login'"),
                contact("b", 2, "topic='bill'"),
                // Given up: another try, but none that is measured. And one without a reason.
                contact("c", 3, "topic='bill'"),
                contact("c", 4, "topic='bill' flag=1"),
                contact("c", 5, "flag=0"),
            ],
        )
        .await;
        let wanted = Counts::Share(Share { hits: 4, of: 6, excluded: 2 });
        assert_eq!(whole().only(&store, Metric::FirstContactResolution).await, wanted);
    })
    .await;
}

#[tokio::test]
async fn a_contact_soon_after_a_session_is_the_same_issue() {
    on_every_engine(async |store| {
        let session = |customer, day: i64, more| (customer, day * DAY, 9, 10, 6, more);
        record(
            &store,
            &[
                // Enough; not enough; unresolved; enough, as the contact comes late.
                session("a", 1, "flag=1"),
                session("b", 1, ""),
                human("b", 8),
                session("c", 1, "flag=0"),
                session("d", 1, "flag=1"),
                human("d", 9),
                // Without a session; and after one that was before the range.
                human("e", 3),
                session("f", -1, "flag=1"),
                human("f", 2),
                // A bot is no human.
                session("g", 1, "flag=1"),
                ("g", 2 * DAY, 2, 4, 6, "variant=2"),
            ],
        )
        .await;
        let wanted = Counts::Share(Share { hits: 3, of: 7, excluded: 0 });
        assert_eq!(whole().only(&store, Metric::SelfServiceShare).await, wanted);
    })
    .await;
}

#[tokio::test]
async fn the_next_contact_counts_and_not_the_next_event() {
    on_every_engine(async |store| {
        let session = |customer, day: i64| (customer, day * DAY, 9, 10, 6, "flag=1");
        record(
            &store,
            &[
                // Two tries before the call: neither was enough.
                session("a", 1),
                session("a", 2),
                human("a", 3),
                // Two calls about one issue.
                session("b", 1),
                human("b", 2),
                human("b", 3),
            ],
        )
        .await;
        let wanted = Counts::Share(Share { hits: 0, of: 3, excluded: 0 });
        assert_eq!(whole().only(&store, Metric::SelfServiceShare).await, wanted);
    })
    .await;
}

#[tokio::test]
async fn what_shows_after_the_range_is_followed_until_it_is_known() {
    on_every_engine(async |store| {
        let contact = |customer, day: i64| (customer, day * DAY, 2, 5, 6, "variant=1 topic='bill'");
        record(
            &store,
            &[
                contact("a", 28),
                contact("a", 32),
                ("b", 29 * DAY, 9, 10, 6, "flag=1"),
                contact("b", 33),
                order("c", 27, "subject='1'"),
                ("c", 40 * DAY, 7, 1, 0, "subject='1' action=1"),
                order("d", 26, "subject='1'"),
                order("d", 31, "subject='2'"),
            ],
        )
        .await;
        let share = |hits, of| Counts::Share(Share { hits, of, excluded: 0 });
        let mut asker = whole();
        asker.churned.cut_offs = vec![at(28 * DAY)];
        // As of the end of the range nobody came again, nothing came back, and both buyers stay away.
        assert_eq!(asker.only(&store, Metric::FirstContactResolution).await, share(1, 1));
        assert_eq!(asker.only(&store, Metric::SelfServiceShare).await, share(1, 2));
        assert_eq!(asker.only(&store, Metric::ReturnRate).await, share(0, 2));
        assert_eq!(asker.only(&store, Metric::ChurnRate).await, share(2, 2));
        asker.known_until = Some(at(60 * DAY));
        assert_eq!(asker.only(&store, Metric::FirstContactResolution).await, share(0, 1));
        assert_eq!(asker.only(&store, Metric::SelfServiceShare).await, share(0, 2));
        assert_eq!(asker.only(&store, Metric::ReturnRate).await, share(1, 2));
        assert_eq!(asker.only(&store, Metric::ChurnRate).await, share(1, 2));
    })
    .await;
}
