//! The frame of every metric's statement: range, buckets, groups and filter.

use crate::connect;
use crate::error::{Error, Result};
use crate::sql::{Columns, numbers};
use cx_analytics::churn::Definition;
use cx_analytics::codes::{Channel, Kind, Stage};
use cx_analytics::features::Field;
use cx_analytics::metrics::{Buckets, CaseClock, Detail, GroupKey, Metric, ResponsePolicy, Waits};
use cx_analytics::{Gender, Timestamp, time::DAY};
use sea_orm::{DbBackend, Value};

/// By what to tell counts apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dimensions {
    /// The customer's persona.
    pub persona: bool,
    /// The channel.
    pub channel: bool,
    /// The stage.
    pub stage: bool,
    /// An attribute of the customer.
    pub attribute: Option<Attribute>,
    /// Survey, reason or campaign, as the metric has it.
    pub detail: bool,
}

/// An attribute of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// One that every customer may have.
    Field(Field),
    /// An entry of the customer's further attributes.
    Entry(String),
}

/// What to count of: fields by "and", values within a field by "or", an empty field lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Ordinals of personas.
    pub personas: Vec<i16>,
    /// Channels.
    pub channels: Vec<Channel>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Values of attributes; an empty one stands for customers without.
    pub attributes: Vec<(Attribute, Vec<String>)>,
    /// Surveys, reasons or campaigns, as the metric has it; an empty one stands for none.
    pub details: Vec<String>,
}

/// What churn is, and when it is looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Churned {
    /// What churn is.
    pub definition: Definition,
    /// The cut-offs in rising order; the first is that of bucket 0.
    pub cut_offs: Vec<Timestamp>,
}

/// What to count, for whichever metric.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The range and its buckets.
    pub buckets: &'a Buckets,
    /// Only interactions before this instant are seen …
    pub as_of: Timestamp,
    /// … but for the outcome of what began before it, which is followed until this one.
    pub known_until: Timestamp,
    /// By what to tell counts apart.
    pub by: Dimensions,
    /// What to count of.
    pub filter: &'a Filter,
    /// The segmentation whose personas are meant; needed where they are grouped or filtered by.
    pub segmentation_id: Option<&'a str>,
    /// Which answers of a person count.
    pub policy: ResponsePolicy,
    /// Which instant files a case.
    pub clock: CaseClock,
    /// What churn is.
    pub churned: &'a Churned,
    /// How long is waited for what makes a contact a good one.
    pub waits: Waits,
}

/// Parts of SQL that a question makes of itself.
pub(super) struct Frame<'a> {
    pub question: &'a Question<'a>,
    /// Name and expression of each column that rows of `i` are told apart by.
    keys: Vec<(&'static str, String)>,
    join: String,
    filter: String,
    values: Vec<Value>,
    /// Whether survey, reason or campaign are asked for, and whether they tell apart.
    detailed: bool,
    by_detail: bool,
}

impl<'a> Frame<'a> {
    pub fn new(question: &'a Question<'a>, metric: Metric, backend: DbBackend) -> Self {
        let mut frame = Self {
            question,
            keys: Vec::new(),
            join: String::new(),
            filter: String::new(),
            values: Vec::new(),
            detailed: false,
            by_detail: question.by.detail && metric.detail().is_some(),
        };
        frame.of_personas();
        let number = |column: &str| format!("CAST({column} AS BIGINT)");
        frame.of_column(question.by.channel, "channel", number("i.channel"));
        frame.of_column(question.by.stage, "stage", number("i.stage"));
        let codes: Vec<i16> = question.filter.channels.iter().map(|code| code.code()).collect();
        frame.only("i.channel", &codes);
        let codes: Vec<i16> = question.filter.stages.iter().map(|code| code.code()).collect();
        frame.only("i.stage", &codes);
        frame.of_attributes(backend);
        if let Some(detail) = metric.detail() {
            let column = match detail {
                Detail::Survey => "COALESCE(i.subject, '')",
                Detail::Reason | Detail::Campaign => "COALESCE(i.topic, '')",
            };
            frame.detailed = question.by.detail || !question.filter.details.is_empty();
            frame.of_column(question.by.detail, "detail", column.to_owned());
            frame.one_of(column, &question.filter.details);
        }
        frame
    }

    fn of_personas(&mut self) {
        let (by, personas) = (self.question.by.persona, &self.question.filter.personas);
        if !by && personas.is_empty() {
            return;
        }
        let mark = self.mark(self.question.segmentation_id.unwrap_or_default());
        self.join += &format!(
            " LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = {mark}"
        );
        self.of_column(by, "persona", "CAST(COALESCE(a.persona, -1) AS BIGINT)".to_owned());
        self.only("a.persona", personas);
    }

    fn of_attributes(&mut self, backend: DbBackend) {
        let (by, filters) = (&self.question.by.attribute, &self.question.filter.attributes);
        if by.is_some() || !filters.is_empty() {
            self.join += " LEFT JOIN customer c ON c.customer_id = i.customer_id";
        }
        if let Some(attribute) = by {
            let value = self.value_of(attribute, backend);
            self.of_column(true, "attribute", value);
        }
        for (attribute, values) in filters {
            let value = self.value_of(attribute, backend);
            self.one_of(&value, values);
        }
    }

    /// The customer's value of an attribute; empty for none.
    fn value_of(&mut self, attribute: &Attribute, backend: DbBackend) -> String {
        let value = match attribute {
            Attribute::Field(Field::Gender) => {
                let name =
                    |gender: Gender| format!(" WHEN {} THEN '{}'", gender.code(), gender.name());
                format!("CASE c.gender{} END", Gender::ALL.map(name).concat())
            }
            Attribute::Field(field) => format!("c.{}", field.name()),
            Attribute::Entry(key) => {
                let mark = self.mark(key);
                connect::entry_of(backend, "c.attributes", &mark)
            }
        };
        format!("COALESCE({value}, '')")
    }

    fn of_column(&mut self, asked: bool, name: &'static str, column: String) {
        if asked {
            self.keys.push((name, column));
        }
    }

    fn only(&mut self, column: &str, codes: &[i16]) {
        if !codes.is_empty() {
            self.filter += &format!(" AND {column} IN ({})", numbers(codes.iter().copied()));
        }
    }

    fn one_of(&mut self, column: &str, texts: &[String]) {
        if !texts.is_empty() {
            let marks: Vec<String> = texts.iter().map(|text| self.mark(text)).collect();
            self.filter += &format!(" AND {column} IN ({})", marks.join(", "));
        }
    }

    /// Makes a text a parameter.
    fn mark(&mut self, text: &str) -> String {
        self.values.push(text.into());
        format!("${}", self.values.len())
    }

    /// The parameters of every statement.
    pub fn values(&self) -> Vec<Value> {
        self.values.clone()
    }

    /// Whether survey, reason or campaign are asked for.
    pub fn detailed(&self) -> bool {
        self.detailed
    }

    /// `bucket, …` of rows of `i` that are filed under the column `at`: what they are told apart by.
    pub fn columns(&self, at: &str) -> String {
        let starts = self.question.buckets.starts();
        format!("{} AS bucket{}", rank(at, &starts[1..]), self.groups())
    }

    /// The same without the bucket, each with a comma before.
    pub fn groups(&self) -> String {
        self.keys.iter().map(|(name, column)| format!(", {column} AS {name}")).collect()
    }

    /// The names of these columns.
    pub fn names(&self) -> String {
        let names: String = self.keys.iter().map(|(name, _)| format!(", {name}")).collect();
        format!("bucket{names}")
    }

    /// Their numbers, and those of `more` columns that follow them.
    pub fn numbers(&self, more: usize) -> String {
        (1..=1 + self.keys.len() + more).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Joins what is known of `i.customer_id`, where it is asked for.
    pub fn join(&self) -> &str {
        &self.join
    }

    /// `AND …` for rows of `i` that the filter lets through.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Reads bucket and group from the beginning of a row.
    pub fn key(&self, row: &mut Columns<'_>) -> Result<GroupKey> {
        let by = &self.question.by;
        let bucket = usize::try_from(row.take::<i64>()?);
        let mut code = |asked: bool| -> Result<Option<i16>> {
            if !asked {
                return Ok(None);
            }
            Ok(i16::try_from(row.take::<i64>()?).ok().filter(|code| *code >= 0))
        };
        let (persona, channel, stage) = (code(by.persona)?, code(by.channel)?, code(by.stage)?);
        let mut text = |asked: bool| asked.then(|| row.take::<String>()).transpose();
        Ok(GroupKey {
            bucket: bucket.map_err(|_| Error::Corrupt { what: "bucket" })?,
            persona,
            channel: channel.and_then(Channel::from_code),
            stage: stage.and_then(Stage::from_code),
            attribute: text(by.attribute.is_some())?,
            detail: text(self.by_detail)?,
            ..GroupKey::default()
        })
    }

    /// Start of the range.
    pub fn start(&self) -> i64 {
        self.question.buckets.start().micros()
    }

    /// Before this instant interactions are seen. Never after the end of the range.
    pub fn end(&self) -> i64 {
        self.end_at().micros()
    }

    fn end_at(&self) -> Timestamp {
        self.question.as_of.min(self.question.buckets.end())
    }

    /// Before this instant the outcome is seen of what takes at most so many microseconds to show.
    pub fn later(&self, lag: i64) -> i64 {
        let end = self.end_at();
        end.plus(lag).min(self.question.known_until).max(end).micros()
    }

    /// Interactions of `i` of these kinds in the range that the filter lets through.
    pub fn of_kinds(&self, kinds: &[Kind]) -> String {
        format!(
            "FROM interaction i {} WHERE i.kind IN ({}) AND i.occurred_at >= {} AND i.occurred_at < {}{}",
            self.join(),
            numbers(kinds.iter().map(|kind| kind.code())),
            self.start(),
            self.end(),
            self.filter()
        )
    }
}

/// Microseconds of so many days.
pub(super) fn days(days: i64) -> i64 {
    days.saturating_mul(DAY)
}

/// How many of the rising `edges` are not after `column`: a binary search written as nested CASE.
pub(crate) fn rank(column: &str, edges: &[Timestamp]) -> String {
    format!("CAST({} AS BIGINT)", search(column, edges, 0))
}

fn search(column: &str, edges: &[Timestamp], before: usize) -> String {
    let middle = edges.len() / 2;
    match edges.get(middle) {
        None => before.to_string(),
        Some(edge) => {
            let (edge, below) = (edge.micros(), search(column, &edges[..middle], before));
            let above = search(column, &edges[middle + 1..], before + middle + 1);
            format!("CASE WHEN {column} < {edge} THEN {below} ELSE {above} END")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_searched_by_halves() {
        let edges: Vec<Timestamp> =
            [10, 20, 30].into_iter().filter_map(Timestamp::from_micros).collect();
        assert_eq!(
            rank("t", &edges),
            "CAST(CASE WHEN t < 20 THEN CASE WHEN t < 10 THEN 0 ELSE 1 END \
             ELSE CASE WHEN t < 30 THEN 2 ELSE 3 END END AS BIGINT)"
        );
        assert_eq!(rank("t", &[]), "CAST(0 AS BIGINT)");
    }
}
