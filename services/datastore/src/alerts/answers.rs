//! Answers: surveys and reviews with a score, by arrival and by age.

use super::Found;
use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::alerts::{Answer, Detractor, Facts, Measure};
use cx_analytics::codes::{Kind, SurveyKind};
use cx_analytics::interaction::Score;
use cx_analytics::{Channel, Stage, Timestamp};
use sea_orm::QueryResult;
use std::ops::Range;

/// Somebody's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Whose.
    pub customer_id: String,
    /// The interaction that holds it.
    pub interaction_id: String,
    /// When it was given.
    pub occurred_at: Timestamp,
    /// What it answers; none where no rule knows that.
    pub measure: Option<Measure>,
    /// The answer.
    pub score: Score,
    /// On which channel.
    pub channel: Option<Channel>,
    /// In which stage.
    pub stage: Option<Stage>,
    /// The persona of who gave it, under the active segmentation.
    pub persona_id: Option<String>,
    at: i64,
}

/// Where a page of answers ended.
pub type OpinionKey = (i64, String, String);

impl Opinion {
    /// Where a page that ends with it ends.
    pub fn key(&self) -> OpinionKey {
        (self.at, self.customer_id.clone(), self.interaction_id.clone())
    }

    /// What a rule with this condition finds in it.
    pub fn found(&self, of: &Detractor) -> Option<Found> {
        let measure = self.measure.filter(|measure| of.is_raised_by(*measure, &self.score))?;
        Some(Found {
            customer_id: self.customer_id.clone(),
            persona_id: self.persona_id.clone(),
            channel: self.channel,
            stage: self.stage,
            event_at: self.occurred_at,
            facts: Facts::Answer(Answer {
                interaction_id: self.interaction_id.clone(),
                measure,
                score: self.score.value,
                scale: of.scale,
                threshold: of.threshold,
            }),
        })
    }
}

impl Store {
    /// The next `limit` answers that arrived in a range, by arrival; `after` is where the page before ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn opinions_arrived(
        &self,
        range: Range<Timestamp>,
        after: Option<&OpinionKey>,
        limit: u64,
    ) -> Result<Vec<Opinion>> {
        let kinds = [Kind::Survey, Kind::Review].map(|kind| kind.code().to_string()).join(", ");
        self.opinions("received_at", &format!("IN ({kinds})"), range, after, limit).await
    }

    /// The next `limit` answers of one kind of interaction (survey or review) that were given in a range, by age.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn opinions_given(
        &self,
        kind: Kind,
        range: Range<Timestamp>,
        after: Option<&OpinionKey>,
        limit: u64,
    ) -> Result<Vec<Opinion>> {
        self.opinions("occurred_at", &format!("= {}", kind.code()), range, after, limit).await
    }

    async fn opinions(
        &self,
        at: &str,
        kinds: &str,
        range: Range<Timestamp>,
        after: Option<&OpinionKey>,
        limit: u64,
    ) -> Result<Vec<Opinion>> {
        let start = after.map_or(range.start.micros(), |after| after.0);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut values = vec![start.into(), range.end.micros().into(), limit.into()];
        let mut further = "";
        if let Some((_, customer, id)) = after {
            values.extend([customer.as_str().into(), id.as_str().into()]);
            further = "AND (i.customer_id, i.interaction_id) > ($4, $5)";
        }
        // What follows in the same microsecond, and then what is later: each by the index.
        let further = match further {
            "" => String::new(),
            further => format!("AND (i.{at} > $1 OR (i.{at} = $1 {further}))"),
        };
        let text = format!(
            "SELECT i.{at}, i.customer_id, i.interaction_id, i.occurred_at, i.kind, i.variant, i.score, i.score_min, i.score_max,
                    i.lower_is_better, i.channel, i.stage, p.persona_id
             FROM interaction i {PERSONA}
             WHERE i.{at} >= $1 AND i.{at} < $2 AND i.kind {kinds} AND i.score IS NOT NULL {further}
             ORDER BY i.{at}, i.customer_id, i.interaction_id LIMIT $3"
        );
        sql::query_all(self.long(), &text, values).await?.iter().map(opinion).collect()
    }
}

/// Joins the persona of `i.customer_id` under the active segmentation (kind 1).
pub(super) const PERSONA: &str = "LEFT JOIN active v ON v.kind = 1
             LEFT JOIN assignment m ON m.customer_id = i.customer_id AND m.segmentation_id = v.version_id
             LEFT JOIN persona p ON p.segmentation_id = m.segmentation_id AND p.ordinal = m.persona";

fn opinion(row: &QueryResult) -> Result<Opinion> {
    let mut columns = Columns::of(row);
    let c = &mut columns;
    let at = c.take()?;
    let (customer_id, interaction_id) = (c.take()?, c.take()?);
    let occurred_at = c.instant()?;
    let (kind, variant): (i16, Option<i16>) = (c.take()?, c.take()?);
    Ok(Opinion {
        customer_id,
        interaction_id,
        occurred_at,
        measure: measure(kind, variant)?,
        score: Score {
            value: c.take()?,
            min: c.take()?,
            max: c.take()?,
            lower_is_better: c.take::<i16>()? != 0,
        },
        channel: Channel::from_code(c.take()?),
        stage: Stage::from_code(c.take()?),
        persona_id: c.take()?,
        at,
    })
}

fn measure(kind: i16, variant: Option<i16>) -> Result<Option<Measure>> {
    if kind == Kind::Review.code() {
        return Ok(Some(Measure::Review));
    }
    let survey =
        variant.and_then(SurveyKind::from_code).ok_or(Error::Corrupt { what: "survey" })?;
    Ok(match survey {
        SurveyKind::NpsRelational => Some(Measure::NpsRelational),
        SurveyKind::NpsTransactional => Some(Measure::NpsTransactional),
        SurveyKind::Csat => Some(Measure::Csat),
        SurveyKind::Ces => Some(Measure::Ces),
        SurveyKind::Other => None,
    })
}
