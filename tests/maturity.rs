//! Outcomes that are known only later: until then a figure says so.

use cx_analytics::codes::Channel;
use cx_analytics::interaction::Payload;
use cx_server::proto::{Metric, MetricStatus, QueryMetricsRequest, TimeBucket};

use crate::metrics::{DAY, START, ask, asking, interaction, record, wire};
use crate::support::{Engine, Server};

fn days_since_start() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (i64::try_from(now.as_secs()).unwrap() - START) / DAY
}

async fn churn_is_immature_until_its_horizon_is_over(engine: Engine) {
    let mut server = Server::start(engine).await;
    let order = |customer: &str, day: i64| {
        let payload = Payload::Order { order_id: day.to_string(), total: None, items: None };
        interaction(customer, day * DAY, Channel::Web, None, payload)
    };
    record(&server, vec![order("stays", 5), order("stays", 40), order("leaves", 6)]).await;
    let request = QueryMetricsRequest {
        bucket: TimeBucket::Month.into(),
        ..asking(&[Metric::ChurnRate], 130)
    };
    let results = ask(&mut server, request).await;
    let found: Vec<_> = results.iter().map(|r| (r.numerator as i64, r.n, r.status())).collect();
    let low = MetricStatus::LowSample;
    // Starts of January to May: what happened in the 90 days after each is known since long, also after the range.
    let none = MetricStatus::NoData;
    assert_eq!(found, [(0, 0, none), (1, 2, low), (2, 2, low), (2, 2, low), (2, 2, low)]);

    let today = days_since_start();
    record(&server, vec![order("late", today - 10)]).await;
    let request = QueryMetricsRequest {
        bucket: TimeBucket::Day.into(),
        start_time: wire((today - 100) * DAY),
        ..asking(&[Metric::ChurnRate], today)
    };
    let results = ask(&mut server, request).await;
    let found: Vec<_> = results.iter().map(|r| (r.n, r.status())).filter(|(n, _)| *n > 0).collect();
    assert_eq!(found, [(1, MetricStatus::Immature); 9], "of the days since the order");
    server.stop().await;
}

/// What may yet come back, or come again, is told as not known.
async fn returns_and_repeats_are_immature_until_they_may_be_known(engine: Engine) {
    let mut server = Server::start(engine).await;
    let order = |day: i64| {
        let payload = Payload::Order { order_id: day.to_string(), total: None, items: None };
        interaction("a", day * DAY, Channel::Web, None, payload)
    };
    let contact = |day: i64| {
        let reason = Some("bill".to_owned());
        let payload = Payload::Contact {
            handler: None,
            abandoned: false,
            queue_wait: None,
            handling_time: None,
            reason,
            case_id: None,
        };
        interaction("a", day * DAY + 1, Channel::Phone, None, payload)
    };
    let days = [5, 40, 70];
    let records = days.map(order).into_iter().chain(days.map(contact)).collect();
    record(&server, records).await;
    // To day 95: January, February, March, and five days of April. All is known since long.
    let metrics = [Metric::ReturnRate, Metric::FirstContactResolution];
    let request = QueryMetricsRequest { bucket: TimeBucket::Month.into(), ..asking(&metrics, 95) };
    let results = ask(&mut server, request).await;
    let (low, none, immature) =
        (MetricStatus::LowSample, MetricStatus::NoData, MetricStatus::Immature);
    let found: Vec<_> = results.iter().map(|r| (r.n, r.status())).collect();
    assert_eq!(found, [[(1, low); 3].as_slice(), &[(0, none)]].concat().repeat(2));

    // A whole range that ended twenty days ago, and one that ended two days ago.
    let today = days_since_start();
    let records = [today - 21, today - 3];
    record(&server, records.map(order).into_iter().chain(records.map(contact)).collect()).await;
    for (ended, returns, contacts) in [(20, immature, low), (2, immature, immature)] {
        let day = today - ended;
        let request =
            QueryMetricsRequest { start_time: wire((day - 5) * DAY), ..asking(&metrics, day) };
        let results = ask(&mut server, request.clone()).await;
        let found: Vec<_> = results.iter().map(|r| (r.n, r.status())).collect();
        assert_eq!(found, [(1, returns), (1, contacts)], "{ended}");
        let repeat_within = Some(prost_types::Duration { seconds: 86_400, nanos: 0 });
        let patient = ask(&mut server, QueryMetricsRequest { repeat_within, ..request }).await;
        assert_eq!(patient[1].status(), low, "a day is over");
    }
    server.stop().await;
}

on_both_engines!(
    churn_is_immature_until_its_horizon_is_over,
    returns_and_repeats_are_immature_until_they_may_be_known,
);
