//! What follows from what, and figures against values known otherwise.

use super::*;
use crate::codes::{CaseAction, FeedbackAction, Handler, ReturnKind, SurveyAction, SurveyKind};
use crate::metrics::{Status, Terms};
use crate::time::{DAY, SECOND};
use crate::{Interaction, Payload, Timestamp, codes::SubscriptionAction};
use std::collections::BTreeMap;

const TERMS: Terms = Terms { confidence: 0.95, low_sample_floor: 30, immature: false };

fn at(id: &str, day: i64, payload: Payload) -> Interaction {
    Interaction {
        customer_id: "c".to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: Timestamp::from_micros(day * DAY).expect("in range"),
        channel: Channel::Web,
        stage: None,
        payload,
    }
}

fn contact(reason: Option<&str>, case: Option<&str>, handler: Option<Handler>) -> Payload {
    Payload::Contact {
        handler,
        abandoned: false,
        queue_wait: None,
        handling_time: None,
        reason: reason.map(str::to_owned),
        case_id: case.map(str::to_owned),
    }
}

fn case(id: &str, action: CaseAction) -> Payload {
    Payload::Case { case_id: id.to_owned(), action, handler: None, reason: None }
}

fn survey(id: Option<&str>, kind: SurveyKind, action: SurveyAction) -> Payload {
    let survey_id = id.map(str::to_owned);
    Payload::Survey { survey_id, kind, action, score: None, comment: None }
}

fn session() -> Payload {
    Payload::SelfService { topic: None, resolved: None, duration: None }
}

/// The causes of the last one, as `Relation id days` with `?` where only inferred.
#[track_caller]
fn causes(all: &[Interaction]) -> Vec<String> {
    let mut follower = Follower::new(30 * DAY);
    let placed = all.iter().map(|one| follower.next(one)).last().expect("some");
    let show = |cause: &Cause| {
        let inferred = if cause.inferred { "?" } else { "" };
        format!("{:?} {} {}{inferred}", cause.relation, cause.interaction_id, cause.before / DAY)
    };
    placed.causes.iter().map(show).collect()
}

#[test]
fn a_journey_ends_with_a_gap() {
    let mut follower = Follower::new(30 * DAY);
    let mut place = |day: i64| {
        let placed = follower.next(&at("i", day, session()));
        (placed.journey, placed.place, placed.since_previous.map(|micros| micros / DAY))
    };
    let found = [0, 0, 30, 61, 62].map(&mut place);
    let expected =
        [(1, 1, None), (1, 2, Some(0)), (1, 3, Some(30)), (2, 1, Some(31)), (2, 2, Some(1))];
    assert_eq!(found, expected);
}

#[test]
fn a_case_holds_its_contacts_and_events_together() {
    let all = [
        at("a", 1, contact(None, Some("k"), None)),
        at("b", 2, case("k", CaseAction::Opened)),
        at("c", 3, case("other", CaseAction::Solved)),
        at("d", 4, case("k", CaseAction::Solved)),
        at("e", 5, contact(None, Some("k"), None)),
        at("f", 9, case("k", CaseAction::Reopened)),
    ];
    assert_eq!(causes(&all[..1]), [""; 0]);
    assert_eq!(causes(&all[..2]), ["SameCase a 1"]);
    assert_eq!(causes(&all[..3]), [""; 0]);
    assert_eq!(causes(&all), ["SameCase e 4", "ReopenedAfter d 5"]);
}

#[test]
fn a_survey_is_about_what_its_id_says_else_about_what_was_near() {
    let csat = |id, action| survey(id, SurveyKind::Csat, action);
    let order = |id: &str| Payload::Order { order_id: id.to_owned(), total: None, items: None };
    let mut all = vec![
        at("o", 1, order("o-1")),
        at("k", 2, contact(None, None, None)),
        at("d", 3, csat(Some("s"), SurveyAction::Delivered)),
    ];
    assert_eq!(causes(&all), ["AskedAbout k 1?"]);
    // What comes between delivery and answer changes nothing of what was asked.
    all.push(at("p", 4, order("o-2")));
    all.push(at("r", 20, csat(Some("s"), SurveyAction::Answered)));
    assert_eq!(causes(&all), ["Delivered d 17", "AskedAbout k 18?"]);
    // The delivery has been answered: a second answer has none.
    all.push(at("r2", 21, csat(Some("s"), SurveyAction::Answered)));
    assert_eq!(causes(&all), [""; 0]);
    all.push(at("n", 40, csat(Some("o-1"), SurveyAction::Answered)));
    assert_eq!(causes(&all), ["AskedAbout o 39"]);
    // Surveys of another kind, and about the relationship as a whole, are not meant.
    all.push(at("q", 41, survey(Some("s"), SurveyKind::Ces, SurveyAction::Dismissed)));
    assert_eq!(causes(&all), [""; 0]);
    all.push(at("z", 42, order("o-3")));
    all.push(at("y", 43, survey(Some("o-3"), SurveyKind::NpsRelational, SurveyAction::Answered)));
    assert_eq!(causes(&all), [""; 0]);
}

#[test]
fn a_contact_follows_one_for_the_same_reason_or_a_session_that_settled_nothing() {
    let human = Some(Handler::Human);
    let mut all = vec![at("s", 0, session()), at("b", 1, contact(None, None, Some(Handler::Bot)))];
    assert_eq!(causes(&all), [""; 0], "a bot is no human");
    all.push(at("h", 2, contact(Some("billing"), None, human)));
    assert_eq!(causes(&all), ["SelfServed s 2?"]);
    all.push(at("o", 3, contact(Some("delivery"), None, human)));
    assert_eq!(causes(&all), [""; 0], "the session was told already");
    all.push(at("w", 9, contact(Some("billing"), None, None)));
    assert_eq!(causes(&all), ["SameReason h 7?"]);
    all.push(at("x", 17, contact(Some("billing"), None, None)));
    assert_eq!(causes(&all), [""; 0], "eight days are too many");
    all.push(at("t", 20, session()));
    all.push(at("v", 28, contact(None, None, human)));
    assert_eq!(causes(&all), [""; 0], "eight days are too many");
}

#[test]
fn returns_answers_and_subscriptions_follow_what_has_their_id() {
    let returned = |id: Option<&str>| Payload::Return {
        order_id: id.map(str::to_owned),
        kind: ReturnKind::Returned,
        refund: None,
        items: None,
        full: None,
        reason: None,
    };
    let complaint = |action| Payload::Complaint {
        complaint_id: Some("x".to_owned()),
        action,
        topic: None,
        text: None,
    };
    let wish = |action| Payload::FeatureRequest {
        request_id: Some("x".to_owned()),
        action,
        topic: None,
        text: None,
    };
    let plan = |action| Payload::Subscription {
        subscription_id: "x".to_owned(),
        action,
        plan: None,
        recurring: None,
    };
    let order = Payload::Order { order_id: "x".to_owned(), total: None, items: None };
    let mut all = vec![at("o", 0, order), at("r", 40, returned(Some("x")))];
    assert_eq!(causes(&all), ["Ordered o 40"]);
    all.push(at("r2", 41, returned(None)));
    assert_eq!(causes(&all), [""; 0]);
    all.push(at("c", 50, complaint(FeedbackAction::Raised)));
    all.push(at("f", 51, wish(FeedbackAction::Answered)));
    assert_eq!(causes(&all), [""; 0], "a wish is no complaint");
    all.push(at("ca", 52, complaint(FeedbackAction::Answered)));
    assert_eq!(causes(&all), ["Raised c 2"]);
    all.push(at("s", 60, plan(SubscriptionAction::Started)));
    assert_eq!(causes(&all), [""; 0]);
    all.push(at("n", 90, plan(SubscriptionAction::Renewed)));
    assert_eq!(causes(&all), ["SameSubscription s 30"]);
}

fn cell(persona: i16, stage: Stage) -> Cell {
    let place = Place { stage: Some(stage), channel: Some(Channel::Web) };
    Cell { persona: Some(persona), place }
}

/// Expected: statsmodels `proportion_confint(8, 10, method="wilson")` and `(0, 10)`.
#[test]
fn shares_are_of_the_persona_and_of_what_can_be_judged() {
    let counts = CellCounts {
        interactions: 8,
        customers: 12,
        followed: 6,
        ended: 1,
        immature: 1,
        customers_ended: 8,
        customers_immature: 2,
    };
    let other = CellCounts { interactions: 2, customers: 10, ..CellCounts::default() };
    let cells = BTreeMap::from([
        (cell(0, Stage::Purchase), counts),
        (cell(0, Stage::Usage), other),
        (cell(1, Stage::Usage), CellCounts { interactions: 90, ..other }),
    ]);
    let step = |to: Stage, count, middle| Transition {
        from: cell(0, Stage::Purchase),
        to: cell(0, to).place,
        count,
        middle,
    };
    let transitions = [
        step(Stage::Awareness, 1, (0, 0)),
        step(Stage::Usage, 2, (0, 0)),
        step(Stage::Purchase, 2, (0, 0)),
        step(Stage::Support, 3, (SECOND, 2 * SECOND)),
    ];
    let figures = map(&cells, &transitions, 3, &TERMS);
    let first = &figures[0];
    let near = |interval: Option<crate::metrics::Interval>, lower: f64, upper: f64| {
        let found = interval.expect("an interval");
        assert!((found.lower - lower).abs() < 1e-7 && (found.upper - upper).abs() < 1e-7);
    };
    for share in [first.volume, first.drop_off] {
        assert_eq!((share.value, share.status), (Some(0.8), Status::LowSample));
        near(share.interval, 0.490_162_471_5, 0.943_317_848_5);
    }
    assert_eq!((first.drop_off.counts.of, first.drop_off.counts.excluded), (10, 2));
    near(figures[1].drop_off.interval, 0.0, 0.277_532_799_9);
    assert_eq!(figures[2].volume.value, Some(1.0));
    // Most frequent first, then in the order of stages, and no more than asked for.
    let steps: Vec<_> = first.steps.iter().map(|one| (one.to.stage, one.share.value)).collect();
    let expected = [(Stage::Support, 3.0), (Stage::Purchase, 2.0), (Stage::Usage, 2.0)];
    assert_eq!(steps, expected.map(|(stage, count)| (Some(stage), Some(count / 7.0))));
    assert_eq!((first.steps[0].median, first.steps[0].share.counts.excluded), (1.5, 1));
    assert!(figures[1].steps.is_empty());
}

/// Expected: numpy `percentile`, scipy `binom.ppf` for the ranks (10 and 21 of 30).
#[test]
fn quantiles_of_times_are_exact_and_bounded_by_order_statistics() {
    let times: Vec<(i64, i64)> = (1..=15).map(|second| (second * SECOND, 2)).collect();
    let median = quantile(&times, 0.5, &TERMS).expect("some");
    assert_eq!(median.seconds, 8.0);
    let ends = median.interval.expect("enough");
    assert_eq!((ends.lower, ends.upper, ends.method), (5.0, 11.0, "order statistics"));
    let p90 = quantile(&times, 0.9, &TERMS).expect("some");
    assert!((p90.seconds - 14.0).abs() < 1e-9);
    assert_eq!(p90.interval, None, "thirty do not bound it");
    assert_eq!(quantile(&[], 0.5, &TERMS), None);
    assert_eq!(proportion(Default::default(), &TERMS).status, Status::NoData);
}
