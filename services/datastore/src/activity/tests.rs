use super::*;
use crate::testing::{at, on_every_engine, samples};
use cx_analytics::codes::{
    CaseAction, EngagementAction, FeedbackAction, Handler, SubscriptionAction, SurveyAction,
    SurveyKind,
};
use cx_analytics::interaction::Score;
use cx_analytics::time::DAY;
use cx_analytics::{Channel, Consent, Customer, Interaction, Money, Payload, ScoreActivity, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// The definitions of [`Activity`] once more, record by record and as plainly as can be.
fn count_by_hand(records: &[Interaction], as_of: Timestamp, currency: &str) -> Vec<Activity> {
    let mut by_customer: BTreeMap<&str, Vec<&Interaction>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.occurred_at < as_of) {
        by_customer.entry(&record.customer_id).or_default().push(record);
    }
    by_customer
        .into_iter()
        .map(|(id, records)| one_by_hand(id, &records, as_of, currency))
        .collect()
}

fn one_by_hand(id: &str, records: &[&Interaction], as_of: Timestamp, currency: &str) -> Activity {
    let ago = |record: &Interaction| as_of.micros() - record.occurred_at.micros();
    let within = |days: i64| move |record: &&&Interaction| ago(record) <= days * DAY;
    let prior = |record: &&&Interaction| ago(record) > 90 * DAY && ago(record) <= 180 * DAY;
    let n = |test: &dyn Fn(&&&Interaction) -> bool| {
        i64::try_from(records.iter().filter(test).count()).unwrap()
    };
    let last = |test: &dyn Fn(&&&Interaction) -> bool| {
        records.iter().filter(test).map(|r| r.occurred_at).max()
    };
    let days = |test: &dyn Fn(&&&Interaction) -> bool| {
        let days: BTreeSet<i64> =
            records.iter().filter(test).map(|r| r.occurred_at.micros().div_euclid(DAY)).collect();
        i64::try_from(days.len()).unwrap()
    };
    let is = |kind: Kind| move |r: &&&Interaction| r.payload.kind() == kind;
    let order = is(Kind::Order);
    let money = |r: &&&Interaction| match &r.payload {
        Payload::Order { total: Some(Money { currency: c, amount_minor }), .. }
            if c.as_str() == currency =>
        {
            Some(*amount_minor)
        }
        _ => None,
    };
    let value = |test: &dyn Fn(&&&Interaction) -> bool| {
        records.iter().filter(test).filter_map(|r| money(&r)).sum()
    };
    let engaged = |r: &&&Interaction| matches!(&r.payload, Payload::Engagement { action, .. } if *action != EngagementAction::Sent);
    let case = |wanted: CaseAction| {
        n(&move |r| matches!(&r.payload, Payload::Case { action, .. } if *action == wanted))
    };
    let complaint = |r: &&&Interaction| {
        matches!(&r.payload, Payload::Complaint { action: FeedbackAction::Raised, .. })
    };
    let waits: Vec<i64> = records
        .iter()
        .filter_map(|r| {
            if let Payload::Contact { queue_wait, .. } = &r.payload { *queue_wait } else { None }
        })
        .collect();
    let cancelled = |r: &&&Interaction| {
        matches!(&r.payload, Payload::Subscription { action: SubscriptionAction::Cancelled, .. })
    };
    let survey = |wanted: bool| {
        n(
            &move |r| matches!(&r.payload, Payload::Survey { action, .. } if (*action == SurveyAction::Delivered) == wanted),
        )
    };
    let asked = |kinds: &[SurveyKind]| {
        scores(records, |payload| match payload {
            Payload::Survey { kind, score, .. } if kinds.contains(kind) => *score,
            _ => None,
        })
    };
    Activity {
        customer_id: id.to_owned(),
        interactions: i64::try_from(records.len()).unwrap(),
        first_at: records.iter().map(|r| r.occurred_at).min().unwrap(),
        last_at: records.iter().map(|r| r.occurred_at).max().unwrap(),
        active_days: days(&|_| true),
        interactions_30d: n(&within(30)),
        interactions_90d: n(&within(90)),
        interactions_prior_90d: n(&prior),
        interactions_365d: n(&within(365)),
        by_channel: Channel::ALL.map(|channel| n(&|r| r.channel == channel)),
        by_stage: Stage::ALL.map(|stage| n(&|r| r.stage == Some(stage))),
        orders: n(&order),
        order_first_at: records.iter().filter(order).map(|r| r.occurred_at).min(),
        order_last_at: last(&order),
        order_days: days(&order),
        orders_30d: n(&|r| order(r) && within(30)(r)),
        orders_90d: n(&|r| order(r) && within(90)(r)),
        orders_prior_90d: n(&|r| order(r) && prior(r)),
        orders_365d: n(&|r| order(r) && within(365)(r)),
        order_items: records
            .iter()
            .filter_map(
                |r| if let Payload::Order { items, .. } = &r.payload { *items } else { None },
            )
            .sum(),
        orders_valued: n(&|r| money(r).is_some()),
        order_value: value(&|_| true),
        order_value_90d: value(&within(90)),
        order_value_prior_90d: value(&prior),
        order_value_365d: value(&within(365)),
        order_value_max: records.iter().filter_map(|r| money(&r)).max().unwrap_or(0),
        returns: n(&is(Kind::Return)),
        refund_value: records
            .iter()
            .filter_map(|r| match &r.payload {
                Payload::Return { refund: Some(m), .. } if m.currency.as_str() == currency => {
                    Some(m.amount_minor)
                }
                _ => None,
            })
            .sum(),
        contacts: n(&is(Kind::Contact)),
        contacts_90d: n(&|r| is(Kind::Contact)(r) && within(90)(r)),
        contacts_by_bot: n(&|r| {
            matches!(&r.payload, Payload::Contact { handler: Some(Handler::Bot), .. })
        }),
        contacts_abandoned: n(&|r| matches!(&r.payload, Payload::Contact { abandoned: true, .. })),
        waits: i64::try_from(waits.len()).unwrap(),
        wait_sum: waits.iter().sum(),
        wait_max: waits.iter().copied().max().unwrap_or(0),
        cases_opened: case(CaseAction::Opened),
        cases_solved: case(CaseAction::Solved),
        cases_reopened: case(CaseAction::Reopened),
        self_service: n(&is(Kind::SelfService)),
        self_service_resolved: n(&|r| {
            matches!(&r.payload, Payload::SelfService { resolved: Some(true), .. })
        }),
        complaints: n(&complaint),
        complaints_90d: n(&|r| complaint(r) && within(90)(r)),
        feature_requests: n(&|r| {
            matches!(&r.payload, Payload::FeatureRequest { action: FeedbackAction::Raised, .. })
        }),
        referrals: n(&is(Kind::Referral)),
        surveys: survey(true).max(survey(false)),
        nps: asked(&[SurveyKind::NpsRelational, SurveyKind::NpsTransactional]),
        csat: asked(&[SurveyKind::Csat]),
        ces: asked(&[SurveyKind::Ces]),
        rating: scores(records, |payload| {
            if let Payload::Review { rating, .. } = payload { *rating } else { None }
        }),
        engagements: n(&engaged),
        engagements_90d: n(&|r| engaged(r) && within(90)(r)),
        clicks: n(&|r| {
            matches!(&r.payload, Payload::Engagement { action: EngagementAction::Click, .. })
        }),
        engagement_last_at: last(&engaged),
        subscriptions_started: n(&|r| {
            matches!(&r.payload, Payload::Subscription { action: SubscriptionAction::Started, .. })
        }),
        subscriptions_cancelled: n(&cancelled),
        subscription_last_at: last(&|r| is(Kind::Subscription)(r) && !cancelled(r)),
        cancelled_last_at: last(&cancelled),
    }
}

fn scores(records: &[&Interaction], pick: impl Fn(&Payload) -> Option<Score>) -> ScoreActivity {
    let permille = |score: Score| {
        let good =
            if score.lower_is_better { score.max - score.value } else { score.value - score.min };
        i64::from(good * 1000 / (score.max - score.min))
    };
    let answers: Vec<(Timestamp, i64)> =
        records.iter().filter_map(|r| Some((r.occurred_at, permille(pick(&r.payload)?)))).collect();
    ScoreActivity {
        answers: i64::try_from(answers.len()).unwrap(),
        permille_sum: answers.iter().map(|(_, permille)| permille).sum(),
        permille_last: answers.iter().max().map(|(_, permille)| *permille),
    }
}

#[tokio::test]
async fn the_aggregate_agrees_with_a_count_by_hand() {
    on_every_engine(async |store| {
        let records = samples::interactions(11, 4_000, 25);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        let euro = Currency::parse("EUR");
        // Among them an instant before 1970, and one at which records took place: those do not count.
        for as_of in
            [at(10), at(-86_400), at(-250 * 86_400 + 1), Timestamp::from_micros(-DAY).unwrap()]
        {
            let expected = count_by_hand(&records, as_of, "EUR");
            assert_eq!(
                store.activity(as_of, Scope::Everyone, euro).await.expect("activity"),
                expected
            );
            let some: Vec<String> = ["c3", "c17", "nobody", "c3"].map(str::to_owned).to_vec();
            let expected: Vec<Activity> = expected
                .into_iter()
                .filter(|activity| some.contains(&activity.customer_id))
                .collect();
            let found =
                store.activity(as_of, Scope::Customers(&some), euro).await.expect("activity");
            assert_eq!(found, expected);
        }
        let without = store.activity(at(10), Scope::Everyone, None).await.expect("activity");
        assert!(
            without.iter().all(|activity| activity.orders_valued == 0 && activity.order_value == 0)
        );
    })
    .await;
}

#[tokio::test]
async fn any_order_and_any_repetition_give_the_same_activity() {
    let records = samples::interactions(12, 1_500, 10);
    let mut seen: Vec<Vec<Activity>> = Vec::new();
    for turn in 0..3_usize {
        let mut order = records.clone();
        order.rotate_left(turn * 511);
        if turn == 2 {
            order.reverse();
        }
        let outcomes = std::cell::RefCell::new(&mut seen);
        on_every_engine(async |store| {
            for part in order.chunks(97 + turn * 400) {
                store.interactions_record(part.to_vec(), at(0)).await.expect("record");
            }
            store.interactions_record(order[..700].to_vec(), at(5)).await.expect("record");
            let found = store
                .activity(at(10), Scope::Everyone, Currency::parse("GBP"))
                .await
                .expect("activity");
            outcomes.borrow_mut().push(found);
        })
        .await;
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(seen[0], count_by_hand(&records, at(10), "GBP"));
}

#[tokio::test]
async fn who_objects_to_profiling_is_not_among_everyone() {
    on_every_engine(async |store| {
        store.interactions_record(samples::interactions(13, 300, 3), at(0)).await.expect("record");
        let objector = Customer {
            customer_id: "c1".to_owned(),
            consent: Consent { profiling: Some(false), ..Consent::default() },
            ..Customer::default()
        };
        store.customers_upsert(vec![objector], at(0)).await.expect("upsert");
        let ids =
            |found: Vec<Activity>| found.into_iter().map(|a| a.customer_id).collect::<Vec<_>>();
        let everyone = store.activity(at(10), Scope::Everyone, None).await.expect("activity");
        assert_eq!(ids(everyone), ["c0", "c2"]);
        let named = ["c1".to_owned()];
        let one = store.activity(at(10), Scope::Customers(&named), None).await.expect("activity");
        assert_eq!(ids(one), ["c1"]);
        assert_eq!(store.profiling_objectors().await.expect("objectors"), ["c1"]);
    })
    .await;
}

#[tokio::test]
async fn the_main_currency_is_that_of_most_orders() {
    on_every_engine(async |store| {
        let records = samples::interactions(14, 800, 30);
        store.interactions_record(records.clone(), at(0)).await.expect("record");
        let mut orders: BTreeMap<&str, i64> = BTreeMap::new();
        for record in &records {
            if let Payload::Order { total: Some(money), .. } = &record.payload {
                *orders.entry(money.currency.as_str()).or_default() += 1;
            }
        }
        let main = orders
            .iter()
            .max_by_key(|(code, n)| (**n, std::cmp::Reverse(**code)))
            .map(|(code, _)| *code);
        let found = store.main_currency(at(10)).await.expect("currency");
        assert_eq!(found.as_ref().map(Currency::as_str), main);
    })
    .await;
}

#[tokio::test]
async fn as_it_was_known_then_nothing_counts_that_arrived_later() {
    on_every_engine(async |store| {
        let mut records = samples::interactions(15, 400, 20);
        for record in &mut records {
            record.occurred_at = at(record.occurred_at.micros().rem_euclid(50));
        }
        let (early, late) = records.split_at(200);
        store.interactions_record(early.to_vec(), at(5)).await.expect("record");
        store.interactions_record(late.to_vec(), at(60)).await.expect("record");
        let as_of = at(40);
        let then = Past { as_of, as_known: true };
        let known = store.activity(then, Scope::Everyone, None).await.expect("activity");
        assert_eq!(known, count_by_hand(early, as_of, ""));
        let now = store.activity(as_of, Scope::Everyone, None).await.expect("activity");
        assert_eq!(now, count_by_hand(&records, as_of, ""));
        assert_ne!(now, known);
    })
    .await;
}
