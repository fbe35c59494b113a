//! Churn by a slow count.

use super::*;

#[tokio::test]
async fn churn_at_each_cut_off_is_what_a_slow_count_says() {
    on_every_engine(async |store| {
        // Orders on these days; look-back 10, horizon 5.
        let orders: [(&str, &[i64]); 4] =
            [("a", &[-3, 0, 8]), ("b", &[-9]), ("c", &[2, 3, 3, 12, 17]), ("d", &[-30, 19])];
        let rows: Vec<Row> = orders
            .iter()
            .flat_map(|(id, days)| days.iter().map(|day| (*id, day * DAY, 6, 1, 3, "")))
            .collect();
        record(&store, &rows).await;
        let asker = Asker::days(20);
        let mut expected = Vec::new();
        for cut in 0..20 {
            let active = orders
                .iter()
                .filter(|(_, days)| days.iter().any(|day| (cut - 10..cut).contains(day)));
            let active: Vec<_> = active.collect();
            let gone = active
                .iter()
                .filter(|(_, days)| !days.iter().any(|day| (cut..cut + 5).contains(day)))
                .count();
            if !active.is_empty() {
                let (hits, of) =
                    (i64::try_from(gone).expect("few"), i64::try_from(active.len()).expect("few"));
                expected.push((cut, Counts::Share(Share { hits, of, excluded: 0 })));
            }
        }
        let found = asker.ask(&store, Metric::ChurnRate).await;
        let found: Vec<_> = found
            .into_iter()
            .map(|(key, counts)| (i64::try_from(key.bucket).expect("few"), counts))
            .collect();
        assert_eq!(found, expected);
    })
    .await;
}
