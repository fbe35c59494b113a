//! `WebhookService`: makes webhooks, and looks after what they could not deliver.

use super::{
    Api, configured,
    from_proto::{self, Violations},
    page_token,
    status::Refusal,
    to_proto,
};
use crate::{
    clock,
    proto::{
        CreateWebhookRequest, CreateWebhookResponse, DeleteWebhookRequest, DeleteWebhookResponse,
        GetWebhookRequest, GetWebhookResponse, ListWebhookDeliveriesRequest,
        ListWebhookDeliveriesResponse, ListWebhooksRequest, ListWebhooksResponse,
        ReplayWebhookDeliveriesRequest, ReplayWebhookDeliveriesResponse,
        RotateWebhookSecretRequest, RotateWebhookSecretResponse, TestWebhookRequest,
        TestWebhookResponse, UpdateWebhookRequest, UpdateWebhookResponse,
        webhook_service_server::{WebhookService, WebhookServiceServer},
    },
    webhooks::{self, Post},
};
use cx_analytics::{Timestamp, time::DAY};
use cx_datastore::webhooks::Webhook;
use std::time::Instant;
use tonic::{Request, Response, Status, service::Routes};

/// How long the secrets before a rotation stay valid.
const OVERLAP: i64 = DAY;

/// Adds the service.
pub(super) fn add(routes: Routes, api: &Api) -> Routes {
    routes.add_service(configured!(WebhookServiceServer, Handler { api: api.clone() }))
}

struct Handler {
    api: Api,
}

#[tonic::async_trait]
impl WebhookService for Handler {
    async fn create_webhook(
        &self,
        request: Request<CreateWebhookRequest>,
    ) -> Result<Response<CreateWebhookResponse>, Status> {
        let mut v = Violations::new();
        let secret = webhooks::new_secret().map_err(|error| Refusal::internal(&error))?;
        let id = uuid::Uuid::now_v7().to_string();
        let allow = self.api.webhooks.allow_insecure();
        let new = from_proto::new_webhook(&mut v, request.into_inner(), id, secret, allow);
        v.refuse()?;
        let create = self.api.store.webhook_create(&new, clock::now());
        let (webhook, secret) = create.await.map_err(Refusal::from)?;
        Ok(Response::new(CreateWebhookResponse {
            webhook: Some(to_proto::webhook(webhook)),
            secret: secret.reveal().to_owned(),
        }))
    }

    async fn get_webhook(
        &self,
        request: Request<GetWebhookRequest>,
    ) -> Result<Response<GetWebhookResponse>, Status> {
        let webhook = self.webhook(required(request.into_inner().webhook_id)?).await?;
        Ok(Response::new(GetWebhookResponse { webhook: Some(to_proto::webhook(webhook)) }))
    }

    async fn list_webhooks(
        &self,
        request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        const SCOPE: &[&str] = &["ListWebhooks"];
        let request = request.into_inner();
        let size = page_token::page_size(request.page_size)?;
        let after: Option<(Timestamp, String)> = page_token::read(&request.page_token, SCOPE)?;
        let list = self.api.store.webhooks_list(after, size + 1).await.map_err(Refusal::from)?;
        let keys: Vec<_> = list.iter().map(|one| (one.created_at, one.id.clone())).collect();
        let (webhooks, more) = page_token::page(list.into_iter().map(to_proto::webhook), size);
        let next_page_token = match more {
            Some(_) => page_token::issue(SCOPE, &keys[webhooks.len() - 1]),
            None => String::new(),
        };
        Ok(Response::new(ListWebhooksResponse { webhooks, next_page_token }))
    }

    async fn update_webhook(
        &self,
        request: Request<UpdateWebhookRequest>,
    ) -> Result<Response<UpdateWebhookResponse>, Status> {
        let mut request = request.into_inner();
        let mut v = Violations::new();
        let id = v.id("webhook_id", std::mem::take(&mut request.webhook_id));
        let etag = std::mem::take(&mut request.etag);
        let allow = self.api.webhooks.allow_insecure();
        let change = from_proto::webhook_change(&mut v, request, allow);
        v.refuse()?;
        let update = self.api.store.webhook_update(&id, &change, &etag);
        let webhook = update.await.map_err(Refusal::from)?.ok_or(Refusal::WebhookNotFound(id))?;
        Ok(Response::new(UpdateWebhookResponse { webhook: Some(to_proto::webhook(webhook)) }))
    }

    async fn delete_webhook(
        &self,
        request: Request<DeleteWebhookRequest>,
    ) -> Result<Response<DeleteWebhookResponse>, Status> {
        let id = required(request.into_inner().webhook_id)?;
        match self.api.store.webhook_delete(&id).await.map_err(Refusal::from)? {
            true => Ok(Response::new(DeleteWebhookResponse {})),
            false => Err(Refusal::WebhookNotFound(id).into()),
        }
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<RotateWebhookSecretRequest>,
    ) -> Result<Response<RotateWebhookSecretResponse>, Status> {
        let id = required(request.into_inner().webhook_id)?;
        let secret = webhooks::new_secret().map_err(|error| Refusal::internal(&error))?;
        let now = clock::now();
        let until = now.plus(OVERLAP);
        let rotate = self.api.store.webhook_rotate(&id, &secret, now, until);
        match rotate.await.map_err(Refusal::from)? {
            true => Ok(Response::new(RotateWebhookSecretResponse {
                secret: secret.reveal().to_owned(),
                earlier_valid_until: Some(to_proto::timestamp(until)),
            })),
            false => Err(Refusal::WebhookNotFound(id).into()),
        }
    }

    async fn test_webhook(
        &self,
        request: Request<TestWebhookRequest>,
    ) -> Result<Response<TestWebhookResponse>, Status> {
        let webhook = self.webhook(required(request.into_inner().webhook_id)?).await?;
        let now = clock::now();
        let secrets = self.api.store.webhook_secrets(&webhook.id, now).await;
        let secrets = secrets.map_err(Refusal::from)?;
        let secrets = secrets.ok_or_else(|| Refusal::WebhookNotFound(webhook.id.clone()))?;
        let delivery_id = format!("msg_{}", uuid::Uuid::now_v7().simple());
        let body = webhooks::ping(now);
        let begun = Instant::now();
        let post = Post { url: &webhook.url, id: &delivery_id, secrets: &secrets, body: &body };
        let answer = self.api.webhooks.send(post).await;
        Ok(Response::new(TestWebhookResponse {
            delivered: answer.error.is_none(),
            status_code: answer.status.map_or(0, i32::from),
            error: answer.error.unwrap_or_default(),
            delivery_id,
            elapsed_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        }))
    }

    async fn list_webhook_deliveries(
        &self,
        request: Request<ListWebhookDeliveriesRequest>,
    ) -> Result<Response<ListWebhookDeliveriesResponse>, Status> {
        let request = request.into_inner();
        let state = request.state.to_string();
        let scope = ["ListWebhookDeliveries", &request.webhook_id, &state];
        let size = page_token::page_size(request.page_size)?;
        let after: Option<(i64, String)> = page_token::read(&request.page_token, &scope)?;
        let mut v = Violations::new();
        let id = v.id("webhook_id", request.webhook_id.clone());
        let dead = from_proto::webhook_deliveries(&mut v, request.state);
        v.refuse()?;
        let id = self.webhook(id).await?.id;
        let list = self.api.store.webhook_deliveries_list(&id, dead, after, size + 1).await;
        let list = list.map_err(Refusal::from)?;
        let keys: Vec<_> = list.iter().map(|one| (one.after, one.id.clone())).collect();
        let (deliveries, more) =
            page_token::page(list.into_iter().map(to_proto::webhook_delivery), size);
        let next_page_token = match more {
            Some(_) => page_token::issue(&scope, &keys[deliveries.len() - 1]),
            None => String::new(),
        };
        Ok(Response::new(ListWebhookDeliveriesResponse { deliveries, next_page_token }))
    }

    async fn replay_webhook_deliveries(
        &self,
        request: Request<ReplayWebhookDeliveriesRequest>,
    ) -> Result<Response<ReplayWebhookDeliveriesResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::new();
        let id = v.id("webhook_id", request.webhook_id);
        let replay = from_proto::webhook_replay(&mut v, request.what);
        v.refuse()?;
        let replay = replay.ok_or_else(|| Refusal::field("what", "is required"))?;
        let replayed = self.api.store.webhook_replay(&id, &replay, clock::now()).await;
        let (deliveries, webhook) =
            replayed.map_err(Refusal::from)?.ok_or(Refusal::WebhookNotFound(id))?;
        let webhook = Some(to_proto::webhook(webhook));
        Ok(Response::new(ReplayWebhookDeliveriesResponse { deliveries, webhook }))
    }
}

impl Handler {
    async fn webhook(&self, id: String) -> Result<Webhook, Refusal> {
        let found = self.api.store.webhook_get(&id).await?;
        found.ok_or(Refusal::WebhookNotFound(id))
    }
}

fn required(webhook_id: String) -> Result<String, Refusal> {
    let mut v = Violations::new();
    let id = v.id("webhook_id", webhook_id);
    v.refuse().map(|()| id)
}
