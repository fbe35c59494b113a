//! Cases that are open for too long. Looked for by age and by arrival, so that nothing but what may have become too old is read.

use super::answers::PERSONA;
use super::raise::Named;
use super::{Found, Rule};
use crate::error::{Error, Result};
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::alerts::{CaseOpen, Facts, OpenCase};
use cx_analytics::codes::{CaseAction, Kind};
use cx_analytics::{Channel, Stage, Timestamp};
use sea_orm::{DatabaseTransaction, QueryResult};
use std::collections::HashMap;

/// The part of time in which a look searches for cases.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Cases that became too old at or after this instant …
    pub from: Timestamp,
    /// … and up to this one.
    pub now: Timestamp,
    /// Or of which an event arrived at or after this one.
    pub arrived_from: Timestamp,
}

impl Store {
    /// The cases that a rule finds open for too long, in the order of customers.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn cases_overdue(
        &self,
        rule: &Rule,
        of: CaseOpen,
        window: Window,
    ) -> Result<Vec<Found>> {
        let old = window.now.plus(-of.longer_than);
        let values = vec![
            window.from.plus(-of.longer_than).micros().into(),
            old.micros().into(),
            window.arrived_from.micros().into(),
            window.now.micros().into(),
        ];
        let rows = sql::query_all(self.long(), &text(), values).await?;
        let mut found = Vec::new();
        for row in &rows {
            let one = overdue(row, of)?;
            // What became too old before the rule was made is none of its business.
            if one.event_at >= rule.since
                && rule.scope.holds(one.persona_id.as_deref(), one.channel, one.stage)
            {
                found.push(one);
            }
        }
        Ok(found)
    }
}

/// A case is all events of one customer with the same case id. It is open since the first event that opens it after it was last
/// solved, of which channel and stage are told. At the same instant opening comes before solving, and solving before reopening.
fn text() -> String {
    let (opened, solved, reopened) =
        (CaseAction::Opened.code(), CaseAction::Solved.code(), CaseAction::Reopened.code());
    let kind = Kind::Case.code();
    // Instant, channel and stage of an event in one number whose least is that of the earliest event.
    let event = "o.occurred_at * 256 + o.channel * 16 + o.stage";
    format!(
        "SELECT i.customer_id, i.subject, i.solved_at, i.began >> 8, (i.began >> 4) & 15, i.began & 15, p.persona_id
         FROM (
           SELECT s.customer_id, s.subject, s.solved_at, MIN({event}) AS began
           FROM (
             SELECT t.customer_id, t.subject, MAX(e.occurred_at) AS solved_at
             FROM (
               SELECT customer_id, subject FROM interaction
               WHERE kind = {kind} AND action IN ({opened}, {reopened}) AND occurred_at >= $1 AND occurred_at <= $2
               UNION
               SELECT customer_id, subject FROM interaction
               WHERE received_at >= $3 AND kind = {kind} AND action IN ({opened}, {solved}, {reopened})
             ) t
             LEFT JOIN interaction e ON e.customer_id = t.customer_id AND e.kind = {kind} AND e.subject = t.subject
               AND e.action = {solved} AND e.occurred_at <= $4
             GROUP BY t.customer_id, t.subject
           ) s
           JOIN interaction o ON o.customer_id = s.customer_id AND o.kind = {kind} AND o.subject = s.subject
             AND o.action IN ({opened}, {reopened})
             AND (s.solved_at IS NULL OR o.occurred_at > s.solved_at
                  OR (o.occurred_at = s.solved_at AND o.action = {reopened}))
           GROUP BY s.customer_id, s.subject, s.solved_at
         ) i {PERSONA}
         WHERE i.began >> 8 <= $2
         ORDER BY i.customer_id, i.subject"
    )
}

fn overdue(row: &QueryResult, of: CaseOpen) -> Result<Found> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    let customer_id = c.take()?;
    let case_id = c.take()?;
    let solved_before = c.opt_instant()?;
    let open_since = c.instant()?;
    let mut code = || {
        i16::try_from(c.take::<i64>()?).map_err(|_| Error::Corrupt { what: "channel of a case" })
    };
    let (channel, stage) = (Channel::from_code(code()?), Stage::from_code(code()?));
    let longer_than = of.longer_than;
    Ok(Found {
        customer_id,
        persona_id: c.take()?,
        channel,
        stage,
        event_at: open_since.plus(longer_than),
        facts: Facts::Case(OpenCase { case_id, open_since, solved_before, longer_than }),
    })
}

/// Leaves out the cases of which an alert of the rule tells already that they are open: one that began after the last solution known
/// now. A solution that arrives late, from before the case was opened, makes no second alert of it.
pub(super) async fn forget_raised(
    tx: &DatabaseTransaction,
    rule: &Rule,
    new: &mut Vec<&Named<'_>>,
) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let customers: Vec<&str> = new.iter().map(|(_, one)| one.customer_id.as_str()).collect();
    let (marks, mut values) = sql::marks(&customers, 2);
    values.insert(0, rule.id.as_str().into());
    let text = format!(
        "SELECT customer_id, facts FROM alert WHERE alert_rule_id = $1 AND customer_id IN ({marks})"
    );
    let mut raised: HashMap<(String, String), Timestamp> = HashMap::new();
    for row in &sql::query_all(tx, &text, values).await? {
        let mut row = Columns::of(row);
        let customer_id: String = row.take()?;
        if let Facts::Case(case) = parsed(&row.take::<String>()?, "subject of an alert")? {
            let latest = raised.entry((customer_id, case.case_id)).or_insert(case.open_since);
            *latest = case.open_since.max(*latest);
        }
    }
    new.retain(|(_, one)| match &one.facts {
        Facts::Case(case) => {
            let key = (one.customer_id.clone(), case.case_id.clone());
            raised
                .get(&key)
                .is_none_or(|since| case.solved_before.is_some_and(|solved| *since <= solved))
        }
        _ => true,
    });
    Ok(())
}
