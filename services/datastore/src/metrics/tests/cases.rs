//! How often and how long cases are open.

use super::*;

fn event(customer: &'static str, hour: i64, more: &'static str) -> Row {
    (customer, hour * HOUR, 3, 5, 6, more)
}

#[tokio::test]
async fn a_case_is_open_as_often_as_it_is_opened() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                // Solved after 2 hours, after 5 in spite of being opened once more, and open since hour 20.
                event("a", 0, "subject='1' action=1"),
                event("a", 1, "subject='1' action=2"),
                event("a", 2, "subject='1' action=3"),
                event("a", 10, "subject='1' action=4"),
                event("a", 12, "subject='1' action=4"),
                event("a", 15, "subject='1' action=3"),
                event("a", 16, "subject='1' action=3"),
                event("a", 20, "subject='1' action=4"),
                // Another case of the same customer, and the same name with another customer.
                event("a", 3, "subject='2' action=1"),
                event("a", 4, "subject='2' action=3"),
                event("b", 0, "subject='1' action=3"),
                event("b", 5, "subject='1' action=4"),
                event("b", 8, "subject='1' action=3"),
            ],
        )
        .await;
        let mut asker = whole();
        let Counts::Spans(mut found) = asker.only(&store, Metric::CycleResolutionTime).await else {
            panic!("spans")
        };
        found.ended.sort_unstable();
        let hours = |hours: i64| hours * HOUR * 1_000_000;
        let ended = [(hours(1), 1), (hours(2), 1), (hours(3), 1), (hours(5), 1)];
        assert_eq!(found.ended, ended);
        assert_eq!(found.open, [(hours(30 * 24 - 20), 1)]);
        assert_eq!(found.excluded, 1, "solved without an opening");
        asker = Asker::days(1);
        asker.clock = CaseClock::Ended;
        let Counts::Spans(found) = asker.only(&store, Metric::CycleResolutionTime).await else {
            panic!("spans")
        };
        assert_eq!((found.ended.len(), found.open.len()), (4, 0), "an open cycle is in no bucket");
    })
    .await;
}

#[tokio::test]
async fn a_case_that_is_opened_again_is_open_by_every_clock() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                // Opened by its first name once more; opened again at the very instant of the solution, as days have it; solved.
                event("a", 0, "subject='1' action=1"),
                event("a", 1, "subject='1' action=3"),
                event("a", 2, "subject='1' action=1"),
                event("b", 0, "subject='1' action=1"),
                event("b", 1, "subject='1' action=3"),
                event("b", 1, "subject='1' action=4"),
                event("c", 0, "subject='1' action=1"),
                event("c", 3, "subject='1' action=3"),
            ],
        )
        .await;
        for (metric, ended) in [(Metric::FullResolutionTime, 1), (Metric::CycleResolutionTime, 3)] {
            let Counts::Spans(found) = whole().only(&store, metric).await else { panic!("spans") };
            let count = |spans: &[(i64, i64)]| spans.iter().map(|(_, count)| count).sum::<i64>();
            assert_eq!((count(&found.ended), count(&found.open)), (ended, 2), "{metric:?}");
        }
    })
    .await;
}
