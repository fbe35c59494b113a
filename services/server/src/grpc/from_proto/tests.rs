//! Every rule of the proto comments, broken once.

use super::*;
use crate::proto::{
    self,
    interaction::Payload,
    survey::{Kind, Outcome},
};
use std::collections::BTreeMap;

/// An interaction with nothing wrong but, perhaps, its payload.
fn with(payload: impl Into<Option<Payload>>) -> proto::Interaction {
    proto::Interaction {
        customer_id: "c".into(),
        interaction_id: "i".into(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 999 }),
        channel: proto::Channel::Web.into(),
        payload: payload.into(),
        ..proto::Interaction::default()
    }
}

fn order() -> proto::Order {
    proto::Order { order_id: "o".into(), ..proto::Order::default() }
}

fn ordered(change: impl FnOnce(&mut proto::Interaction)) -> proto::Interaction {
    let mut wire = with(Payload::Order(order()));
    change(&mut wire);
    wire
}

/// The violations as `field: description`.
fn broken(wire: proto::Interaction) -> Vec<String> {
    let violations = interaction(wire).err().unwrap_or_default();
    violations.into_iter().map(|v| format!("{}: {}", v.field, v.description)).collect()
}

#[track_caller]
fn assert_broken(wire: proto::Interaction, expected: &[&str]) {
    assert_eq!(broken(wire), expected);
}

fn money(currency_code: &str, amount_minor: i64) -> Option<proto::Money> {
    Some(proto::Money { currency_code: currency_code.into(), amount_minor })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

#[test]
fn a_good_interaction_is_taken_and_its_time_rounded_down() {
    let taken = interaction(ordered(|_| ())).expect("good");
    assert_eq!(taken.occurred_at.micros(), 1_700_000_000_000_000);
    assert_eq!(taken.stage, None);
}

#[test]
fn an_empty_interaction_tells_everything_that_is_missing() {
    assert_broken(
        proto::Interaction::default(),
        &[
            "customer_id: is required",
            "interaction_id: is required",
            "occurred_at: is required",
            "channel: is required",
            "payload: one of its kinds is required",
        ],
    );
}

#[test]
fn ids_are_bounded_and_hold_no_nul() {
    assert_broken(
        ordered(|wire| wire.customer_id = "x".repeat(129)),
        &["customer_id: has 129 bytes; at most 128 are taken"],
    );
    assert_broken(
        ordered(|wire| wire.interaction_id = "a\0".into()),
        &["interaction_id: holds NUL"],
    );
    assert!(broken(ordered(|wire| wire.customer_id = "x".repeat(128))).is_empty());
}

#[test]
fn instants_are_bounded() {
    let at = |seconds, nanos| {
        ordered(|wire| wire.occurred_at = Some(prost_types::Timestamp { seconds, nanos }))
    };
    let range = "occurred_at: is not from 1900-01-01 to before 2200-01-01";
    assert_broken(at(-2_208_988_801, 999_999_999), &[range]);
    assert_broken(at(7_258_118_400, 0), &[range]);
    assert_broken(at(i64::MAX, 0), &[range]);
    assert_broken(at(i64::MIN, 0), &[range]);
    assert_broken(at(0, -1), &["occurred_at: nanos -1 is not in 0..=999999999"]);
    assert!(broken(at(-2_208_988_800, 0)).is_empty());
    assert!(broken(at(7_258_118_399, 999_999_999)).is_empty());
}

#[test]
fn unknown_numbers_of_enums_are_refused() {
    assert_broken(ordered(|wire| wire.channel = 99), &["channel: 99 is not one of its values"]);
    assert_broken(ordered(|wire| wire.stage = -1), &["stage: -1 is not one of its values"]);
    assert_broken(ordered(|wire| wire.stage = 65_537), &["stage: 65537 is not one of its values"]);
}

#[test]
fn amounts_of_money_have_a_currency_and_are_not_negative() {
    let costs = |total| with(Payload::Order(proto::Order { total, ..order() }));
    assert_broken(costs(money("", 1)), &["order.total.currency_code: is required"]);
    assert_broken(
        costs(money("eur", 1)),
        &["order.total.currency_code: \"eur\" is not three upper-case letters"],
    );
    assert_broken(
        costs(money("EUR", -1)),
        &["order.total.amount_minor: -1 is not in 0..=10000000000000"],
    );
    assert!(broken(costs(money("EUR", 0))).is_empty());
    let back = proto::Return {
        kind: 1,
        refund: money("EUR", -5),
        items: Some(0),
        ..proto::Return::default()
    };
    assert_broken(
        with(Payload::Return(back)),
        &[
            "return.refund.amount_minor: -5 is not in 0..=10000000000000",
            "return.items: 0 is not in 1..=1000000000",
        ],
    );
}

#[test]
fn orders_need_an_id_and_no_negative_items() {
    let wire = proto::Order { items: Some(-1), ..proto::Order::default() };
    assert_broken(
        with(Payload::Order(wire)),
        &["order.order_id: is required", "order.items: -1 is not in 0..=1000000000"],
    );
}

#[test]
fn an_abandoned_contact_was_handled_by_nobody() {
    let wire = proto::Contact {
        handled_by: proto::Handler::Bot.into(),
        abandoned: true,
        handling_time: seconds(1),
        queue_wait: seconds(-1),
        ..proto::Contact::default()
    };
    assert_broken(
        with(Payload::Contact(wire)),
        &[
            "contact.handled_by: must stay unspecified where the contact was abandoned",
            "contact.handling_time: must be absent where the contact was abandoned",
            "contact.queue_wait: is negative",
        ],
    );
}

#[test]
fn durations_are_bounded() {
    let lasts = |duration| {
        let wire = proto::SelfServiceSession { duration, ..proto::SelfServiceSession::default() };
        broken(with(Payload::SelfServiceSession(wire)))
    };
    assert_eq!(lasts(seconds(i64::MAX)), ["self_service_session.duration: is longer than 31 days"]);
    assert_eq!(
        lasts(seconds(31 * 86_400 + 1)),
        ["self_service_session.duration: is longer than 31 days"]
    );
    let negative = prost_types::Duration { seconds: 0, nanos: -1 };
    assert_eq!(lasts(Some(negative)), ["self_service_session.duration: is negative"]);
    assert!(lasts(seconds(31 * 86_400)).is_empty());
}

fn survey(kind: Kind, change: impl FnOnce(&mut proto::Survey)) -> proto::Interaction {
    let mut wire = proto::Survey { kind: kind.into(), score: Some(3), ..proto::Survey::default() };
    change(&mut wire);
    with(Payload::Survey(wire))
}

fn scale(min: i32, max: i32) -> Option<proto::Scale> {
    Some(proto::Scale { min, max, lower_is_better: false })
}

#[test]
fn scores_lie_on_their_scale() {
    assert_broken(
        survey(Kind::NpsRelational, |s| s.score = Some(11)),
        &["survey.score: 11 is not in 0..=10"],
    );
    assert_broken(
        survey(Kind::NpsTransactional, |s| s.score = Some(-1)),
        &["survey.score: -1 is not in 0..=10"],
    );
    assert_broken(survey(Kind::Csat, |s| s.score = Some(0)), &["survey.score: 0 is not in 1..=5"]);
    assert_broken(survey(Kind::Ces, |s| s.score = Some(8)), &["survey.score: 8 is not in 1..=7"]);
    assert!(broken(survey(Kind::NpsRelational, |s| s.score = Some(0))).is_empty());
    assert!(
        broken(survey(Kind::Csat, |s| (s.score, s.scale) = (Some(10), scale(1, 10)))).is_empty()
    );
}

#[test]
fn scales_are_scales() {
    let nps = "survey.scale: NPS has no other scale than 0 to 10, higher being better";
    assert_broken(survey(Kind::NpsRelational, |s| s.scale = scale(1, 10)), &[nps]);
    assert!(broken(survey(Kind::NpsRelational, |s| s.scale = scale(0, 10))).is_empty());
    assert_broken(
        survey(Kind::Csat, |s| s.scale = scale(5, 5)),
        &["survey.scale.max: 5 is not above min, which is 5"],
    );
    assert_broken(
        survey(Kind::Ces, |s| s.scale = scale(0, 1001)),
        &["survey.scale.max: 1001 is not in -1000..=1000"],
    );
    assert_broken(
        survey(Kind::Other, |_| ()),
        &["survey.scale: is required where the kind is OTHER"],
    );
}

#[test]
fn a_survey_has_a_score_exactly_where_it_was_answered() {
    let outcome = |outcome: Outcome, score| {
        survey(Kind::Csat, |s| (s.outcome, s.score) = (outcome.into(), score))
    };
    assert_broken(
        outcome(Outcome::Unspecified, None),
        &["survey.outcome: is required where no score is given"],
    );
    assert_broken(
        outcome(Outcome::Answered, None),
        &["survey.score: is required where the outcome is ANSWERED"],
    );
    let absent = "survey.score: must be absent unless the outcome is ANSWERED";
    assert_broken(outcome(Outcome::Delivered, Some(3)), &[absent]);
    assert_broken(outcome(Outcome::Dismissed, Some(3)), &[absent]);
    assert!(broken(outcome(Outcome::Unspecified, Some(3))).is_empty());
    assert!(broken(outcome(Outcome::Delivered, None)).is_empty());
    assert_broken(
        survey(Kind::Csat, |s| s.outcome = 9),
        &["survey.outcome: 9 is not one of its values"],
    );
    assert_broken(survey(Kind::Unspecified, |_| ()), &["survey.kind: is required"]);
}

#[test]
fn a_review_has_a_rating_or_a_text() {
    assert_broken(
        with(Payload::Review(proto::Review::default())),
        &["review: has neither a rating nor a text"],
    );
    let rated = proto::Review { rating: Some(6), ..proto::Review::default() };
    assert_broken(with(Payload::Review(rated)), &["review.rating: 6 is not in 1..=5"]);
    let written = proto::Review { text: "fine".into(), ..proto::Review::default() };
    assert!(broken(with(Payload::Review(written))).is_empty());
}

#[test]
fn required_parts_of_the_other_payloads() {
    assert_broken(
        with(Payload::Engagement(proto::Engagement::default())),
        &["engagement.action: is required"],
    );
    assert_broken(
        with(Payload::CaseEvent(proto::CaseEvent::default())),
        &["case_event.case_id: is required", "case_event.action: is required"],
    );
    assert_broken(with(Payload::Return(proto::Return::default())), &["return.kind: is required"]);
    assert_broken(
        with(Payload::SubscriptionEvent(proto::SubscriptionEvent::default())),
        &[
            "subscription_event.subscription_id: is required",
            "subscription_event.action: is required",
        ],
    );
    assert_broken(
        with(Payload::StaffNote(proto::StaffNote::default())),
        &["staff_note.text: is required"],
    );
    assert!(broken(with(Payload::Referral(proto::Referral::default()))).is_empty());
}

#[test]
fn what_is_answered_is_named() {
    let answered = proto::FeedbackAction::Answered.into();
    let complaint = proto::Complaint { action: answered, ..proto::Complaint::default() };
    assert_broken(
        with(Payload::Complaint(complaint)),
        &["complaint.complaint_id: is required where the action is ANSWERED"],
    );
    let request = proto::FeatureRequest { action: answered, ..proto::FeatureRequest::default() };
    assert_broken(
        with(Payload::FeatureRequest(request)),
        &["feature_request.request_id: is required where the action is ANSWERED"],
    );
    assert!(broken(with(Payload::Complaint(proto::Complaint::default()))).is_empty());
}

#[test]
fn texts_are_bounded() {
    let note = proto::StaffNote {
        text: "x".repeat(16_385),
        topic: "y".repeat(257),
        ..proto::StaffNote::default()
    };
    assert_broken(
        with(Payload::StaffNote(note)),
        &[
            "staff_note.topic: has 257 bytes; at most 256 are taken",
            "staff_note.text: has 16385 bytes; at most 16384 are taken",
        ],
    );
}

/// The violations of a customer whose id is good, as `field: description`.
fn wrong(change: impl FnOnce(&mut proto::Customer)) -> Vec<String> {
    let mut wire = proto::Customer { customer_id: "c".into(), ..proto::Customer::default() };
    change(&mut wire);
    let violations = customer(wire).err().unwrap_or_default();
    violations.into_iter().map(|v| format!("{}: {}", v.field, v.description)).collect()
}

#[test]
fn customers_are_checked() {
    assert_eq!(wrong(|c| c.customer_id.clear()), ["customer_id: is required"]);
    assert_eq!(wrong(|c| c.gender = 7), ["gender: 7 is not one of its values"]);
    assert_eq!(wrong(|c| c.birth_year = 1899), ["birth_year: 1899 is not in 1900..=2200"]);
    assert_eq!(
        wrong(|c| c.country = "de".into()),
        ["country: \"de\" is not two upper-case letters"]
    );
    assert_eq!(
        wrong(|c| c.language = "not a tag".into()),
        ["language: \"not a tag\" is not a BCP 47 tag"]
    );
    assert_eq!(
        wrong(|c| c.language = "a-".repeat(18)),
        ["language: has 36 bytes; at most 35 are taken"]
    );
    assert_eq!(wrong(|c| c.city = "x".repeat(513)), ["city: has 513 bytes; at most 512 are taken"]);
    assert_eq!(wrong(|c| c.email = "a\0b".into()), ["email: holds NUL"]);
    assert!(wrong(|c| (c.country, c.language) = ("DE".into(), "pt-BR".into())).is_empty());
}

#[test]
fn attributes_are_bounded() {
    let many: BTreeMap<_, _> = (0..65).map(|i| (format!("k{i}"), String::new())).collect();
    assert_eq!(
        wrong(|c| c.attributes = many),
        ["attributes: has 65 entries; at most 64 are taken"]
    );
    let one = |key: &str, value: String| BTreeMap::from([(key.to_owned(), value)]);
    assert_eq!(
        wrong(|c| c.attributes = one("", String::new())),
        ["attributes[\"\"]: the key is not 1 to 128 bytes without NUL"]
    );
    assert_eq!(
        wrong(|c| c.attributes = one("k", "x".repeat(513))),
        ["attributes[\"k\"]: has 513 bytes; at most 512 are taken"]
    );
    assert_eq!(wrong(|c| c.attributes = one("k", "\0".into())), ["attributes[\"k\"]: holds NUL"]);
}
