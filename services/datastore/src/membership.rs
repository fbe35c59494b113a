//! The log of membership changes. Positions are given under a lock on the head, held to the end of the transaction, so that
//! their order is that of the commits: whoever has read up to a position has missed nothing before it.

use crate::active::active_set_in;
use crate::assignments::NO_OBJECTION;
use crate::connect::{Column, bulk_insert};
use crate::duties::{self, Duty};
use crate::error::{Error, Result};
use crate::jobs::JobKind;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::membership::{Cause, Change};
use sea_orm::{DatabaseTransaction, QueryResult, Value};
use std::collections::BTreeSet;

const COLUMNS: &str = "c.position, c.customer_id, c.from_persona, c.to_persona, c.cause, c.segmentation_id, c.changed_at";

/// Whether a change `a` is the latest of its customer at the instant $1.
const LATEST_AT: &str = "a.changed_at <= $1 AND NOT EXISTS (SELECT 1 FROM membership_change l
    WHERE l.customer_id = a.customer_id AND l.position > a.position AND l.changed_at <= $1)";

impl Store {
    /// The position of the latest change; 0 where there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn membership_head(&self) -> Result<i64> {
        let text = "SELECT head FROM feed WHERE name = 'membership'";
        sql::query_one(self.read(), text, vec![])
            .await?
            .map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// The next `limit` changes after a position, in their order: of all, or into or out of these personas.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn membership_changes_after(
        &self,
        position: i64,
        personas: &[String],
        limit: u64,
    ) -> Result<Vec<Change>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![position.into(), limit.into()];
        let marks: Vec<String> = (personas.iter())
            .map(|persona| {
                values.push(persona.as_str().into());
                format!("${}", values.len())
            })
            .collect();
        let marks = marks.join(", ");
        let only = if personas.is_empty() {
            String::new()
        } else {
            format!("AND (c.to_persona IN ({marks}) OR c.from_persona IN ({marks}))")
        };
        let text = format!(
            "SELECT {COLUMNS} FROM membership_change c WHERE c.position > $1 {only} ORDER BY c.position LIMIT $2"
        );
        sql::query_all(self.query(), &text, values).await?.iter().map(change).collect()
    }

    /// A page of changes, latest first, before a position: of everybody, of one customer, and into or out of one persona.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn membership_changes_list(
        &self,
        customer_id: Option<&str>,
        persona_id: Option<&str>,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<Change>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![before.unwrap_or(i64::MAX).into(), limit.into()];
        let mut only = String::new();
        if let Some(customer) = customer_id {
            values.push(customer.into());
            only += &format!(" AND c.customer_id = ${}", values.len());
        }
        if let Some(persona) = persona_id {
            values.push(persona.into());
            let mark = values.len();
            only += &format!(" AND (c.to_persona = ${mark} OR c.from_persona = ${mark})");
        }
        let text = format!(
            "SELECT {COLUMNS} FROM membership_change c WHERE c.position < $1{only} ORDER BY c.position DESC LIMIT $2"
        );
        sql::query_all(self.query(), &text, values).await?.iter().map(change).collect()
    }

    /// The next `limit` customers after `after` who were in a persona (in this one, where one is named) at an earlier moment,
    /// each with it, by customer id: whatever was active then. Who was erased or objected since is not among them.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn members_at(
        &self,
        persona_id: Option<&str>,
        at: Timestamp,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<(String, String)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values: Vec<Value> =
            vec![at.micros().into(), after.unwrap_or_default().into(), limit.into()];
        let only = persona_id.map_or("a.to_persona IS NOT NULL", |persona| {
            values.push(persona.into());
            "a.to_persona = $4"
        });
        let text = format!(
            "SELECT a.customer_id, a.to_persona FROM membership_change a
             WHERE {only} AND a.customer_id > $2 AND {LATEST_AT} AND {NO_OBJECTION}
             ORDER BY a.customer_id LIMIT $3"
        );
        let rows = sql::query_all(self.query(), &text, values).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, columns.take()?))
        };
        rows.iter().map(read).collect()
    }

    /// How many customers were in a persona (in this one, where one is named) at an earlier moment.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn members_at_count(&self, persona_id: Option<&str>, at: Timestamp) -> Result<i64> {
        let mut values: Vec<Value> = vec![at.micros().into()];
        let only = persona_id.map_or("a.to_persona IS NOT NULL", |persona| {
            values.push(persona.into());
            "a.to_persona = $2"
        });
        let text = format!(
            "SELECT COUNT(*) FROM membership_change a WHERE {only} AND {LATEST_AT} AND {NO_OBJECTION}"
        );
        sql::query_one(self.query(), &text, values)
            .await?
            .map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// Removes the notices of erasures before an instant, and gives their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn membership_notices_sweep(&self, before: Timestamp) -> Result<u64> {
        let text = "SELECT 1 FROM membership_change WHERE cause = 4 AND changed_at < $1 LIMIT 1";
        if sql::query_one(self.read(), text, vec![before.micros().into()]).await?.is_none() {
            return Ok(0);
        }
        let text = "DELETE FROM membership_change WHERE cause = 4 AND changed_at < $1";
        self.write(async |tx| sql::execute(tx, text, vec![before.micros().into()]).await).await
    }
}

/// A change that has no place yet.
#[derive(Debug, Clone)]
pub(crate) struct NewChange {
    pub customer_id: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Writes changes of one cause at the end of the log.
pub(crate) async fn append(
    tx: &DatabaseTransaction,
    changes: &[NewChange],
    (segmentation_id, cause): (&str, Cause),
    now: Timestamp,
) -> Result<()> {
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    let (first, at) = positions(tx, count, now).await?;
    let columns = [
        ("customer_id", Column::Text(changes.iter().map(|c| c.customer_id.clone()).collect())),
        ("position", Column::I64((first..first + count).collect())),
        ("changed_at", Column::I64(vec![at.micros(); changes.len()])),
        ("segmentation_id", Column::Text(vec![segmentation_id.to_owned(); changes.len()])),
        ("from_persona", Column::OptText(changes.iter().map(|c| c.from.clone()).collect())),
        ("to_persona", Column::OptText(changes.iter().map(|c| c.to.clone()).collect())),
        ("cause", Column::I16(vec![cause.code(); changes.len()])),
    ];
    bulk_insert(tx, "membership_change", &columns, "").await?;
    Ok(())
}

/// A segmentation that is to become the active one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activation<'a> {
    pub id: &'a str,
    pub cause: Cause,
}

/// The active segmentation, held as it is until this transaction ends: the head of the log is locked first by whoever changes it,
/// or who is in which persona.
pub(crate) async fn active(tx: &DatabaseTransaction) -> Result<Option<String>> {
    positions(tx, 0, Timestamp::MIN).await?;
    let text = "SELECT version_id FROM active WHERE kind = $1";
    let row = sql::query_one(tx, text, vec![JobKind::Segmentation.code().into()]).await?;
    row.map(|row| Columns::of(&row).take()).transpose()
}

/// Who is in another persona under the segmentation $3 than under $5. Two lookups by key and no FULL JOIN, which SQLite does
/// by comparing everybody with everybody.
pub(crate) const MOVES: &str =
    "SELECT o.customer_id, p.persona_id AS was, q.persona_id AS is_now
     FROM assignment o
     JOIN persona p ON p.segmentation_id = o.segmentation_id AND p.ordinal = o.persona
     LEFT JOIN assignment n ON n.customer_id = o.customer_id AND n.segmentation_id = $3
     LEFT JOIN persona q ON q.segmentation_id = n.segmentation_id AND q.ordinal = n.persona
     WHERE o.segmentation_id = $5 AND p.persona_id IS DISTINCT FROM q.persona_id
     UNION ALL
     SELECT n.customer_id, NULL, q.persona_id
     FROM assignment n
     JOIN persona q ON q.segmentation_id = n.segmentation_id AND q.ordinal = n.persona
     WHERE n.segmentation_id = $3
       AND NOT EXISTS (SELECT 1 FROM assignment o WHERE o.customer_id = n.customer_id AND o.segmentation_id = $5)";

/// Makes a segmentation the active one and writes everybody who is in another persona by that. False where there is none such.
pub(crate) async fn activate(
    tx: &DatabaseTransaction,
    what: Activation<'_>,
    now: Timestamp,
) -> Result<bool> {
    let old = active(tx).await?;
    if old.as_deref() == Some(what.id) {
        return Ok(true);
    }
    let text = "SELECT seen_until FROM segmentation WHERE segmentation_id = $1";
    let row = sql::query_one(tx, text, vec![what.id.into()]).await?;
    let Some(row) = row else { return Ok(false) };
    let seen_until = Columns::of(&row).instant()?;
    // Who objects is in no persona, and so has no row under the active version.
    let text = "DELETE FROM assignment WHERE segmentation_id = $1
                AND customer_id IN (SELECT customer_id FROM customer WHERE consent_profiling = 0)";
    sql::execute(tx, text, vec![what.id.into()]).await?;
    let (first, at) = positions(tx, 0, now).await?;
    let text = format!(
        "INSERT INTO membership_change
             (customer_id, position, changed_at, segmentation_id, from_persona, to_persona, cause)
         SELECT d.customer_id, $1 + ROW_NUMBER() OVER (ORDER BY d.customer_id), $2, $3, d.was, d.is_now, $4
         FROM ({MOVES}) d"
    );
    let values = vec![
        (first - 1).into(),
        at.micros().into(),
        what.id.into(),
        what.cause.code().into(),
        old.clone().unwrap_or_default().into(),
    ];
    let written = sql::execute(tx, &text, values).await?;
    positions(tx, i64::try_from(written).unwrap_or(i64::MAX), now).await?;
    active_set_in(tx, JobKind::Segmentation, what.id, now).await?;
    let text = "UPDATE segmentation SET active_until = $2 WHERE segmentation_id = $1";
    sql::execute(tx, text, vec![old.unwrap_or_default().into(), now.micros().into()]).await?;
    // Whatever arrived after its assignments were made is looked at again.
    duties::done(tx, Duty::Refresh, seen_until).await?;
    Ok(true)
}

/// Takes an erased customer out of the log. Who follows it is told so that they can erase too, also where they follow one persona
/// only and were told that the customer is in it: a notice for each persona that the log had of them. Notices go after their
/// time ([`Store::membership_notices_sweep`]).
pub(crate) async fn forget(
    tx: &DatabaseTransaction,
    customer_id: &str,
    now: Timestamp,
) -> Result<()> {
    // Nobody writes about them between this and the end.
    positions(tx, 0, Timestamp::MIN).await?;
    let text = format!(
        "SELECT {COLUMNS} FROM membership_change c WHERE c.customer_id = $1 ORDER BY c.position DESC"
    );
    let rows = sql::query_all(tx, &text, vec![customer_id.into()]).await?;
    let known: Vec<Change> = rows.iter().map(change).collect::<Result<_>>()?;
    let Some(last) = known.first().filter(|last| last.cause != Cause::Erasure) else {
        return Ok(());
    };
    let text = "DELETE FROM membership_change WHERE customer_id = $1";
    sql::execute(tx, text, vec![customer_id.into()]).await?;
    let personas: BTreeSet<&String> =
        known.iter().flat_map(|change| [&change.from, &change.to]).flatten().collect();
    let notice = |persona: &String| NewChange {
        customer_id: customer_id.to_owned(),
        from: Some(persona.clone()),
        to: None,
    };
    let notices: Vec<NewChange> = personas.into_iter().map(notice).collect();
    append(tx, &notices, (&last.segmentation_id, Cause::Erasure), now).await
}

/// Takes the next `count` positions and gives the first of them, with the instant of the changes: `now`, but never before that of
/// an earlier change. Nobody else takes any until this transaction ends.
pub(crate) async fn positions(
    tx: &DatabaseTransaction,
    count: i64,
    now: Timestamp,
) -> Result<(i64, Timestamp)> {
    let text = "UPDATE feed SET head = head + $1, head_at = CASE WHEN head_at < $2 THEN $2 ELSE head_at END
                WHERE name = 'membership' RETURNING head, head_at";
    let row = sql::query_one(tx, text, vec![count.into(), now.micros().into()]).await?;
    let row = row.ok_or(Error::Corrupt { what: "head of the membership changes" })?;
    let mut columns = Columns::of(&row);
    let head: i64 = columns.take()?;
    Ok((head - count + 1, columns.instant()?))
}

fn change(row: &QueryResult) -> Result<Change> {
    let mut columns = Columns::of(row);
    Ok(Change {
        position: columns.take()?,
        customer_id: columns.take()?,
        from: columns.take()?,
        to: columns.take()?,
        cause: Cause::from_code(columns.take()?).ok_or(Error::Corrupt { what: "cause" })?,
        segmentation_id: columns.take()?,
        at: columns.instant()?,
    })
}
