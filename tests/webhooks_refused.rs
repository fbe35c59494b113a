//! Webhooks that are refused, and those that are not called.

use cx_server::proto::{
    CreateWebhookRequest, DeleteWebhookRequest, GetWebhookRequest, ListWebhookDeliveriesRequest,
    ListWebhooksRequest, ReplayWebhookDeliveriesRequest, RotateWebhookSecretRequest,
    TestWebhookRequest, UpdateWebhookRequest, WebhookFilter,
    replay_webhook_deliveries_request::What,
};
use tonic::{Code, Status};

use crate::support::receiver::Receiver;
use crate::support::{Engine, Server, reason_of, violations_of};

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(
        (status.code(), reason_of(status).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    violations_of(status).into_iter().map(|(field, _)| field).collect()
}

fn create(url: &str) -> CreateWebhookRequest {
    CreateWebhookRequest { url: url.to_owned(), ..Default::default() }
}

async fn what_is_private_is_refused_or_not_called(engine: Engine) {
    let mut server = Server::start(engine).await;
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "hook",
    ] {
        let refused = server.webhooks.create_webhook(create(url)).await.unwrap_err();
        assert_eq!(fields(&refused), ["url"], "{url}");
    }
    // A name is judged when it is looked up, every time.
    let receiver = Receiver::start().await;
    let url = receiver.url().replace("http://127.0.0.1", "https://localhost");
    let created = server.webhooks.create_webhook(create(&url)).await.unwrap().into_inner();
    let webhook_id = created.webhook.unwrap().webhook_id;
    let tested =
        server.webhooks.test_webhook(TestWebhookRequest { webhook_id }).await.unwrap().into_inner();
    assert_eq!((tested.delivered, tested.status_code), (false, 0));
    assert_eq!(tested.error, "the host has no public address");
    assert!(receiver.received().is_empty());
    server.stop().await;
}

async fn unknown_webhooks_are_not_found(engine: Engine) {
    let mut server = Server::start(engine).await;
    let webhook_id = "w".to_owned();
    let id = || webhook_id.clone();
    let client = &mut server.webhooks;
    let mut refused = vec![
        client.get_webhook(GetWebhookRequest { webhook_id: id() }).await.unwrap_err(),
        client.delete_webhook(DeleteWebhookRequest { webhook_id: id() }).await.unwrap_err(),
        client
            .rotate_webhook_secret(RotateWebhookSecretRequest { webhook_id: id() })
            .await
            .unwrap_err(),
        client.test_webhook(TestWebhookRequest { webhook_id: id() }).await.unwrap_err(),
    ];
    let update = UpdateWebhookRequest { webhook_id: id(), ..Default::default() };
    refused.push(client.update_webhook(update).await.unwrap_err());
    let list = ListWebhookDeliveriesRequest { webhook_id: id(), ..Default::default() };
    refused.push(client.list_webhook_deliveries(list).await.unwrap_err());
    let what = Some(What::DeadLetters(true));
    let replay = ReplayWebhookDeliveriesRequest { webhook_id: id(), what };
    refused.push(client.replay_webhook_deliveries(replay).await.unwrap_err());
    for status in refused {
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            (Code::NotFound, "WEBHOOK_NOT_FOUND")
        );
        assert!(status.message().contains("\"w\""));
    }
    let none = client.get_webhook(GetWebhookRequest::default()).await.unwrap_err();
    assert_eq!(fields(&none), ["webhook_id"]);
    server.stop().await;
}

async fn every_rule_that_is_broken_is_told(engine: Engine) {
    let mut server = Server::start(engine).await;
    let client = &mut server.webhooks;
    let wrong = CreateWebhookRequest {
        persona_ids: vec!["p".to_owned(), String::new(), "p".to_owned()],
        description: "x".repeat(1025),
        request_id: "x".repeat(129),
        ..Default::default()
    };
    let wrong = client.create_webhook(wrong).await.unwrap_err();
    assert_eq!(
        fields(&wrong),
        ["request_id", "url", "persona_ids[1]", "persona_ids[2]", "description"]
    );
    let many = WebhookFilter { persona_ids: (0..51).map(|number| number.to_string()).collect() };
    let wrong =
        UpdateWebhookRequest { filter: Some(many), url: Some(String::new()), ..Default::default() };
    let wrong = client.update_webhook(wrong).await.unwrap_err();
    assert_eq!(fields(&wrong), ["webhook_id", "url", "filter.persona_ids"]);

    let request =
        CreateWebhookRequest { request_id: "r".to_owned(), ..create("https://example.com/") };
    let made = client.create_webhook(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.create_webhook(request).await.unwrap().into_inner(), made, "made once");
    let webhook = made.webhook.unwrap();
    let update = |etag: &str, text: &str| UpdateWebhookRequest {
        webhook_id: webhook.webhook_id.clone(),
        description: Some(text.to_owned()),
        etag: etag.to_owned(),
        ..Default::default()
    };
    let now = client.update_webhook(update(&webhook.etag, "new")).await.unwrap().into_inner();
    let stale = client.update_webhook(update(&webhook.etag, "newer")).await.unwrap_err();
    assert_eq!((stale.code(), reason_of(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_ne!(now.webhook.unwrap().etag, webhook.etag);

    for (what, field) in [
        (None, "what"),
        (Some(What::DeadLetters(false)), "dead_letters"),
        (Some(What::DeliveryId(String::new())), "delivery_id"),
        (Some(What::AfterPosition(-1)), "after_position"),
        (Some(What::AfterPosition(1)), "after_position"),
        (
            Some(What::SinceTime(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })),
            "since_time",
        ),
    ] {
        let request =
            ReplayWebhookDeliveriesRequest { webhook_id: webhook.webhook_id.clone(), what };
        assert_eq!(fields(&client.replay_webhook_deliveries(request).await.unwrap_err()), [field]);
    }
    let list = ListWebhookDeliveriesRequest {
        webhook_id: webhook.webhook_id.clone(),
        state: 9,
        ..Default::default()
    };
    assert_eq!(fields(&client.list_webhook_deliveries(list).await.unwrap_err()), ["state"]);
    let list = ListWebhooksRequest { page_size: -1, ..Default::default() };
    assert_eq!(fields(&client.list_webhooks(list).await.unwrap_err()), ["page_size"]);
    let list = ListWebhooksRequest { page_token: "token".to_owned(), ..Default::default() };
    assert_eq!(reason_of(&client.list_webhooks(list).await.unwrap_err()), "INVALID_PAGE_TOKEN");
    let gone = DeleteWebhookRequest { webhook_id: webhook.webhook_id.clone() };
    client.delete_webhook(gone.clone()).await.unwrap();
    assert_eq!(reason_of(&client.delete_webhook(gone).await.unwrap_err()), "WEBHOOK_NOT_FOUND");
    server.stop().await;
}

on_both_engines!(
    what_is_private_is_refused_or_not_called,
    unknown_webhooks_are_not_found,
    every_rule_that_is_broken_is_told,
);
