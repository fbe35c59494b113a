//! Counts of the paths that journeys take.
//!
//! A path is one number: a byte for each touchpoint, the first in the highest of seven. So paths are grouped, sorted and paged as numbers.

use super::{Touchpoints, place};
use crate::error::Result;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::journeys::{By, PathCounts};

/// Which paths.
#[derive(Debug, Clone)]
pub struct PathAsked<'a> {
    /// The range in which journeys begin, and of what they are made. Personas are not told apart.
    pub of: Touchpoints<'a>,
    /// What makes two interactions the same touchpoint.
    pub by: By,
    /// Most touchpoints of a path, at most [`PathAsked::MOST`].
    pub length: i64,
    /// Whether the same touchpoint several times in a row is told several times.
    pub repeats: bool,
    /// A new journey begins after more than so many microseconds without a touchpoint.
    pub gap: i64,
    /// The last path of the page before.
    pub after: Option<PathKey>,
    /// Most paths.
    pub limit: u64,
}

impl PathAsked<'_> {
    /// Most touchpoints of a path: bytes of a number that is not negative.
    pub const MOST: i64 = 7;
}

/// A path's place in the list: its journeys and its number.
pub type PathKey = (i64, i64);

/// Some paths, and what they are of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathPage {
    /// Paths with their places in the list, most frequent first.
    pub paths: Vec<(PathKey, PathCounts)>,
    /// Journeys whose path is known.
    pub known: i64,
    /// Journeys that are shorter and not over.
    pub open: i64,
}

impl Store {
    /// The most frequent paths of journeys that begin in the range.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_paths(&self, asked: &PathAsked<'_>) -> Result<PathPage> {
        let mut page = PathPage::default();
        for row in sql::query_all(self.query(), &text(asked), asked.of.values()).await? {
            let mut row = Columns::of(&row);
            let (known, path): (i64, i64) = (row.take()?, row.take()?);
            let (journeys, customers, ended) = (row.take()?, row.take()?, row.take()?);
            let middle = (row.take()?, row.take()?);
            (page.known, page.open) = (row.take()?, row.take()?);
            if known == 1 {
                let counts = PathCounts { steps: steps(path), journeys, customers, ended, middle };
                page.paths.push(((journeys, path), counts));
            }
        }
        page.paths.truncate(usize::try_from(asked.limit).unwrap_or(usize::MAX));
        Ok(page)
    }
}

/// The touchpoints of a path.
fn steps(path: i64) -> Vec<cx_analytics::journeys::Place> {
    let bytes = (0..PathAsked::MOST).rev().map(|byte| (path >> (8 * byte)) & 255);
    bytes.take_while(|code| *code != 0).map(place).collect()
}

fn text(asked: &PathAsked<'_>) -> String {
    let further = asked.after.map_or(String::new(), |(journeys, path)| {
        format!(
            "WHERE known = 0 OR journeys < {journeys} OR (journeys = {journeys} AND path > {path})"
        )
    });
    // Journeys of which nothing is known are one row, which is on every page.
    format!(
        "SELECT CAST(known AS BIGINT) AS known, path, journeys, customers, ended, lower_middle, upper_middle, all_known, all_open
         FROM (
           SELECT g.*, CAST(SUM(CASE WHEN known = 1 THEN journeys ELSE 0 END) OVER () AS BIGINT) AS all_known,
                  CAST(SUM(CASE WHEN known = 0 THEN journeys ELSE 0 END) OVER () AS BIGINT) AS all_open
           FROM (
             SELECT known, path, COUNT(*) AS journeys, COUNT(DISTINCT customer_id) AS customers,
                    COUNT(*) FILTER (WHERE ended = 1) AS ended,
                    MIN(CASE WHEN nth = (total + 1) / 2 THEN span END) AS lower_middle,
                    MAX(CASE WHEN nth = (total + 2) / 2 THEN span END) AS upper_middle
             FROM (
               SELECT customer_id, known, path, ended, span, COUNT(*) OVER (PARTITION BY known, path) AS total,
                      ROW_NUMBER() OVER (PARTITION BY known, path ORDER BY span) AS nth
               FROM ({journeys}) j
             ) r
             GROUP BY known, path
           ) g
         ) p
         {further}
         ORDER BY known, journeys DESC, path LIMIT {limit}",
        journeys = journeys(asked),
        limit = asked.limit.saturating_add(1),
    )
}

/// A row for each journey that begins in the range: its path, whether that is known, and how long it took.
fn journeys(asked: &PathAsked<'_>) -> String {
    let (of, gap, length) = (&asked.of, asked.gap, asked.length);
    let code = match asked.by {
        By::StageAndChannel => "channel * 16 + stage",
        // No touchpoint is zero, which is the end of a path.
        By::Stage => "240 + stage",
        By::Channel => "channel * 16",
    };
    // Whether an interaction is more of the touchpoint before it.
    let alike = if asked.repeats { "1 = 0" } else { "code = previous_code" };
    let known = format!("steps >= {length} OR last_at + {gap} < {}", of.as_of.micros());
    // Whether a journey begins in the range is told by what came shortly before it.
    format!(
        "SELECT customer_id, CASE WHEN {known} THEN 1 ELSE 0 END AS known, CASE WHEN {known} THEN path ELSE 0 END AS path,
                CASE WHEN steps <= {length} AND last_at + {gap} < {as_of} THEN 1 ELSE 0 END AS ended, reached_at - began_at AS span
         FROM (
           SELECT customer_id, journey, MIN(occurred_at) AS began_at, MAX(occurred_at) AS last_at, MAX(step) AS steps,
                  MAX(CASE WHEN turns = 1 AND step <= {length} THEN occurred_at END) AS reached_at,
                  CAST(SUM(CASE WHEN turns = 1 AND step <= {length}
                                THEN code << CAST(8 * ({most} - step) AS INTEGER) ELSE 0 END) AS BIGINT) AS path
           FROM (
             SELECT customer_id, journey, occurred_at, code, turns,
                    SUM(turns) OVER (PARTITION BY customer_id, journey ORDER BY occurred_at, interaction_id
                                     ROWS UNBOUNDED PRECEDING) AS step
             FROM (
               SELECT customer_id, interaction_id, occurred_at, code,
                      CASE WHEN occurred_at - previous_at <= {gap} AND {alike} THEN 0 ELSE 1 END AS turns,
                      SUM(CASE WHEN occurred_at - previous_at <= {gap} THEN 0 ELSE 1 END)
                        OVER (PARTITION BY customer_id ORDER BY occurred_at, interaction_id ROWS UNBOUNDED PRECEDING) AS journey
               FROM (
                 SELECT customer_id, interaction_id, occurred_at, CAST({code} AS BIGINT) AS code,
                        LAG(occurred_at) OVER w AS previous_at, LAG(CAST({code} AS BIGINT)) OVER w AS previous_code
                 {rows}
                 WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
               ) l
             ) b
           ) s
           GROUP BY customer_id, journey
         ) o
         WHERE began_at >= {start} AND began_at < {end}",
        as_of = of.as_of.micros(),
        most = PathAsked::MOST,
        rows = of.rows(of.start.plus(-gap).micros(), of.as_of.micros()),
        start = of.start.micros(),
        end = of.end.micros(),
    )
}
