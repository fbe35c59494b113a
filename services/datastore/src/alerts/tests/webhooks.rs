//! Webhooks that are told of alerts, beside or instead of membership changes.

use super::*;
use crate::duties::Duty;
use crate::membership;
use crate::webhooks::{
    Attempted, Event, Message, NewWebhook, Replay, Secret, Subscription, WebhookChange,
};

async fn webhook(store: &Store, id: &str, subscription: Subscription) {
    let new = NewWebhook {
        id: id.to_owned(),
        request_id: None,
        url: "https://example.com/hook".to_owned(),
        subscription,
        description: String::new(),
        secret: Secret::new("s"),
    };
    store.webhook_create(&new, at(0)).await.expect("made");
    store.duty_hold(Duty::Webhooks, "me", at(0), LEASE).await.expect("held").expect("free");
}

fn both() -> Subscription {
    Subscription { membership: true, alerts: true, personas: Vec::new() }
}

/// So many membership changes.
async fn happen(store: &Store, second: i64, persona: &str, count: i64) {
    let text = "INSERT INTO membership_change (customer_id, position, changed_at, segmentation_id, to_persona, cause)
                VALUES ($1, $2, $3, 's', $4, 1)";
    let write = async |tx: &sea_orm::DatabaseTransaction| {
        let (first, instant) = membership::positions(tx, count, at(second)).await?;
        for position in first..first + count {
            let who = format!("c{position}");
            let values = vec![who.into(), position.into(), instant.micros().into(), persona.into()];
            crate::sql::execute(tx, text, values).await?;
        }
        Ok(())
    };
    store.write(write).await.expect("changes");
}

/// Raises one alert.
async fn raise(store: &Store, rule: &Rule, customer: &str, second: i64) {
    put(store, vec![nps(customer, "1", second, 0)], second).await;
    assert_eq!(judge(store, rule, second).await, 1);
}

async fn next(store: &Store, id: &str) -> Option<Message> {
    store.webhook_message_next(id, "me", at(100)).await.expect("read")
}

/// Sends everything, and gives the positions of each message with what it tells.
async fn send(store: &Store, id: &str) -> Vec<(bool, Vec<i64>)> {
    let mut sent = Vec::new();
    while let Some(message) = next(store, id).await {
        let alerts = matches!(message.events[0], Event::Alert(_));
        sent.push((alerts, message.events.iter().map(Event::position).collect()));
        let settle = store.webhook_settle(&message, &Attempted::Delivered, "me", at(100));
        settle.await.expect("settled");
    }
    sent
}

#[tokio::test]
async fn messages_hold_one_kind_and_keep_the_order_of_all() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        webhook(&store, "both", both()).await;
        webhook(&store, "alerts", Subscription { membership: false, ..both() }).await;
        webhook(&store, "members", Subscription::default()).await;
        happen(&store, 1, "p", 2).await;
        raise(&store, &rule, "a", 2).await;
        raise(&store, &rule, "b", 3).await;
        happen(&store, 4, "p", 130).await;
        raise(&store, &rule, "c", 5).await;
        let many: Vec<i64> = (5..=134).collect();
        let (first, rest) = (many[..100].to_vec(), many[100..].to_vec());
        assert_eq!(
            send(&store, "both").await,
            [
                (false, vec![1, 2]),
                (true, vec![3, 4]),
                (false, first.clone()),
                (false, rest),
                (true, vec![135])
            ]
        );
        assert_eq!(send(&store, "alerts").await, [(true, vec![3, 4, 135])]);
        let told: Vec<i64> =
            send(&store, "members").await.into_iter().flat_map(|one| one.1).collect();
        assert_eq!(told, (1..=134).filter(|n| ![3, 4].contains(n)).collect::<Vec<_>>());
        for id in ["both", "alerts", "members"] {
            let webhook = store.webhook_get(id).await.expect("read").expect("there");
            assert_eq!((webhook.position, webhook.pending_changes), (135, 0));
        }
        // From a moment on, whichever of the two happened then.
        for (since, position) in [(2, 2), (3, 3), (5, 134), (6, 135)] {
            let replay = Replay::Since(at(since));
            let webhook = store.webhook_replay("both", &replay, at(200)).await.expect("replayed");
            assert_eq!(webhook.expect("there").1.position, position.min(135));
            send(&store, "both").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_begun_stays_the_same_and_the_erased_are_not_in_it() {
    on_every_engine(async |store| {
        let rule = rule(&store, detractor(6), 0).await;
        webhook(&store, "w", both()).await;
        raise(&store, &rule, "a", 2).await;
        raise(&store, &rule, "b", 3).await;
        let begun = next(&store, "w").await.expect("a message");
        happen(&store, 4, "p", 1).await;
        assert_eq!(next(&store, "w").await.as_ref(), Some(&begun));
        store.customer_erase("a", at(5)).await.expect("erased");
        let again = next(&store, "w").await.expect("a message");
        assert_eq!((&again.id, again.events.len()), (&begun.id, 1));
        let told: Vec<Vec<i64>> = send(&store, "w").await.into_iter().map(|one| one.1).collect();
        assert_eq!(told, [vec![2], vec![3], vec![4]]);
        // Other events make another message.
        raise(&store, &rule, "c", 6).await;
        let begun = next(&store, "w").await.expect("a message");
        let only = WebhookChange { events: Some((false, true)), ..WebhookChange::default() };
        store.webhook_update("w", &only, "").await.expect("changed");
        assert_ne!(next(&store, "w").await.expect("a message").id, begun.id);
        // Personas are those of the alerts: this one had none.
        let only =
            WebhookChange { personas: Some(vec!["p".to_owned()]), ..WebhookChange::default() };
        store.webhook_update("w", &only, "").await.expect("changed");
        assert_eq!(send(&store, "w").await, []);
    })
    .await;
}
