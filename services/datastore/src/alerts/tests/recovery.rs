//! What came of alerts.

use super::risks::{activate, at_risk};
use super::*;
use cx_analytics::alerts::{FollowedUp, Kind, Pair, Tally};

const DAYS: i64 = 86_400;

async fn resolve(store: &Store, customer: &str, outcome: Outcome, second: i64) {
    let of = AlertFilter { customer: Some(customer.to_owned()), ..AlertFilter::default() };
    let act = Act::Resolve { outcome, note: String::new() };
    for alert in store.alerts_list(&of, None, 9).await.expect("page") {
        store.alert_change(&alert.id, &act, ("me", ""), at(second)).await.expect("resolved");
    }
}

async fn tally(store: &Store, kind: Kind, second: i64) -> Tally {
    let filter = RecoveryFilter {
        rule: None,
        kind: Some(kind),
        persona: None,
        start: at(0),
        end: at(10 * DAYS),
        follow_up: 5 * DAYS * 1_000_000,
    };
    let mut tallies = store.recovery_tallies(&filter, at(second)).await.expect("counts");
    tallies.remove(&kind).expect("some alerts")
}

#[tokio::test]
async fn detractors_are_followed_to_their_next_answer() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        let answers: Vec<Interaction> =
            ["won", "lost", "silent", "waiting", "false", "open", "twice"]
                .iter()
                .zip(0..)
                .map(|(name, score)| nps(name, "1", 10, score))
                .chain([nps("twice", "2", 11, 5)])
                .collect();
        put(&store, answers, 12).await;
        assert_eq!(judge(&store, &rule, 20).await, 8);
        for name in ["won", "lost", "silent", "twice"] {
            resolve(&store, name, Outcome::Recovered, 100).await;
        }
        resolve(&store, "false", Outcome::FalseAlarm, 120).await;
        resolve(&store, "waiting", Outcome::NotRecovered, 6 * DAYS).await;
        let next = vec![
            // Before the resolution: not what came of it.
            nps("won", "before", 90, 0),
            nps("won", "next", 200, 9),
            nps("won", "later", 300, 1),
            nps("lost", "next", 200, 6),
            nps("silent", "too late", 6 * DAYS, 10),
            nps("false", "next", 200, 10),
            nps("twice", "next", 200, 7),
        ];
        put(&store, next, 300).await;
        let counted = tally(&store, Kind::Detractor, 7 * DAYS).await;
        let outcomes =
            [(Outcome::Recovered, 5), (Outcome::NotRecovered, 1), (Outcome::FalseAlarm, 1)];
        assert_eq!((counted.open, counted.acknowledged), (1, 0));
        assert_eq!(counted.outcomes, outcomes);
        // One customer counts once, however many of their alerts were resolved.
        let followed = FollowedUp { better: 2, not: 1, waiting: 1, unknown: 1 };
        assert_eq!(counted.after.followed, followed);
        let pair = |before, after| Pair { relational: true, before, after, customers: 1 };
        let pairs = &counted.after.pairs;
        assert_eq!(pairs[..2], [pair(0, 9), pair(1, 6)]);
        assert!(
            matches!(pairs[2..], [Pair { before: 5 | 6, after: 7, customers: 1, .. }]),
            "{pairs:?}"
        );
        let second = |seconds: i64| seconds * 1_000_000;
        let mut ended = counted.resolved.ended.clone();
        ended.sort_unstable();
        assert_eq!(ended, [(second(80), 5), (second(100), 1), (second(6 * DAYS - 20), 1)]);
        assert_eq!(counted.resolved.open, [(second(7 * DAYS - 20), 1)]);
        assert_eq!(counted.seen.open.len(), 1, "who resolves an alert has seen it");
    })
    .await;
}

#[tokio::test]
async fn cases_are_followed_until_they_are_solved() {
    on_every_engine(async |store| {
        let rule = rule(&store, open_for(1), 0).await;
        let names = ["solved", "still", "waiting"];
        put(&store, names.map(|name| case(name, "k", 10, CaseAction::Opened)).to_vec(), 11).await;
        assert_eq!(overdue(&store, &rule, 0, 2 * HOUR).await, 3);
        resolve(&store, "solved", Outcome::Recovered, 3 * HOUR).await;
        resolve(&store, "still", Outcome::NoAction, 3 * HOUR).await;
        resolve(&store, "waiting", Outcome::NoAction, 4 * DAYS).await;
        // Solved while somebody looked after it.
        put(&store, vec![case("solved", "k", 2 * HOUR + 1, CaseAction::Solved)], 3 * HOUR).await;
        // Good news of which the time for bad news is not over: not known yet.
        put(&store, vec![case("waiting", "k", 4 * DAYS + 1, CaseAction::Solved)], 5 * DAYS).await;
        let counted = tally(&store, Kind::CaseOpenTooLong, 6 * DAYS).await;
        let followed = FollowedUp { better: 1, not: 1, waiting: 1, unknown: 0 };
        assert_eq!(counted.after.followed, followed);
    })
    .await;
}

#[tokio::test]
async fn customers_at_risk_are_followed_to_their_next_order() {
    on_every_engine(async |store| {
        let condition = AtRisk { min_probability: 0.5, min_band: None, min_value: euros(1) };
        let rule = rule(&store, Condition::HighValueAtRisk(condition), 0).await;
        let names = ["back", "gone", "waiting"];
        put(&store, names.map(|name| order(name, "1", 1, 100)).to_vec(), 2).await;
        activate(&store, "m", &names.map(|name| (name, 0.9)), 3).await;
        assert_eq!(at_risk(&store, &rule, 4, true).await, 3);
        for (name, second) in [("back", 10), ("gone", 10), ("waiting", 4 * DAYS)] {
            resolve(&store, name, Outcome::Recovered, second).await;
        }
        put(&store, vec![order("back", "2", 20, 100), order("gone", "2", 6, 100)], 21).await;
        put(&store, vec![order("waiting", "2", 4 * DAYS + 1, 100)], 5 * DAYS).await;
        let counted = tally(&store, Kind::HighValueAtRisk, 6 * DAYS).await;
        let followed = FollowedUp { better: 1, not: 1, waiting: 1, unknown: 0 };
        assert_eq!(counted.after.followed, followed);
    })
    .await;
}
