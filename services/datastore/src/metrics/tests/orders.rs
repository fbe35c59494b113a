//! What comes of orders.

use super::*;
use cx_analytics::metrics::counts::AnswerPattern;

/// a: two orders, one of them returned in part. b: two orders, one cancelled. c: two orders, one taken back as a whole, in
/// the next range as well. d: one order, which comes back after the range.
#[tokio::test]
async fn orders_that_come_back_are_told_by_how() {
    on_every_engine(async |store| {
        let order = |customer, day: i64, id| (customer, day * DAY, 6, 1, 0, id);
        let back = |customer, day: i64, more| (customer, day * DAY, 7, 1, 0, more);
        record(
            &store,
            &[
                order("a", 1, "subject='1' amount=500 currency='EUR'"),
                order("a", 2, "subject='2' amount=700 currency='EUR'"),
                back("a", 9, "subject='2' action=1 amount=300 currency='EUR'"),
                order("b", 3, "subject='1' amount=100 currency='EUR'"),
                order("b", 4, "subject='2' amount=9000 currency='USD'"),
                back("b", 5, "subject='2' action=2 amount=9500 currency='USD'"),
                order("c", 5, "subject='1'"),
                order("c", 6, "subject='2' amount=200 currency='EUR'"),
                back("c", 7, "subject='2' action=1 flag=1"),
                order("d", 7, "subject='1' amount=50 currency='EUR'"),
                back("d", 40, "subject='1' action=1"),
                back("d", 8, "action=1"),
            ],
        )
        .await;
        let share = |hits, of, excluded| Counts::Share(Share { hits, of, excluded });
        assert_eq!(whole().only(&store, Metric::RepeatPurchaseRate).await, share(1, 4, 2));
        assert_eq!(whole().only(&store, Metric::ReturnRate).await, share(2, 6, 1));
        let pattern =
            |customers, sum| AnswerPattern { customers, answers: 1, high: 0, low: 0, sum };
        let patterns = vec![pattern(3, 1), pattern(1, 2)];
        let frequency = Counts::Answers(Answers { patterns, excluded: 2 });
        assert_eq!(whole().only(&store, Metric::PurchaseFrequency).await, frequency);
        let value: Vec<_> = (whole().ask(&store, Metric::CustomerValue).await.into_iter())
            .map(|(key, counts)| (key.currency.map(String::from), counts))
            .collect();
        let total = |sum, n, excluded| Counts::Total(Total { sum, n, excluded });
        assert_eq!(
            value,
            [
                (None, total(0, 0, 3)),
                (Some("EUR".to_owned()), total(1250, 6, 0)),
                (Some("USD".to_owned()), total(-500, 2, 0)),
            ]
        );
        let revenue = whole().ask(&store, Metric::Revenue).await;
        assert_eq!(revenue[1].1, total(1550, 5, 0));
    })
    .await;
}
