//! How alerts stand in their tables.

use super::{Alert, AlertChange, Resolution};
use crate::error::{Error, Result};
use crate::segmentations::parsed;
use crate::sql::Columns;
use cx_analytics::alerts::{Action, Outcome, State};
use cx_analytics::{Channel, Stage};
use sea_orm::QueryResult;

/// Everything that is told of an alert `a`.
pub(super) const ALERT: &str =
    "a.alert_id, a.alert_rule_id, a.rule_name, a.customer_id, a.persona_id, a.channel, a.stage, a.facts, a.event_at,
     a.raised_at, a.state, a.assignee, a.acknowledged_at, a.acknowledged_by, a.resolved_at, a.resolved_by, a.outcome,
     a.note, a.revision";

/// Everything that is told of a change `c`.
pub(super) const CHANGE: &str =
    "c.position, c.alert_id, c.action, c.changed_at, c.actor, c.assignee, c.outcome, c.note";

/// An alert from its row.
pub(super) fn alert(row: &QueryResult) -> Result<Alert> {
    let mut columns = Columns::of(row);
    let id = columns.take()?;
    rest_of_alert(&mut columns, id)
}

/// The columns of an alert but the first, which is its id.
fn rest_of_alert(columns: &mut Columns<'_>, id: String) -> Result<Alert> {
    let c = columns;
    Ok(Alert {
        id,
        rule_id: c.take()?,
        rule_name: c.take()?,
        customer_id: c.take()?,
        persona_id: c.take()?,
        channel: Channel::from_code(c.take()?),
        stage: Stage::from_code(c.take()?),
        facts: parsed(&c.take::<String>()?, "subject of an alert")?,
        event_at: c.instant()?,
        raised_at: c.instant()?,
        state: State::from_code(c.take()?).ok_or(Error::Corrupt { what: "state of an alert" })?,
        assignee: c.take()?,
        acknowledged: {
            let (at, by) = (c.opt_instant()?, c.take::<Option<String>>()?);
            at.zip(by)
        },
        resolution: {
            let (at, by) = (c.opt_instant()?, c.take::<Option<String>>()?);
            let (outcome, note) = (outcome(c.take()?)?, c.take::<Option<String>>()?);
            at.zip(outcome).map(|(at, outcome)| Resolution {
                at,
                by: by.unwrap_or_default(),
                outcome,
                note: note.unwrap_or_default(),
            })
        },
        etag: c.take::<i64>()?.to_string(),
    })
}

/// A change from its row, with the alert where that was asked for.
pub(super) fn change(row: &QueryResult, with_alert: bool) -> Result<AlertChange> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    Ok(AlertChange {
        position: c.take()?,
        alert_id: c.take()?,
        action: Action::from_code(c.take()?)
            .ok_or(Error::Corrupt { what: "change of an alert" })?,
        at: c.instant()?,
        actor: c.take()?,
        assignee: c.take()?,
        outcome: outcome(c.take()?)?,
        note: c.take()?,
        alert: match with_alert {
            true => {
                let id = c.take::<Option<String>>()?;
                id.map(|id| rest_of_alert(c, id)).transpose()?
            }
            false => None,
        },
    })
}

fn outcome(code: Option<i16>) -> Result<Option<Outcome>> {
    let outcome = |code| Outcome::from_code(code).ok_or(Error::Corrupt { what: "outcome" });
    code.map(outcome).transpose()
}
