//! Rules, and what each kind of them raises.

use cx_analytics::codes::CaseAction;
use cx_server::proto::{
    self, Alert, AlertKind, AlertOutcome, AlertRule, AnswerMeasure, AtRiskCondition, CaseEvent,
    CaseOpenCondition, CreateAlertRuleRequest, DetractorCondition, GetRecoveryRequest,
    ListAlertsRequest, Metric, MetricDirection, MetricMovedCondition, Money, ResolveAlertRequest,
    Scale, Survey, TimeBucket, TrainChurnModelRequest, UpdateAlertRuleRequest, alert::Subject,
    alert_rule::Condition, interaction::Payload, survey,
};
use cx_server::serve::Options;
use cx_server::work::alerts::Looks;
use std::time::{Duration, Instant};

use crate::membership::{PATIENCE, ingest};
use crate::segmentation::fill;
use crate::support::records::{days_ago, interaction, nps};
use crate::support::{Engine, Server};

/// In a hurry.
pub fn looking() -> Options {
    let soon = Duration::from_millis(100);
    let alerts = Looks { interval: soon, timer: soon, metrics: soon };
    Options { alerts, ..Options::default() }
}

/// A rule with this condition.
fn rule(condition: Condition) -> AlertRule {
    AlertRule { name: "a rule".to_owned(), condition: Some(condition), ..Default::default() }
}

/// A rule about relational NPS.
pub fn detractor(threshold: i32) -> AlertRule {
    rule(Condition::Detractor(DetractorCondition {
        measure: AnswerMeasure::NpsRelational.into(),
        threshold: Some(threshold),
        scale: None,
    }))
}

pub async fn create(server: &mut Server, wanted: AlertRule, backfill: bool) -> AlertRule {
    let request = CreateAlertRuleRequest { rule: Some(wanted), backfill, ..Default::default() };
    server.alerts.create_alert_rule(request).await.unwrap().into_inner().rule.unwrap()
}

/// All pages of a list.
pub async fn list(server: &mut Server, mut request: ListAlertsRequest) -> Vec<Alert> {
    let mut alerts = Vec::new();
    loop {
        let page = server.alerts.list_alerts(request.clone()).await.unwrap().into_inner();
        alerts.extend(page.alerts);
        if page.next_page_token.is_empty() {
            return alerts;
        }
        request.page_token = page.next_page_token;
    }
}

/// Waits until there are so many alerts.
pub async fn wait(server: &mut Server, count: usize) -> Vec<Alert> {
    let begun = Instant::now();
    loop {
        let alerts = list(server, ListAlertsRequest::default()).await;
        if alerts.len() >= count {
            assert_eq!(alerts.len(), count, "{alerts:?}");
            return alerts;
        }
        assert!(begun.elapsed() < PATIENCE, "it stays so: {alerts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn case(id: &str, action: CaseAction, seconds_ago: i64) -> proto::Interaction {
    let event =
        CaseEvent { case_id: "k".to_owned(), action: action.code().into(), ..Default::default() };
    let mut at = days_ago(0);
    at.seconds -= seconds_ago;
    proto::Interaction {
        occurred_at: Some(at),
        ..interaction("a", id, 0, Payload::CaseEvent(event))
    }
}

async fn time_alone_makes_a_case_too_old(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let longer_than = Some(prost_types::Duration { seconds: 4, nanos: 0 });
    let wanted = rule(Condition::CaseOpenTooLong(CaseOpenCondition { longer_than }));
    create(&mut server, wanted, false).await;
    ingest(&mut server, vec![case("1", CaseAction::Opened, 0)]).await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    wait(&mut server, 0).await;
    let alert = wait(&mut server, 1).await.remove(0);
    assert_eq!(alert.kind(), AlertKind::CaseOpenTooLong);
    assert_eq!(alert.text, "case \"k\" open for longer than 4 seconds");
    let Some(Subject::CaseOpenTooLong(found)) = alert.subject else { panic!("{alert:?}") };
    let since = found.open_since_time.unwrap();
    assert_eq!(alert.event_time.unwrap().seconds, since.seconds + 4);
    assert!(alert.raise_time.unwrap().seconds >= since.seconds + 4);
    // Solved and reopened, it becomes too old another time; once each.
    let again = vec![case("2", CaseAction::Solved, 1), case("3", CaseAction::Reopened, 0)];
    ingest(&mut server, again).await;
    wait(&mut server, 2).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    wait(&mut server, 2).await;
    server.stop().await;
}

async fn customers_of_value_are_raised_as_a_model_says_that_they_leave(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    fill(&server.store, 200).await;
    let amount_minor = 20_000;
    let condition = |min_probability| AtRiskCondition {
        min_probability: Some(min_probability),
        min_band: 0,
        min_value: Some(Money { currency_code: "EUR".to_owned(), amount_minor }),
    };
    let of = |least| rule(Condition::HighValueAtRisk(condition(least)));
    let before = create(&mut server, of(0.5), false).await;
    let train = TrainChurnModelRequest {
        as_of: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        activate: true,
        ..Default::default()
    };
    server.churn.train_churn_model(train.clone()).await.unwrap();
    let count = |alerts: &[Alert], rule: &AlertRule| {
        alerts.iter().filter(|alert| alert.alert_rule_id == rule.alert_rule_id).count()
    };
    let begun = Instant::now();
    let first = loop {
        let alerts = list(&mut server, ListAlertsRequest::default()).await;
        if !alerts.is_empty() {
            break alerts;
        }
        assert!(begun.elapsed() < PATIENCE * 2, "nobody is raised");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for alert in &first {
        let Some(Subject::HighValueAtRisk(risk)) = &alert.subject else { panic!("{alert:?}") };
        assert!(risk.probability >= 0.5, "{risk:?}");
        assert!(risk.value.as_ref().unwrap().amount_minor >= amount_minor, "{risk:?}");
    }
    // The same rule made now knows that they are at risk already, unless it is asked for all.
    let after = create(&mut server, of(0.5), false).await;
    let all = create(&mut server, of(0.5), true).await;
    wait(&mut server, first.len() * 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let alerts = wait(&mut server, first.len() * 2).await;
    let counts = [&before, &after, &all].map(|rule| count(&alerts, rule));
    assert_eq!(counts, [first.len(), 0, first.len()]);
    // The same model again is no news of anybody.
    server.churn.train_churn_model(train).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    wait(&mut server, first.len() * 2).await;
    server.stop().await;
}

async fn a_metric_that_moves_is_raised_once_for_its_bucket(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let mut answers = Vec::new();
    for n in 0..60 {
        answers.push(nps(&format!("c{n}"), "before", 2, if n % 3 == 0 { 8 } else { 10 }));
        answers.push(nps(&format!("c{n}"), "after", 1, if n % 3 == 0 { 8 } else { 2 }));
    }
    ingest(&mut server, answers).await;
    let moved = |direction: MetricDirection| {
        rule(Condition::MetricMoved(MetricMovedCondition {
            metric: Metric::NpsRelational.into(),
            bucket: TimeBucket::Day.into(),
            direction: direction.into(),
            ..Default::default()
        }))
    };
    create(&mut server, moved(MetricDirection::Up), true).await;
    create(&mut server, moved(MetricDirection::Down), false).await;
    let down = create(&mut server, moved(MetricDirection::Down), true).await;
    let Some(Condition::MetricMoved(told)) = &down.condition else { panic!("{down:?}") };
    assert_eq!((told.baseline_buckets, told.time_zone.as_str()), (1, "UTC"));
    wait(&mut server, 1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let alert = wait(&mut server, 1).await.remove(0);
    assert_eq!((&alert.alert_rule_id, alert.customer_id.as_str()), (&down.alert_rule_id, ""));
    let Some(Subject::MetricMoved(found)) = &alert.subject else { panic!("{alert:?}") };
    assert_eq!((found.n, found.baseline_n, found.family_size), (60, 60, 1));
    assert!(found.value < -60.0 && found.baseline_value > 60.0 && found.q_value < 0.001);
    let day = |at: &Option<prost_types::Timestamp>| at.as_ref().unwrap().seconds;
    assert_eq!(day(&found.end_time) - day(&found.start_time), 86_400);
    assert_eq!(day(&found.start_time) - day(&found.baseline_start_time), 86_400);
    // What comes of it is known when the next bucket is over.
    let request = ResolveAlertRequest {
        alert_id: alert.alert_id.clone(),
        outcome: AlertOutcome::Recovered.into(),
        actor: "ann".to_owned(),
        ..Default::default()
    };
    server.alerts.resolve_alert(request).await.unwrap();
    let better = async |server: &mut Server| {
        let answer = server.alerts.get_recovery(GetRecoveryRequest::default()).await.unwrap();
        answer.into_inner().recoveries.remove(0).better_share.unwrap()
    };
    assert_eq!(better(&mut server).await.censored, 1);
    // As if it had been resolved three days ago: then the bucket of two days ago is the first after it.
    let resolved = (days_ago(3).seconds) * 1_000_000;
    server.database().sql(&format!("UPDATE alert SET resolved_at = {resolved}"));
    let known = better(&mut server).await;
    assert_eq!((known.value, known.n, known.censored), (Some(1.0), 1, 0));
    server.stop().await;
}

async fn other_answers_raise_alerts_on_their_own_scales(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let of = |measure: AnswerMeasure, threshold, scale| {
        rule(Condition::Detractor(DetractorCondition { measure: measure.into(), threshold, scale }))
    };
    let effort = Scale { min: 1, max: 5, lower_is_better: true };
    for wanted in [
        of(AnswerMeasure::Csat, None, None),
        of(AnswerMeasure::Ces, Some(4), Some(effort)),
        of(AnswerMeasure::Review, Some(1), None),
    ] {
        create(&mut server, wanted, true).await;
    }
    let survey = |id: &str, kind: survey::Kind, score, scale| {
        let survey = Survey { kind: kind.into(), score: Some(score), scale, ..Survey::default() };
        interaction("a", id, 1, Payload::Survey(survey))
    };
    let review = |id: &str, rating| {
        let review = proto::Review { rating: Some(rating), ..Default::default() };
        interaction("a", id, 1, Payload::Review(review))
    };
    ingest(
        &mut server,
        vec![
            survey("csat 2", survey::Kind::Csat, 2, None),
            survey("csat 3", survey::Kind::Csat, 3, None),
            survey(
                "csat on 10",
                survey::Kind::Csat,
                2,
                Some(Scale { min: 1, max: 10, lower_is_better: false }),
            ),
            survey("effort 4", survey::Kind::Ces, 4, Some(effort)),
            survey("effort 3", survey::Kind::Ces, 3, Some(effort)),
            survey("ease 1", survey::Kind::Ces, 1, None),
            review("review 1", 1),
            review("review 2", 2),
        ],
    )
    .await;
    let alerts = wait(&mut server, 3).await;
    let mut ids: Vec<&str> = (alerts.iter())
        .map(|alert| match &alert.subject {
            Some(Subject::Detractor(found)) => found.interaction_id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["csat 2", "effort 4", "review 1"]);
    server.stop().await;
}

async fn a_rule_that_is_switched_off_or_changed_counts_from_then_on(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    let made = create(&mut server, detractor(2), true).await;
    assert!(made.enabled && made.since_time.is_none());
    ingest(&mut server, vec![nps("a", "1", 1, 5)]).await;
    let update = async |server: &mut Server, rule: AlertRule, path: &str| {
        let paths = vec![path.to_owned()];
        let update_mask = Some(prost_types::FieldMask { paths });
        let request = UpdateAlertRuleRequest { rule: Some(rule), update_mask };
        server.alerts.update_alert_rule(request).await.unwrap().into_inner().rule.unwrap()
    };
    let wanted = AlertRule { alert_rule_id: made.alert_rule_id.clone(), ..detractor(6) };
    let changed = update(&mut server, wanted, "detractor").await;
    assert_eq!(changed.name, "a rule");
    assert!(changed.since_time.is_some() && changed.etag != made.etag);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ingest(&mut server, vec![nps("b", "1", 0, 5)]).await;
    assert_eq!(wait(&mut server, 1).await[0].customer_id, "b");
    let off = AlertRule { enabled: false, ..changed };
    assert!(!update(&mut server, off.clone(), "enabled").await.enabled);
    ingest(&mut server, vec![nps("c", "1", 0, 5)]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let on = AlertRule { enabled: true, etag: String::new(), ..off };
    update(&mut server, on, "enabled").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    wait(&mut server, 1).await;
    server.stop().await;
}

on_both_engines!(
    time_alone_makes_a_case_too_old,
    customers_of_value_are_raised_as_a_model_says_that_they_leave,
    a_metric_that_moves_is_raised_once_for_its_bucket,
    other_answers_raise_alerts_on_their_own_scales,
    a_rule_that_is_switched_off_or_changed_counts_from_then_on,
);
