//! Metrics over the API: figures known by construction, buckets of clock changes, groups that add up to the whole, refusals.

use std::collections::BTreeMap;

use cx_analytics::codes::{CaseAction, Channel, Handler, Stage, SurveyAction, SurveyKind};
use cx_analytics::interaction::{Interaction, Payload, Score};
use cx_analytics::synthetic::Population;
use cx_analytics::{Timestamp, metrics as domain};
use cx_server::proto::{
    ListMetricsRequest, Metric, MetricDimension, MetricFilter, MetricResult, MetricStatus,
    QueryMetricsRequest, ResponsePolicy, TimeBucket,
};
use tonic::Code;

use crate::support::{Engine, Server, reason_of, violations_of};

/// 2024-01-01T00:00:00Z.
pub const START: i64 = 1_704_067_200;
pub const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((START + second) * 1_000_000).unwrap()
}

pub fn wire(second: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: START + second, nanos: 0 })
}

/// A question about the first `days` days.
pub fn asking(metrics: &[Metric], days: i64) -> QueryMetricsRequest {
    QueryMetricsRequest {
        metrics: metrics.iter().map(|metric| (*metric).into()).collect(),
        start_time: wire(0),
        end_time: wire(days * DAY),
        ..QueryMetricsRequest::default()
    }
}

pub async fn ask(server: &mut Server, request: QueryMetricsRequest) -> Vec<MetricResult> {
    server.metrics.query_metrics(request).await.unwrap().into_inner().results
}

pub fn interaction(
    customer: &str,
    second: i64,
    channel: Channel,
    stage: Option<Stage>,
    payload: Payload,
) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: format!("{second}-{:?}", payload.kind()),
        occurred_at: at(second),
        channel,
        stage,
        payload,
    }
}

fn answer(customer: &str, second: i64, kind: SurveyKind, value: i32) -> Interaction {
    let (min, max) = match kind {
        SurveyKind::NpsRelational | SurveyKind::NpsTransactional => (0, 10),
        SurveyKind::Ces => (1, 7),
        _ => (1, 5),
    };
    let score = Some(Score { value, min, max, lower_is_better: false });
    let payload = Payload::Survey {
        survey_id: None,
        kind,
        action: SurveyAction::Answered,
        score,
        comment: None,
    };
    interaction(customer, second, Channel::Email, None, payload)
}

fn case(customer: &str, second: i64, action: CaseAction, handler: Option<Handler>) -> Interaction {
    let payload = Payload::Case { case_id: "k".to_owned(), action, handler, reason: None };
    interaction(customer, second, Channel::Phone, Some(Stage::Support), payload)
}

pub async fn record(server: &Server, interactions: Vec<Interaction>) {
    for batch in interactions.chunks(5_000) {
        server.store.interactions_record(batch.to_vec(), at(0)).await.unwrap();
    }
}

/// 100 relational answers with 50 promoters and 17 detractors, one more answer that is older; satisfaction by ten; ten cases that
/// are answered after 1, 2, … 10 minutes, and one that is not.
async fn known(server: &Server) {
    let mut all = vec![answer("n0", 1, SurveyKind::NpsRelational, 0)];
    for number in 0..100 {
        let score = if number < 50 {
            9
        } else if number < 67 {
            6
        } else {
            7
        };
        all.push(answer(&format!("n{number}"), 1000 + number, SurveyKind::NpsRelational, score));
    }
    for (number, score) in [5, 4, 4, 3, 5, 1, 2, 5, 4, 4].into_iter().enumerate() {
        all.push(answer(&format!("s{number}"), 2000, SurveyKind::Csat, score));
    }
    for number in 0..11 {
        let customer = format!("k{number}");
        all.push(case(&customer, 100, CaseAction::Opened, None));
        all.push(case(&customer, 101, CaseAction::FirstResponse, Some(Handler::Bot)));
        if number > 0 {
            all.push(case(
                &customer,
                100 + number * 60,
                CaseAction::FirstResponse,
                Some(Handler::Human),
            ));
        }
    }
    record(server, all).await;
}

async fn figures_are_those_known_by_construction(engine: Engine) {
    let mut server = Server::start(engine).await;
    known(&server).await;
    let metrics = [
        Metric::NpsRelational,
        Metric::CsatMean,
        Metric::FirstResponseTime,
        Metric::NpsTransactional,
    ];
    let results = ask(&mut server, asking(&metrics, 1)).await;
    let [nps, csat, response, none] = &results[..] else { panic!("{results:?}") };

    assert_eq!(
        (nps.value, nps.n, nps.excluded, nps.status()),
        (Some(33.0), 100, 1, MetricStatus::Ok)
    );
    let interval = nps.interval.as_ref().unwrap();
    assert!((interval.lower - 17.513_29).abs() < 1e-4 && (interval.upper - 46.718_55).abs() < 1e-4);
    assert_eq!((interval.confidence, interval.method.as_str()), (0.95, "score (Tango)"));

    assert_eq!((csat.value, csat.n, csat.status()), (Some(3.7), 10, MetricStatus::LowSample));
    let interval = csat.interval.as_ref().unwrap();
    assert!(
        (interval.lower - 2.743_214_78).abs() < 1e-6
            && (interval.upper - 4.656_785_22).abs() < 1e-6
    );

    assert_eq!((response.value, response.n, response.censored), (Some(330.0), 10, 1));
    let figures: BTreeMap<&str, f64> =
        response.figures.iter().map(|f| (f.name.as_str(), f.value)).collect();
    // numpy.percentile([60, 120, …, 600], [90, 95]); SurvfuncRight of the same with one censored after a day.
    assert_eq!(
        (figures["p90"], figures["mean"], figures["kaplan_meier_median"]),
        (546.0, 330.0, 360.0)
    );
    assert!((figures["p95"] - 573.0).abs() < 1e-9);

    assert_eq!((none.value, none.n, none.status()), (None, 0, MetricStatus::NoData));
    assert!(none.interval.is_none());
    server.stop().await;
}

async fn groups_of_a_population_add_up_to_the_whole(engine: Engine) {
    let mut server = Server::start(engine).await;
    let population: Vec<Interaction> =
        Population::new(11, 300, at(365 * DAY)).flat_map(|member| member.interactions).collect();
    record(&server, population).await;
    let additive: Vec<Metric> = domain::Metric::ALL
        .into_iter()
        .filter(|metric| {
            !matches!(
                metric,
                domain::Metric::ActiveCustomers
                    | domain::Metric::ComplaintsPer100Customers
                    | domain::Metric::FeatureRequestsPer100Customers
                    | domain::Metric::RepeatPurchaseRate
                    | domain::Metric::PurchaseFrequency
                    | domain::Metric::SubscriptionChurnRate
                    | domain::Metric::RetentionRate
                    | domain::Metric::CustomerShare
                    | domain::Metric::InteractionShare
                    | domain::Metric::ValueAtRisk
            )
        })
        .map(|metric| Metric::try_from(i32::from(metric.code())).unwrap())
        // With buckets every bucket has a cut-off of its own.
        .filter(|metric| *metric != Metric::ChurnRate)
        .collect();
    let whole = QueryMetricsRequest {
        response_policy: ResponsePolicy::All.into(),
        ..asking(&additive, 365)
    };
    let whole_sums = sums(&ask(&mut server, whole.clone()).await);
    assert!(whole_sums.values().filter(|sums| sums.n > 0).count() >= 14, "{whole_sums:?}");
    let by = |dimensions: &[MetricDimension], bucket: TimeBucket| QueryMetricsRequest {
        group_by: dimensions.iter().map(|dimension| (*dimension).into()).collect(),
        bucket: bucket.into(),
        time_zone: "America/New_York".to_owned(),
        ..whole.clone()
    };
    for question in [
        by(&[MetricDimension::Channel], TimeBucket::Unspecified),
        by(&[MetricDimension::Stage, MetricDimension::Channel], TimeBucket::Unspecified),
        by(&[], TimeBucket::Day),
        by(&[MetricDimension::Channel], TimeBucket::Week),
        by(&[], TimeBucket::Month),
    ] {
        let groups = ask(&mut server, question.clone()).await;
        assert!(groups.len() > 2 * additive.len(), "{question:?}");
        assert_eq!(sums(&groups), whole_sums, "{question:?}");
    }
    // Churn at one cut-off adds up over groups, and a filter is one group alone.
    let churn = asking(&[Metric::ChurnRate], 365);
    let grouped =
        QueryMetricsRequest { group_by: vec![MetricDimension::Channel.into()], ..churn.clone() };
    let grouped = ask(&mut server, grouped).await;
    assert_eq!(sums(&grouped), sums(&ask(&mut server, churn.clone()).await));
    let channels = vec![grouped[0].group.as_ref().unwrap().channel];
    let filter = Some(MetricFilter { channels, ..MetricFilter::default() });
    let filtered = ask(&mut server, QueryMetricsRequest { filter, ..churn }).await;
    assert_eq!((filtered[0].numerator, filtered[0].n), (grouped[0].numerator, grouped[0].n));
    server.stop().await;
}

#[derive(Debug, PartialEq, Default)]
struct Sums {
    n: i64,
    excluded: i64,
    censored: i64,
    numerator: i64,
}

/// By metric and currency.
fn sums(results: &[MetricResult]) -> BTreeMap<(i32, String), Sums> {
    let mut all: BTreeMap<_, Sums> = BTreeMap::new();
    for result in results {
        let currency = result.group.as_ref().unwrap().currency_code.clone();
        let sums = all.entry((result.metric, currency)).or_default();
        sums.n += result.n;
        sums.excluded += result.excluded;
        sums.censored += result.censored;
        // Times are sums of seconds with a fraction.
        sums.numerator += (result.numerator * 1e6).round() as i64;
    }
    // Buckets without an order have no currency, and nothing to add.
    all.retain(|(_, currency), sums| !currency.is_empty() || *sums != Sums::default());
    all
}

async fn a_day_of_a_clock_change_takes_what_happened_in_its_hours(engine: Engine) {
    let mut server = Server::start(engine).await;
    // 2024-03-31 in Berlin: 23 hours from 2024-03-30T23:00:00Z, which is second 7_772_400 of the year.
    let midnight = 7_772_400;
    let orders = (0..72).map(|hour| {
        let payload = Payload::Order { order_id: format!("o{hour}"), total: None, items: None };
        interaction("c", midnight - 24 * 3600 + hour * 3600, Channel::Web, None, payload)
    });
    record(&server, orders.collect()).await;
    let request = QueryMetricsRequest {
        start_time: wire(midnight - 24 * 3600),
        end_time: wire(midnight + 47 * 3600),
        time_zone: "Europe/Berlin".to_owned(),
        bucket: TimeBucket::Day.into(),
        ..asking(&[Metric::Orders], 1)
    };
    let results = ask(&mut server, request).await;
    let found: Vec<Option<f64>> = results.iter().map(|result| result.value).collect();
    assert_eq!(found, [Some(24.0), Some(23.0), Some(24.0)]);
    assert_eq!(results[1].group.as_ref().unwrap().start_time, wire(midnight));
    server.stop().await;
}

async fn every_rule_broken_is_named_by_its_field(engine: Engine) {
    let mut server = Server::start(engine).await;
    let request = QueryMetricsRequest {
        metrics: vec![1, 0, 1, 99],
        start_time: wire(5),
        end_time: wire(5),
        time_zone: "Mars/Olympus_Mons".to_owned(),
        bucket: 9,
        week_start: 9,
        group_by: vec![2, 2, 0],
        filter: Some(MetricFilter {
            persona_ids: vec![String::new()],
            channels: vec![0],
            stages: vec![77],
            ..MetricFilter::default()
        }),
        response_policy: 9,
        case_clock: 9,
        confidence: 1.0,
        low_sample_floor: -1,
        churn_terms: Some(cx_server::proto::ChurnTerms { horizon_days: 731, ..Default::default() }),
        answer_within: Some(prost_types::Duration { seconds: -1, nanos: 0 }),
        repeat_within: Some(prost_types::Duration { seconds: 0, nanos: 0 }),
        attribute: String::new(),
    };
    let refused = server.metrics.query_metrics(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    let mut fields: Vec<String> =
        violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    let expected = [
        "answer_within",
        "bucket",
        "case_clock",
        "churn_terms.horizon_days",
        "confidence",
        "filter.channels[0]",
        "filter.persona_ids[0]",
        "filter.stages[0]",
        "group_by[1]",
        "group_by[2]",
        "low_sample_floor",
        "metrics[1]",
        "metrics[2]",
        "metrics[3]",
        "repeat_within",
        "response_policy",
        "start_time",
        "time_zone",
        "week_start",
    ];
    assert_eq!(fields, expected);

    let many =
        QueryMetricsRequest { bucket: TimeBucket::Day.into(), ..asking(&[Metric::Orders], 1001) };
    let refused = server.metrics.query_metrics(many).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "bucket");

    let personas = QueryMetricsRequest {
        group_by: vec![MetricDimension::Persona.into()],
        ..asking(&[Metric::Orders], 1)
    };
    let refused = server.metrics.query_metrics(personas).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_SEGMENTATION");

    // Nothing stored, nothing said of the range: one whole without data.
    let open =
        QueryMetricsRequest { start_time: None, end_time: None, ..asking(&[Metric::Orders], 1) };
    assert_eq!(ask(&mut server, open).await[0].status(), MetricStatus::NoData);
    server.stop().await;
}

async fn the_catalogue_is_paged_and_whole(engine: Engine) {
    let mut server = Server::start(engine).await;
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMetricsRequest { page_size: 7, page_token };
        let page = server.metrics.list_metrics(request).await.unwrap().into_inner();
        found.extend(page.metrics.iter().map(|definition| definition.metric));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let all = domain::Metric::ALL.map(|metric| i32::from(metric.code()));
    assert_eq!(found, all);
    let foreign = ListMetricsRequest { page_size: 0, page_token: "abc".to_owned() };
    let refused = server.metrics.list_metrics(foreign).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
    server.stop().await;
}

on_both_engines!(
    figures_are_those_known_by_construction,
    groups_of_a_population_add_up_to_the_whole,
    a_day_of_a_clock_change_takes_what_happened_in_its_hours,
    every_rule_broken_is_named_by_its_field,
    the_catalogue_is_paged_and_whole,
);
