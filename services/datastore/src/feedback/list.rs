//! Texts, newest first, each with what was read in it. Those that were not read yet are there as well: nothing that was
//! acknowledged is missing.

use super::filter::{Conditions, PERSONA, has_text, of_kind};
use super::{FeedbackFilter, UNKNOWN_LANGUAGE};
use crate::error::{Error, Result};
use crate::interactions::Stored;
use crate::rows::{COLUMNS, Row};
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::voice::{FeedbackKind, Polarity, Sentiment, code_known};
use sea_orm::QueryResult;
use std::collections::HashMap;
use std::ops::Range;

/// A text and what was read in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFeedback {
    /// The record with the words.
    pub stored: Stored,
    /// The analyser that read it; none where none did yet.
    pub analyser_id: Option<String>,
    /// Its language, where that can be told.
    pub language: Option<&'static str>,
    /// How it sounds, where that can be told.
    pub sentiment: Option<Sentiment>,
    /// Ids of its terms.
    pub themes: Vec<String>,
    /// The customer's persona in the segmentation asked for, by its place.
    pub persona: Option<i16>,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackKey {
    /// When the last text was said.
    pub occurred_at: Timestamp,
    /// Whose it was.
    pub customer_id: String,
    /// Its id.
    pub interaction_id: String,
}

/// Which page of texts.
#[derive(Debug, Clone)]
pub struct FeedbackPage<'a> {
    /// The segmentation from which personas are told.
    pub segmentation_id: Option<&'a str>,
    /// When they were said.
    pub range: Range<Timestamp>,
    /// Which of them.
    pub filter: &'a FeedbackFilter,
    /// After which text.
    pub after: Option<FeedbackKey>,
    /// Most texts.
    pub limit: u64,
}

impl Store {
    /// A page of texts, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn feedback_list(&self, page: &FeedbackPage<'_>) -> Result<Vec<StoredFeedback>> {
        let mut conditions = Conditions::new(page.segmentation_id);
        conditions.filter(page.filter);
        if let Some(key) = &page.after {
            let at = conditions.values.len() + 1;
            let values = [key.occurred_at.micros().into(), key.customer_id.as_str().into()];
            conditions.values.extend(values);
            conditions.values.push(key.interaction_id.as_str().into());
            conditions.text += &format!(
                " AND (i.occurred_at, i.customer_id, i.interaction_id) < (${at}, ${}, ${})",
                at + 1,
                at + 2
            );
        }
        let columns = COLUMNS.map(|column| format!("i.{column}")).join(", ");
        let order = "occurred_at DESC, customer_id DESC, interaction_id DESC";
        let kinds = if page.filter.kinds.is_empty() {
            FeedbackKind::ALL.to_vec()
        } else {
            page.filter.kinds.clone()
        };
        // Kind by kind, so that the index gives the newest of each without reading the others.
        let of_kind = |kind: FeedbackKind| {
            format!(
                "SELECT * FROM (SELECT {columns}, f.analyser, f.language, f.polarity, f.sentiment, f.confidence, a.persona
                     FROM interaction i
                     LEFT JOIN feedback f ON f.customer_id = i.customer_id AND f.interaction_id = i.interaction_id
                     {PERSONA}
                     WHERE {} AND {} AND i.occurred_at >= {} AND i.occurred_at < {}{}
                     ORDER BY i.occurred_at DESC, i.customer_id DESC, i.interaction_id DESC LIMIT {}) k{}",
                of_kind(kind),
                has_text(),
                page.range.start.micros(),
                page.range.end.micros(),
                conditions.text,
                page.limit,
                kind.code(),
            )
        };
        let parts: Vec<String> = kinds.into_iter().map(of_kind).collect();
        let text = format!(
            "SELECT * FROM ({}) t ORDER BY {order} LIMIT {}",
            parts.join(" UNION ALL "),
            page.limit
        );
        let rows = sql::query_all(self.query(), &text, conditions.values).await?;
        let mut found = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        let mut themes = self.themes_of(&found).await?;
        for one in &mut found {
            let record = &one.stored.interaction;
            let key = (record.customer_id.clone(), record.interaction_id.clone());
            one.themes = themes.remove(&key).unwrap_or_default();
        }
        Ok(found)
    }

    /// The terms of these texts, by customer and id.
    async fn themes_of(
        &self,
        found: &[StoredFeedback],
    ) -> Result<HashMap<(String, String), Vec<String>>> {
        let mut themes: HashMap<_, Vec<String>> = HashMap::new();
        for part in found.chunks(250) {
            let pairs: Vec<String> =
                (0..part.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2)).collect();
            let text = format!(
                "SELECT customer_id, interaction_id, theme FROM feedback_theme
                 WHERE (customer_id, interaction_id) IN (VALUES {}) ORDER BY theme",
                pairs.join(", ")
            );
            let key = |one: &StoredFeedback| {
                let record = &one.stored.interaction;
                [record.customer_id.as_str().into(), record.interaction_id.as_str().into()]
            };
            let values = part.iter().flat_map(key).collect();
            for row in sql::query_all(self.query(), &text, values).await? {
                let mut columns = Columns::of(&row);
                let key = (columns.take()?, columns.take()?);
                themes.entry(key).or_default().push(columns.take()?);
            }
        }
        Ok(themes)
    }
}

fn read(row: &QueryResult) -> Result<StoredFeedback> {
    let (interaction, received_at) = Row::read(row)?.into_interaction()?;
    let mut columns = Columns::after(row, COLUMNS.len());
    let (analyser_id, language): (_, Option<String>) = (columns.take()?, columns.take()?);
    let mut number = || columns.take::<Option<i16>>();
    let (polarity, score, confidence) = (number()?, number()?, number()?);
    let corrupt = Error::Corrupt { what: "sentiment" };
    let sentiment = match (polarity, score, confidence) {
        (Some(polarity), Some(score), Some(confidence)) => Some(Sentiment {
            polarity: Polarity::from_code(polarity).ok_or(corrupt)?,
            score,
            confidence,
        }),
        _ => None,
    };
    let language = language.filter(|code| code != UNKNOWN_LANGUAGE);
    Ok(StoredFeedback {
        stored: Stored { interaction, received_at },
        analyser_id,
        language: language.and_then(|code| code_known(&code)),
        sentiment,
        themes: Vec::new(),
        persona: number()?,
    })
}
