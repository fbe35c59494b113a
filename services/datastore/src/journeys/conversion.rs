//! Counts of customers who get from one touchpoint to another.

use super::{Touchpoints, persona};
use crate::error::Result;
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::codes::{Channel, Kind, Stage};
use cx_analytics::journeys::Converted;
use std::collections::BTreeMap;

/// Which interactions are a touchpoint: fields by "and", values within a field by "or", an empty field lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// Of these kinds.
    pub kinds: Vec<Kind>,
    /// On these channels.
    pub channels: Vec<Channel>,
    /// In these stages.
    pub stages: Vec<Stage>,
}

impl Condition {
    fn text(&self) -> String {
        let parts = [
            ("kind", numbers(self.kinds.iter().map(|kind| kind.code()))),
            ("channel", numbers(self.channels.iter().map(|channel| channel.code()))),
            ("stage", numbers(self.stages.iter().map(|stage| stage.code()))),
        ];
        let parts = parts.iter().filter(|(_, codes)| !codes.is_empty());
        let parts = parts.map(|(column, codes)| format!(" AND {column} IN ({codes})"));
        format!("1 = 1{}", parts.collect::<String>())
    }
}

const NOT_REACHED: i64 = 0;
const REACHED: i64 = 1;
const IMMATURE: i64 = 2;

impl Store {
    /// Of customers whose first interaction like `from` in the range is so many microseconds old that what follows `within` is known:
    /// how many had a later one like `to` in time, by persona.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_conversions(
        &self,
        of: &Touchpoints<'_>,
        (from, to): (&Condition, &Condition),
        within: i64,
    ) -> Result<BTreeMap<Option<i16>, Converted>> {
        let mut found: BTreeMap<Option<i16>, Converted> = BTreeMap::new();
        let text = text(of, from, to, within);
        for row in sql::query_all(self.query(), &text, of.values()).await? {
            let mut row = Columns::of(&row);
            let converted = found.entry(persona(&mut row)?).or_default();
            let (state, span, customers): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
            match state {
                IMMATURE => converted.share.excluded += customers,
                REACHED => {
                    converted.share.hits += customers;
                    converted.share.of += customers;
                    converted.times.push((span, customers));
                }
                _ => converted.share.of += customers,
            }
        }
        Ok(found)
    }
}

fn text(of: &Touchpoints<'_>, from: &Condition, to: &Condition, within: i64) -> String {
    let until = of.end.plus(within.saturating_add(1)).min(of.as_of);
    let (from, to) = (from.text(), to.text());
    // What comes later than the first of `from` is told by a running minimum: one pass in the order that tells the two apart
    // where they are of one instant.
    format!(
        "SELECT persona, CAST(state AS BIGINT) AS state, CASE WHEN state = {REACHED} THEN span ELSE 0 END AS span, COUNT(*) AS customers
         FROM (
           SELECT {persona} AS persona, t.reached_at - t.began_at AS span,
                  CASE WHEN t.began_at + {within} >= {as_of} THEN {IMMATURE}
                       WHEN t.reached_at - t.began_at <= {within} THEN {REACHED} ELSE {NOT_REACHED} END AS state
           FROM (
             SELECT customer_id, MIN(CASE WHEN is_from = 1 THEN occurred_at END) AS began_at,
                    MIN(CASE WHEN is_to = 1 AND before_at IS NOT NULL THEN occurred_at END) AS reached_at
             FROM (
               SELECT customer_id, occurred_at, is_from, is_to,
                      MIN(CASE WHEN is_from = 1 THEN occurred_at END) OVER (
                        PARTITION BY customer_id ORDER BY occurred_at, interaction_id
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_at
               FROM (
                 SELECT customer_id, interaction_id, occurred_at,
                        CASE WHEN {from} AND occurred_at < {end} THEN 1 ELSE 0 END AS is_from,
                        CASE WHEN {to} THEN 1 ELSE 0 END AS is_to
                 {rows} AND (({from}) OR ({to}))
               ) i
             ) o
             GROUP BY customer_id
           ) t {join}
           WHERE t.began_at IS NOT NULL
         ) c
         GROUP BY 1, 2, 3",
        persona = of.persona(),
        as_of = of.as_of.micros(),
        end = of.end.micros(),
        rows = of.rows(of.start.micros(), until.micros()),
        join = of.join(),
    )
}
