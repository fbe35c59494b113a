//! Messages and what came of them.

use super::*;

/// Campaign k reaches a (who opens and clicks twice), b (sent twice; opens), c (clicks with pictures off) and d (who only clicked before
/// it was sent); it does not reach e. One message names no campaign. Campaign m reaches a, who does nothing.
#[tokio::test]
async fn clickers_and_openers_are_unique_and_come_after_the_delivery() {
    on_every_engine(async |store| {
        let row = |customer, day: i64, channel, more| (customer, day * DAY, 1, channel, 0, more);
        record(
            &store,
            &[
                row("a", 1, 3, "action=1 flag=1 topic='k'"),
                row("a", 2, 1, "action=3 topic='k'"),
                row("a", 2, 1, "action=4 topic='k'"),
                row("a", 3, 1, "action=4 topic='k'"),
                row("b", 1, 3, "action=1 topic='k'"),
                row("b", 4, 6, "action=1 topic='k'"),
                row("b", 5, 6, "action=3 topic='k'"),
                row("c", 1, 3, "action=1 flag=1 topic='k'"),
                row("c", 1, 3, "action=4 topic='k'"),
                row("d", 1, 3, "action=4 topic='k'"),
                row("d", 2, 6, "action=1 flag=1 topic='k'"),
                row("e", 2, 3, "action=1 flag=0 topic='k'"),
                row("e", 2, 3, "action=4 topic='k'"),
                row("e", 3, 3, "action=1 flag=1"),
                row("a", 9, 3, "action=1 flag=1 topic='m'"),
                row("f", 9, 3, "action=4 topic='m'"),
            ],
        )
        .await;
        let share = |hits, of, excluded| Counts::Share(Share { hits, of, excluded });
        assert_eq!(whole().only(&store, Metric::ClickRate).await, share(2, 5, 2));
        assert_eq!(whole().only(&store, Metric::ClickToOpenRate).await, share(2, 3, 2));
        let mut asker = whole();
        asker.by = Dimensions { channel: true, detail: true, ..Dimensions::default() };
        let found: Vec<_> = (asker.ask(&store, Metric::ClickRate).await.into_iter())
            .map(|(key, counts)| (key.channel, key.detail.expect("asked for"), counts))
            .collect();
        let (email, sms) = (Some(Channel::Email), Some(Channel::Sms));
        assert_eq!(
            found,
            [
                (email, String::new(), share(0, 0, 1)),
                (email, "k".to_owned(), share(2, 3, 1)),
                (email, "m".to_owned(), share(0, 1, 0)),
                (sms, "k".to_owned(), share(0, 1, 0)),
            ]
        );
        asker.filter.details = vec!["m".to_owned()];
        assert_eq!(asker.only(&store, Metric::ClickRate).await, share(0, 1, 0));
    })
    .await;
}
