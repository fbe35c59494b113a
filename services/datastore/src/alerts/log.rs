//! Reading alerts and the log of their changes, and taking the erased out of both.

use super::rows::{self, ALERT, CHANGE};
use super::{Alert, AlertChange, TOLD_WITH_ALERT};
use crate::connect::{Column, bulk_insert};
use crate::error::Result;
use crate::membership::positions;
use crate::sql::{self, Columns, marks};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Action, Kind, State};
use sea_orm::{DatabaseTransaction, Value};

/// Which alerts: fields by "and".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// In this state.
    pub state: Option<State>,
    /// About this customer.
    pub customer: Option<String>,
    /// About customers who were in this persona.
    pub persona: Option<String>,
    /// That this person looks after.
    pub assignee: Option<String>,
    /// Raised from then on.
    pub start: Option<Timestamp>,
    /// Raised before.
    pub end: Option<Timestamp>,
}

/// Where a page of alerts ended.
pub type AlertKey = (Timestamp, String);

/// Which changes are followed. Erasures are told whatever the alert was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFilter {
    /// Of alerts of these rules; of all where there are none.
    pub rules: Vec<String>,
    /// Of alerts about customers who were in these personas; about all where there are none.
    pub personas: Vec<String>,
}

impl Store {
    /// A page of alerts, latest raised first, after the last one of the page before.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn alerts_list(
        &self,
        filter: &AlertFilter,
        after: Option<&AlertKey>,
        limit: u64,
    ) -> Result<Vec<Alert>> {
        let mut values: Vec<Value> = Vec::new();
        let mut only = String::new();
        let mut add = |clause: &str, value: Value| {
            values.push(value);
            only += &format!(" AND a.{clause} ${}", values.len());
        };
        let texts = [
            ("alert_rule_id =", &filter.rule),
            ("customer_id =", &filter.customer),
            ("persona_id =", &filter.persona),
            ("assignee =", &filter.assignee),
        ];
        for (clause, text) in texts {
            if let Some(text) = text {
                add(clause, text.as_str().into());
            }
        }
        let codes =
            [("kind =", filter.kind.map(Kind::code)), ("state =", filter.state.map(State::code))];
        for (clause, code) in codes {
            if let Some(code) = code {
                add(clause, code.into());
            }
        }
        for (clause, at) in [("raised_at >=", filter.start), ("raised_at <", filter.end)] {
            if let Some(at) = at {
                add(clause, at.micros().into());
            }
        }
        if let Some((at, id)) = after {
            let place = values.len() + 1;
            only += &format!(" AND (a.raised_at, a.alert_id) < (${place}, ${})", place + 1);
            values.extend([at.micros().into(), id.as_str().into()]);
        }
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let text = format!(
            "SELECT {ALERT} FROM alert a WHERE 1 = 1{only} ORDER BY a.raised_at DESC, a.alert_id DESC LIMIT ${}",
            values.len()
        );
        sql::query_all(self.query(), &text, values).await?.iter().map(rows::alert).collect()
    }

    /// An alert with its last changes, the earliest first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn alert_get(&self, id: &str) -> Result<Option<(Alert, Vec<AlertChange>)>> {
        let text = format!("SELECT {ALERT} FROM alert a WHERE a.alert_id = $1");
        let Some(row) = sql::query_one(self.read(), &text, vec![id.into()]).await? else {
            return Ok(None);
        };
        let text = format!(
            "SELECT {CHANGE} FROM alert_change c WHERE c.alert_id = $1 ORDER BY c.position DESC LIMIT $2"
        );
        let values = vec![id.into(), TOLD_WITH_ALERT.into()];
        let found = sql::query_all(self.read(), &text, values).await?;
        let mut changes: Vec<AlertChange> =
            found.iter().map(|row| rows::change(row, false)).collect::<Result<_>>()?;
        changes.reverse();
        Ok(Some((rows::alert(&row)?, changes)))
    }

    /// The next `limit` changes of alerts after a position, in their order.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn alert_changes_after(
        &self,
        position: i64,
        filter: &ChangeFilter,
        limit: u64,
    ) -> Result<Vec<AlertChange>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![position.into(), limit.into()];
        let mut only = String::new();
        for (column, ids) in [("alert_rule_id", &filter.rules), ("persona_id", &filter.personas)] {
            if !ids.is_empty() {
                let (marks, ids) = marks(ids, values.len() + 1);
                values.extend(ids);
                only += &format!(" AND (c.action = 5 OR a.{column} IN ({marks}))");
            }
        }
        let text = format!(
            "SELECT {CHANGE}, {ALERT} FROM alert_change c
             LEFT JOIN alert a ON a.customer_id = c.customer_id AND a.alert_id = c.alert_id
             WHERE c.position > $1{only} ORDER BY c.position LIMIT $2"
        );
        let found = sql::query_all(self.query(), &text, values).await?;
        found.iter().map(|row| rows::change(row, true)).collect()
    }

    /// Removes the notices of erasures before an instant, and gives their number.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn alert_notices_sweep(&self, before: Timestamp) -> Result<u64> {
        let only = "FROM alert_change WHERE action = 5 AND changed_at < $1";
        let values = || vec![before.micros().into()];
        let text = format!("SELECT 1 {only} LIMIT 1");
        if sql::query_one(self.read(), &text, values()).await?.is_none() {
            return Ok(0);
        }
        let text = format!("DELETE {only}");
        self.write(async |tx| sql::execute(tx, &text, values()).await).await
    }
}

/// A change that has no place yet.
pub(super) struct NewChange<'a> {
    pub customer_id: &'a str,
    pub alert_id: &'a str,
    pub action: Action,
    pub actor: Option<&'a str>,
    pub assignee: Option<&'a str>,
    pub outcome: Option<i16>,
    pub note: Option<&'a str>,
}

impl<'a> NewChange<'a> {
    /// One that says no more than what happened.
    pub fn plain(customer_id: &'a str, alert_id: &'a str, action: Action) -> Self {
        let (actor, assignee, outcome, note) = (None, None, None, None);
        Self { customer_id, alert_id, action, actor, assignee, outcome, note }
    }
}

/// Writes changes at the end of the log. Gives their instant.
pub(super) async fn append(
    tx: &DatabaseTransaction,
    changes: &[NewChange<'_>],
    now: Timestamp,
) -> Result<Timestamp> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let (first, at) = positions(tx, count, now).await?;
    let text = |of: fn(&NewChange<'_>) -> Option<String>| {
        Column::OptText(changes.iter().map(of).collect())
    };
    let columns = [
        ("customer_id", Column::Text(changes.iter().map(|c| c.customer_id.to_owned()).collect())),
        ("position", Column::I64((first..first + count).collect())),
        ("alert_id", Column::Text(changes.iter().map(|c| c.alert_id.to_owned()).collect())),
        ("action", Column::I16(changes.iter().map(|c| c.action.code()).collect())),
        ("changed_at", Column::I64(vec![at.micros(); changes.len()])),
        ("actor", text(|c| c.actor.map(str::to_owned))),
        ("assignee", text(|c| c.assignee.map(str::to_owned))),
        ("outcome", Column::OptI16(changes.iter().map(|c| c.outcome).collect())),
        ("note", text(|c| c.note.map(str::to_owned))),
    ];
    bulk_insert(tx, "alert_change", &columns, "").await?;
    Ok(at)
}

/// Takes an erased customer's alerts with all of their changes. Whoever follows them is told the id of each, and nothing else. The
/// head of the log is locked already.
pub(crate) async fn forget(
    tx: &DatabaseTransaction,
    customer_id: &str,
    now: Timestamp,
) -> Result<()> {
    let text = "SELECT alert_id FROM alert WHERE customer_id = $1 ORDER BY raised_at, alert_id";
    let rows = sql::query_all(tx, text, vec![customer_id.into()]).await?;
    let ids: Vec<String> = rows.iter().map(|row| Columns::of(row).take()).collect::<Result<_>>()?;
    for table in ["alert", "alert_change", "alert_standing"] {
        let text = format!("DELETE FROM {table} WHERE customer_id = $1");
        sql::execute(tx, &text, vec![customer_id.into()]).await?;
    }
    let notices: Vec<NewChange<'_>> =
        ids.iter().map(|id| NewChange::plain("", id, Action::Erased)).collect();
    append(tx, &notices, now).await.map(|_| ())
}
