//! Acknowledging, assigning and resolving alerts.

use super::log::{NewChange, append};
use super::rows::{self, ALERT};
use super::{Alert, Resolution};
use crate::error::{Error, Result};
use crate::membership::positions;
use crate::sql;
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Action, Outcome, State};
use sea_orm::{DatabaseTransaction, Value};

/// What somebody does with an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Has seen it.
    Acknowledge,
    /// Gives it to somebody, or to nobody.
    Assign(Option<String>),
    /// Says what came of it.
    Resolve {
        /// What came of it.
        outcome: Outcome,
        /// What there is to say; may be empty.
        note: String,
    },
}

/// What came of that.
#[derive(Debug, Clone, PartialEq)]
pub enum Changed {
    /// The alert is as was asked for, by this or before.
    Done(Box<Alert>),
    /// It is resolved, and not as was asked for.
    Resolved,
}

impl Act {
    /// Whether an alert is as this asks for.
    fn is_done(&self, alert: &Alert) -> bool {
        match self {
            Self::Acknowledge => alert.acknowledged.is_some(),
            Self::Assign(assignee) => alert.assignee == *assignee,
            Self::Resolve { outcome, note } => {
                let same = |it: &Resolution| it.outcome == *outcome && it.note == *note;
                alert.resolution.as_ref().is_some_and(same)
            }
        }
    }
}

impl Store {
    /// Changes an alert, if its etag is still `etag`; whatever it is where `etag` is empty. One that is as asked for already is left as it
    /// is. None where there is no such alert.
    ///
    /// # Errors
    /// [`Error::EtagMismatch`], [`Error::Unavailable`].
    pub async fn alert_change(
        &self,
        id: &str,
        act: &Act,
        (actor, etag): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<Changed>> {
        self.write(async |tx| {
            // The head of the log before the alert, as everybody who locks both does.
            positions(tx, 0, Timestamp::MIN).await?;
            let Some(mut alert) = read(tx, id).await? else { return Ok(None) };
            if act.is_done(&alert) {
                return Ok(Some(Changed::Done(Box::new(alert))));
            }
            if alert.state == State::Resolved {
                return Ok(Some(Changed::Resolved));
            }
            if !etag.is_empty() && etag != alert.etag {
                return Err(Error::EtagMismatch { etag: alert.etag });
            }
            let customer_id = alert.customer_id.clone();
            let at = append(tx, &[new_change(act, &customer_id, id, actor)], now).await?;
            apply(&mut alert, act, actor, at);
            write(tx, &alert).await?;
            Ok(read(tx, id).await?.map(|alert| Changed::Done(Box::new(alert))))
        })
        .await
    }
}

fn new_change<'a>(
    act: &'a Act,
    customer_id: &'a str,
    alert_id: &'a str,
    actor: &'a str,
) -> NewChange<'a> {
    let of = |action| NewChange {
        actor: Some(actor),
        ..NewChange::plain(customer_id, alert_id, action)
    };
    match act {
        Act::Acknowledge => of(Action::Acknowledged),
        Act::Assign(assignee) => {
            NewChange { assignee: assignee.as_deref(), ..of(Action::Assigned) }
        }
        Act::Resolve { outcome, note } => {
            NewChange { outcome: Some(outcome.code()), note: Some(note), ..of(Action::Resolved) }
        }
    }
}

fn apply(alert: &mut Alert, act: &Act, actor: &str, at: Timestamp) {
    match act {
        Act::Acknowledge => {
            alert.state = State::Acknowledged;
            alert.acknowledged = Some((at, actor.to_owned()));
        }
        Act::Assign(assignee) => alert.assignee = assignee.clone(),
        Act::Resolve { outcome, note } => {
            alert.state = State::Resolved;
            let (by, note) = (actor.to_owned(), note.clone());
            alert.resolution = Some(Resolution { at, by, outcome: *outcome, note });
        }
    }
}

async fn write(tx: &DatabaseTransaction, alert: &Alert) -> Result<()> {
    let (seen_at, seen_by) = match &alert.acknowledged {
        Some((at, by)) => (Some(at.micros()), Some(by.clone())),
        None => (None, None),
    };
    let end = alert.resolution.as_ref();
    let values: Vec<Value> = vec![
        alert.customer_id.as_str().into(),
        alert.id.as_str().into(),
        alert.state.code().into(),
        alert.assignee.clone().into(),
        seen_at.into(),
        seen_by.into(),
        end.map(|end| end.at.micros()).into(),
        end.map(|end| end.by.clone()).into(),
        end.map(|end| end.outcome.code()).into(),
        end.map(|end| end.note.clone()).into(),
    ];
    let text = "UPDATE alert SET state = $3, assignee = $4, acknowledged_at = $5, acknowledged_by = $6, resolved_at = $7,
                       resolved_by = $8, outcome = $9, note = $10, revision = revision + 1
                WHERE customer_id = $1 AND alert_id = $2";
    sql::execute(tx, text, values).await?;
    Ok(())
}

async fn read(tx: &DatabaseTransaction, id: &str) -> Result<Option<Alert>> {
    let text = format!("SELECT {ALERT} FROM alert a WHERE a.alert_id = $1");
    sql::query_one(tx, &text, vec![id.into()]).await?.as_ref().map(rows::alert).transpose()
}
