//! Groups and filters of metrics over the API: attributes, surveys, reasons, cohorts; what does not fit is refused.

use cx_analytics::codes::{Channel, SurveyAction, SurveyKind};
use cx_analytics::interaction::{Interaction, Payload, Score};
use cx_server::proto::{
    AttributeFilter, Customer, Metric, MetricDimension, MetricFilter, MetricResult, MetricStatus,
    QueryMetricsRequest, TimeBucket, UpsertCustomersRequest,
};

use crate::metrics::{DAY, ask, asking, interaction, record};
use crate::support::{Engine, Server, violations_of};

fn answer(customer: &str, survey: &str, second: i64, value: i32) -> Interaction {
    let payload = Payload::Survey {
        survey_id: Some(survey.to_owned()),
        kind: SurveyKind::Csat,
        action: SurveyAction::Answered,
        score: Some(Score { value, min: 1, max: 5, lower_is_better: false }),
        comment: None,
    };
    interaction(customer, second, Channel::Email, None, payload)
}

/// Value and n by what `of` makes of the group.
fn by(
    results: &[MetricResult],
    of: fn(&MetricResult) -> String,
) -> Vec<(String, Option<f64>, i64)> {
    results.iter().map(|result| (of(result), result.value, result.n)).collect()
}

async fn figures_are_told_apart_by_attribute_and_survey(engine: Engine) {
    let mut server = Server::start(engine).await;
    let customer = |id: &str, plan: &str, tier: &str| Customer {
        customer_id: id.to_owned(),
        plan: plan.to_owned(),
        attributes: [("tier".to_owned(), tier.to_owned())].into(),
        ..Customer::default()
    };
    let customers =
        vec![customer("a", "pro", "gold"), customer("b", "pro", "tin"), customer("c", "", "gold")];
    let request = UpsertCustomersRequest { customers, ..Default::default() };
    server.customers.upsert_customers(request).await.unwrap();
    record(
        &server,
        vec![
            answer("a", "s", 1, 5),
            answer("a", "t", 2, 1),
            answer("b", "s", 3, 2),
            answer("c", "s", 4, 4),
            answer("nobody", "s", 5, 4),
        ],
    )
    .await;
    let csat = asking(&[Metric::CsatMean], 1);
    let grouped = |dimension: MetricDimension, attribute: &str| QueryMetricsRequest {
        group_by: vec![dimension.into()],
        attribute: attribute.to_owned(),
        ..csat.clone()
    };
    let value = |result: &MetricResult| result.group.as_ref().unwrap().attribute_value.clone();
    let found = ask(&mut server, grouped(MetricDimension::Attribute, "plan")).await;
    let row = |name: &str, value, n| (name.to_owned(), Some(value), n);
    assert_eq!(by(&found, value), [row("", 4.0, 2), row("pro", 8.0 / 3.0, 3)]);
    let found = ask(&mut server, grouped(MetricDimension::Attribute, "attributes.tier")).await;
    assert_eq!(
        by(&found, value),
        [row("", 4.0, 1), row("gold", 10.0 / 3.0, 3), row("tin", 2.0, 1)]
    );
    let survey = |result: &MetricResult| result.group.as_ref().unwrap().survey_id.clone();
    let found = ask(&mut server, grouped(MetricDimension::Survey, "")).await;
    assert_eq!(by(&found, survey), [row("s", 3.75, 4), row("t", 1.0, 1)]);

    let attribute = |name: &str, value: &str| AttributeFilter {
        attribute: name.to_owned(),
        values: vec![value.to_owned()],
    };
    let filter = MetricFilter {
        attributes: vec![attribute("plan", "pro"), attribute("attributes.tier", "gold")],
        survey_ids: vec!["s".to_owned()],
        ..MetricFilter::default()
    };
    let found = ask(&mut server, QueryMetricsRequest { filter: Some(filter), ..csat }).await;
    assert_eq!(by(&found, survey), [row("", 5.0, 1)]);
    server.stop().await;
}

/// Two customers first seen on day 0, of whom one is back on day 2; the range ends in the middle of day 2.
async fn retention_says_which_period_and_what_is_not_over(engine: Engine) {
    let mut server = Server::start(engine).await;
    let order = |customer: &str, hour: i64| {
        let payload = Payload::Order { order_id: format!("o{hour}"), total: None, items: None };
        interaction(customer, hour * 3600, Channel::Web, None, payload)
    };
    record(&server, vec![order("a", 1), order("b", 2), order("a", 50)]).await;
    let request = QueryMetricsRequest {
        bucket: TimeBucket::Day.into(),
        end_time: asking(&[], 0).start_time.map(|start| prost_types::Timestamp {
            seconds: start.seconds + 2 * DAY + DAY / 2,
            ..start
        }),
        ..asking(&[Metric::RetentionRate, Metric::SubscriptionChurnRate], 1)
    };
    let found = ask(&mut server, request).await;
    let cells: Vec<_> = found
        .iter()
        .filter(|result| result.metric() == Metric::RetentionRate)
        .map(|result| (result.group.as_ref().unwrap().period, result.value, result.status()))
        .collect();
    assert_eq!(
        cells,
        [
            (Some(0), Some(1.0), MetricStatus::LowSample),
            (Some(1), Some(0.0), MetricStatus::LowSample),
            (Some(2), Some(0.5), MetricStatus::Immature),
        ]
    );
    let churn = found.iter().filter(|result| result.metric() != Metric::RetentionRate);
    assert!(churn.clone().all(|result| result.status() == MetricStatus::NoData));
    assert_eq!(churn.count(), 3);
    server.stop().await;
}

async fn every_rule_of_groups_is_named_by_its_field(engine: Engine) {
    let mut server = Server::start(engine).await;
    let attribute = |name: &str, values: &[&str]| AttributeFilter {
        attribute: name.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let request = QueryMetricsRequest {
        group_by: vec![4, 7],
        attribute: "attributes.".to_owned(),
        filter: Some(MetricFilter {
            attributes: vec![
                attribute("shoe_size", &[]),
                attribute("plan", &["pro"]),
                attribute("plan", &["\0"]),
            ],
            survey_ids: vec!["s".to_owned()],
            reasons: vec!["r".to_owned(); 101],
            ..MetricFilter::default()
        }),
        ..asking(&[Metric::QueueWait], 1)
    };
    let refused = server.metrics.query_metrics(request).await.unwrap_err();
    let mut fields: Vec<String> =
        violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    fields.sort();
    let expected = [
        "attribute",
        "filter.attributes[0].attribute",
        "filter.attributes[0].values",
        "filter.attributes[2].attribute",
        "filter.attributes[2].values[0]",
        "filter.reasons",
        "filter.survey_ids",
        "group_by[1]",
    ];
    assert_eq!(fields, expected);
    server.stop().await;
}

async fn a_metric_that_does_not_fit_its_groups_says_so(engine: Engine) {
    let mut server = Server::start(engine).await;
    let metrics = [Metric::RetentionRate, Metric::CustomerShare, Metric::Orders];
    let refused = server.metrics.query_metrics(asking(&metrics, 1)).await.unwrap_err();
    let rules = |rules: &[(&str, &str)]| -> Vec<(String, String)> {
        rules.iter().map(|(field, rule)| ((*field).to_owned(), (*rule).to_owned())).collect()
    };
    assert_eq!(
        violations_of(&refused),
        rules(&[("metrics[0]", "needs a bucket"), ("metrics[1]", "needs group_by")])
    );
    let stakes = QueryMetricsRequest {
        bucket: TimeBucket::Day.into(),
        group_by: vec![MetricDimension::Reason.into()],
        ..asking(&[Metric::ValueAtRisk], 1)
    };
    let refused = server.metrics.query_metrics(stakes).await.unwrap_err();
    assert_eq!(
        violations_of(&refused),
        rules(&[
            ("group_by[0]", "does not apply to METRIC_VALUE_AT_RISK"),
            ("metrics[0]", "is as of the training of the churn model and has no bucket"),
        ])
    );
    let unused =
        QueryMetricsRequest { attribute: "plan".to_owned(), ..asking(&[Metric::Orders], 1) };
    let refused = server.metrics.query_metrics(unused).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "attribute");
    server.stop().await;
}

on_both_engines!(
    figures_are_told_apart_by_attribute_and_survey,
    retention_says_which_period_and_what_is_not_over,
    every_rule_of_groups_is_named_by_its_field,
    a_metric_that_does_not_fit_its_groups_says_so,
);
