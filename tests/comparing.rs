//! Comparing metrics over the API: periods, segments, each group with all others; false discoveries controlled.

use cx_analytics::codes::Channel;
use cx_analytics::interaction::{Interaction, Payload};
use cx_server::proto::compare_metrics_request::{Baseline, OtherGroups, Period};
use cx_server::proto::{
    self, CompareMetricsRequest, CompareMetricsResponse, Metric, MetricDimension, MetricFilter,
    QueryMetricsRequest, TimeBucket,
};

use crate::metrics::{DAY, asking, interaction, record};
use crate::support::{Engine, Server, violations_of};

/// Contacts that queued on a day, of which so many were given up.
fn contacts(day: i64, channel: Channel, given_up: i64, queued: i64) -> Vec<Interaction> {
    let contact = |number| {
        let payload = Payload::Contact {
            handler: None,
            abandoned: number < given_up,
            queue_wait: Some(1_000_000 * (1 + number)),
            handling_time: None,
            reason: None,
            case_id: None,
        };
        let second = (day * DAY) + number;
        interaction(&format!("{channel:?}{day}-{number}"), second, channel, None, payload)
    };
    (0..queued).map(contact).collect()
}

async fn compare(server: &mut Server, request: CompareMetricsRequest) -> CompareMetricsResponse {
    server.metrics.compare_metrics(request).await.unwrap().into_inner()
}

/// About the second day.
fn second_day(metrics: &[Metric], by: &[MetricDimension]) -> QueryMetricsRequest {
    let whole = asking(metrics, 2);
    let start_time = asking(metrics, 1).end_time;
    let group_by = by.iter().map(|dimension| (*dimension).into()).collect();
    QueryMetricsRequest { start_time, group_by, ..whole }
}

/// Day 0: 30 of 115 given up by telephone, 10 of 100 in the chat. Day 1: 45 of 120, 40 of 100, and of e-mail 1 of 3.
async fn known(server: &Server) {
    let all = [
        contacts(0, Channel::Phone, 30, 115),
        contacts(0, Channel::Chat, 10, 100),
        contacts(1, Channel::Phone, 45, 120),
        contacts(1, Channel::Chat, 40, 100),
        contacts(1, Channel::Email, 1, 3),
    ];
    record(server, all.concat()).await;
}

fn channel(of: &proto::MetricComparison) -> proto::Channel {
    of.current.as_ref().unwrap().group.as_ref().unwrap().channel()
}

/// Expected: statsmodels `proportions_ztest`, `confint_proportions_2indep(method="newcomb")`, `multipletests(method="fdr_bh")`.
async fn the_period_before_is_the_baseline_and_what_moved_comes_first(engine: Engine) {
    let mut server = Server::start(engine).await;
    known(&server).await;
    let metrics = [Metric::AbandonmentRate, Metric::Interactions];
    let request = CompareMetricsRequest {
        query: Some(second_day(&metrics, &[MetricDimension::Channel])),
        baseline: Some(Baseline::Period(Period::default())),
        false_discovery_rate: 0.0,
    };
    let found = compare(&mut server, request.clone()).await;
    assert_eq!(found.family_size, 2);
    let rates: Vec<_> = found
        .comparisons
        .iter()
        .filter(|of| of.current.as_ref().unwrap().metric() == Metric::AbandonmentRate)
        .collect();
    let [chat, phone, email] = rates[..] else { panic!("{rates:?}") };
    assert_eq!(
        [channel(chat), channel(phone), channel(email)],
        [proto::Channel::Chat, proto::Channel::Phone, proto::Channel::Email]
    );
    let near = |value: Option<f64>, expected: f64| {
        assert!((value.unwrap() - expected).abs() < 1e-6, "{value:?} is not {expected}");
    };
    near(phone.difference, 45.0 / 120.0 - 30.0 / 115.0);
    near(phone.relative_change, (45.0 / 120.0) / (30.0 / 115.0) - 1.0);
    near(phone.p_value, 0.060_624_743_7);
    near(phone.q_value, 0.060_624_743_7);
    near(phone.interval.as_ref().map(|of| of.lower), -0.005_103_573_8);
    near(phone.interval.as_ref().map(|of| of.upper), 0.228_532_859_7);
    near(chat.difference, 0.3);
    assert!(chat.significant && !phone.significant, "{chat:?} {phone:?}");
    near(chat.q_value, 2.0 * chat.p_value.unwrap());
    // Nothing to compare with: what is known is told, and nothing of a difference.
    assert_eq!((email.difference, email.p_value, email.significant), (None, None, false));
    assert_eq!(email.current.as_ref().unwrap().n, 3);
    // Numbers differ, and are no estimates.
    let numbers = &found.comparisons[found.comparisons.len() - 1];
    assert_eq!((numbers.p_value, numbers.test.as_str()), (None, ""));
    let wider = CompareMetricsRequest { false_discovery_rate: 0.1, ..request };
    let wider = compare(&mut server, wider).await;
    assert_eq!(wider.comparisons.iter().filter(|of| of.significant).count(), 2);
    server.stop().await;
}

async fn segments_and_others_are_baselines_too(engine: Engine) {
    let mut server = Server::start(engine).await;
    known(&server).await;
    let only = |channel: proto::Channel| MetricFilter {
        channels: vec![channel.into()],
        ..MetricFilter::default()
    };
    let request = CompareMetricsRequest {
        query: Some(QueryMetricsRequest {
            filter: Some(only(proto::Channel::Phone)),
            ..second_day(&[Metric::AbandonmentRate, Metric::QueueWait], &[])
        }),
        baseline: Some(Baseline::Segment(only(proto::Channel::Chat))),
        ..CompareMetricsRequest::default()
    };
    let found = compare(&mut server, request).await;
    let rate = found.comparisons.iter().find(|of| of.test == "two-proportion z").unwrap();
    assert!((rate.difference.unwrap() - (0.375 - 0.4)).abs() < 1e-12, "{rate:?}");
    let wait = found.comparisons.iter().find(|of| of.test == "Mann-Whitney").unwrap();
    // Waits of those who did not give up: 46 s to 120 s, and 41 s to 100 s.
    assert!((wait.difference.unwrap() - (83.0 - 70.5)).abs() < 1e-9, "{wait:?}");

    let request = CompareMetricsRequest {
        query: Some(second_day(&[Metric::AbandonmentRate], &[MetricDimension::Channel])),
        baseline: Some(Baseline::OtherGroups(OtherGroups {})),
        ..CompareMetricsRequest::default()
    };
    let found = compare(&mut server, request).await;
    assert_eq!(found.comparisons.len(), 3);
    for of in &found.comparisons {
        let (one, rest) = (of.current.as_ref().unwrap(), of.baseline.as_ref().unwrap());
        assert_eq!((one.n + rest.n, one.numerator + rest.numerator), (223, 86.0), "{of:?}");
    }
    server.stop().await;
}

async fn every_rule_broken_by_a_comparison_is_named(engine: Engine) {
    let mut server = Server::start(engine).await;
    let fields = async |server: &mut Server, request| -> Vec<String> {
        let refused = server.metrics.compare_metrics(request).await.unwrap_err();
        violations_of(&refused).into_iter().map(|(field, _)| field).collect()
    };
    let nothing = CompareMetricsRequest::default();
    assert_eq!(fields(&mut server, nothing).await, ["query.metrics"]);
    let query = QueryMetricsRequest {
        bucket: TimeBucket::Day.into(),
        ..second_day(&[Metric::Orders, Metric::Revenue, Metric::QueueWait], &[])
    };
    let request = CompareMetricsRequest {
        query: Some(query.clone()),
        baseline: None,
        false_discovery_rate: 0.6,
    };
    let expected = ["query.bucket", "baseline", "false_discovery_rate"];
    assert_eq!(fields(&mut server, request).await, expected);
    let query = QueryMetricsRequest { bucket: 0, ..query };
    let request = CompareMetricsRequest {
        query: Some(query.clone()),
        baseline: Some(Baseline::OtherGroups(OtherGroups {})),
        ..CompareMetricsRequest::default()
    };
    let expected = ["query.group_by", "query.metrics[0]", "query.metrics[1]"];
    assert_eq!(fields(&mut server, request).await, expected);
    let period = Period { start_time: query.end_time, end_time: query.start_time };
    let filter = MetricFilter { channels: vec![99], ..MetricFilter::default() };
    for (baseline, expected) in [
        (Baseline::Period(period), "period.start_time"),
        (Baseline::Segment(filter), "segment.channels[0]"),
    ] {
        let request = CompareMetricsRequest {
            query: Some(query.clone()),
            baseline: Some(baseline),
            ..CompareMetricsRequest::default()
        };
        assert_eq!(fields(&mut server, request).await, [expected]);
    }
    server.stop().await;
}

on_both_engines!(
    the_period_before_is_the_baseline_and_what_moved_comes_first,
    segments_and_others_are_baselines_too,
    every_rule_broken_by_a_comparison_is_named,
);
