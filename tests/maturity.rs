//! Outcomes that are known only later: until then a figure says so.

use cx_analytics::codes::Channel;
use cx_analytics::interaction::Payload;
use cx_server::proto::{Metric, MetricStatus, QueryMetricsRequest, TimeBucket};

use crate::metrics::{DAY, ask, asking, interaction, record};
use crate::support::{Engine, Server};

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
    let immature = MetricStatus::Immature;
    // Starts of January to May; 90 days from the start of February end before day 130, those of March do not.
    assert_eq!(
        found,
        [
            (0, 0, MetricStatus::NoData),
            (1, 2, low),
            (2, 2, immature),
            (2, 2, immature),
            (2, 2, immature)
        ]
    );
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
    // To day 95: January, February, March, and five days of April.
    let metrics = [Metric::ReturnRate, Metric::FirstContactResolution];
    let request = QueryMetricsRequest { bucket: TimeBucket::Month.into(), ..asking(&metrics, 95) };
    let results = ask(&mut server, request.clone()).await;
    let (low, none, immature) =
        (MetricStatus::LowSample, MetricStatus::NoData, MetricStatus::Immature);
    let found: Vec<_> = results.iter().map(|r| (r.n, r.status())).collect();
    let returns = [(1, low), (1, low), (1, immature), (0, none)];
    assert_eq!(found[..4], returns, "thirty days after the end of March are not over");
    assert_eq!(found[4..], returns, "nor are seven");
    let day = Some(prost_types::Duration { seconds: 86_400, nanos: 0 });
    let patient = ask(&mut server, QueryMetricsRequest { repeat_within: day, ..request }).await;
    assert_eq!(patient[6].status(), low, "but a day is");
    server.stop().await;
}

on_both_engines!(
    churn_is_immature_until_its_horizon_is_over,
    returns_and_repeats_are_immature_until_they_may_be_known,
);
