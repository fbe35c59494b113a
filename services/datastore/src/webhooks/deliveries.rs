//! Deliveries: messages that failed, until they are delivered or given up; and sending again.

use super::rows::{self, Secrets};
use super::sending::{Attempted, Failure, Message};
use super::{Failed, Webhook};
use crate::error::{Error, Result};
use crate::segmentations::json;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::{DatabaseTransaction, QueryResult, Value};

/// A message that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The id of the message.
    pub id: String,
    /// The position before its changes.
    pub after: i64,
    /// The last position of its changes.
    pub until: i64,
    /// Attempts since it was first sent or last replayed.
    pub attempts: i32,
    /// When to send it again; none where it is a dead letter.
    pub again_at: Option<Timestamp>,
    /// When it failed first.
    pub created_at: Timestamp,
    /// How it failed last.
    pub last_failure: Failed,
}

/// What to send again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// All dead letters.
    DeadLetters,
    /// One message, dead or not.
    Delivery(String),
    /// Every change after a position.
    After(i64),
    /// Every change from an instant on.
    Since(Timestamp),
}

const PENDING: i16 = 1;
const DEAD: i16 = 2;

impl Store {
    /// A page of deliveries of a webhook in the order of their changes: all, or only the dead (true) or those that will be sent again
    /// (false). `after` is the position before and the id of the last one of the page before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_deliveries_list(
        &self,
        webhook_id: &str,
        dead: Option<bool>,
        after: Option<(i64, String)>,
        limit: u64,
    ) -> Result<Vec<Delivery>> {
        let (position, id) = after.unwrap_or((i64::MIN, String::new()));
        let states = match dead {
            None => "1, 2",
            Some(false) => "1",
            Some(true) => "2",
        };
        let text = format!(
            "SELECT delivery_id, after_position, until_position, attempts, state, next_attempt_at, created_at,
                    last_failure_at, last_failure_status, last_failure
             FROM webhook_delivery
             WHERE webhook_id = $1 AND (after_position > $2 OR (after_position = $2 AND delivery_id > $3)) AND state IN ({states})
             ORDER BY after_position, delivery_id LIMIT $4"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = vec![webhook_id.into(), position.into(), id.into(), limit.into()];
        sql::query_all(self.read(), &text, values).await?.iter().map(delivery).collect()
    }

    /// The message of a webhook that has been due for longest; none where none is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhook_delivery_next(
        &self,
        webhook_id: &str,
        now: Timestamp,
    ) -> Result<Option<Message>> {
        let text = "SELECT w.url, w.secrets, d.delivery_id, d.after_position, d.until_position, d.events, d.personas, d.attempts
                    FROM webhook_delivery d JOIN webhook w ON w.webhook_id = d.webhook_id
                    WHERE d.webhook_id = $1 AND d.state = 1 AND d.next_attempt_at <= $2 AND w.disabled IS NULL
                    ORDER BY d.next_attempt_at, d.after_position LIMIT 1";
        let values = vec![webhook_id.into(), now.micros().into()];
        let Some(row) = sql::query_one(self.read(), text, values).await? else { return Ok(None) };
        let mut columns = Columns::of(&row);
        let mut message = Message {
            webhook_id: webhook_id.to_owned(),
            url: columns.take()?,
            secrets: Secrets::read(&columns.take::<String>()?)?.valid(now),
            id: columns.take()?,
            after: columns.take()?,
            until: columns.take()?,
            subscription: rows::subscription(&mut columns)?,
            attempts: columns.take()?,
            events: Vec::new(),
        };
        let events = self.webhook_events(message.after, &message.subscription, Some(message.until));
        message.events = events.await?.0;
        Ok(Some(message))
    }

    /// Sends again. Gives the number of messages, where messages were asked for, and the webhook; none where there is no such webhook.
    ///
    /// # Errors
    /// [`Error::Invalid`] where changes after the webhook's position are asked for, [`Error::Unavailable`].
    pub async fn webhook_replay(
        &self,
        webhook_id: &str,
        replay: &Replay,
        now: Timestamp,
    ) -> Result<Option<(i64, Webhook)>> {
        // Outside of the transaction: what is there never moves, and what is new comes after it.
        let since = match replay {
            Replay::Since(instant) => self.position_before(*instant).await?,
            _ => 0,
        };
        self.write(async |tx| {
            if !rows::lock(tx, webhook_id).await? {
                return Ok(None);
            }
            let deliveries = match replay {
                Replay::DeadLetters => put_back(tx, webhook_id, None, now).await?,
                Replay::Delivery(id) => put_back(tx, webhook_id, Some(id), now).await?,
                Replay::After(position) => match go_back(tx, webhook_id, *position).await? {
                    true => 0,
                    false => {
                        let rule = "is after the webhook's position";
                        return Err(Error::Invalid { field: "after_position", rule });
                    }
                },
                Replay::Since(_) => {
                    // Where nothing has happened since, it stays where it is.
                    go_back(tx, webhook_id, since).await?;
                    0
                }
            };
            Ok(rows::read(tx, webhook_id).await?.map(|webhook| (deliveries, webhook)))
        })
        .await
    }

    /// A position before which every change is earlier than an instant, and after which none is. Instants never fall with positions,
    /// so it is found by halving, without looking at most of the log.
    async fn position_before(&self, instant: Timestamp) -> Result<i64> {
        let first = |log: &str| {
            format!(
                "SELECT * FROM (SELECT position, changed_at FROM {log} WHERE position > $1 ORDER BY position LIMIT 1) {log}"
            )
        };
        let (membership, alerts) = (first("membership_change"), first("alert_change"));
        let text = format!("{membership} UNION ALL {alerts} ORDER BY position LIMIT 1");
        let (mut low, mut high) = (0, self.membership_head().await?);
        while low < high {
            let middle = low + (high - low) / 2;
            let next = sql::query_one(self.read(), &text, vec![middle.into()]).await?;
            let next = next.map(|row| {
                let mut columns = Columns::of(&row);
                Ok::<(i64, Timestamp), Error>((columns.take()?, columns.instant()?))
            });
            match next.transpose()? {
                Some((position, at)) if at < instant => low = position,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// Leaves a delivery of a message whose first attempt failed. It may be there from before a replay.
pub(super) async fn set_aside(
    tx: &DatabaseTransaction,
    message: &Message,
    failure: &Failure,
    now: Timestamp,
) -> Result<()> {
    let mut values: Vec<Value> = vec![
        message.webhook_id.as_str().into(),
        message.id.as_str().into(),
        message.after.into(),
        message.until.into(),
        json(&message.subscription.personas, "personas")?.into(),
        message.subscription.code().into(),
        now.micros().into(),
        1.into(),
    ];
    values.extend(told(failure));
    sql::execute(
        tx,
        "INSERT INTO webhook_delivery (webhook_id, delivery_id, after_position, until_position, personas, events, created_at, attempts,
                                       state, next_attempt_at, last_failure_at, last_failure_status, last_failure)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (webhook_id, delivery_id) DO UPDATE SET attempts = excluded.attempts, state = excluded.state,
             next_attempt_at = excluded.next_attempt_at, last_failure_at = excluded.last_failure_at,
             last_failure_status = excluded.last_failure_status, last_failure = excluded.last_failure",
        values,
    )
    .await?;
    Ok(())
}

/// Writes what came of a delivery. False where it was replayed or taken away meanwhile.
pub(super) async fn settle_again(
    tx: &DatabaseTransaction,
    message: &Message,
    attempted: &Attempted,
) -> Result<bool> {
    let mut values: Vec<Value> = vec![
        message.webhook_id.as_str().into(),
        message.id.as_str().into(),
        message.attempts.into(),
    ];
    let only = "webhook_id = $1 AND delivery_id = $2 AND attempts = $3 AND state = 1";
    let text = match attempted {
        Attempted::Delivered | Attempted::Empty => {
            format!("DELETE FROM webhook_delivery WHERE {only}")
        }
        Attempted::Failed(failure) => {
            values.extend(told(failure));
            format!(
                "UPDATE webhook_delivery SET attempts = attempts + 1, state = $4, next_attempt_at = $5, last_failure_at = $6,
                        last_failure_status = $7, last_failure = $8 WHERE {only}"
            )
        }
    };
    Ok(sql::execute(tx, &text, values).await? == 1)
}

/// State, next attempt, and how it failed, as they are stored.
fn told(failure: &Failure) -> [Value; 5] {
    let Failed { at, status, error } = &failure.failed;
    let state = if failure.again_at.is_some() { PENDING } else { DEAD };
    [
        state.into(),
        failure.again_at.unwrap_or(*at).micros().into(),
        at.micros().into(),
        status.map(i32::from).into(),
        error.as_str().into(),
    ]
}

/// Makes all dead letters, or one message, due now.
async fn put_back(
    tx: &DatabaseTransaction,
    webhook_id: &str,
    delivery_id: Option<&str>,
    now: Timestamp,
) -> Result<i64> {
    let only = if delivery_id.is_some() { "delivery_id = $3" } else { "state = $3" };
    let which: Value = delivery_id.map_or_else(|| DEAD.into(), Into::into);
    // Attempts are never 0 where a delivery is: it says that a first attempt failed.
    let text = format!(
        "UPDATE webhook_delivery SET state = 1, attempts = 1, next_attempt_at = $2 WHERE webhook_id = $1 AND {only}"
    );
    let touched =
        sql::execute(tx, &text, vec![webhook_id.into(), now.micros().into(), which]).await?;
    Ok(i64::try_from(touched).unwrap_or(i64::MAX))
}

/// Moves a webhook back to a position; false where it is not that far. Deliveries after it would come twice.
async fn go_back(tx: &DatabaseTransaction, webhook_id: &str, position: i64) -> Result<bool> {
    let text = "UPDATE webhook SET position = $2, sending_until = NULL WHERE webhook_id = $1 AND position >= $2";
    if sql::execute(tx, text, vec![webhook_id.into(), position.into()]).await? == 0 {
        return Ok(false);
    }
    let text = "DELETE FROM webhook_delivery WHERE webhook_id = $1 AND after_position >= $2";
    sql::execute(tx, text, vec![webhook_id.into(), position.into()]).await?;
    Ok(true)
}

fn delivery(row: &QueryResult) -> Result<Delivery> {
    let mut columns = Columns::of(row);
    let (id, after, until, attempts) =
        (columns.take()?, columns.take()?, columns.take()?, columns.take()?);
    let dead = columns.take::<i16>()? == DEAD;
    let again_at = columns.instant()?;
    Ok(Delivery {
        id,
        after,
        until,
        attempts,
        again_at: (!dead).then_some(again_at),
        created_at: columns.instant()?,
        last_failure: Failed {
            at: columns.instant()?,
            status: rows::status(columns.take()?)?,
            error: columns.take()?,
        },
    })
}
