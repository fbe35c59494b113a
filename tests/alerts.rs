//! Alerts, from what raises them to what came of them: over the API, by the server's own looks.

use cx_server::proto::{
    AcknowledgeAlertRequest, Alert, AlertChange, AlertKind, AlertOutcome, AlertRule, AlertScope,
    AlertState, AssignAlertRequest, CreateWebhookRequest, EraseCustomerRequest, GetAlertRequest,
    GetRecoveryRequest, ListAlertsRequest, Recovery, ResolveAlertRequest, WatchAlertsRequest,
    WatchAlertsResponse, WebhookEvent, alert_change::Kind, watch_alerts_request::Start,
};
use cx_server::serve::{self, Options};
use cx_server::webhooks;
use std::time::Duration;
use tokio::time::timeout;
use tonic::Streaming;

use crate::alert_rules::{create, detractor, list, looking, wait};
use crate::membership::{PATIENCE, fresh, ingest, personas, run};
use crate::support::receiver::Receiver;
use crate::support::records::{nps, two_kinds};
use crate::support::{Engine, Server, reason_of};

type Watch = Streaming<WatchAlertsResponse>;

/// Begins to follow, and gives the first token.
async fn watch(server: &mut Server, request: WatchAlertsRequest) -> (Watch, String) {
    let mut stream = server.alerts.watch_alerts(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.changes.is_empty());
    (stream, first.resume_token)
}

/// The next `count` changes, and the token after them.
async fn next(stream: &mut Watch, count: usize) -> (Vec<AlertChange>, String) {
    let (mut changes, mut token) = (Vec::new(), String::new());
    while changes.len() < count {
        let told = timeout(PATIENCE, stream.message()).await;
        let told = told.expect("a change in time").unwrap().expect("no end");
        changes.extend(told.changes);
        token = told.resume_token;
    }
    assert_eq!(changes.len(), count, "{changes:?}");
    (changes, token)
}

fn earliest() -> WatchAlertsRequest {
    WatchAlertsRequest { start: Start::Earliest.into(), ..Default::default() }
}

async fn resolve(server: &mut Server, alert: &Alert, outcome: AlertOutcome) -> Alert {
    let request = ResolveAlertRequest {
        alert_id: alert.alert_id.clone(),
        outcome: outcome.into(),
        note: "called".to_owned(),
        actor: "ann".to_owned(),
        etag: String::new(),
    };
    server.alerts.resolve_alert(request).await.unwrap().into_inner().alert.unwrap()
}

async fn recovery(server: &mut Server) -> Recovery {
    let answer = server.alerts.get_recovery(GetRecoveryRequest::default()).await.unwrap();
    let mut found = answer.into_inner().recoveries;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn kinds(changes: &[AlertChange]) -> Vec<Kind> {
    changes.iter().map(AlertChange::kind).collect()
}

async fn a_detractor_is_told_looked_after_and_followed_to_the_next_answer(engine: Engine) {
    let webhooks = webhooks::Options {
        allow_insecure: true,
        tick: Duration::from_millis(50),
        ..webhooks::Options::default()
    };
    let mut server = Server::start_with(engine, Options { webhooks, ..looking() }).await;
    let receiver = Receiver::start().await;
    let request = CreateWebhookRequest {
        url: receiver.url(),
        events: vec![WebhookEvent::AlertChanged.into()],
        ..Default::default()
    };
    let webhook = server.webhooks.create_webhook(request).await.unwrap().into_inner();
    ingest(&mut server, vec![nps("early", "1", 0, 0)]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let rule = create(&mut server, detractor(6), false).await;
    let (mut stream, _) = watch(&mut server, earliest()).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let answers = vec![nps("a", "1", 0, 3), nps("b", "1", 0, 7), nps("c", "1", 0, 6)];
    ingest(&mut server, answers.clone()).await;
    let (raised, token) = next(&mut stream, 2).await;
    assert_eq!(kinds(&raised), [Kind::Raised, Kind::Raised]);
    ingest(&mut server, answers).await;
    let alerts = list(&mut server, ListAlertsRequest::default()).await;
    let who: Vec<&str> = alerts.iter().map(|alert| alert.customer_id.as_str()).collect();
    assert!(who.len() == 2 && who.contains(&"a") && who.contains(&"c"), "{who:?}");
    let alert = alerts.iter().find(|alert| alert.customer_id == "a").unwrap().clone();
    assert_eq!((alert.kind(), alert.state()), (AlertKind::Detractor, AlertState::Open));
    assert_eq!(alert.text, "relational NPS: 3 on 0 to 10");
    assert_eq!(alert.alert_rule_id, rule.alert_rule_id);

    // Seen, given to somebody by who knows it, resolved; each may be repeated.
    let seen = AcknowledgeAlertRequest {
        alert_id: alert.alert_id.clone(),
        actor: "ann".to_owned(),
        etag: alert.etag.clone(),
    };
    for _ in 0..2 {
        let answer = server.alerts.acknowledge_alert(seen.clone()).await.unwrap().into_inner();
        assert_eq!(answer.alert.unwrap().state(), AlertState::Acknowledged);
    }
    let mut assign = AssignAlertRequest {
        alert_id: alert.alert_id.clone(),
        assignee: "eve".to_owned(),
        actor: "ann".to_owned(),
        etag: alert.etag.clone(),
    };
    let refused = server.alerts.assign_alert(assign.clone()).await.unwrap_err();
    assert_eq!(reason_of(&refused), "ETAG_MISMATCH");
    assign.etag = String::new();
    server.alerts.assign_alert(assign.clone()).await.unwrap();
    resolve(&mut server, &alert, AlertOutcome::Recovered).await;
    let over = resolve(&mut server, &alert, AlertOutcome::Recovered).await;
    assert_eq!((over.state(), over.assignee.as_str()), (AlertState::Resolved, "eve"));
    assign.assignee = "bob".to_owned();
    let refused = server.alerts.assign_alert(assign).await.unwrap_err();
    assert_eq!(reason_of(&refused), "ALERT_RESOLVED");
    let (changed, _) = next(&mut stream, 3).await;
    assert_eq!(kinds(&changed), [Kind::Acknowledged, Kind::Assigned, Kind::Resolved]);
    assert_eq!(changed[2].note, "called");

    // The receiver was told the same, in order and signed.
    let told = |all: &[crate::support::receiver::Received]| {
        all.iter().map(|one| one.positions().len()).sum::<usize>() == 5
    };
    let received = receiver.wait_until(told).await;
    let mut positions = Vec::new();
    for message in &received {
        message.verify(&[&webhook.secret]);
        assert_eq!(message.json()["type"], "alert.changed");
        positions.extend(message.positions());
    }
    let wanted: Vec<i64> = raised.iter().chain(&changed).map(|change| change.position).collect();
    assert_eq!(positions, wanted);
    assert_eq!(received[0].json()["data"]["changes"][0]["kind"], "KIND_RAISED");

    // Who resumes gets what followed.
    let resumed = WatchAlertsRequest { resume_token: token, ..Default::default() };
    let (mut again, _) = watch(&mut server, resumed).await;
    assert_eq!(next(&mut again, 3).await.0, changed);

    // Afterwards: a answers anew, and it is known.
    let before = recovery(&mut server).await;
    assert_eq!((before.raised, before.open, before.resolved), (2, 1, 1));
    assert_eq!(before.better_share.unwrap().censored, 1);
    assert_eq!(before.recovered_share.unwrap().value, Some(1.0));
    assert_eq!(before.time_to_resolve.unwrap().n, 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    ingest(&mut server, vec![nps("a", "2", 0, 9)]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let after = recovery(&mut server).await;
    let better = after.better_share.unwrap();
    assert_eq!((better.value, better.n, better.censored), (Some(1.0), 1, 0));
    assert_eq!(better.interval.unwrap().method, "Wilson");
    assert_eq!(after.nps_before.unwrap().value, Some(-100.0));
    assert_eq!(after.nps_after.unwrap().value, Some(100.0));
    server.stop().await;
}

async fn the_erased_are_gone_and_whoever_follows_can_erase_them_too(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    ingest(&mut server, vec![nps("a", "1", 1, 3), nps("b", "1", 1, 3)]).await;
    create(&mut server, detractor(6), true).await;
    let alerts = wait(&mut server, 2).await;
    let (mut stream, _) = watch(&mut server, WatchAlertsRequest::default()).await;
    let erase = EraseCustomerRequest { customer_id: "a".to_owned(), confirm: "a".to_owned() };
    server.customers.erase_customer(erase).await.unwrap();
    let (told, _) = next(&mut stream, 1).await;
    let alert_id = &alerts.iter().find(|alert| alert.customer_id == "a").unwrap().alert_id;
    let wanted = AlertChange {
        alert_id: alert_id.clone(),
        kind: Kind::Erased.into(),
        position: told[0].position,
        change_time: told[0].change_time,
        ..Default::default()
    };
    assert_eq!(told, [wanted], "its id, and nothing else");
    let request = GetAlertRequest { alert_id: alert_id.clone() };
    let refused = server.alerts.get_alert(request).await.unwrap_err();
    assert_eq!(reason_of(&refused), "ALERT_NOT_FOUND");
    assert_eq!(list(&mut server, ListAlertsRequest::default()).await.len(), 1);
    let (mut stream, _) = watch(&mut server, earliest()).await;
    assert_eq!(kinds(&next(&mut stream, 2).await.0), [Kind::Raised, Kind::Erased]);
    server.stop().await;
}

async fn of_two_servers_that_come_and_go_each_alert_is_raised_once(engine: Engine) {
    let mut server = Server::start_with(engine, looking()).await;
    create(&mut server, detractor(6), true).await;
    let second = server.database().store().await;
    let listen = ([127, 0, 0, 1], 0).into();
    let second = serve::start(second, Options { listen, ..looking() }).await.unwrap();
    let answers =
        |from: usize| (from..from + 40).map(|n| nps(&format!("c{n}"), "1", 1, 2)).collect();
    ingest(&mut server, answers(0)).await;
    wait(&mut server, 40).await;
    ingest(&mut server, answers(40)).await;
    // Whichever has the duty goes: in the middle of it, and the other one goes on.
    let database = server.stop().await;
    second.stop().await;
    let mut server = Server::start_on(database, looking()).await;
    ingest(&mut server, answers(60)).await;
    ingest(&mut server, answers(0)).await;
    wait(&mut server, 100).await;
    let (mut stream, _) = watch(&mut server, earliest()).await;
    let (told, _) = next(&mut stream, 100).await;
    assert!(told.iter().map(|change| change.position).eq(1..=100), "no gap, none twice");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(list(&mut server, ListAlertsRequest::default()).await.len(), 100);
    server.stop().await;
}

async fn a_scope_is_of_personas_and_a_watch_of_rules(engine: Engine) {
    let mut server =
        Server::start_with(engine, Options { freshness: fresh().freshness, ..looking() }).await;
    ingest(&mut server, two_kinds(60)).await;
    run(&mut server, 2, true).await;
    let all = personas(&mut server).await;
    let known =
        |id: &str| all.iter().position(|one| one.typical_customer_ids.contains(&id.to_owned()));
    assert!(known("nobody").is_none());
    let scope = AlertScope { persona_ids: vec![all[0].persona_id.clone()], ..Default::default() };
    let wanted = AlertRule { scope: Some(scope), ..detractor(6) };
    let scoped = create(&mut server, wanted, true).await;
    let everybody = create(&mut server, detractor(6), true).await;
    // Half of them are detractors, and they are one of the two personas.
    let (mut stream, _) = watch(&mut server, earliest()).await;
    let mut counts = Vec::new();
    let of = |rule: &AlertRule| ListAlertsRequest {
        alert_rule_id: rule.alert_rule_id.clone(),
        page_size: 7,
        ..Default::default()
    };
    next_until(&mut stream, &everybody, 30).await;
    for rule in [&scoped, &everybody] {
        let found = list(&mut server, of(rule)).await;
        assert!(found.iter().all(|alert| !alert.persona_id.is_empty()));
        counts.push(found.len());
    }
    assert_eq!(counts[1], 30);
    assert!(counts[0] == 0 || counts[0] == 30, "{counts:?}");
    let only =
        WatchAlertsRequest { alert_rule_ids: vec![everybody.alert_rule_id.clone()], ..earliest() };
    let (mut stream, token) = watch(&mut server, only).await;
    assert_eq!(next(&mut stream, 30).await.0.len(), 30);
    let other = WatchAlertsRequest { resume_token: token, ..Default::default() };
    let refused = server.alerts.watch_alerts(other).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
    server.stop().await;
}

/// Reads on until so many alerts of a rule were told.
async fn next_until(stream: &mut Watch, rule: &AlertRule, count: usize) {
    let mut found = 0;
    while found < count {
        let told = timeout(PATIENCE, stream.message()).await;
        let told = told.expect("a change in time").unwrap().expect("no end");
        let of = |change: &&AlertChange| {
            change.alert.as_ref().is_some_and(|it| it.alert_rule_id == rule.alert_rule_id)
        };
        found += told.changes.iter().filter(of).count();
    }
}

on_both_engines!(
    a_detractor_is_told_looked_after_and_followed_to_the_next_answer,
    the_erased_are_gone_and_whoever_follows_can_erase_them_too,
    of_two_servers_that_come_and_go_each_alert_is_raised_once,
    a_scope_is_of_personas_and_a_watch_of_rules,
);
