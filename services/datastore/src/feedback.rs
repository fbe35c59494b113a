//! What customers say: which texts are to be read, what was read in them, and the analysers that read.
//!
//! The words stay in `interaction`; here is what follows from them. Like assignments, annotations are found by arrival and not by
//! ingest: which texts are unread follows from what is there.

mod filter;
mod list;
mod themes;

pub use filter::FeedbackFilter;
pub use list::{FeedbackKey, FeedbackPage, StoredFeedback};
pub use themes::{Mentions, Quote, ThemeQuestion};

use crate::connect::{Column, bulk_insert, hold_erasures};
use crate::duties::{Duty, held};
use crate::error::Result;
use crate::segmentations::parsed;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::codes::{Kind, SurveyKind};
use cx_analytics::interaction::Score;
use cx_analytics::voice::{Analyser, Annotation, Sample, verdict};
use filter::{TEXT, has_text};
use sea_orm::{DatabaseTransaction, Value};

/// The language of texts that are in none that can be told.
pub const UNKNOWN_LANGUAGE: &str = "und";

/// A text that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Whose.
    pub customer_id: String,
    /// Its id.
    pub interaction_id: String,
    /// When it was said.
    pub occurred_at: Timestamp,
    /// When it arrived.
    pub received_at: Timestamp,
    /// The words.
    pub text: String,
}

/// Longest part of a text that is learned from, in characters.
const LEARNED: i64 = 2_000;
/// Analysers that stay for whoever is still reading with them.
const KEPT: i64 = 3;
/// Rows removed in one statement.
const REMOVED: usize = 250;

impl Store {
    /// The next `limit` texts that arrived from `from` to before `to` and were not read by this analyser, by arrival; after one of them,
    /// where that is given.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn feedback_unread(
        &self,
        analyser_id: &str,
        (from, to): (Timestamp, Timestamp),
        after: Option<&Unread>,
        limit: u64,
    ) -> Result<Vec<Unread>> {
        let mut values: Vec<Value> =
            vec![analyser_id.into(), from.micros().into(), to.micros().into()];
        let mut later = "";
        if let Some(after) = after {
            later = " AND (i.received_at, i.customer_id, i.interaction_id) > ($4, $5, $6)";
            let (customer, interaction) = (&after.customer_id, &after.interaction_id);
            values.extend([after.received_at.micros().into(), customer.into(), interaction.into()]);
        }
        let text = format!(
            "SELECT i.customer_id, i.interaction_id, i.occurred_at, i.received_at, {TEXT}
             FROM interaction i WHERE i.received_at >= $2 AND i.received_at < $3{later} AND {}
               AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.customer_id = i.customer_id
                               AND f.interaction_id = i.interaction_id AND f.analyser = $1)
             ORDER BY i.received_at, i.customer_id, i.interaction_id LIMIT {limit}",
            has_text()
        );
        let rows = sql::query_all(self.long(), &text, values).await?;
        let read = |row| {
            let mut columns = Columns::of(row);
            Ok(Unread {
                customer_id: columns.take()?,
                interaction_id: columns.take()?,
                occurred_at: columns.instant()?,
                received_at: columns.instant()?,
                text: columns.take()?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Writes what an analyser read in texts. Nothing is written of who was erased meanwhile.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] where `owner` has not the duty any more; [`crate::Error::Unavailable`].
    pub async fn feedback_annotate(
        &self,
        (analyser_id, owner): (&str, &str),
        read: &[(Unread, Annotation)],
    ) -> Result<()> {
        self.write_long(async |tx| {
            held(tx, Duty::Voice, owner).await?;
            hold_erasures(tx).await?;
            let all = read.iter().map(|(unread, _)| unread.customer_id.as_str()).collect();
            let erased = self.suppressed_among(tx, all).await?;
            let kept: Vec<&(Unread, Annotation)> = (read.iter())
                .filter(|(unread, _)| !erased.contains(unread.customer_id.as_str()))
                .collect();
            remove_themes(tx, &kept).await?;
            let tail = "ON CONFLICT (customer_id, interaction_id) DO UPDATE SET analyser = excluded.analyser,
                        language = excluded.language, polarity = excluded.polarity,
                        sentiment = excluded.sentiment, confidence = excluded.confidence";
            bulk_insert(tx, "feedback", &annotations(analyser_id, &kept), tail).await?;
            bulk_insert(tx, "feedback_theme", &terms(&kept), "").await?;
            Ok(())
        })
        .await
    }

    /// How many texts were read, by whichever analyser.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn feedback_count(&self) -> Result<i64> {
        let row = sql::query_one(self.long(), "SELECT COUNT(*) FROM feedback", vec![]).await?;
        row.map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// How many texts there are, read or not.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn feedback_texts(&self) -> Result<i64> {
        let text = format!("SELECT COUNT(*) FROM interaction i WHERE {}", has_text());
        let row = sql::query_one(self.long(), &text, vec![]).await?;
        row.map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// How many terms are kept of a customer's texts.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn feedback_theme_count(&self, customer_id: &str) -> Result<i64> {
        let text = "SELECT COUNT(*) FROM feedback_theme WHERE customer_id = $1";
        let row = sql::query_one(self.read(), text, vec![customer_id.into()]).await?;
        row.map_or(Ok(0), |row| Columns::of(&row).take())
    }

    /// Whether a text was read by another analyser than this one.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn feedback_outdated(&self, analyser_id: &str) -> Result<bool> {
        let text = "SELECT 1 FROM feedback WHERE analyser <> $1 LIMIT 1";
        Ok(sql::query_one(self.long(), text, vec![analyser_id.into()]).await?.is_some())
    }

    /// The latest `limit` texts to learn from, with what their scores say.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn feedback_samples(&self, limit: u64) -> Result<Vec<Sample>> {
        let text = format!(
            "SELECT i.customer_id, i.interaction_id, SUBSTR({TEXT}, 1, {LEARNED}), i.kind, i.variant,
                    i.score, i.score_min, i.score_max, i.lower_is_better
             FROM interaction i WHERE {}
             ORDER BY i.occurred_at DESC, i.customer_id, i.interaction_id LIMIT $1",
            has_text()
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        sql::query_all(self.long(), &text, vec![limit.into()]).await?.iter().map(sample).collect()
    }

    /// The active analyser, and how many texts had been read when it was trained: the program's own where none was.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Corrupt`].
    pub async fn feedback_analyser(&self) -> Result<(Analyser, i64)> {
        let text = "SELECT analyser_id, texts, model FROM feedback_analyser
                    ORDER BY trained_at DESC, analyser_id LIMIT 1";
        let Some(row) = sql::query_one(self.read(), text, vec![]).await? else {
            return Ok((Analyser::default(), 0));
        };
        let mut columns = Columns::of(&row);
        let (id, texts): (String, i64) = (columns.take()?, columns.take()?);
        // One that another version of the program learned: learn anew.
        if !Analyser::is_current(&id) {
            return Ok((Analyser::default(), 0));
        }
        Ok((parsed(&columns.take::<String>()?, "analyser")?, texts))
    }

    /// Makes an analyser the active one.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`] where `owner` has not the duty any more; [`crate::Error::Unavailable`].
    pub async fn feedback_analyser_put(
        &self,
        (analyser, texts): (&Analyser, i64),
        owner: &str,
        now: Timestamp,
    ) -> Result<()> {
        let model = serde_json::to_string(analyser)
            .map_err(|_| crate::Error::Corrupt { what: "analyser" })?;
        self.write_long(async |tx| {
            held(tx, Duty::Voice, owner).await?;
            let put = "INSERT INTO feedback_analyser (analyser_id, trained_at, texts, model) VALUES ($1, $2, $3, $4)
                       ON CONFLICT (analyser_id) DO UPDATE SET trained_at = excluded.trained_at, texts = excluded.texts";
            let values =
                vec![analyser.id().into(), now.micros().into(), texts.into(), model.as_str().into()];
            sql::execute(tx, put, values).await?;
            let prune = "DELETE FROM feedback_analyser WHERE analyser_id NOT IN
                             (SELECT analyser_id FROM feedback_analyser ORDER BY trained_at DESC, analyser_id LIMIT $1)";
            sql::execute(tx, prune, vec![KEPT.into()]).await?;
            Ok(())
        })
        .await
    }
}

fn sample(row: &sea_orm::QueryResult) -> Result<Sample> {
    let mut columns = Columns::of(row);
    let (customer_id, interaction_id, text) = (columns.take()?, columns.take()?, columns.take()?);
    let (kind, variant): (i16, Option<i16>) = (columns.take()?, columns.take()?);
    let mut number = || columns.take::<Option<i32>>();
    let (value, min, max) = (number()?, number()?, number()?);
    let lower: Option<i16> = columns.take()?;
    let score = value.zip(min).zip(max).map(|((value, min), max)| Score {
        value,
        min,
        max,
        lower_is_better: lower.is_some_and(|lower| lower != 0),
    });
    let nps = [SurveyKind::NpsRelational, SurveyKind::NpsTransactional].map(SurveyKind::code);
    let nps = kind == Kind::Survey.code() && variant.is_some_and(|v| nps.contains(&v));
    let positive = score.and_then(|score| verdict(&score, nps));
    Ok(Sample { customer_id, interaction_id, text, positive })
}

fn annotations<'a>(analyser_id: &str, read: &[&(Unread, Annotation)]) -> [(&'a str, Column); 8] {
    let sentiment = |of: fn(cx_analytics::voice::Sentiment) -> i16| {
        Column::OptI16(read.iter().map(|(_, a)| a.sentiment.map(of)).collect())
    };
    let text = |of: fn(&(Unread, Annotation)) -> &str| {
        Column::Text(read.iter().map(|one| of(one).to_owned()).collect())
    };
    [
        ("customer_id", text(|(unread, _)| &unread.customer_id)),
        ("interaction_id", text(|(unread, _)| &unread.interaction_id)),
        ("occurred_at", Column::I64(read.iter().map(|(u, _)| u.occurred_at.micros()).collect())),
        ("analyser", Column::Text(vec![analyser_id.to_owned(); read.len()])),
        ("language", text(|(_, annotation)| annotation.language.unwrap_or(UNKNOWN_LANGUAGE))),
        ("polarity", sentiment(|s| s.polarity.code())),
        ("sentiment", sentiment(|s| s.score)),
        ("confidence", sentiment(|s| s.confidence)),
    ]
}

fn terms<'a>(read: &[&(Unread, Annotation)]) -> [(&'a str, Column); 4] {
    let all = || read.iter().flat_map(|(u, a)| a.terms.iter().map(move |term| (u, term)));
    [
        ("customer_id", Column::Text(all().map(|(u, _)| u.customer_id.clone()).collect())),
        ("interaction_id", Column::Text(all().map(|(u, _)| u.interaction_id.clone()).collect())),
        ("theme", Column::Text(all().map(|(_, term)| term.id.clone()).collect())),
        ("surface", Column::Text(all().map(|(_, term)| term.surface.clone()).collect())),
    ]
}

/// Removes what an earlier analyser found in these texts.
async fn remove_themes(tx: &DatabaseTransaction, read: &[&(Unread, Annotation)]) -> Result<()> {
    for part in read.chunks(REMOVED) {
        let pairs: Vec<String> =
            (0..part.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2)).collect();
        let key = |(unread, _): &&(Unread, Annotation)| -> [Value; 2] {
            [unread.customer_id.as_str().into(), unread.interaction_id.as_str().into()]
        };
        let text = format!(
            "DELETE FROM feedback_theme WHERE (customer_id, interaction_id) IN (VALUES {})",
            pairs.join(", ")
        );
        sql::execute(tx, &text, part.iter().flat_map(key).collect()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
