//! Messages: what is to be sent next, and what came of it. Only who holds the duty changes anything here.

use super::rows::{self, Secrets};
use super::{Disabled, Event, Failed, Secret, Subscription};
use crate::duties::{Duty, held};
use crate::error::Result;
use crate::segmentations::json;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::{DatabaseTransaction, QueryResult};

/// A webhook for which there is something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The webhook.
    pub webhook_id: String,
    /// The log goes on after its position.
    pub changes: bool,
    /// A delivery is due.
    pub deliveries: bool,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id: the same over all attempts.
    pub id: String,
    /// The webhook.
    pub webhook_id: String,
    /// Where to send it.
    pub url: String,
    /// What to sign with, latest first.
    pub secrets: Vec<Secret>,
    /// What to tell, 1 to 100 events of one kind; none where everybody in it was erased, and nothing is to be sent.
    pub events: Vec<Event>,
    /// Attempts before this one.
    pub attempts: i32,
    pub(super) after: i64,
    pub(super) until: i64,
    pub(super) subscription: Subscription,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// It was delivered.
    Delivered,
    /// There was nothing left to tell.
    Empty,
    /// It failed.
    Failed(Failure),
}

/// How a message failed, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub failed: Failed,
    /// When to send it again; none where it becomes a dead letter.
    pub again_at: Option<Timestamp>,
    /// The receiver is gone: disable the webhook.
    pub gone: bool,
    /// Disable the webhook where it has been failing since then or longer.
    pub hopeless_since: Timestamp,
}

impl Store {
    /// The enabled webhooks for which there is something to do.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn webhooks_waiting(&self, now: Timestamp) -> Result<Vec<Waiting>> {
        let text = "SELECT webhook_id, changes, deliveries FROM (
                        SELECT w.webhook_id,
                               CASE WHEN w.position < f.head THEN 1 ELSE 0 END AS changes,
                               CASE WHEN EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.webhook_id = w.webhook_id
                                                 AND d.state = 1 AND d.next_attempt_at <= $1) THEN 1 ELSE 0 END AS deliveries
                        FROM webhook w CROSS JOIN feed f WHERE f.name = 'membership' AND w.disabled IS NULL
                    ) AS waiting WHERE changes + deliveries > 0";
        let rows = sql::query_all(self.read(), text, vec![now.micros().into()]).await?;
        let waiting = |row: &QueryResult| {
            let mut columns = Columns::of(row);
            Ok(Waiting {
                webhook_id: columns.take()?,
                changes: columns.take::<i32>()? != 0,
                deliveries: columns.take::<i32>()? != 0,
            })
        };
        rows.iter().map(waiting).collect()
    }

    /// The next message of a webhook to be sent for the first time. It is fixed by this call: until it is settled, the same one
    /// is given, whoever asks. None where there is nothing to tell.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`], [`crate::Error::Unavailable`].
    pub async fn webhook_message_next(
        &self,
        webhook_id: &str,
        owner: &str,
        now: Timestamp,
    ) -> Result<Option<Message>> {
        let text = "SELECT url, secrets, events, personas, position, sending_until FROM webhook
                    WHERE webhook_id = $1 AND disabled IS NULL";
        let Some(row) = sql::query_one(self.read(), text, vec![webhook_id.into()]).await? else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let url = columns.take()?;
        let secrets = Secrets::read(&columns.take::<String>()?)?.valid(now);
        let subscription = rows::subscription(&mut columns)?;
        let (after, fixed): (i64, Option<i64>) = (columns.take()?, columns.take()?);
        let (events, until) = self.webhook_events(after, &subscription, fixed).await?;
        let webhook_id = webhook_id.to_owned();
        let (id, attempts) = (message_id(&webhook_id, after, until, &subscription)?, 0);
        let message =
            Message { id, webhook_id, url, secrets, events, attempts, after, until, subscription };
        if fixed.is_some() {
            return Ok(Some(message));
        }
        let fix = async |tx: &DatabaseTransaction| fix(tx, &message, owner).await;
        let fixed = until > after && self.write(fix).await?;
        Ok((fixed && !message.events.is_empty()).then_some(message))
    }

    /// Writes what came of a message. Nothing where its webhook was deleted, moved or replayed meanwhile.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`], [`crate::Error::Unavailable`].
    pub async fn webhook_settle(
        &self,
        message: &Message,
        attempted: &Attempted,
        owner: &str,
        now: Timestamp,
    ) -> Result<()> {
        self.write(async |tx| {
            held(tx, Duty::Webhooks, owner).await?;
            if !rows::lock(tx, &message.webhook_id).await? {
                return Ok(());
            }
            let counts = match message.attempts {
                0 => settle_first(tx, message, attempted, now).await?,
                _ => super::deliveries::settle_again(tx, message, attempted).await?,
            };
            match attempted {
                Attempted::Delivered if counts => succeeded(tx, &message.webhook_id, now).await,
                Attempted::Failed(failure) if counts => {
                    failed(tx, &message.webhook_id, failure).await
                }
                _ => Ok(()),
            }
        })
        .await
    }
}

/// The id of a message: what is in it, as positions, personas and events say. (Without alerts it is what it was before there
/// were any, so that a message that is on its way when the program is replaced keeps its id.)
fn message_id(webhook_id: &str, after: i64, until: i64, of: &Subscription) -> Result<String> {
    let content = match of.alerts {
        false => json(&(webhook_id, after, until, &of.personas), "message")?,
        true => json(&(webhook_id, after, until, &of.personas, of.code()), "message")?,
    };
    Ok(format!("msg_{}", &blake3::hash(content.as_bytes()).to_hex()[..32]))
}

/// Fixes a message, or passes over changes that are not for this webhook. False where the webhook was changed meanwhile.
async fn fix(tx: &DatabaseTransaction, message: &Message, owner: &str) -> Result<bool> {
    held(tx, Duty::Webhooks, owner).await?;
    let set = if message.events.is_empty() { "position" } else { "sending_until" };
    let text = format!(
        "UPDATE webhook SET {set} = $3
         WHERE webhook_id = $1 AND position = $2 AND personas = $4 AND events = $5 AND sending_until IS NULL AND disabled IS NULL"
    );
    let values = vec![
        message.webhook_id.as_str().into(),
        message.after.into(),
        message.until.into(),
        json(&message.subscription.personas, "personas")?.into(),
        message.subscription.code().into(),
    ];
    Ok(sql::execute(tx, &text, values).await? == 1)
}

/// Moves the webhook past a message, with a delivery where it failed. False where it is elsewhere by now.
async fn settle_first(
    tx: &DatabaseTransaction,
    message: &Message,
    attempted: &Attempted,
    now: Timestamp,
) -> Result<bool> {
    let text = "UPDATE webhook SET position = $3, sending_until = NULL WHERE webhook_id = $1 AND position = $2";
    let values =
        vec![message.webhook_id.as_str().into(), message.after.into(), message.until.into()];
    if sql::execute(tx, text, values).await? == 0 {
        return Ok(false);
    }
    if let Attempted::Failed(failure) = attempted {
        super::deliveries::set_aside(tx, message, failure, now).await?;
    }
    Ok(true)
}

async fn succeeded(tx: &DatabaseTransaction, webhook_id: &str, now: Timestamp) -> Result<()> {
    let text =
        "UPDATE webhook SET last_success_at = $2, failing_since = NULL WHERE webhook_id = $1";
    sql::execute(tx, text, vec![webhook_id.into(), now.micros().into()]).await?;
    Ok(())
}

async fn failed(tx: &DatabaseTransaction, webhook_id: &str, failure: &Failure) -> Result<()> {
    let Failed { at, status, error } = &failure.failed;
    sql::execute(
        tx,
        "UPDATE webhook SET last_failure_at = $2, last_failure_status = $3, last_failure = $4,
                failing_since = COALESCE(failing_since, $2) WHERE webhook_id = $1",
        vec![
            webhook_id.into(),
            at.micros().into(),
            status.map(i32::from).into(),
            error.as_str().into(),
        ],
    )
    .await?;
    let (reason, since) = match failure.gone {
        true => (Disabled::Gone, i64::MAX),
        false => (Disabled::Failing, failure.hopeless_since.micros()),
    };
    let text = "UPDATE webhook SET disabled = $2 WHERE webhook_id = $1 AND disabled IS NULL AND failing_since <= $3";
    sql::execute(tx, text, vec![webhook_id.into(), reason.code().into(), since.into()]).await?;
    Ok(())
}
