//! Journeys: what follows what. The map and the paths are counted in `cx-analytics`, customer by customer: window functions over all
//! touchpoints took several times as long. Conversions are counted in SQL, which sees only what can be part of one.
//!
//! Touchpoints are in order of time, those of one instant in order of their ids, so that the order of arrival changes nothing.
//! Integers stand in the text of a statement, so that the planner sees them; the one text is a parameter.

mod conversion;

pub use conversion::Condition;

use crate::error::{Error, Result};
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::codes::{CaseAction, EngagementAction, FeedbackAction, Kind, SurveyAction};
use cx_analytics::journeys::{
    Cell, CellCounts, MapCounter, PathCounter, PathKey, PathPage, PathRules, Touch, Transition,
};
use cx_analytics::time::DAY;
use futures::TryStreamExt;
use sea_orm::{StreamTrait, Value};
use std::collections::BTreeMap;

/// Which interactions are touchpoints, and whose.
#[derive(Debug, Clone)]
pub struct Touchpoints<'a> {
    /// Start of the range.
    pub start: Timestamp,
    /// End of the range, exclusive; not after `as_of`.
    pub end: Timestamp,
    /// Only interactions before this instant are seen, also after the range.
    pub as_of: Timestamp,
    /// Of these kinds; all where empty.
    pub kinds: &'a [Kind],
    /// Only what the customer did.
    pub customer_actions: bool,
    /// Of members of these personas, by ordinal; of everyone where empty.
    pub personas: &'a [i16],
    /// Whether personas are told apart.
    pub by_persona: bool,
    /// The segmentation whose personas are meant; needed where they are told apart or filtered by.
    pub segmentation_id: Option<&'a str>,
}

impl Touchpoints<'_> {
    /// The parameters of every statement: the segmentation, where it is named.
    fn values(&self) -> Vec<Value> {
        let named = self.by_persona || !self.personas.is_empty();
        self.segmentation_id.filter(|_| named).map(Value::from).into_iter().collect()
    }

    /// `FROM interaction WHERE …` for touchpoints from one instant to before another.
    fn rows(&self, from: i64, until: i64) -> String {
        // The index by kind and time is the way to a short range; of a long one it finds each row at another end of the table. Measured
        // with two million rows of a year: from two months on, the table as it lies takes half the time.
        let kinds = match self.kinds {
            [] if until - from > 30 * DAY => "1 = 1".to_owned(),
            [] => of_kinds(&Kind::ALL),
            kinds => of_kinds(kinds),
        };
        let all = if self.kinds.is_empty() { &Kind::ALL } else { self.kinds };
        let actions = if self.customer_actions { customer_actions(all) } else { String::new() };
        let members = if self.personas.is_empty() {
            String::new()
        } else {
            format!(
                " AND customer_id IN (SELECT customer_id FROM assignment WHERE segmentation_id = $1 AND persona IN ({}))",
                numbers(self.personas.iter().copied())
            )
        };
        format!(
            "FROM interaction WHERE {kinds} AND occurred_at >= {from} AND occurred_at < {until}{actions}{members}"
        )
    }

    /// The persona of `t.customer_id` as a column, -1 for none.
    fn persona(&self) -> &'static str {
        if self.by_persona {
            "CAST(COALESCE(a.persona, -1) AS BIGINT)"
        } else {
            "CAST(-1 AS BIGINT)"
        }
    }

    /// Joins it.
    fn join(&self) -> &'static str {
        if self.by_persona {
            "LEFT JOIN assignment a ON a.customer_id = t.customer_id AND a.segmentation_id = $1"
        } else {
            ""
        }
    }
}

impl Store {
    /// What happened in each cell of the map, and how often each was followed by each place; `within` microseconds of a touchpoint
    /// the next one follows it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_map(
        &self,
        of: &Touchpoints<'_>,
        within: i64,
    ) -> Result<(BTreeMap<Cell, CellCounts>, Vec<Transition>)> {
        let (end, as_of) = (of.end.micros(), of.as_of.micros());
        let mut counter = MapCounter::new(end, as_of, within);
        // What comes later than this follows nothing in the range in time.
        let until = of.end.plus(within.saturating_add(1)).min(of.as_of);
        let rows = of.rows(of.start.micros(), until.micros());
        self.touches(of, &rows, |persona, touches| counter.add(persona, touches)).await?;
        Ok(counter.finish())
    }

    /// At most `limit` of the paths of journeys that begin in the range, the most frequent first, those after `after` in the list.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn journey_paths(
        &self,
        of: &Touchpoints<'_>,
        rules: PathRules,
        after: Option<PathKey>,
        limit: usize,
    ) -> Result<PathPage> {
        let (begin, as_of) = (of.start.micros()..of.end.micros(), of.as_of.micros());
        let mut counter = PathCounter::new(rules, begin, as_of);
        // Whether a journey begins in the range is told by what came shortly before it.
        let rows = of.rows(of.start.plus(-rules.gap).micros(), as_of);
        self.touches(of, &rows, |_, touches| counter.add(touches)).await?;
        Ok(counter.page(after, limit))
    }

    /// Gives each customer's persona and touchpoints to `each`.
    async fn touches(
        &self,
        of: &Touchpoints<'_>,
        rows: &str,
        mut each: impl FnMut(Option<i16>, &[Touch]),
    ) -> Result<()> {
        let text = format!(
            "SELECT t.customer_id, {persona} AS persona, t.occurred_at, t.place
             FROM (SELECT customer_id, interaction_id, occurred_at, CAST(channel * 16 + stage AS BIGINT) AS place {rows}) t {join}
             ORDER BY t.customer_id, t.occurred_at, t.interaction_id",
            persona = of.persona(),
            join = of.join(),
        );
        let mut rows =
            self.query().stream_raw(sql::statement(self.query(), &text, of.values())).await?;
        let (mut customer, mut of_persona, mut touches) = (String::new(), None, Vec::new());
        while let Some(row) = rows.try_next().await? {
            let mut row = Columns::of(&row);
            let customer_id: String = row.take()?;
            if customer_id != customer {
                each(of_persona, &touches);
                touches.clear();
                customer = customer_id;
            }
            of_persona = persona(&mut row)?;
            let (at, place): (i64, i64) = (row.take()?, row.take()?);
            let place = u8::try_from(place).map_err(|_| Error::Corrupt { what: "place" })?;
            touches.push(Touch { at, place });
        }
        each(of_persona, &touches);
        Ok(())
    }
}

/// `AND NOT …` for what the company does, of these kinds.
pub(crate) fn customer_actions(kinds: &[Kind]) -> String {
    let company: [(Kind, &[i16]); 6] = [
        (Kind::StaffNote, &[]),
        (Kind::Engagement, &[EngagementAction::Sent.code(), EngagementAction::Ad.code()]),
        (Kind::Survey, &[SurveyAction::Delivered.code()]),
        (Kind::Case, &[CaseAction::FirstResponse.code(), CaseAction::Solved.code()]),
        (Kind::Complaint, &[FeedbackAction::Answered.code()]),
        (Kind::FeatureRequest, &[FeedbackAction::Answered.code()]),
    ];
    let does = |(kind, actions): &(Kind, &[i16])| match actions {
        [] => format!("kind = {}", kind.code()),
        actions => {
            format!(
                "(kind = {} AND COALESCE(action, 0) IN ({}))",
                kind.code(),
                numbers(actions.iter().copied())
            )
        }
    };
    let asked = company.iter().filter(|(kind, _)| kinds.contains(kind));
    let asked: Vec<String> = asked.map(does).collect();
    if asked.is_empty() { String::new() } else { format!(" AND NOT ({})", asked.join(" OR ")) }
}

fn of_kinds(kinds: &[Kind]) -> String {
    format!("kind IN ({})", numbers(kinds.iter().map(|kind| kind.code())))
}

/// The next column as a persona's ordinal.
fn persona(columns: &mut Columns<'_>) -> Result<Option<i16>> {
    let ordinal: i64 = columns.take()?;
    Ok(i16::try_from(ordinal).ok().filter(|ordinal| *ordinal >= 0))
}

#[cfg(test)]
mod tests;
