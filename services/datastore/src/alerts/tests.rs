//! Each kind of rule, and that everything is raised once.

mod paging;
mod recovery;
mod risks;
mod rules;
mod webhooks;

use super::*;
use crate::store::Store;
use crate::testing::{at, on_every_engine};
use cx_analytics::alerts::{AtRisk, CaseOpen, Condition, Detractor, Measure, Scale, Scope};
use cx_analytics::codes::{CaseAction, Kind, SurveyAction, SurveyKind};
use cx_analytics::interaction::{Currency, Money, Score};
use cx_analytics::{Interaction, Payload};
use std::collections::BTreeSet;

const LEASE: i64 = 1_000_000_000;
const HOUR: i64 = 3600;

fn record(customer: &str, id: &str, second: i64, payload: Payload) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: at(second),
        channel: Channel::Chat,
        stage: Some(Stage::Support),
        payload,
    }
}

pub(super) fn nps(customer: &str, id: &str, second: i64, value: i32) -> Interaction {
    let score = Some(Score { value, min: 0, max: 10, lower_is_better: false });
    let (kind, action) = (SurveyKind::NpsRelational, SurveyAction::Answered);
    let (survey_id, comment) = (None, Some("too slow".to_owned()));
    record(customer, id, second, Payload::Survey { survey_id, kind, action, score, comment })
}

fn case(customer: &str, case: &str, second: i64, action: CaseAction) -> Interaction {
    let payload = Payload::Case { case_id: case.to_owned(), action, handler: None, reason: None };
    record(customer, &format!("{case} {action:?} {second}"), second, payload)
}

pub(super) fn order(customer: &str, id: &str, second: i64, cents: i64) -> Interaction {
    let total = Some(euros(cents));
    record(customer, id, second, Payload::Order { order_id: id.to_owned(), total, items: None })
}

fn euros(cents: i64) -> Money {
    Money { currency: Currency::parse("EUR").expect("a code"), amount_minor: cents }
}

pub(super) fn detractor(threshold: i32) -> Condition {
    let measure = Measure::NpsRelational;
    Condition::Detractor(Detractor { measure, threshold, scale: Scale::usual(measure) })
}

fn open_for(hours: i64) -> Condition {
    Condition::CaseOpenTooLong(CaseOpen { longer_than: hours * HOUR * 1_000_000 })
}

/// A rule made at this second, and the duty held by "me".
pub(super) async fn rule(store: &Store, condition: Condition, second: i64) -> Rule {
    rule_for(store, condition, Scope::default(), second, false).await
}

async fn rule_for(
    store: &Store,
    condition: Condition,
    scope: Scope,
    second: i64,
    backfill: bool,
) -> Rule {
    let new = NewRule {
        id: format!("rule of {second}"),
        request_id: None,
        name: "a rule".to_owned(),
        description: String::new(),
        condition,
        scope,
        backfill,
    };
    store.duty_hold(crate::Duty::Alerts, "me", at(0), LEASE).await.expect("held").expect("free");
    store.alert_rule_create(&new, at(second)).await.expect("made")
}

pub(super) async fn put(store: &Store, records: Vec<Interaction>, second: i64) {
    store.interactions_record(records, at(second)).await.expect("stored");
}

/// Raises what a detractor's rule finds among the answers that arrived up to now.
pub(super) async fn judge(store: &Store, rule: &Rule, second: i64) -> usize {
    let Condition::Detractor(of) = &rule.condition else { panic!("another kind") };
    let page = store.opinions_arrived(Timestamp::MIN..Timestamp::MAX, None, 1000).await;
    let found: Vec<Found> = (page.expect("answers").iter())
        .filter(|one| one.occurred_at >= rule.since)
        .filter_map(|one| one.found(of))
        .collect();
    store.alerts_raise("me", rule, &found, at(second)).await.expect("raised").expect("the rule")
}

/// Raises what a rule about cases finds from this second to that one.
async fn overdue(store: &Store, rule: &Rule, from: i64, now: i64) -> usize {
    let Condition::CaseOpenTooLong(of) = rule.condition else { panic!("another kind") };
    let window = Window { from: at(from), now: at(now), arrived_from: at(from) };
    let found = store.cases_overdue(rule, of, window).await.expect("cases");
    store.alerts_raise("me", rule, &found, at(now)).await.expect("raised").expect("the rule")
}

/// All alerts, in the order in which they were raised.
pub(super) async fn all(store: &Store) -> Vec<Alert> {
    let mut found = Vec::new();
    let mut after = None;
    // Pages of two: the keyset goes on exactly where it ended.
    loop {
        let page = store.alerts_list(&AlertFilter::default(), after.as_ref(), 2).await;
        let page = page.expect("page");
        let Some(last) = page.last() else { break };
        after = Some((last.raised_at, last.id.clone()));
        found.extend(page);
    }
    found.reverse();
    found
}

fn customers(alerts: &[Alert]) -> BTreeSet<&str> {
    alerts.iter().map(|alert| alert.customer_id.as_str()).collect()
}

#[tokio::test]
async fn detractors_are_raised_once_however_often_and_in_whatever_order_they_come() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 100).await;
        let answers = vec![
            nps("a", "1", 150, 3),
            nps("b", "1", 160, 7),
            nps("c", "1", 170, 6),
            nps("d", "1", 90, 0),
            nps("a", "2", 180, 0),
        ];
        put(&store, answers[2..].to_vec(), 200).await;
        assert_eq!(judge(&store, &rule, 201).await, 2, "c, and a's second one");
        assert_eq!(judge(&store, &rule, 202).await, 0);
        // The others come late, and all of them again.
        put(&store, answers.clone(), 203).await;
        assert_eq!(judge(&store, &rule, 204).await, 1);
        assert_eq!(judge(&store, &rule, 205).await, 0);
        let alerts = all(&store).await;
        assert_eq!(customers(&alerts), ["a", "c"].into());
        assert_eq!(alerts.len(), 3, "d answered before the rule was made");
        let last = alerts.last().expect("an alert");
        assert_eq!((last.raised_at, last.event_at, last.state), (at(204), at(150), State::Open));
        assert_eq!(last.channel.zip(last.stage), Some((Channel::Chat, Stage::Support)));
        let Facts::Answer(answer) = &last.facts else { panic!("{last:?}") };
        assert_eq!((answer.interaction_id.as_str(), answer.score), ("1", 3));
        assert!(!format!("{last:?}").contains("too slow"), "the comment is not copied");
        // A resolved one is not raised again either, nor under a condition that was changed.
        let act = Act::Resolve { outcome: Outcome::Recovered, note: String::new() };
        for alert in &alerts {
            store.alert_change(&alert.id, &act, ("me", ""), at(300)).await.expect("resolved");
        }
        assert_eq!(judge(&store, &rule, 301).await, 0);
        // Positions are those of commits: without a gap, in order.
        let log = store.alert_changes_after(0, &ChangeFilter::default(), 100).await.expect("log");
        assert!(log.iter().map(|change| change.position).eq(1..=6), "{log:?}");
        assert_eq!(store.membership_head().await.expect("head"), 6);
    })
    .await;
}

#[tokio::test]
async fn equal_data_in_any_order_raise_equal_alerts() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        let other = rule_for(&store, detractor(2), Scope::default(), 1, false).await;
        let mut answers: Vec<Interaction> = (0..11)
            .map(|score| nps(&format!("c{}", score % 4), &score.to_string(), 10, score))
            .collect();
        for turn in 0..4 {
            answers.rotate_left(3);
            if turn % 2 == 0 {
                answers.reverse();
            }
            for part in answers.chunks(4) {
                put(&store, part.to_vec(), 20 + turn).await;
                judge(&store, &rule, 20 + turn).await;
                judge(&store, &other, 20 + turn).await;
            }
            assert_eq!(all(&store).await.len(), 7 + 3);
        }
        let of = AlertFilter { rule: Some(other.id.clone()), ..AlertFilter::default() };
        assert_eq!(store.alerts_list(&of, None, 99).await.expect("page").len(), 3);
    })
    .await;
}

#[tokio::test]
async fn who_lost_the_duty_or_looks_with_an_old_rule_raises_nothing() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        put(&store, vec![nps("a", "1", 10, 3)], 11).await;
        let renamed = RuleChange { name: Some("b".to_owned()), ..RuleChange::default() };
        let now = store.alert_rule_update(&rule.id, &renamed, "", at(12)).await.expect("changed");
        store.duty_release(crate::Duty::Alerts, "me").await.expect("let go");
        store
            .duty_hold(crate::Duty::Alerts, "you", at(13), LEASE)
            .await
            .expect("held")
            .expect("free");
        let now = now.expect("there");
        let page = store.opinions_arrived(at(0)..at(99), None, 9).await.expect("answers");
        let Condition::Detractor(of) = &now.condition else { panic!("another kind") };
        let found: Vec<Found> = page.iter().filter_map(|one| one.found(of)).collect();
        let old = store.alerts_raise("you", &rule, &found, at(14)).await.expect("looked");
        assert_eq!(old, None, "the rule was changed meanwhile");
        let late = store.alerts_raise("me", &now, &found, at(14)).await;
        assert!(matches!(late, Err(crate::Error::LeaseLost)));
        assert_eq!(store.alerts_raise("you", &now, &found, at(14)).await.expect("raised"), Some(1));
        assert_eq!(all(&store).await[0].rule_name, "b");
    })
    .await;
}

#[tokio::test]
async fn a_case_becomes_too_old_by_time_alone_and_once_each_time_it_is_open() {
    on_every_engine(async |store| {
        let rule = rule(&store, open_for(2), 0).await;
        let events = vec![
            case("a", "k", 100, CaseAction::Opened),
            case("a", "solved", 100, CaseAction::Opened),
            case("a", "solved", 900, CaseAction::Solved),
            case("b", "k", 100 + HOUR, CaseAction::Opened),
            // Open already: it does not begin anew.
            case("a", "k", 100 + HOUR, CaseAction::Reopened),
            // From long before the rule.
            case("z", "old", -9 * HOUR, CaseAction::Opened),
        ];
        put(&store, events, 200).await;
        assert_eq!(overdue(&store, &rule, 0, 99 + 2 * HOUR).await, 0);
        assert_eq!(overdue(&store, &rule, 99 + 2 * HOUR, 100 + 2 * HOUR).await, 1);
        assert_eq!(overdue(&store, &rule, 0, 200 + 2 * HOUR).await, 0, "raised once");
        assert_eq!(overdue(&store, &rule, 200 + 2 * HOUR, 200 + 3 * HOUR).await, 1, "b");
        let alerts = all(&store).await;
        assert_eq!((alerts[0].event_at, alerts[0].customer_id.as_str()), (at(100 + 2 * HOUR), "a"));
        let Facts::Case(found) = &alerts[0].facts else { panic!("{alerts:?}") };
        assert_eq!((found.case_id.as_str(), found.open_since), ("k", at(100)));
        // An earlier opening that comes late makes no other case of it.
        put(&store, vec![case("a", "k", 50, CaseAction::Opened)], 4 * HOUR).await;
        assert_eq!(overdue(&store, &rule, 3 * HOUR, 5 * HOUR).await, 0);
        // Nor does a solution from before it was opened that comes late.
        put(&store, vec![case("a", "k", 20, CaseAction::Solved)], 4 * HOUR).await;
        assert_eq!(overdue(&store, &rule, 3 * HOUR, 5 * HOUR).await, 0);
        // Solved and reopened, it is open another time.
        let again = vec![
            case("a", "k", 6 * HOUR, CaseAction::Solved),
            case("a", "k", 7 * HOUR, CaseAction::Reopened),
        ];
        put(&store, again, 7 * HOUR).await;
        assert_eq!(overdue(&store, &rule, 5 * HOUR, 8 * HOUR).await, 0);
        assert_eq!(overdue(&store, &rule, 8 * HOUR, 9 * HOUR).await, 1);
        assert_eq!(overdue(&store, &rule, 0, 99 * HOUR).await, 0);
        // One that is too old when it comes is found by its arrival.
        put(&store, vec![case("c", "late", 8 * HOUR, CaseAction::Opened)], 20 * HOUR).await;
        assert_eq!(overdue(&store, &rule, 19 * HOUR, 21 * HOUR).await, 1);
        assert_eq!(all(&store).await.len(), 4);
        // Who asks for everything gets the old one too.
        let every = rule_for(&store, open_for(2), Scope::default(), 9, true).await;
        assert_eq!(overdue(&store, &every, -100 * HOUR, 99 * HOUR).await, 4);
    })
    .await;
}

#[tokio::test]
async fn scopes_are_those_of_the_answer_and_of_the_opening() {
    on_every_engine(async |store| {
        let phone = Scope { channels: vec![Channel::Phone], ..Scope::default() };
        let support = Scope { stages: vec![Stage::Support], ..Scope::default() };
        let nobody = Scope { personas: vec!["p".to_owned()], ..Scope::default() };
        put(&store, vec![case("a", "k", 100, CaseAction::Opened)], 200).await;
        for (scope, second, raised) in [(phone, 1, 0), (support, 2, 1), (nobody, 3, 0)] {
            let rule = rule_for(&store, open_for(1), scope, second, false).await;
            assert_eq!(overdue(&store, &rule, 0, 9 * HOUR).await, raised);
        }
    })
    .await;
}

#[tokio::test]
async fn the_erased_have_no_alert_and_nothing_of_them_is_told() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        put(&store, vec![nps("a", "1", 10, 3), nps("b", "1", 10, 3)], 11).await;
        assert_eq!(judge(&store, &rule, 12).await, 2);
        let alert = all(&store).await.into_iter().find(|one| one.customer_id == "a").expect("a");
        let found = store.opinions_arrived(at(0)..at(99), None, 9).await.expect("answers");
        let assign = Act::Assign(Some("eve".to_owned()));
        store.alert_change(&alert.id, &assign, ("me", ""), at(13)).await.expect("assigned");
        store.customer_erase("a", at(14)).await.expect("erased");
        assert_eq!(customers(&all(&store).await), ["b"].into());
        assert_eq!(store.alert_get(&alert.id).await.expect("read"), None);
        let log = store.alert_changes_after(0, &ChangeFilter::default(), 9).await.expect("log");
        assert_eq!(log.len(), 2);
        let notice = &log[1];
        assert_eq!((notice.action, notice.alert_id.as_str()), (Action::Erased, alert.id.as_str()));
        assert!(notice.alert.is_none() && notice.actor.is_none() && notice.assignee.is_none());
        // Also where only other rules and personas are followed: nobody knows any more what it was about.
        let other = ChangeFilter { rules: vec!["x".to_owned()], personas: vec!["p".to_owned()] };
        assert_eq!(store.alert_changes_after(0, &other, 9).await.expect("log"), log[1..]);
        // What was found before the erasure comes too late.
        let Condition::Detractor(of) = &rule.condition else { panic!("another kind") };
        let found: Vec<Found> = found.iter().filter_map(|one| one.found(of)).collect();
        assert_eq!(store.alerts_raise("me", &rule, &found, at(15)).await.expect("raised"), Some(0));
        store.customer_erase("a", at(16)).await.expect("again");
        assert_eq!(store.alert_notices_sweep(at(14)).await.expect("swept"), 0);
        assert_eq!(store.alert_notices_sweep(at(15)).await.expect("swept"), 1);
        assert_eq!(store.alert_changes_after(0, &other, 9).await.expect("log"), []);
    })
    .await;
}
