//! Counts of the journey map.

use super::{Touchpoints, persona, place};
use crate::error::Result;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::journeys::{Cell, CellCounts, Transition};
use std::collections::BTreeMap;

/// What is known of what followed a touchpoint. Of several of one instant all but the last are followed, or all are immature: so the
/// greatest of `instant * 4 + state` has the state of the last.
const FOLLOWED: i64 = 0;
const ENDED: i64 = 1;
const IMMATURE: i64 = 2;

impl Store {
    /// What happened in each cell; `within` microseconds of a touchpoint the next one follows it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_cells(
        &self,
        of: &Touchpoints<'_>,
        within: i64,
    ) -> Result<BTreeMap<Cell, CellCounts>> {
        let text = format!(
            "SELECT persona, place, CAST(SUM(touchpoints) AS BIGINT) AS interactions, COUNT(*) AS customers,
                    CAST(SUM(followed) AS BIGINT) AS followed, CAST(SUM(ended) AS BIGINT) AS ended,
                    CAST(SUM(immature) AS BIGINT) AS immature,
                    COUNT(*) FILTER (WHERE last_state & 3 = {ENDED}) AS customers_ended,
                    COUNT(*) FILTER (WHERE last_state & 3 = {IMMATURE}) AS customers_immature
             FROM (
               SELECT {persona} AS persona, t.place, t.customer_id, COUNT(*) AS touchpoints,
                      COUNT(*) FILTER (WHERE t.state = {FOLLOWED}) AS followed,
                      COUNT(*) FILTER (WHERE t.state = {ENDED}) AS ended,
                      COUNT(*) FILTER (WHERE t.state = {IMMATURE}) AS immature,
                      MAX(t.occurred_at * 4 + t.state) AS last_state
               FROM ({touchpoints}) t {join}
               GROUP BY 1, 2, 3
             ) c
             GROUP BY persona, place",
            persona = of.persona(),
            touchpoints = touchpoints(of, within),
            join = of.join(),
        );
        let mut cells = BTreeMap::new();
        for row in sql::query_all(self.query(), &text, of.values()).await? {
            let mut row = Columns::of(&row);
            let cell = Cell { persona: persona(&mut row)?, place: place(row.take()?) };
            let counts = CellCounts {
                interactions: row.take()?,
                customers: row.take()?,
                followed: row.take()?,
                ended: row.take()?,
                immature: row.take()?,
                customers_ended: row.take()?,
                customers_immature: row.take()?,
            };
            cells.insert(cell, counts);
        }
        Ok(cells)
    }

    /// How often each cell was followed by each place, of touchpoints for which `within` is over.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_transitions(
        &self,
        of: &Touchpoints<'_>,
        within: i64,
    ) -> Result<Vec<Transition>> {
        let text = format!(
            "SELECT persona, place, next_place, total, MIN(span) AS lower_middle, MAX(span) AS upper_middle
             FROM (
               SELECT persona, place, next_place, span, COUNT(*) OVER (PARTITION BY persona, place, next_place) AS total,
                      ROW_NUMBER() OVER (PARTITION BY persona, place, next_place ORDER BY span) AS nth
               FROM (
                 SELECT {persona} AS persona, t.place, t.next_place, t.next_at - t.occurred_at AS span
                 FROM ({touchpoints}) t {join}
                 WHERE t.state = {FOLLOWED}
               ) s
             ) r
             WHERE nth IN ((total + 1) / 2, (total + 2) / 2)
             GROUP BY persona, place, next_place, total
             ORDER BY persona, place, next_place",
            persona = of.persona(),
            touchpoints = touchpoints(of, within),
            join = of.join(),
        );
        let rows = sql::query_all(self.query(), &text, of.values()).await?;
        rows.iter()
            .map(|row| {
                let mut row = Columns::of(row);
                Ok(Transition {
                    from: Cell { persona: persona(&mut row)?, place: place(row.take()?) },
                    to: place(row.take()?),
                    count: row.take()?,
                    middle: (row.take()?, row.take()?),
                })
            })
            .collect()
    }
}

/// Touchpoints of the range, each with its place, what it was followed by, and what is known of that.
fn touchpoints(of: &Touchpoints<'_>, within: i64) -> String {
    // What comes later than this follows nothing in the range in time.
    let until = of.end.plus(within.saturating_add(1)).min(of.as_of);
    format!(
        "SELECT customer_id, occurred_at, place, next_at, next_place,
                CASE WHEN occurred_at + {within} >= {as_of} THEN {IMMATURE}
                     WHEN next_at - occurred_at <= {within} THEN {FOLLOWED} ELSE {ENDED} END AS state
         FROM (
           SELECT customer_id, occurred_at, CAST(channel * 16 + stage AS BIGINT) AS place,
                  LEAD(occurred_at) OVER w AS next_at, CAST(LEAD(channel * 16 + stage) OVER w AS BIGINT) AS next_place
           {rows}
           WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
         ) l
         WHERE occurred_at < {end}",
        as_of = of.as_of.micros(),
        rows = of.rows(of.start.micros(), until.micros()),
        end = of.end.micros(),
    )
}
