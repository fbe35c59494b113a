//! The frame of every metric's statement: range, buckets, groups and filter.

use cx_analytics::churn::Definition;
use cx_analytics::codes::{Channel, Kind, Stage};
use cx_analytics::metrics::{Buckets, CaseClock, ResponsePolicy, Waits};
use cx_analytics::{Timestamp, time::DAY};
use sea_orm::Value;

/// By what to tell counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dimensions {
    /// The customer's persona.
    pub persona: bool,
    /// The channel.
    pub channel: bool,
    /// The stage.
    pub stage: bool,
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
}

/// What churn is, and when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Only interactions before this instant are seen.
    pub as_of: Timestamp,
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
    personas: bool,
}

impl<'a> Frame<'a> {
    pub fn new(question: &'a Question<'a>) -> Self {
        let personas = question.by.persona || !question.filter.personas.is_empty();
        Self { question, personas }
    }

    /// The parameters of every statement: the segmentation, where it is named.
    pub fn values(&self) -> Vec<Value> {
        let id = self.question.segmentation_id.filter(|_| self.personas);
        id.map(Value::from).into_iter().collect()
    }

    /// `bucket, persona, channel, stage` of rows of `i` that are filed under the column `at`.
    pub fn columns(&self, at: &str) -> String {
        let starts = self.question.buckets.starts();
        format!("{} AS bucket, {}", rank(at, &starts[1..]), self.groups())
    }

    /// `persona, channel, stage` of rows of `i`; -1 and 0 stand for none, and for what is not grouped by.
    pub fn groups(&self) -> String {
        let by = self.question.by;
        let part = |asked: bool, column: &'static str, none: &'static str| {
            if asked { column } else { none }
        };
        format!(
            "CAST({} AS BIGINT) AS persona, CAST({} AS BIGINT) AS channel, CAST({} AS BIGINT) AS stage",
            part(by.persona, "COALESCE(a.persona, -1)", "-1"),
            part(by.channel, "i.channel", "0"),
            part(by.stage, "i.stage", "0"),
        )
    }

    /// Joins the persona of `i.customer_id`, where it is asked for.
    pub fn join(&self) -> &'static str {
        if self.personas {
            "LEFT JOIN assignment a ON a.customer_id = i.customer_id AND a.segmentation_id = $1"
        } else {
            ""
        }
    }

    /// `AND …` for rows of `i` that the filter lets through.
    pub fn filter(&self) -> String {
        let filter = self.question.filter;
        let personas: Vec<i16> = filter.personas.clone();
        let channels: Vec<i16> = filter.channels.iter().map(|channel| channel.code()).collect();
        let stages: Vec<i16> = filter.stages.iter().map(|stage| stage.code()).collect();
        [("a.persona", personas), ("i.channel", channels), ("i.stage", stages)]
            .into_iter()
            .filter(|(_, codes)| !codes.is_empty())
            .map(|(column, codes)| format!(" AND {column} IN ({})", list(&codes)))
            .collect()
    }

    /// Start of the range.
    pub fn start(&self) -> i64 {
        self.question.buckets.start().micros()
    }

    /// Before this instant interactions are seen. Never after the end of the range.
    pub fn end(&self) -> i64 {
        self.question.as_of.min(self.question.buckets.end()).micros()
    }

    /// Interactions of `i` of these kinds in the range that the filter lets through.
    pub fn of_kinds(&self, kinds: &[Kind]) -> String {
        let codes: Vec<i16> = kinds.iter().map(|kind| kind.code()).collect();
        format!(
            "FROM interaction i {} WHERE i.kind IN ({}) AND i.occurred_at >= {} AND i.occurred_at < {}{}",
            self.join(),
            list(&codes),
            self.start(),
            self.end(),
            self.filter()
        )
    }
}

/// Numbers with commas between.
pub(super) fn list(codes: &[i16]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Microseconds of so many days.
pub(super) fn days(days: i64) -> i64 {
    days.saturating_mul(DAY)
}

/// How many of the rising `edges` are not after `column`: a binary search written as nested CASE.
pub(super) fn rank(column: &str, edges: &[Timestamp]) -> String {
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
