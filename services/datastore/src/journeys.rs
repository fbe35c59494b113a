//! Journeys: what follows what, counted in portable SQL. The figures are made of the counts in `cx-analytics`.
//!
//! Touchpoints are in order of time, those of one instant in order of their ids, so that the order of arrival changes nothing.
//! Integers stand in the text of a statement, so that the planner sees them; the one text is a parameter.

mod conversion;
mod map;
mod paths;

pub use conversion::Condition;
pub use paths::{PathAsked, PathKey, PathPage};

use crate::sql::Columns;
use cx_analytics::Timestamp;
use cx_analytics::codes::{
    CaseAction, Channel, EngagementAction, FeedbackAction, Kind, Stage, SurveyAction,
};
use cx_analytics::journeys::Place;
use cx_analytics::time::DAY;
use sea_orm::Value;

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
        let actions = if self.customer_actions { company_actions() } else { String::new() };
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

/// `AND NOT …` for what the company does.
fn company_actions() -> String {
    format!(
        " AND NOT (kind = {note} OR (kind = {engagement} AND action IN ({sent}, {ad})) OR (kind = {survey} AND action = {delivered})
              OR (kind = {case} AND action IN ({response}, {solved}))
              OR (kind IN ({complaint}, {request}) AND action = {answered}))",
        note = Kind::StaffNote.code(),
        engagement = Kind::Engagement.code(),
        sent = EngagementAction::Sent.code(),
        ad = EngagementAction::Ad.code(),
        survey = Kind::Survey.code(),
        delivered = SurveyAction::Delivered.code(),
        case = Kind::Case.code(),
        response = CaseAction::FirstResponse.code(),
        solved = CaseAction::Solved.code(),
        complaint = Kind::Complaint.code(),
        request = Kind::FeatureRequest.code(),
        answered = FeedbackAction::Answered.code(),
    )
}

fn of_kinds(kinds: &[Kind]) -> String {
    format!("kind IN ({})", numbers(kinds.iter().map(|kind| kind.code())))
}

/// Numbers with commas between.
fn numbers(codes: impl Iterator<Item = i16>) -> String {
    codes.map(|code| code.to_string()).collect::<Vec<_>>().join(", ")
}

/// The next column as a persona's ordinal.
fn persona(columns: &mut Columns<'_>) -> crate::Result<Option<i16>> {
    let ordinal: i64 = columns.take()?;
    Ok(i16::try_from(ordinal).ok().filter(|ordinal| *ordinal >= 0))
}

/// The place with this code: the channel, then four bits of the stage.
fn place(code: i64) -> Place {
    let part = |code: i64| i16::try_from(code).unwrap_or_default();
    Place { channel: Channel::from_code(part(code >> 4)), stage: Stage::from_code(part(code & 15)) }
}

#[cfg(test)]
mod tests;
