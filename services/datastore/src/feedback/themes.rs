//! Counts of themes: over a range and the one before it, by bucket and persona, with the forms of their words and examples.

use super::FeedbackFilter;
use super::filter::{Conditions, PERSONA, TEXT, of_kind, position};
use crate::error::{Error, Result};
use crate::metrics::rank;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::codes::{Kind, SurveyKind};
use cx_analytics::metrics::Buckets;
use cx_analytics::voice::{Answers, Counted, Moments, Tally};
use std::collections::{BTreeMap, HashMap};

/// Of which texts themes are asked.
#[derive(Debug, Clone)]
pub struct ThemeQuestion<'a> {
    /// The segmentation whose personas are meant.
    pub segmentation_id: Option<&'a str>,
    /// The range and its buckets.
    pub buckets: &'a Buckets,
    /// Which texts.
    pub filter: &'a FeedbackFilter,
}

/// Texts of a theme, or of a language, by bucket and persona.
pub type Mentions = HashMap<String, BTreeMap<(usize, Option<i16>), i64>>;

/// Somebody's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Whose.
    pub customer_id: String,
    /// Which interaction's.
    pub interaction_id: String,
    /// When they were said.
    pub occurred_at: Timestamp,
    /// The words.
    pub text: String,
}

/// Counts of texts `s`, in the range (`now`), and the number of those before it.
const TALLY: &str = "CAST(SUM(s.now) AS BIGINT), COUNT(DISTINCT CASE WHEN s.now = 1 THEN s.customer_id END),
    COUNT(s.tone), CAST(COALESCE(SUM(s.tone), 0) AS BIGINT), CAST(COALESCE(SUM(s.tone * s.tone), 0) AS BIGINT),
    COUNT(s.score), CAST(COALESCE(SUM(s.score), 0) AS BIGINT), CAST(COALESCE(SUM(s.score * s.score), 0) AS BIGINT),
    COUNT(CASE WHEN s.nps = 1 THEN 1 END), COUNT(CASE WHEN s.nps = 1 AND s.answer >= 9 THEN 1 END),
    COUNT(CASE WHEN s.nps = 1 AND s.answer <= 6 THEN 1 END),
    COUNT(CASE WHEN s.nps = 2 THEN 1 END), COUNT(CASE WHEN s.nps = 2 AND s.answer >= 9 THEN 1 END),
    COUNT(CASE WHEN s.nps = 2 AND s.answer <= 6 THEN 1 END),
    CAST(SUM(1 - s.now) AS BIGINT)";

const MENTIONED: &str = "JOIN feedback_theme t ON t.customer_id = s.customer_id AND t.interaction_id = s.interaction_id";

impl ThemeQuestion<'_> {
    /// `WITH s AS (…)`: the texts of the range and, where asked for, of the one of equal length before it.
    fn texts(&self, with_before: bool) -> (String, Conditions) {
        let mut conditions = Conditions::new(self.segmentation_id);
        conditions.filter(self.filter);
        if !self.filter.kinds.is_empty() {
            let kinds: Vec<String> = self.filter.kinds.iter().map(|kind| of_kind(*kind)).collect();
            conditions.text += &format!(" AND ({})", kinds.join(" OR "));
        }
        let (start, end) = (self.buckets.start(), self.buckets.end());
        let before = start.plus(-(end.micros() - start.micros()));
        let from = if with_before { before } else { start }.micros();
        let (start, end) = (start.micros(), end.micros());
        let [relational, transactional] =
            [SurveyKind::NpsRelational, SurveyKind::NpsTransactional].map(SurveyKind::code);
        let text = format!(
            "WITH s AS (
                 SELECT f.customer_id, f.interaction_id, f.occurred_at, f.language, a.persona, i.score AS answer,
                     CASE WHEN f.occurred_at >= {start} THEN 1 ELSE 0 END AS now,
                     CAST(CASE WHEN f.occurred_at >= {start} THEN f.sentiment END AS BIGINT) AS tone,
                     CAST(CASE WHEN f.occurred_at >= {start} THEN {} END AS BIGINT) AS score,
                     CASE WHEN f.occurred_at >= {start} AND i.kind = {} AND i.score_min = 0 AND i.score_max = 10
                               AND i.lower_is_better = 0 AND i.score IS NOT NULL
                          THEN CASE i.variant WHEN {relational} THEN 1 WHEN {transactional} THEN 2 END END AS nps
                 FROM feedback f
                 JOIN interaction i ON i.customer_id = f.customer_id AND i.interaction_id = f.interaction_id
                 {PERSONA}
                 WHERE f.occurred_at >= {from} AND f.occurred_at < {end}{})",
            position(),
            Kind::Survey.code(),
            conditions.text,
        );
        (text, conditions)
    }
}

/// Customers who used a term in the range.
const SPEAKERS: &str = "COUNT(DISTINCT CASE WHEN s.now = 1 THEN s.customer_id END)";
/// Most terms of which themes are made: with one customer enough, every word anybody ever used is one.
const MOST: u64 = 50_000;

impl Store {
    /// Counts of every term that so many customers used in the range, at most [`MOST`], those of most customers; and of every language.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn theme_counts(
        &self,
        question: &ThemeQuestion<'_>,
        min_customers: i64,
    ) -> Result<(Vec<Counted>, Vec<Counted>)> {
        let (texts, conditions) = question.texts(true);
        let enough = format!("HAVING {SPEAKERS} >= {min_customers}");
        let terms = format!(
            "{texts} SELECT t.theme, {TALLY} FROM s {MENTIONED} GROUP BY t.theme {enough} ORDER BY {SPEAKERS} DESC, t.theme LIMIT {MOST}"
        );
        let languages = format!("{texts} SELECT s.language, {TALLY} FROM s GROUP BY s.language");
        let mut found = Vec::new();
        for text in [terms, languages] {
            let rows = sql::query_all(self.query(), &text, conditions.values.clone()).await?;
            found.push(rows.iter().map(counted).collect::<Result<Vec<_>>>()?);
        }
        let languages = found.pop().unwrap_or_default();
        Ok((found.pop().unwrap_or_default(), languages))
    }

    /// Texts in the range by bucket and persona: of these themes, and of every language.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn theme_mentions(
        &self,
        question: &ThemeQuestion<'_>,
        themes: &[String],
    ) -> Result<Mentions> {
        let (texts, mut conditions) = question.texts(false);
        let bucket = rank("s.occurred_at", &question.buckets.starts()[1..]);
        let select = |name: &str, rest: &str| {
            format!(
                "{texts} SELECT {name}, {bucket}, s.persona, COUNT(*) FROM s {rest} GROUP BY 1, 2, 3"
            )
        };
        let languages = select("s.language", "");
        let mut statements = vec![(languages, conditions.values.clone())];
        if !themes.is_empty() {
            let marks = conditions.marks(themes);
            let rest = format!("{MENTIONED} WHERE t.theme IN ({marks})");
            statements.push((select("t.theme", &rest), conditions.values));
        }
        let mut mentions = Mentions::new();
        for (text, values) in statements {
            for row in sql::query_all(self.query(), &text, values).await? {
                let mut columns = Columns::of(&row);
                let (name, bucket, persona) =
                    (columns.take()?, columns.take::<i64>()?, columns.take()?);
                let bucket =
                    usize::try_from(bucket).map_err(|_| Error::Corrupt { what: "bucket" })?;
                mentions.entry(name).or_default().insert((bucket, persona), columns.take()?);
            }
        }
        Ok(mentions)
    }

    /// The commonest form of each theme in the range; of equally common ones the first by its letters.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn theme_labels(
        &self,
        question: &ThemeQuestion<'_>,
        themes: &[String],
    ) -> Result<HashMap<String, String>> {
        if themes.is_empty() {
            return Ok(HashMap::new());
        }
        let (texts, mut conditions) = question.texts(false);
        let marks = conditions.marks(themes);
        let text = format!(
            "{texts} SELECT t.theme, t.surface, COUNT(*) FROM s {MENTIONED} WHERE t.theme IN ({marks}) GROUP BY 1, 2"
        );
        let mut best: HashMap<String, (i64, String)> = HashMap::new();
        for row in sql::query_all(self.query(), &text, conditions.values).await? {
            let mut columns = Columns::of(&row);
            let (theme, surface): (String, String) = (columns.take()?, columns.take()?);
            let count: i64 = columns.take()?;
            let known = best.entry(theme).or_insert_with(|| (count, surface.clone()));
            if (count, &known.1) > (known.0, &surface) {
                *known = (count, surface);
            }
        }
        Ok(best.into_iter().map(|(theme, (_, surface))| (theme, surface)).collect())
    }

    /// The newest words with each theme in the range, of so many customers.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Timeout`].
    pub async fn theme_quotes(
        &self,
        question: &ThemeQuestion<'_>,
        themes: &[String],
        each: i64,
    ) -> Result<HashMap<String, Vec<Quote>>> {
        if themes.is_empty() || each == 0 {
            return Ok(HashMap::new());
        }
        let (texts, mut conditions) = question.texts(false);
        let marks = conditions.marks(themes);
        let newest = "occurred_at DESC, customer_id, interaction_id";
        let text = format!(
            "{texts} SELECT q.theme, q.customer_id, q.interaction_id, q.occurred_at, {TEXT} FROM (
                 SELECT c.theme, c.customer_id, c.interaction_id, c.occurred_at,
                     ROW_NUMBER() OVER (PARTITION BY c.theme ORDER BY {newest}) AS place
                 FROM (SELECT t.theme, s.customer_id, s.interaction_id, s.occurred_at,
                           ROW_NUMBER() OVER (PARTITION BY t.theme, s.customer_id
                               ORDER BY s.occurred_at DESC, s.interaction_id) AS latest
                       FROM s {MENTIONED} WHERE t.theme IN ({marks})) c
                 WHERE c.latest = 1) q
             JOIN interaction i ON i.customer_id = q.customer_id AND i.interaction_id = q.interaction_id
             WHERE q.place <= {each} ORDER BY q.theme, q.place"
        );
        let mut quotes: HashMap<String, Vec<Quote>> = HashMap::new();
        for row in sql::query_all(self.query(), &text, conditions.values).await? {
            let mut columns = Columns::of(&row);
            let theme = columns.take()?;
            quotes.entry(theme).or_default().push(Quote {
                customer_id: columns.take()?,
                interaction_id: columns.take()?,
                occurred_at: columns.instant()?,
                text: columns.take()?,
            });
        }
        Ok(quotes)
    }
}

fn counted(row: &sea_orm::QueryResult) -> Result<Counted> {
    let mut columns = Columns::of(row);
    let name = columns.take()?;
    let mut number = || columns.take::<i64>();
    let now = Tally {
        texts: number()?,
        customers: number()?,
        sentiment: Moments { n: number()?, sum: number()?, squares: number()? },
        score: Moments { n: number()?, sum: number()?, squares: number()? },
        nps: [
            Answers { n: number()?, promoters: number()?, detractors: number()? },
            Answers { n: number()?, promoters: number()?, detractors: number()? },
        ],
    };
    Ok(Counted { name, now, before: number()? })
}
