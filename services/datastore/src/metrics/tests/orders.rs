//! What comes of orders.

use super::*;
use cx_analytics::metrics::counts::AnswerPattern;

fn back(customer: &'static str, day: i64, more: &'static str) -> Row {
    (customer, day * DAY, 7, 1, 0, more)
}

/// a: two orders, one of them returned in part. b: two orders, one cancelled. c: two orders, one taken back as a whole, in
/// the next range as well. d: one order, which comes back after the range.
#[tokio::test]
async fn orders_that_come_back_are_told_by_how() {
    on_every_engine(async |store| {
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
        let mean = |key: &str, amounts| (Some(key.to_owned()), Counts::Amounts(amounts));
        let found: Vec<_> = (whole().ask(&store, Metric::AverageOrderValue).await.into_iter())
            .map(|(key, counts)| (key.currency.map(String::from), counts))
            .collect();
        // Of a 500 and 700, of b 100, of c 200, of d 50; in dollars one order of b.
        let euros = Amounts {
            n: 5,
            customers: 4,
            sum: 1550,
            sum_squares: 1_440_000 + 10_000 + 40_000 + 2500,
            products: 2400 + 100 + 200 + 50,
            n_squares: 4 + 3,
            excluded: 0,
        };
        let dollars = Amounts {
            n: 1,
            customers: 1,
            sum: 9000,
            sum_squares: 81_000_000,
            products: 9000,
            n_squares: 1,
            excluded: 0,
        };
        let none = Counts::Amounts(Amounts { excluded: 1, ..Amounts::default() });
        assert_eq!(found, [(None, none), mean("EUR", euros), mean("USD", dollars)]);
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

/// Amounts so large that neither their sum nor their squares fit into 64 bits.
#[tokio::test]
async fn means_of_large_amounts_are_exact() {
    on_every_engine(async |store| {
        const MOST: i64 = 10_000_000_000_000;
        let rows: Vec<Row> = (0..20)
            .flat_map(|day| {
                let more = "subject='x' amount=9999999999999 currency='JPY'";
                [
                    order("a", day, more),
                    order("b", day, "subject='x' amount=10000000000000 currency='JPY'"),
                ]
            })
            .collect();
        record(&store, &rows).await;
        let (a, b) = (20 * i128::from(MOST - 1), 20 * i128::from(MOST));
        let expected = Amounts {
            n: 40,
            customers: 2,
            sum: a + b,
            sum_squares: a * a + b * b,
            products: 20 * (a + b),
            n_squares: 800,
            excluded: 0,
        };
        let found = whole().only(&store, Metric::AverageOrderValue).await;
        assert_eq!(found, Counts::Amounts(expected));
    })
    .await;
}

#[tokio::test]
async fn an_order_paid_back_as_a_whole_does_not_stand() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                order("a", 1, "subject='1' amount=10000 currency='EUR'"),
                order("a", 2, "subject='2' amount=8000 currency='EUR'"),
                back("a", 3, "subject='2' action=1 amount=5000 currency='EUR'"),
                back("a", 4, "subject='2' action=1 amount=3000 currency='EUR'"),
                // As much of another currency is not known to be all; nor is anything of an order that cost nothing.
                order("b", 1, "subject='1' amount=100 currency='EUR'"),
                order("b", 2, "subject='2' amount=0 currency='EUR'"),
                back("b", 3, "subject='1' action=1 amount=100 currency='USD'"),
                back("b", 3, "subject='2' action=1 amount=0 currency='EUR'"),
            ],
        )
        .await;
        let wanted = Counts::Share(Share { hits: 1, of: 2, excluded: 1 });
        assert_eq!(whole().only(&store, Metric::RepeatPurchaseRate).await, wanted);
    })
    .await;
}

/// Whom the company writes to is not active by that, and does not stay by that.
#[tokio::test]
async fn only_what_customers_do_is_activity() {
    on_every_engine(async |store| {
        record(
            &store,
            &[
                ("a", DAY, 1, 3, 0, "action=1"),
                ("a", 12 * DAY, 1, 3, 0, "action=1"),
                ("b", DAY, 1, 3, 0, "action=3"),
                ("b", 12 * DAY, 1, 3, 0, "action=1"),
                ("c", DAY, 10, 1, 0, "action=1"),
            ],
        )
        .await;
        let share = |hits, of| Counts::Share(Share { hits, of, excluded: 0 });
        let mut asker = whole();
        let active = Counts::Total(Total { sum: 2, n: 2, excluded: 0 });
        assert_eq!(asker.only(&store, Metric::ActiveCustomers).await, active);
        let complaints =
            Incidence { events: 1, answered: 0, affected: 1, squares: 1, customers: 2 };
        let complaints = Counts::Incidence(complaints);
        assert_eq!(asker.only(&store, Metric::ComplaintsPer100Customers).await, complaints);
        let definition = defined(vec![Kind::Engagement]);
        asker.churned = Churned { definition, cut_offs: vec![at(10 * DAY)] };
        assert_eq!(asker.only(&store, Metric::ChurnRate).await, share(1, 1));
    })
    .await;
}
