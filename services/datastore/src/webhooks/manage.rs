//! Making, reading and changing webhooks.

use super::rows::{self, COLUMNS, Secrets, StoredSecret};
use super::{Disabled, SECRETS, Secret, Subscription, Webhook};
use crate::error::{Error, Result};
use crate::segmentations::json;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::DatabaseTransaction;

/// A webhook to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Its id.
    pub id: String,
    /// The caller's id of the request.
    pub request_id: Option<String>,
    /// Where to send.
    pub url: String,
    /// What it is told.
    pub subscription: Subscription,
    /// What it is for.
    pub description: String,
    /// What to sign with.
    pub secret: Secret,
}

/// A change of a webhook: an absent field stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Where to send.
    pub url: Option<String>,
    /// Whether changes of membership, and whether those of alerts are told.
    pub events: Option<(bool, bool)>,
    /// Which personas.
    pub personas: Option<Vec<String>>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether to send.
    pub enabled: Option<bool>,
}

impl Store {
    /// Makes a webhook that is told what happens from now on, and gives it with its latest secret. The same `request_id` gives
    /// the webhook that was made for it before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_create(
        &self,
        new: &NewWebhook,
        now: Timestamp,
    ) -> Result<(Webhook, Secret)> {
        let secrets = [StoredSecret { secret: new.secret.clone(), until: None }];
        let secrets = json(&secrets, "secret")?;
        let personas = json(&new.subscription.personas, "personas")?;
        self.write(async |tx| {
            sql::execute(
                tx,
                "INSERT INTO webhook (webhook_id, request_id, url, personas, description, secrets, position, created_at, events)
                 VALUES ($1, $2, $3, $4, $5, $6, (SELECT head FROM feed WHERE name = 'membership'), $7, $8)
                 ON CONFLICT DO NOTHING",
                vec![
                    new.id.as_str().into(),
                    new.request_id.clone().into(),
                    new.url.as_str().into(),
                    personas.as_str().into(),
                    new.description.as_str().into(),
                    secrets.as_str().into(),
                    now.micros().into(),
                    new.subscription.code().into(),
                ],
            )
            .await?;
            let text = "SELECT webhook_id FROM webhook WHERE webhook_id = $1 OR request_id = $2";
            let values = vec![new.id.as_str().into(), new.request_id.clone().into()];
            let row = sql::query_one(tx, text, values).await?;
            let id: String = Columns::of(&row.ok_or(GONE)?).take()?;
            let secret = secrets_of(tx, &id).await?.0.into_iter().next().ok_or(GONE)?.secret;
            Ok((rows::read(tx, &id).await?.ok_or(GONE)?, secret))
        })
        .await
    }

    /// Reads a webhook.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_get(&self, id: &str) -> Result<Option<Webhook>> {
        rows::read(self.read(), id).await
    }

    /// A page of webhooks, latest first; `after` is the last one of the page before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhooks_list(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u64,
    ) -> Result<Vec<Webhook>> {
        let (at, id) = after.map_or((i64::MAX, String::new()), |(at, id)| (at.micros(), id));
        let text = format!(
            "SELECT {COLUMNS} FROM webhook w WHERE w.created_at < $1 OR (w.created_at = $1 AND w.webhook_id < $2)
             ORDER BY w.created_at DESC, w.webhook_id DESC LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![at.into(), id.into(), limit.into()];
        sql::query_all(self.read(), &text, values).await?.iter().map(rows::webhook).collect()
    }

    /// Changes a webhook, if its etag is still `etag`; whatever it is where `etag` is empty. None where there is no such webhook.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`], [`Error::Unavailable`].
    pub async fn webhook_update(
        &self,
        id: &str,
        change: &WebhookChange,
        etag: &str,
    ) -> Result<Option<Webhook>> {
        self.write(async |tx| {
            if !rows::lock(tx, id).await? {
                return Ok(None);
            }
            let old = rows::read(tx, id).await?.ok_or(GONE)?;
            if !etag.is_empty() && etag != old.etag {
                return Err(Error::EtagMismatch { etag: old.etag });
            }
            write_change(tx, old, change).await?;
            rows::read(tx, id).await
        })
        .await
    }

    /// Deletes a webhook with its deliveries. False where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_delete(&self, id: &str) -> Result<bool> {
        self.write(async |tx| {
            // In this order: who settles a message locks the webhook first as well, and writes no delivery without it.
            let found =
                sql::execute(tx, "DELETE FROM webhook WHERE webhook_id = $1", vec![id.into()])
                    .await?;
            let text = "DELETE FROM webhook_delivery WHERE webhook_id = $1";
            sql::execute(tx, text, vec![id.into()]).await?;
            Ok(found == 1)
        })
        .await
    }

    /// Gives a webhook a new secret; those it has stay valid until `until` at the latest, and at most [`SECRETS`] are kept.
    /// False where there is no such webhook.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_rotate(
        &self,
        id: &str,
        secret: &Secret,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        self.write(async |tx| {
            if !rows::lock(tx, id).await? {
                return Ok(false);
            }
            let mut secrets = secrets_of(tx, id).await?.0;
            secrets.retain(|one| one.until.is_none_or(|until| until > now.micros()));
            for one in &mut secrets {
                let ends = one.until.unwrap_or(i64::MAX).min(until.micros());
                one.until = Some(ends);
            }
            secrets.insert(0, StoredSecret { secret: secret.clone(), until: None });
            secrets.truncate(SECRETS);
            let text = "UPDATE webhook SET secrets = $2 WHERE webhook_id = $1";
            let values = vec![id.into(), json(&secrets, "secret")?.into()];
            Ok(sql::execute(tx, text, values).await? == 1)
        })
        .await
    }

    /// The secrets of a webhook that are valid, latest first; none where there is no such webhook.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_secrets(&self, id: &str, now: Timestamp) -> Result<Option<Vec<Secret>>> {
        let text = "SELECT secrets FROM webhook WHERE webhook_id = $1";
        let Some(row) = sql::query_one(self.read(), text, vec![id.into()]).await? else {
            return Ok(None);
        };
        let stored: String = Columns::of(&row).take()?;
        Ok(Some(Secrets::read(&stored)?.valid(now)))
    }
}

/// What this transaction has just written or locked is not there.
const GONE: Error = Error::Corrupt { what: "webhook" };

async fn secrets_of(tx: &DatabaseTransaction, id: &str) -> Result<Secrets> {
    let text = "SELECT secrets FROM webhook WHERE webhook_id = $1";
    let row = sql::query_one(tx, text, vec![id.into()]).await?.ok_or(GONE)?;
    let stored: String = Columns::of(&row).take()?;
    Secrets::read(&stored)
}

async fn write_change(
    tx: &DatabaseTransaction,
    old: Webhook,
    change: &WebhookChange,
) -> Result<()> {
    let mut subscription = old.subscription;
    if let Some(personas) = &change.personas {
        subscription.personas.clone_from(personas);
    }
    if let Some((membership, alerts)) = change.events {
        (subscription.membership, subscription.alerts) = (membership, alerts);
    }
    let disabled = match change.enabled {
        Some(true) => None,
        // It keeps the reason it has.
        Some(false) => Some(old.disabled.unwrap_or(Disabled::Requested)),
        None => old.disabled,
    };
    // Other events or personas make another message. Who was enabled again starts without a past.
    sql::execute(
        tx,
        "UPDATE webhook SET url = $2, personas = $3, description = $4, disabled = $5, events = $6,
                sending_until = CASE WHEN personas = $3 AND events = $6 THEN sending_until END,
                failing_since = CASE WHEN disabled IS NULL OR $5 IS NOT NULL THEN failing_since END
         WHERE webhook_id = $1",
        vec![
            old.id.as_str().into(),
            change.url.clone().unwrap_or(old.url).into(),
            json(&subscription.personas, "personas")?.into(),
            change.description.clone().unwrap_or(old.description).into(),
            disabled.map(Disabled::code).into(),
            subscription.code().into(),
        ],
    )
    .await?;
    Ok(())
}
