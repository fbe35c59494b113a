//! What a definition of churn asks of customers: how they stood at an instant, and what became of them.

use super::Outcome;
use crate::activity::{Past, days};
use crate::error::Result;
use crate::journeys::customer_actions;
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::{Definition, Standing, Terms};
use cx_analytics::codes::{Kind, SubscriptionAction};
use cx_analytics::interaction::Currency;
use cx_analytics::time::DAY;
use std::collections::HashMap;

impl Store {
    /// How everybody stood of whom the definition may ask, by id.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_standings(
        &self,
        definition: &Definition,
        past: Past,
        customers: &[String],
    ) -> Result<HashMap<String, Standing>> {
        let mut found = HashMap::new();
        for part in sql::parts(customers) {
            let (whose, ids) = sql::marks(part, 2);
            let whose = match part {
                [] => String::new(),
                _ => format!(" AND customer_id IN ({whose})"),
            };
            let known = if past.as_known { " AND received_at < $1" } else { "" };
            let text = standings(definition, past, &format!("occurred_at < $1{known}{whose}"));
            let mut values = vec![past.as_of.micros().into()];
            values.extend(ids);
            for row in sql::query_all(self.long(), &text, values).await? {
                let mut columns = Columns::of(&row);
                let id = columns.take()?;
                let standing = Standing {
                    first_at: columns.instant()?,
                    last_at: columns.instant()?,
                    days: columns.take()?,
                    runs: columns.take::<i64>()? == 1,
                };
                found.insert(id, standing);
            }
        }
        Ok(found)
    }

    /// What became of customers in the horizon after a cut-off, of whom anything did; as it was known at an instant, or is now.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_outcomes(
        &self,
        definition: &Definition,
        (cutoff, known_at): (Timestamp, Option<Timestamp>),
        currency: Option<Currency>,
    ) -> Result<HashMap<String, Outcome>> {
        let end = cutoff.days_before(-definition.horizon_days());
        let mut found: HashMap<String, Outcome> = HashMap::new();
        if definition.is_contractual() {
            let then = self.churn_standings(definition, end.into(), &[]).await?;
            let staying = then.into_iter().filter(|(_, standing)| standing.runs);
            found.extend(staying.map(|(id, _)| (id, Outcome { stayed: true, spent: 0 })));
        }
        let kinds = definition.kinds();
        let comes = match kinds {
            [] => "0".to_owned(),
            kinds => format!(
                "MAX(CASE WHEN kind IN ({}){} THEN 1 ELSE 0 END)",
                numbers(kinds.iter().map(|kind| kind.code())),
                customer_actions(kinds)
            ),
        };
        let text = format!(
            "SELECT customer_id, CAST({comes} AS BIGINT),
                    CAST(COALESCE(SUM(amount) FILTER (WHERE kind = {order} AND currency = $3), 0) AS BIGINT)
             FROM interaction WHERE occurred_at >= $1 AND occurred_at < $2 AND received_at < $4 GROUP BY customer_id",
            order = Kind::Order.code(),
        );
        let code = currency.map_or_else(String::new, String::from);
        let known_at = known_at.unwrap_or(Timestamp::MAX).micros();
        let values =
            vec![cutoff.micros().into(), end.micros().into(), code.into(), known_at.into()];
        for row in sql::query_all(self.long(), &text, values).await? {
            let mut columns = Columns::of(&row);
            let (id, comes, spent): (String, i64, i64) =
                (columns.take()?, columns.take()?, columns.take()?);
            let outcome = found.entry(id).or_default();
            outcome.stayed |= comes == 1;
            outcome.spent = spent;
        }
        Ok(found)
    }

    /// How often each number of days lies between two days with activity of a customer, by rising number; and of how many customers.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_gaps(&self, kinds: &[Kind]) -> Result<(Vec<(i64, i64)>, i64)> {
        let text = format!(
            "SELECT gap, COUNT(*), MIN(all_of) FROM (
                 SELECT gap, COUNT(*) FILTER (WHERE place = 1) OVER () AS all_of FROM (
                     SELECT day - LAG(day) OVER w AS gap, ROW_NUMBER() OVER w - 1 AS place FROM (
                         SELECT DISTINCT customer_id, (occurred_at + {start}) / {DAY} AS day FROM interaction
                         WHERE kind IN ({kinds}){actions}) d
                     WINDOW w AS (PARTITION BY customer_id ORDER BY day)) g
                 WHERE gap IS NOT NULL) h
             GROUP BY gap ORDER BY gap",
            start = -Timestamp::MIN.micros(),
            actions = customer_actions(kinds),
            kinds = numbers(kinds.iter().map(|kind| kind.code())),
        );
        let (mut counts, mut customers) = (Vec::new(), 0);
        for row in sql::query_all(self.query(), &text, vec![]).await? {
            let mut columns = Columns::of(&row);
            counts.push((columns.take()?, columns.take()?));
            customers = columns.take()?;
        }
        Ok((counts, customers))
    }

    /// The earliest and the latest interaction, and the earliest arrival.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn churn_span(&self, as_of: Timestamp) -> Result<Option<Span>> {
        let text = "SELECT MIN(occurred_at), MAX(occurred_at), MIN(received_at) FROM interaction WHERE occurred_at < $1";
        let Some(row) = sql::query_one(self.long(), text, vec![as_of.micros().into()]).await?
        else {
            return Ok(None);
        };
        let mut columns = Columns::of(&row);
        let (first, last, arrived) =
            (columns.opt_instant()?, columns.opt_instant()?, columns.opt_instant()?);
        Ok(first.zip(last).zip(arrived).map(|((first, last), arrived)| Span {
            first,
            last,
            arrived,
        }))
    }
}

/// From when to when there are records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The earliest interaction.
    pub first: Timestamp,
    /// The latest.
    pub last: Timestamp,
    /// The earliest arrival.
    pub arrived: Timestamp,
}

impl Span {
    /// An instant as it was known then. Before anything had arrived nothing was: what a company hands over of the time before it began to
    /// send is taken as known when it happened.
    pub fn then(&self, as_of: Timestamp) -> Past {
        Past { as_of, as_known: as_of > self.arrived }
    }
}

/// First and last activity, days with one, and whether a subscription runs.
fn standings(definition: &Definition, past: Past, which: &str) -> String {
    match definition.terms() {
        // The plus keeps SQLite from the index by kind, from which it would look every row up: five times as long as along the key.
        Terms::NonContractual { kinds, .. } => format!(
            "SELECT customer_id, MIN(occurred_at), MAX(occurred_at), {days}, CAST(0 AS BIGINT) FROM interaction
             WHERE +kind IN ({kinds}) AND {which}{actions} GROUP BY customer_id",
            days = days("true"),
            actions = customer_actions(kinds),
            kinds = numbers(kinds.iter().map(|kind| kind.code())),
        ),
        Terms::Contractual { lapse_days } => {
            let cancelled = SubscriptionAction::Cancelled.code();
            let lapse = lapse_days.map_or(String::new(), |days| {
                format!(" AND e.occurred_at >= {}", past.as_of.micros() - days * DAY)
            });
            // The latest event of each subscription says whether it runs.
            format!(
                "SELECT a.customer_id, s.first_at, a.last_at, a.days, s.runs
                 FROM (SELECT customer_id, MAX(occurred_at) AS last_at, {days} AS days FROM interaction
                       WHERE {which} GROUP BY customer_id) a
                 JOIN (SELECT e.customer_id, MIN(e.first_at) AS first_at,
                              CAST(MAX(CASE WHEN e.place = 1 AND e.action <> {cancelled}{lapse} THEN 1 ELSE 0 END) AS BIGINT) AS runs
                       FROM (SELECT customer_id, action, occurred_at,
                                    MIN(occurred_at) OVER (PARTITION BY customer_id) AS first_at,
                                    ROW_NUMBER() OVER (PARTITION BY customer_id, subject
                                                       ORDER BY occurred_at DESC, interaction_id DESC) AS place
                             FROM interaction WHERE kind = {kind} AND {which}) e
                       GROUP BY e.customer_id) s ON s.customer_id = a.customer_id",
                days = days("true"),
                kind = Kind::Subscription.code(),
            )
        }
    }
}
