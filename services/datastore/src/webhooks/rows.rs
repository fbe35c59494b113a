//! How webhooks stand in their table.

use super::{Disabled, Failed, Secret, Subscription, Webhook};
use crate::error::{Error, Result};
use crate::segmentations::{json, parsed};
use crate::sql::{self, Columns};
use cx_analytics::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};
use serde::{Deserialize, Serialize};

/// Everything that is told of a webhook `w`.
pub(super) const COLUMNS: &str =
    "w.webhook_id, w.url, w.events, w.personas, w.description, w.disabled, w.created_at, w.position,
     (SELECT f.head FROM feed f WHERE f.name = 'membership') - w.position,
     (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook_id = w.webhook_id AND d.state = 1),
     (SELECT COUNT(*) FROM webhook_delivery d WHERE d.webhook_id = w.webhook_id AND d.state = 2),
     w.last_success_at, w.failing_since, w.last_failure_at, w.last_failure_status, w.last_failure";

/// A webhook by its id.
pub(super) async fn read(db: &impl ConnectionTrait, id: &str) -> Result<Option<Webhook>> {
    let text = format!("SELECT {COLUMNS} FROM webhook w WHERE w.webhook_id = $1");
    sql::query_one(db, &text, vec![id.into()]).await?.as_ref().map(webhook).transpose()
}

/// Keeps others from changing a webhook until this transaction ends; false where there is none.
pub(super) async fn lock(tx: &DatabaseTransaction, id: &str) -> Result<bool> {
    let text = "UPDATE webhook SET position = position WHERE webhook_id = $1";
    Ok(sql::execute(tx, text, vec![id.into()]).await? == 1)
}

/// A webhook from its row.
pub(super) fn webhook(row: &QueryResult) -> Result<Webhook> {
    let mut columns = Columns::of(row);
    let mut webhook = Webhook {
        id: columns.take()?,
        url: columns.take()?,
        subscription: subscription(&mut columns)?,
        description: columns.take()?,
        disabled: columns.take::<Option<i16>>()?.map(Disabled::from_code).transpose()?,
        created_at: columns.instant()?,
        position: columns.take()?,
        pending_changes: columns.take()?,
        pending_deliveries: columns.take()?,
        dead_deliveries: columns.take()?,
        last_success_at: columns.opt_instant()?,
        failing_since: columns.opt_instant()?,
        last_failure: match columns.opt_instant()? {
            Some(at) => Some(Failed {
                at,
                status: status(columns.take()?)?,
                error: columns.take::<Option<String>>()?.unwrap_or_default(),
            }),
            None => None,
        },
        etag: String::new(),
    };
    webhook.etag = etag(&webhook)?;
    Ok(webhook)
}

/// A hash of what people set, and of what stops it.
fn etag(of: &Webhook) -> Result<String> {
    let (personas, events) = (&of.subscription.personas, of.subscription.code());
    let set = (&of.url, personas, events, &of.description, of.disabled.map(Disabled::code));
    Ok(blake3::hash(json(&set, "webhook")?.as_bytes()).to_hex()[..16].to_owned())
}

/// A status as it is stored.
pub(super) fn status(stored: Option<i32>) -> Result<Option<u16>> {
    let status = stored.map(u16::try_from).transpose();
    status.map_err(|_| Error::Corrupt { what: "status of an attempt" })
}

/// Events and personas, as they are stored beside each other.
pub(super) fn subscription(columns: &mut Columns<'_>) -> Result<Subscription> {
    let events = columns.take()?;
    Subscription::stored(events, parsed(&columns.take::<String>()?, "personas of a webhook")?)
}

/// The secrets of a webhook as they are stored, latest first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secrets(pub Vec<StoredSecret>);

/// One of them, and until when it is valid where that will end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSecret {
    pub secret: Secret,
    pub until: Option<i64>,
}

impl Secrets {
    pub(super) fn read(stored: &str) -> Result<Self> {
        parsed(stored, "secrets of a webhook")
    }

    /// Those that are valid, latest first.
    pub(super) fn valid(self, now: Timestamp) -> Vec<Secret> {
        let valid = |one: &StoredSecret| one.until.is_none_or(|until| until > now.micros());
        self.0.into_iter().filter(valid).map(|one| one.secret).collect()
    }
}
