//! Webhooks, from the log of membership changes to a receiver on the other side of a socket.

use cx_datastore::duties::Duty;
use cx_server::proto::{
    CreateSegmentationRequest, CreateWebhookRequest, EraseCustomerRequest, GetWebhookRequest,
    ListWebhookDeliveriesRequest, ListWebhooksRequest, ReplayWebhookDeliveriesRequest,
    RotateWebhookSecretRequest, SegmentationParameters, TestWebhookRequest, TestWebhookResponse,
    UpdateWebhookRequest, Webhook, WebhookDelivery, WebhookFilter,
    replay_webhook_deliveries_request::What, webhook::DisabledReason, webhook::State,
    webhook_delivery,
};
use cx_server::serve::{self, Options};
use cx_server::webhooks;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::segmentation::fill;
use crate::support::receiver::{Received, Receiver};
use crate::support::records::days_ago;
use crate::support::{Database, Engine, Server};

/// As it is outside of tests, but in a hurry, and with receivers on this machine.
fn options(backoff_ms: &[u64]) -> Options {
    let webhooks = webhooks::Options {
        allow_insecure: true,
        tick: Duration::from_millis(50),
        backoff: backoff_ms.iter().copied().map(Duration::from_millis).collect(),
        ..webhooks::Options::default()
    };
    Options { webhooks, ..Options::default() }
}

async fn start(engine: Engine, backoff_ms: &[u64]) -> (Server, Receiver) {
    (Server::start_with(engine, options(backoff_ms)).await, Receiver::start().await)
}

/// So many changes of customers who enter a persona, from this position on, a day ago.
fn happen(database: &Database, first: i64, count: i64, persona: &str) {
    let at = days_ago(1).seconds * 1_000_000;
    let row = |position| format!("('c{position}', {position}, {at}, 's', '{persona}', 1)");
    let rows: Vec<String> = (first..first + count).map(row).collect();
    let last = first + count - 1;
    database.sql(&format!(
        "UPDATE feed SET head = {last}, head_at = {at} WHERE name = 'membership';
         INSERT INTO membership_change (customer_id, position, changed_at, segmentation_id, to_persona, cause) VALUES {}",
        rows.join(", ")
    ));
}

/// Makes a webhook, and gives its id and secret.
async fn create(server: &mut Server, receiver: &Receiver, personas: &[&str]) -> (String, String) {
    let request = CreateWebhookRequest {
        url: receiver.url(),
        persona_ids: personas.iter().map(|&persona| persona.to_owned()).collect(),
        ..Default::default()
    };
    let created = server.webhooks.create_webhook(request).await.unwrap().into_inner();
    (created.webhook.unwrap().webhook_id, created.secret)
}

async fn get(server: &mut Server, id: &str) -> Webhook {
    let request = GetWebhookRequest { webhook_id: id.to_owned() };
    server.webhooks.get_webhook(request).await.unwrap().into_inner().webhook.unwrap()
}

/// Reads a webhook until it is as it should be.
async fn wait(server: &mut Server, id: &str, done: impl Fn(&Webhook) -> bool) -> Webhook {
    let begun = Instant::now();
    loop {
        let webhook = get(server, id).await;
        if done(&webhook) {
            return webhook;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it stays so: {webhook:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn update(server: &mut Server, request: UpdateWebhookRequest) -> Webhook {
    server.webhooks.update_webhook(request).await.unwrap().into_inner().webhook.unwrap()
}

async fn replay(server: &mut Server, id: &str, what: What) -> i64 {
    let request = ReplayWebhookDeliveriesRequest { webhook_id: id.to_owned(), what: Some(what) };
    server.webhooks.replay_webhook_deliveries(request).await.unwrap().into_inner().deliveries
}

async fn deliveries(server: &mut Server, id: &str) -> Vec<WebhookDelivery> {
    let mut request = ListWebhookDeliveriesRequest {
        webhook_id: id.to_owned(),
        page_size: 1,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page =
            server.webhooks.list_webhook_deliveries(request.clone()).await.unwrap().into_inner();
        found.extend(page.deliveries);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

async fn test(server: &mut Server, id: &str) -> TestWebhookResponse {
    let request = TestWebhookRequest { webhook_id: id.to_owned() };
    server.webhooks.test_webhook(request).await.unwrap().into_inner()
}

async fn changes_arrive_signed_in_their_order_and_only_those_asked_for(engine: Engine) {
    let (mut server, all) = start(engine, &[]).await;
    let some = Receiver::start().await;
    let (id, secret) = create(&mut server, &all, &[]).await;
    let (filtered, _) = create(&mut server, &some, &["q"]).await;
    happen(server.database(), 1, 230, "p");
    happen(server.database(), 231, 20, "q");
    let received = all
        .wait_until(|all| all.iter().map(|one| one.positions().len()).sum::<usize>() == 250)
        .await;
    let mut told = Vec::new();
    for message in &received {
        message.verify(&[&secret]);
        assert!(message.positions().len() <= 100);
        told.extend(message.positions());
    }
    assert_eq!(told, (1..=250).collect::<Vec<_>>());
    let ids: BTreeSet<&str> = received.iter().map(|message| message.header("webhook-id")).collect();
    assert_eq!(ids.len(), received.len());
    let body = received[0].json();
    assert_eq!(body["type"], "membership.changed");
    let first = &body["data"]["changes"][0];
    assert_eq!(
        (&first["customerId"], &first["kind"], &first["toPersonaId"]),
        (&"c1".into(), &"KIND_ENTERED".into(), &"p".into())
    );

    let received = some.wait_for(1).await;
    assert_eq!(received[0].positions(), (231..=250).collect::<Vec<_>>());
    let webhook = wait(&mut server, &id, |webhook| webhook.position == 250).await;
    assert!(webhook.pending_changes == 0 && webhook.last_success_time.is_some());
    assert_eq!((webhook.state(), webhook.last_failure), (State::Enabled, None));
    wait(&mut server, &filtered, |webhook| webhook.position == 250).await;
    let page = ListWebhooksRequest { page_size: 1, ..Default::default() };
    let page = server.webhooks.list_webhooks(page).await.unwrap().into_inner();
    assert_eq!(page.webhooks[0].webhook_id, filtered);
    let page = ListWebhooksRequest { page_size: 1, page_token: page.next_page_token };
    let page = server.webhooks.list_webhooks(page).await.unwrap().into_inner();
    assert_eq!(
        (page.webhooks[0].webhook_id.as_str(), page.next_page_token.as_str()),
        (id.as_str(), "")
    );
    server.stop().await;
}

async fn what_fails_comes_again_and_holds_nothing_up(engine: Engine) {
    let (mut server, receiver) = start(engine, &[1500]).await;
    let (id, secret) = create(&mut server, &receiver, &[]).await;
    receiver.answer([(500, None)]);
    happen(server.database(), 1, 1, "p");
    receiver.wait_for(1).await;
    let failed = wait(&mut server, &id, |webhook| webhook.pending_deliveries == 1).await;
    let failure = failed.last_failure.unwrap();
    assert_eq!((failure.status_code, failure.error.as_str()), (500, "status 500"));
    assert!(failed.failing_since_time.is_some());
    let pending = deliveries(&mut server, &id).await.remove(0);
    assert_eq!((pending.state(), pending.attempts), (webhook_delivery::State::Pending, 1));
    assert_eq!((pending.first_position, pending.last_position), (1, 1));
    happen(server.database(), 2, 1, "p");
    let received = receiver.wait_for(3).await;
    let told: Vec<_> = received.iter().map(|message| message.positions()).collect();
    assert_eq!(told, [[1], [2], [1]]);
    assert_eq!(received[0].header("webhook-id"), received[2].header("webhook-id"));
    assert_eq!(received[0].header("webhook-id"), pending.delivery_id);
    received[2].verify(&[&secret]);
    wait(&mut server, &id, |webhook| webhook.pending_deliveries == 0).await;
    assert!(deliveries(&mut server, &id).await.is_empty());

    // A receiver that asks for time gets it; one that moved is not followed.
    let elsewhere = Receiver::start().await;
    receiver.answer([
        (429, Some(("retry-after", "3600".to_owned()))),
        (302, Some(("location", elsewhere.url()))),
    ]);
    for position in [3, 4] {
        happen(server.database(), position, 1, "p");
        wait(&mut server, &id, |webhook| webhook.position == position).await;
    }
    let found = deliveries(&mut server, &id).await;
    assert!(found[0].next_attempt_time.unwrap().seconds > days_ago(0).seconds + 3500);
    let moved = found[1].last_failure.clone().unwrap();
    assert_eq!(
        (moved.status_code, moved.error.as_str()),
        (302, "status 302: redirects are not followed")
    );
    assert!(elsewhere.received().is_empty());
    server.stop().await;
}

async fn who_is_gone_is_left_alone_and_loses_nothing(engine: Engine) {
    let (mut server, receiver) = start(engine, &[10]).await;
    let (id, _) = create(&mut server, &receiver, &[]).await;
    receiver.answer([(410, None)]);
    happen(server.database(), 1, 1, "p");
    let gone = wait(&mut server, &id, |webhook| webhook.state() == State::Disabled).await;
    assert_eq!(gone.disabled_reason(), DisabledReason::Gone);
    happen(server.database(), 2, 1, "p");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.received().len(), 1);
    let request = UpdateWebhookRequest {
        webhook_id: id.clone(),
        enabled: Some(true),
        etag: gone.etag,
        filter: Some(WebhookFilter::default()),
        ..Default::default()
    };
    assert_eq!(update(&mut server, request).await.state(), State::Enabled);
    let told: BTreeSet<_> =
        receiver.wait_for(3).await[1..].iter().map(|one| one.positions()).collect();
    assert_eq!(told, [vec![1], vec![2]].into());
    let request =
        UpdateWebhookRequest { webhook_id: id.clone(), enabled: Some(false), ..Default::default() };
    assert_eq!(update(&mut server, request).await.disabled_reason(), DisabledReason::Requested);
    server.stop().await;
}

async fn who_fails_for_too_long_is_disabled(engine: Engine) {
    let mut options = options(&[10]);
    options.webhooks.hopeless = Duration::from_millis(300);
    let (mut server, receiver) =
        (Server::start_with(engine, options).await, Receiver::start().await);
    let (id, _) = create(&mut server, &receiver, &[]).await;
    receiver.always(503);
    happen(server.database(), 1, 1, "p");
    wait(&mut server, &id, |webhook| webhook.dead_deliveries == 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    happen(server.database(), 2, 1, "p");
    let webhook = wait(&mut server, &id, |webhook| webhook.state() == State::Disabled).await;
    assert_eq!(webhook.disabled_reason(), DisabledReason::Failing);
    server.stop().await;
}

async fn dead_letters_are_kept_and_sent_again(engine: Engine) {
    let (mut server, receiver) = start(engine, &[20, 20]).await;
    let (id, secret) = create(&mut server, &receiver, &[]).await;
    receiver.always(503);
    happen(server.database(), 1, 2, "p");
    wait(&mut server, &id, |webhook| webhook.dead_deliveries == 1).await;
    assert_eq!(receiver.received().len(), 3, "the first attempt and two more");
    let dead = deliveries(&mut server, &id).await.remove(0);
    assert_eq!((dead.state(), dead.attempts), (webhook_delivery::State::Dead, 3));
    assert_eq!(dead.next_attempt_time, None);
    receiver.always(200);
    assert_eq!(replay(&mut server, &id, What::DeadLetters(true)).await, 1);
    let received = receiver.wait_for(4).await;
    assert!(received.iter().all(|message| message.header("webhook-id") == dead.delivery_id));
    received[3].verify(&[&secret]);
    wait(&mut server, &id, |webhook| webhook.dead_deliveries + webhook.pending_deliveries == 0)
        .await;
    assert_eq!(replay(&mut server, &id, What::DeliveryId(dead.delivery_id.clone())).await, 0);

    for (sent, what) in [(5, What::AfterPosition(0)), (6, What::SinceTime(days_ago(2)))] {
        assert_eq!(replay(&mut server, &id, what).await, 0);
        assert_eq!(receiver.wait_for(sent).await[sent - 1].positions(), [1, 2]);
        wait(&mut server, &id, |webhook| webhook.position == 2).await;
    }
    replay(&mut server, &id, What::AfterPosition(1)).await;
    assert_eq!(receiver.wait_for(7).await[6].positions(), [2]);
    replay(&mut server, &id, What::SinceTime(days_ago(0))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(receiver.received().len(), 7, "nothing has happened since");
    server.stop().await;
}

async fn a_new_secret_signs_beside_the_old_one(engine: Engine) {
    let (mut server, receiver) = start(engine, &[]).await;
    let (id, old) = create(&mut server, &receiver, &[]).await;
    let tested = test(&mut server, &id).await;
    assert_eq!((tested.delivered, tested.status_code, tested.error.as_str()), (true, 200, ""));
    let ping = receiver.wait_for(1).await.remove(0);
    assert_eq!(
        (ping.json()["type"].clone(), ping.header("webhook-id")),
        ("ping".into(), tested.delivery_id.as_str())
    );
    ping.verify(&[&old]);
    let request = RotateWebhookSecretRequest { webhook_id: id.clone() };
    let rotated = server.webhooks.rotate_webhook_secret(request).await.unwrap().into_inner();
    assert!(rotated.earlier_valid_until.unwrap().seconds > days_ago(0).seconds + 86_000);
    happen(server.database(), 1, 1, "p");
    receiver.wait_for(2).await[1].verify(&[&rotated.secret, &old]);
    receiver.answer([(503, None)]);
    let tested = test(&mut server, &id).await;
    assert_eq!(
        (tested.delivered, tested.status_code, tested.error.as_str()),
        (false, 503, "status 503")
    );
    assert_eq!(get(&mut server, &id).await.last_failure, None, "a test does not count");
    server.stop().await;
}

async fn who_is_silent_holds_nobody_up(engine: Engine) {
    let mut options = options(&[]);
    options.webhooks.timeout = Duration::from_secs(60);
    let (mut server, receiver) =
        (Server::start_with(engine, options).await, Receiver::start().await);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let request = CreateWebhookRequest { url, ..Default::default() };
    let made = server.webhooks.create_webhook(request).await.unwrap().into_inner();
    create(&mut server, &receiver, &[]).await;
    for position in [1, 2] {
        happen(server.database(), position, 1, "p");
        receiver.wait_for(position as usize).await;
    }
    let _open = silent.accept().await.unwrap();
    assert_eq!(get(&mut server, &made.webhook.unwrap().webhook_id).await.position, 0);
    // Neither does it hold up the end, and the next one need not wait for that of a lease.
    let database = server.stop().await;
    let store = database.store().await;
    let free =
        store.duty_hold(Duty::Webhooks, "another", cx_server::clock::now(), 1).await.unwrap();
    assert!(free.is_some());
}

async fn who_gets_a_persona_and_who_is_erased_is_told(engine: Engine) {
    let (mut server, receiver) = start(engine, &[]).await;
    create(&mut server, &receiver, &[]).await;
    fill(&server.store, 60).await;
    let parameters = SegmentationParameters { k: 3, ..Default::default() };
    let request = CreateSegmentationRequest {
        parameters: Some(parameters),
        activate: true,
        ..Default::default()
    };
    server.segmentations.create_segmentation(request).await.unwrap();
    let all = |received: &[Received], kind: &str, cause: &str| -> BTreeSet<String> {
        let changes = received
            .iter()
            .flat_map(|one| one.json()["data"]["changes"].as_array().cloned().unwrap());
        let wanted = changes.filter(|change| change["kind"] == kind && change["cause"] == cause);
        wanted.map(|change| change["customerId"].as_str().unwrap().to_owned()).collect()
    };
    let entered = |received: &[Received]| all(received, "KIND_ENTERED", "MEMBERSHIP_CAUSE_RETRAIN");
    let received = receiver.wait_until(|received| entered(received).len() == 60).await;
    let customer = entered(&received).pop_first().unwrap();
    let erase = EraseCustomerRequest { customer_id: customer.clone(), confirm: customer.clone() };
    server.customers.erase_customer(erase).await.unwrap();
    let left = |received: &[Received]| all(received, "KIND_LEFT", "MEMBERSHIP_CAUSE_ERASURE");
    let received = receiver.wait_until(|received| !left(received).is_empty()).await;
    assert_eq!(left(&received), [customer].into());
    server.stop().await;
}

async fn of_two_servers_one_sends(engine: Engine) {
    if engine == Engine::Sqlite {
        return; // one process has the file
    }
    let (mut server, receiver) = start(engine, &[]).await;
    let listen = ([127, 0, 0, 1], 0).into();
    let second = Options { listen, ..options(&[]) };
    let second = serve::start(server.database().store().await, second).await.unwrap();
    let (id, secret) = create(&mut server, &receiver, &[]).await;
    for step in 0..16 {
        happen(server.database(), step * 10 + 1, 10, "p");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    receiver
        .wait_until(|all| all.iter().map(|one| one.positions().len()).sum::<usize>() >= 160)
        .await;
    // If it has the duty, it lets it go, and the other one need not wait for the end of a lease.
    let database = server.stop().await;
    happen(&database, 161, 10, "p");
    let received = receiver
        .wait_until(|all| all.iter().map(|one| one.positions().len()).sum::<usize>() >= 170)
        .await;
    received.iter().for_each(|message| message.verify(&[&secret]));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let told: Vec<i64> =
        receiver.received().iter().flat_map(|message| message.positions()).collect();
    assert_eq!(told, (1..=170).collect::<Vec<_>>(), "each once, in order");
    assert_eq!(database.store().await.webhook_get(&id).await.unwrap().unwrap().position, 170);
    second.stop().await;
}

on_both_engines!(
    changes_arrive_signed_in_their_order_and_only_those_asked_for,
    what_fails_comes_again_and_holds_nothing_up,
    who_is_gone_is_left_alone_and_loses_nothing,
    who_fails_for_too_long_is_disabled,
    dead_letters_are_kept_and_sent_again,
    a_new_secret_signs_beside_the_old_one,
    who_is_silent_holds_nobody_up,
    who_gets_a_persona_and_who_is_erased_is_told,
    of_two_servers_one_sends,
);
