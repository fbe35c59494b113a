//! What rules and alerts are refused for.

use cx_server::proto::{
    AcknowledgeAlertRequest, AlertRule, AlertScope, AnswerMeasure, AssignAlertRequest,
    AtRiskCondition, CaseOpenCondition, ChurnBand, CreateAlertRuleRequest, CreateWebhookRequest,
    DeleteAlertRuleRequest, DetractorCondition, GetAlertRequest, GetAlertRuleRequest,
    GetRecoveryRequest, ListAlertRulesRequest, ListAlertsRequest, Metric, MetricDimension,
    MetricMovedCondition, Money, ResolveAlertRequest, Scale, TimeBucket, UpdateAlertRuleRequest,
    UpdateWebhookRequest, WatchAlertsRequest, WebhookEvents, alert_rule::Condition,
};
use std::collections::BTreeSet;
use tonic::{Code, Status};

use crate::alert_rules::{create, detractor, list, looking, wait};
use crate::membership::ingest;
use crate::support::records::{days_ago, nps};
use crate::support::{Engine, Server, reason_of, violations_of};

fn fields(status: &Status) -> BTreeSet<String> {
    violations_of(status).into_iter().map(|(field, _)| field).collect()
}

fn named<const N: usize>(fields: [&str; N]) -> BTreeSet<String> {
    fields.map(str::to_owned).into()
}

async fn refused(server: &mut Server, condition: Condition, scope: AlertScope) -> BTreeSet<String> {
    let rule = AlertRule {
        name: "x".to_owned(),
        condition: Some(condition),
        scope: Some(scope),
        ..Default::default()
    };
    let request = CreateAlertRuleRequest { rule: Some(rule), ..Default::default() };
    fields(&server.alerts.create_alert_rule(request).await.unwrap_err())
}

async fn rules_that_cannot_be_are_refused_by_field(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let empty = CreateAlertRuleRequest::default();
    let status = server.alerts.create_alert_rule(empty).await.unwrap_err();
    assert_eq!(fields(&status), named(["rule"]));
    let bare = CreateAlertRuleRequest {
        rule: Some(AlertRule { description: "x".repeat(1025), ..Default::default() }),
        request_id: "r".repeat(129),
        ..Default::default()
    };
    let status = server.alerts.create_alert_rule(bare).await.unwrap_err();
    let wanted = ["request_id", "rule.condition", "rule.description", "rule.name"];
    assert_eq!(fields(&status), named(wanted));

    let of = |measure: AnswerMeasure, threshold, scale| {
        Condition::Detractor(DetractorCondition { measure: measure.into(), threshold, scale })
    };
    let none = AlertScope::default;
    let scale = Some(Scale { min: 1, max: 9, lower_is_better: false });
    let nps = refused(&mut server, of(AnswerMeasure::NpsRelational, Some(10), scale), none()).await;
    assert_eq!(nps, named(["rule.detractor.scale", "rule.detractor.threshold"]));
    let csat = refused(&mut server, of(AnswerMeasure::Csat, None, scale), none()).await;
    assert_eq!(csat, named(["rule.detractor.threshold"]));
    let unknown = refused(&mut server, of(AnswerMeasure::Unspecified, None, None), none()).await;
    assert_eq!(unknown, named(["rule.detractor.measure"]));
    let scope = AlertScope {
        persona_ids: vec!["p".to_owned(), String::new(), "p".to_owned()],
        channels: vec![1, 99, 1],
        stages: vec![0],
    };
    let scoped = refused(&mut server, of(AnswerMeasure::Csat, None, None), scope.clone()).await;
    let wanted = named([
        "rule.scope.channels[1]",
        "rule.scope.channels[2]",
        "rule.scope.persona_ids[1]",
        "rule.scope.persona_ids[2]",
        "rule.scope.stages[0]",
    ]);
    assert_eq!(scoped, wanted);

    for longer_than in [None, Some((0, 0)), Some((367 * 86_400, 0)), Some((-1, 0))] {
        let longer_than =
            longer_than.map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        let of = Condition::CaseOpenTooLong(CaseOpenCondition { longer_than });
        let found = refused(&mut server, of, none()).await;
        assert_eq!(found, named(["rule.case_open_too_long.longer_than"]), "{longer_than:?}");
    }

    let at_risk = |min_probability, band: ChurnBand, min_value| {
        Condition::HighValueAtRisk(AtRiskCondition {
            min_probability,
            min_band: band.into(),
            min_value,
        })
    };
    let found = refused(&mut server, at_risk(None, ChurnBand::Unspecified, None), scope).await;
    assert!(
        found
            .is_superset(&named(["rule.high_value_at_risk", "rule.high_value_at_risk.min_value",]))
    );
    let found = refused(
        &mut server,
        at_risk(
            Some(1.1),
            ChurnBand::Low,
            Some(Money { currency_code: "eur".to_owned(), amount_minor: -1 }),
        ),
        AlertScope { channels: vec![1], stages: vec![1], ..Default::default() },
    )
    .await;
    let wanted = named([
        "rule.high_value_at_risk.min_band",
        "rule.high_value_at_risk.min_probability",
        "rule.high_value_at_risk.min_value.amount_minor",
        "rule.high_value_at_risk.min_value.currency_code",
        "rule.scope.channels",
        "rule.scope.stages",
    ]);
    assert_eq!(found, wanted);
    server.stop().await;
}

async fn metrics_that_cannot_be_watched_are_refused_by_field(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let bad = MetricMovedCondition {
        metric: Metric::Revenue.into(),
        bucket: TimeBucket::Year.into(),
        time_zone: "Mars/Olympus_Mons".to_owned(),
        group_by: vec![MetricDimension::Channel.into(), MetricDimension::Attribute.into()],
        baseline_buckets: 25,
        direction: 3,
        false_discovery_rate: 0.6,
        min_difference: -1.0,
        low_sample_floor: -1,
    };
    let none = AlertScope::default;
    let found = refused(&mut server, Condition::MetricMoved(bad.clone()), none()).await;
    let at = |fields: &[&str]| -> BTreeSet<String> {
        fields.iter().map(|field| format!("rule.metric_moved.{field}")).collect()
    };
    let wanted = [
        "baseline_buckets",
        "bucket",
        "direction",
        "false_discovery_rate",
        "group_by[1]",
        "low_sample_floor",
        "min_difference",
    ];
    assert_eq!(found, at(&wanted));
    let churn = MetricMovedCondition {
        metric: Metric::ChurnRate.into(),
        bucket: TimeBucket::Hour.into(),
        ..Default::default()
    };
    let found = refused(&mut server, Condition::MetricMoved(churn), none()).await;
    assert_eq!(found, at(&["bucket"]));
    for metric in [Metric::Revenue, Metric::Interactions, Metric::ValueAtRisk] {
        let of = MetricMovedCondition {
            metric: metric.into(),
            bucket: TimeBucket::Day.into(),
            time_zone: "Mars/Olympus_Mons".to_owned(),
            ..Default::default()
        };
        let found = refused(&mut server, Condition::MetricMoved(of), none()).await;
        assert_eq!(found, at(&["metric", "time_zone"]), "{metric:?}");
    }
    server.stop().await;
}

async fn what_is_not_there_or_over_is_refused_by_name(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let reason = |status: Status| (status.code(), reason_of(&status));
    let no_rule = (Code::NotFound, "ALERT_RULE_NOT_FOUND".to_owned());
    let no_alert = (Code::NotFound, "ALERT_NOT_FOUND".to_owned());
    let id = || "x".to_owned();
    let get = GetAlertRuleRequest { alert_rule_id: id() };
    assert_eq!(reason(server.alerts.get_alert_rule(get).await.unwrap_err()), no_rule);
    let delete = DeleteAlertRuleRequest { alert_rule_id: id() };
    assert_eq!(reason(server.alerts.delete_alert_rule(delete).await.unwrap_err()), no_rule);
    let update = UpdateAlertRuleRequest {
        rule: Some(AlertRule { alert_rule_id: id(), ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(reason(server.alerts.update_alert_rule(update).await.unwrap_err()), no_rule);
    let get = GetAlertRequest { alert_id: id() };
    assert_eq!(reason(server.alerts.get_alert(get).await.unwrap_err()), no_alert);
    let seen =
        AcknowledgeAlertRequest { alert_id: id(), actor: "ann".to_owned(), ..Default::default() };
    assert_eq!(reason(server.alerts.acknowledge_alert(seen).await.unwrap_err()), no_alert);

    // Fields, all at once.
    let status = server.alerts.assign_alert(AssignAlertRequest::default()).await.unwrap_err();
    assert_eq!(fields(&status), named(["actor", "alert_id"]));
    let bad = ResolveAlertRequest { outcome: 9, note: "x".repeat(4097), ..Default::default() };
    let status = server.alerts.resolve_alert(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["actor", "alert_id", "note", "outcome"]));
    let bad = ListAlertsRequest {
        kind: 9,
        state: 9,
        assignee: "a".repeat(129),
        start_time: Some(days_ago(1)),
        end_time: Some(days_ago(2)),
        ..Default::default()
    };
    let status = server.alerts.list_alerts(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["assignee", "kind", "start_time", "state"]));
    let bad = GetRecoveryRequest {
        kind: 9,
        follow_up: Some(prost_types::Duration { seconds: 367 * 86_400, nanos: 0 }),
        confidence: 2.0,
        low_sample_floor: -1,
        ..Default::default()
    };
    let status = server.alerts.get_recovery(bad).await.unwrap_err();
    let wanted = named(["confidence", "follow_up", "kind", "low_sample_floor"]);
    assert_eq!(fields(&status), wanted);
    let bad = WatchAlertsRequest { start: 9, ..Default::default() };
    let status = server.alerts.watch_alerts(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["start"]));
    let bad = WatchAlertsRequest {
        alert_rule_ids: vec!["r".to_owned(), "r".to_owned()],
        ..Default::default()
    };
    let status = server.alerts.watch_alerts(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["alert_rule_ids[1]"]));

    // Page tokens are those of the same request.
    for name in ["one", "two"] {
        create(&mut server, AlertRule { name: name.to_owned(), ..detractor(6) }, true).await;
    }
    ingest(&mut server, vec![nps("a", "1", 1, 3)]).await;
    let alert = wait(&mut server, 2).await.remove(0);
    let page = ListAlertsRequest { page_size: 1, ..Default::default() };
    let first = server.alerts.list_alerts(page.clone()).await.unwrap().into_inner();
    let other = ListAlertsRequest {
        customer_id: "a".to_owned(),
        page_token: first.next_page_token.clone(),
        ..page.clone()
    };
    let status = server.alerts.list_alerts(other).await.unwrap_err();
    assert_eq!(reason_of(&status), "INVALID_PAGE_TOKEN");
    assert_eq!(list(&mut server, page).await.len(), 2);
    let page = ListAlertRulesRequest { page_size: 1, ..Default::default() };
    let rules = server.alerts.list_alert_rules(page).await.unwrap().into_inner();
    assert_eq!(rules.rules[0].name, "two");
    let page = ListAlertRulesRequest { page_size: 1, page_token: rules.next_page_token };
    let rules = server.alerts.list_alert_rules(page).await.unwrap().into_inner();
    assert_eq!((rules.rules[0].name.as_str(), rules.next_page_token.as_str()), ("one", ""));

    // Updates: what, of which kind, and known by its etag.
    let rule = rules.rules[0].clone();
    let update = |change: AlertRule, paths: &[&str]| UpdateAlertRuleRequest {
        rule: Some(AlertRule { alert_rule_id: rule.alert_rule_id.clone(), ..change }),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }),
    };
    let status = server.alerts.update_alert_rule(update(rule.clone(), &[])).await.unwrap_err();
    assert_eq!(fields(&status), named(["update_mask"]));
    let request = update(rule.clone(), &["since_time", "metric_moved"]);
    let status = server.alerts.update_alert_rule(request).await.unwrap_err();
    assert_eq!(fields(&status), named(["rule.metric_moved", "update_mask.paths[0]"]));
    let longer_than = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let other = AlertRule {
        condition: Some(Condition::CaseOpenTooLong(CaseOpenCondition { longer_than })),
        ..rule.clone()
    };
    let request = update(other, &["case_open_too_long"]);
    let status = server.alerts.update_alert_rule(request).await.unwrap_err();
    assert_eq!(fields(&status), named(["rule.case_open_too_long"]));
    let renamed = AlertRule { name: "new".to_owned(), etag: "0".to_owned(), ..rule.clone() };
    let status = server.alerts.update_alert_rule(update(renamed, &["name"])).await.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::Aborted, "ETAG_MISMATCH"));

    // What is resolved stays so.
    let mut end = ResolveAlertRequest {
        alert_id: alert.alert_id,
        outcome: 1,
        actor: "ann".to_owned(),
        ..Default::default()
    };
    server.alerts.resolve_alert(end.clone()).await.unwrap();
    end.outcome = 2;
    let status = server.alerts.resolve_alert(end).await.unwrap_err();
    let wanted = (Code::FailedPrecondition, "ALERT_RESOLVED");
    assert_eq!((status.code(), reason_of(&status).as_str()), wanted);

    // Webhooks are told of something that there is.
    let events = vec![1, 1, 0, 7];
    let bad = CreateWebhookRequest {
        url: "https://example.com".to_owned(),
        events,
        ..Default::default()
    };
    let status = server.webhooks.create_webhook(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["events[1]", "events[2]", "events[3]"]));
    let bad = UpdateWebhookRequest {
        webhook_id: id(),
        events: Some(WebhookEvents::default()),
        ..Default::default()
    };
    let status = server.webhooks.update_webhook(bad).await.unwrap_err();
    assert_eq!(fields(&status), named(["events.events"]));
    server.stop().await;
}

on_both_engines!(
    rules_that_cannot_be_are_refused_by_field,
    metrics_that_cannot_be_watched_are_refused_by_field,
    what_is_not_there_or_over_is_refused_by_name,
);
