use super::*;
use crate::duties::Duty;
use crate::membership;
use crate::sql;
use crate::store::Store;
use crate::testing::{at, on_every_engine};

const LEASE: i64 = 10_000_000;

/// Adds changes to the log at second `second`, each of a customer of its own, into this persona. Gives the first position.
async fn happen(store: &Store, second: i64, persona: &str, count: i64) -> i64 {
    let text = "INSERT INTO membership_change (customer_id, position, changed_at, segmentation_id, to_persona, cause)
                VALUES ($1, $2, $3, 's', $4, 1)";
    let write = async |tx: &sea_orm::DatabaseTransaction| {
        let (first, instant) = membership::positions(tx, count, at(second)).await?;
        for position in first..first + count {
            let values = vec![
                format!("c{position}").into(),
                position.into(),
                instant.micros().into(),
                persona.into(),
            ];
            sql::execute(tx, text, values).await?;
        }
        Ok(first)
    };
    store.write(write).await.expect("changes")
}

fn new(id: &str) -> NewWebhook {
    NewWebhook {
        id: id.to_owned(),
        request_id: None,
        url: "https://example.com/hook".to_owned(),
        subscription: Subscription::default(),
        description: String::new(),
        secret: Secret::new(format!("secret of {id}")),
    }
}

/// Every change of membership of these personas.
fn of(personas: &[&str]) -> Subscription {
    let personas = personas.iter().map(|&id| id.to_owned()).collect();
    Subscription { personas, ..Subscription::default() }
}

/// A webhook, and the duty held by "me".
async fn begin(store: &Store, new: &NewWebhook) {
    store.webhook_create(new, at(0)).await.expect("made");
    store.duty_hold(Duty::Webhooks, "me", at(0), LEASE).await.expect("held").expect("free");
}

async fn get(store: &Store, id: &str) -> Webhook {
    store.webhook_get(id).await.expect("read").expect("there")
}

async fn next(store: &Store, id: &str) -> Option<Message> {
    store.webhook_message_next(id, "me", at(100)).await.expect("read")
}

async fn due(store: &Store, id: &str, second: i64) -> Option<Message> {
    store.webhook_delivery_next(id, at(second)).await.expect("read")
}

async fn settle(store: &Store, message: &Message, attempted: Attempted, second: i64) {
    store.webhook_settle(message, &attempted, "me", at(second)).await.expect("settled");
}

fn failure(second: i64, again_at: Option<i64>) -> Attempted {
    Attempted::Failed(Failure {
        failed: Failed { at: at(second), status: Some(500), error: "status 500".to_owned() },
        again_at: again_at.map(at),
        gone: false,
        hopeless_since: at(second - 1000),
    })
}

fn positions(message: &Message) -> Vec<i64> {
    message.events.iter().map(Event::position).collect()
}

#[tokio::test]
async fn webhooks_are_made_once_listed_changed_and_deleted() {
    on_every_engine(async |store| {
        happen(&store, 0, "p", 3).await;
        let asked = NewWebhook { request_id: Some("r".to_owned()), ..new("a") };
        let (made, secret) = store.webhook_create(&asked, at(0)).await.expect("made");
        assert_eq!((made.position, made.pending_changes, made.disabled), (3, 0, None));
        let again = NewWebhook { request_id: Some("r".to_owned()), ..new("b") };
        let again = store.webhook_create(&again, at(1)).await.expect("the same");
        assert_eq!(again, (made.clone(), secret.clone()));
        store.webhook_create(&new("c"), at(1)).await.expect("made");
        store.webhook_create(&new("d"), at(1)).await.expect("made");
        let ids = |list: Vec<Webhook>| list.into_iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(store.webhooks_list(None, 2).await.expect("page")), ["d", "c"]);
        let rest = store.webhooks_list(Some((at(1), "c".to_owned())), 2).await.expect("page");
        assert_eq!(ids(rest), ["a"]);

        let change = WebhookChange {
            url: Some("https://example.com/other".to_owned()),
            personas: Some(vec!["p".to_owned()]),
            ..Default::default()
        };
        let changed = store.webhook_update("a", &change, &made.etag).await.expect("changed");
        let changed = changed.expect("there");
        assert_eq!(
            (changed.url.as_str(), changed.subscription.personas.len()),
            ("https://example.com/other", 1)
        );
        let stale = store.webhook_update("a", &change, &made.etag).await;
        assert!(matches!(stale, Err(Error::EtagMismatch { etag }) if etag == changed.etag));
        assert_eq!(store.webhook_update("x", &change, "").await.expect("none"), None);
        assert!(store.webhook_delete("a").await.expect("deleted"));
        assert!(!store.webhook_delete("a").await.expect("none"));
        assert_eq!(store.webhook_get("a").await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn secrets_overlap_and_end() {
    on_every_engine(async |store| {
        store.webhook_create(&new("a"), at(0)).await.expect("made");
        let valid = async |second: i64| {
            let found = store.webhook_secrets("a", at(second)).await.expect("read").expect("there");
            found.iter().map(|secret| secret.reveal().to_owned()).collect::<Vec<_>>()
        };
        let rotate = async |text: &str, second: i64| {
            let until = at(second + 100);
            store.webhook_rotate("a", &Secret::new(text), at(second), until).await.expect("rotated")
        };
        assert!(rotate("two", 10).await);
        assert_eq!(valid(109).await, ["two", "secret of a"]);
        assert_eq!(valid(110).await, ["two"]);
        assert!(rotate("three", 50).await);
        assert_eq!(
            valid(109).await,
            ["three", "two", "secret of a"],
            "a second one ends none sooner"
        );
        assert_eq!(valid(120).await, ["three", "two"], "and none later");
        for number in 4..10 {
            assert!(rotate(&number.to_string(), 60).await);
        }
        assert_eq!(valid(61).await, ["9", "8", "7", "6", "5"]);
        assert!(!format!("{:?}", Secret::new("hush")).contains("hush"));
        assert!(!store.webhook_rotate("x", &Secret::new("s"), at(0), at(1)).await.expect("none"));
    })
    .await;
}

#[tokio::test]
async fn messages_are_runs_of_changes_and_stay_the_same_until_they_are_settled() {
    on_every_engine(async |store| {
        begin(&store, &new("a")).await;
        assert_eq!(next(&store, "a").await, None);
        assert!(store.webhooks_waiting(at(1)).await.expect("read").is_empty());
        happen(&store, 1, "p", 130).await;
        let waiting = Waiting { webhook_id: "a".to_owned(), changes: true, deliveries: false };
        assert_eq!(store.webhooks_waiting(at(1)).await.expect("read"), [waiting]);
        let first = next(&store, "a").await.expect("a message");
        assert_eq!(positions(&first), (1..=100).collect::<Vec<_>>());
        settle(&store, &first, Attempted::Delivered, 2).await;
        let second = next(&store, "a").await.expect("a message");
        assert_eq!(positions(&second), (101..=130).collect::<Vec<_>>());
        // Whoever takes over sends the same message, although there is more to tell by now.
        happen(&store, 3, "p", 1).await;
        store.duty_hold(Duty::Webhooks, "you", at(60), LEASE).await.expect("held").expect("ended");
        let taken = store.webhook_message_next("a", "you", at(61)).await.expect("read");
        assert_eq!(taken.as_ref(), Some(&second));
        // Who has lost the duty can neither settle nor begin one.
        let late = store.webhook_settle(&second, &Attempted::Delivered, "me", at(61)).await;
        assert!(matches!(late, Err(Error::LeaseLost)));
        store.webhook_settle(&second, &Attempted::Delivered, "you", at(61)).await.expect("settled");
        let late = store.webhook_message_next("a", "me", at(61)).await;
        assert!(matches!(late, Err(Error::LeaseLost)));
        let third = store.webhook_message_next("a", "you", at(62)).await.expect("read");
        assert_eq!(positions(&third.expect("a message")), [131]);
        let webhook = get(&store, "a").await;
        assert_eq!((webhook.position, webhook.pending_changes), (130, 1));
        assert_eq!(webhook.last_success_at, Some(at(61)));
        assert_ne!(first.id, second.id);
    })
    .await;
}

#[tokio::test]
async fn only_changes_of_its_personas_are_told_and_the_others_passed_over() {
    on_every_engine(async |store| {
        begin(&store, &NewWebhook { subscription: of(&["q"]), ..new("a") }).await;
        happen(&store, 1, "p", 150).await;
        assert_eq!(next(&store, "a").await, None);
        assert_eq!(get(&store, "a").await.position, 150, "passed over without a message");
        happen(&store, 2, "q", 2).await;
        happen(&store, 3, "p", 5).await;
        let message = next(&store, "a").await.expect("a message");
        assert_eq!(positions(&message), [151, 152]);
        // Another filter makes another message, also of what was fixed already.
        let change = WebhookChange { personas: Some(Vec::new()), ..Default::default() };
        store.webhook_update("a", &change, "").await.expect("changed");
        let other = next(&store, "a").await.expect("a message");
        assert_eq!(positions(&other), (151..=157).collect::<Vec<_>>());
        assert_ne!(other.id, message.id);
        settle(&store, &other, Attempted::Delivered, 4).await;
        assert_eq!(get(&store, "a").await.position, 157);
    })
    .await;
}

#[tokio::test]
async fn what_fails_is_set_aside_sent_again_and_given_up() {
    on_every_engine(async |store| {
        begin(&store, &new("a")).await;
        happen(&store, 1, "p", 2).await;
        let message = next(&store, "a").await.expect("a message");
        settle(&store, &message, failure(2, Some(7)), 2).await;
        happen(&store, 3, "p", 1).await;
        let later = next(&store, "a").await.expect("the next one does not wait");
        settle(&store, &later, Attempted::Delivered, 4).await;
        assert_eq!(due(&store, "a", 6).await, None, "not yet");
        let again = due(&store, "a", 7).await.expect("due");
        assert_eq!((&again.id, positions(&again), again.attempts), (&message.id, vec![1, 2], 1));
        let webhook = get(&store, "a").await;
        assert_eq!((webhook.pending_deliveries, webhook.dead_deliveries), (1, 0));
        assert_eq!(webhook.failing_since, None, "the later one was delivered");
        let failed = webhook.last_failure.expect("told");
        assert_eq!(
            (failed.at, failed.status, failed.error.as_str()),
            (at(2), Some(500), "status 500")
        );

        settle(&store, &again, failure(8, None), 8).await;
        assert_eq!(due(&store, "a", 1_000_000).await, None, "given up");
        let list =
            async |dead| store.webhook_deliveries_list("a", dead, None, 9).await.expect("page");
        let dead = list(Some(true)).await.remove(0);
        assert_eq!((dead.id.as_str(), dead.attempts), (message.id.as_str(), 2));
        assert_eq!((dead.after, dead.until, dead.again_at), (0, 2, None));
        assert!(list(Some(false)).await.is_empty());
        // What was settled already changes nothing, and counts for nothing.
        settle(&store, &again, Attempted::Delivered, 9).await;
        assert_eq!(get(&store, "a").await.last_success_at, Some(at(4)));

        let replay = async |what| {
            store.webhook_replay("a", &what, at(20)).await.expect("replayed").expect("there").0
        };
        assert_eq!(replay(Replay::Delivery("msg_other".to_owned())).await, 0);
        assert_eq!(replay(Replay::DeadLetters).await, 1);
        assert_eq!(replay(Replay::DeadLetters).await, 0);
        let again = due(&store, "a", 20).await.expect("due at once");
        assert_eq!((&again.id, again.attempts), (&message.id, 1));
        settle(&store, &again, Attempted::Delivered, 21).await;
        assert!(list(None).await.is_empty());
        assert_eq!(get(&store, "a").await.last_success_at, Some(at(21)));
    })
    .await;
}

#[tokio::test]
async fn the_erased_are_not_told_any_more() {
    on_every_engine(async |store| {
        begin(&store, &new("a")).await;
        happen(&store, 1, "p", 2).await;
        let message = next(&store, "a").await.expect("a message");
        settle(&store, &message, failure(2, Some(3)), 2).await;
        let forget = async |customer: &str| {
            let text = "DELETE FROM membership_change WHERE customer_id = $1";
            let delete = async |tx: &sea_orm::DatabaseTransaction| {
                sql::execute(tx, text, vec![customer.into()]).await
            };
            store.write(delete).await.expect("gone");
        };
        forget("c1").await;
        assert_eq!(positions(&due(&store, "a", 3).await.expect("due")), [2]);
        forget("c2").await;
        let empty = due(&store, "a", 3).await.expect("due");
        assert!(empty.events.is_empty() && empty.id == message.id);
        settle(&store, &empty, Attempted::Empty, 4).await;
        let webhook = get(&store, "a").await;
        assert_eq!((webhook.pending_deliveries, webhook.last_success_at), (0, None));
        // A message that was fixed and lost everybody is passed over as well.
        happen(&store, 5, "p", 1).await;
        next(&store, "a").await.expect("a message");
        forget("c3").await;
        let empty = next(&store, "a").await.expect("still fixed");
        assert!(empty.events.is_empty());
        settle(&store, &empty, Attempted::Empty, 6).await;
        assert_eq!(get(&store, "a").await.position, 3);
    })
    .await;
}

#[tokio::test]
async fn a_webhook_that_is_gone_or_hopeless_is_disabled_and_loses_nothing() {
    on_every_engine(async |store| {
        begin(&store, &new("a")).await;
        happen(&store, 1, "p", 1).await;
        let message = next(&store, "a").await.expect("a message");
        let Attempted::Failed(failed) = failure(2, Some(3)) else { unreachable!() };
        settle(&store, &message, Attempted::Failed(Failure { gone: true, ..failed }), 2).await;
        let gone = get(&store, "a").await;
        assert_eq!(gone.disabled, Some(Disabled::Gone));
        happen(&store, 3, "p", 1).await;
        assert!(store.webhooks_waiting(at(9)).await.expect("read").is_empty());
        assert_eq!((next(&store, "a").await, due(&store, "a", 9).await), (None, None));
        let enable = |enabled| WebhookChange { enabled: Some(enabled), ..Default::default() };
        let asked = store.webhook_update("a", &enable(false), "").await.expect("changed");
        assert_eq!(asked.expect("there").etag, gone.etag, "it keeps its reason");
        let enabled = store.webhook_update("a", &enable(true), &gone.etag).await.expect("changed");
        let enabled = enabled.expect("there");
        assert_eq!((enabled.disabled, enabled.failing_since), (None, None));
        assert_ne!(enabled.etag, gone.etag);

        // Nothing was lost; now it fails for 1000 seconds.
        settle(&store, &due(&store, "a", 9).await.expect("due"), failure(10, Some(500)), 10).await;
        settle(&store, &next(&store, "a").await.expect("next"), failure(1009, Some(1500)), 1009)
            .await;
        assert_eq!(get(&store, "a").await.disabled, None);
        settle(&store, &due(&store, "a", 1010).await.expect("due"), failure(1010, None), 1010)
            .await;
        let webhook = get(&store, "a").await;
        assert_eq!(webhook.disabled, Some(Disabled::Failing));
        assert_eq!((webhook.pending_deliveries, webhook.dead_deliveries), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn everything_since_a_position_or_an_instant_comes_again() {
    on_every_engine(async |store| {
        begin(&store, &new("a")).await;
        happen(&store, 10, "p", 2).await;
        happen(&store, 20, "p", 2).await;
        let message = next(&store, "a").await.expect("a message");
        settle(&store, &message, failure(21, Some(30)), 21).await;
        let replay = async |what| store.webhook_replay("a", &what, at(40)).await;
        assert!(matches!(replay(Replay::After(5)).await, Err(Error::Invalid { .. })));
        let webhook = replay(Replay::Since(at(20))).await.expect("replayed").expect("there").1;
        assert_eq!((webhook.position, webhook.pending_deliveries), (2, 1), "it begins before");
        assert_eq!(positions(&next(&store, "a").await.expect("a message")), [3, 4]);
        let webhook = replay(Replay::After(0)).await.expect("replayed").expect("there").1;
        assert_eq!((webhook.position, webhook.pending_deliveries), (0, 0));
        let again = next(&store, "a").await.expect("a message");
        assert_eq!(again.id, message.id, "the same message");
        settle(&store, &again, Attempted::Delivered, 41).await;
        let webhook = replay(Replay::Since(at(99))).await.expect("replayed").expect("there").1;
        assert_eq!(webhook.position, 4);
        // A message under way when it was replayed does not count.
        replay(Replay::After(2)).await.expect("replayed");
        settle(&store, &again, failure(42, None), 42).await;
        assert_eq!(get(&store, "a").await.position, 2);
        assert_eq!(
            store.webhook_replay("x", &Replay::DeadLetters, at(0)).await.expect("none"),
            None
        );
    })
    .await;
}
