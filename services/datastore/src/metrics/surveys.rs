//! Counts of surveys: scores, and how many of those delivered were answered.

use super::{Frame, fold, shares};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{Kind, SurveyAction, SurveyKind};
use cx_analytics::metrics::{
    Answers, Counts, Groups, Metric, ResponsePolicy, counts::AnswerPattern,
};

/// What a metric makes of an answer, as conditions on its row.
struct Reading {
    kind: SurveyKind,
    /// The scale is one that the metric measures on.
    valid: &'static str,
    /// A high answer.
    high: &'static str,
    /// A low one.
    low: &'static str,
}

const NEVER: &str = "1 = 0";
const NPS_SCALE: &str = "i.score_min = 0 AND i.score_max = 10 AND i.lower_is_better = 0";
const CES_SCALE: &str = "i.score_min = 1 AND i.score_max = 7 AND i.lower_is_better = 0";

const fn reading(metric: Metric) -> Reading {
    match metric {
        Metric::NpsRelational => Reading {
            kind: SurveyKind::NpsRelational,
            valid: NPS_SCALE,
            high: "i.score >= 9",
            low: "i.score <= 6",
        },
        Metric::NpsTransactional => Reading {
            kind: SurveyKind::NpsTransactional,
            valid: NPS_SCALE,
            high: "i.score >= 9",
            low: "i.score <= 6",
        },
        Metric::CsatTop2Box => Reading {
            kind: SurveyKind::Csat,
            valid: "i.score_min = 1 AND i.score_max IN (5, 10)",
            high: "CASE WHEN i.lower_is_better = 1 THEN i.score <= 2 ELSE i.score >= i.score_max - 1 END",
            low: NEVER,
        },
        Metric::CsatMean => Reading {
            kind: SurveyKind::Csat,
            valid: "i.score_min = 1 AND i.score_max = 5 AND i.lower_is_better = 0",
            high: NEVER,
            low: NEVER,
        },
        _ => Reading { kind: SurveyKind::Ces, valid: CES_SCALE, high: "i.score >= 5", low: NEVER },
    }
}

/// Customers by what they answered.
pub(super) async fn answers(store: &Store, frame: &Frame<'_>, metric: Metric) -> Result<Groups> {
    fold(store, frame, &answers_text(frame, metric), |row, _| {
        let pattern = AnswerPattern {
            answers: row.take()?,
            high: row.take()?,
            low: row.take()?,
            sum: row.take()?,
            customers: row.take()?,
        };
        let seen: i64 = row.take()?;
        let excluded = seen - pattern.customers * pattern.answers;
        // Customers of whom nothing counts are no customers of the metric.
        let patterns = if pattern.answers > 0 { vec![pattern] } else { Vec::new() };
        Ok(Counts::Answers(Answers { patterns, excluded }))
    })
    .await
}

fn answers_text(frame: &Frame<'_>, metric: Metric) -> String {
    let Reading { kind, valid, high, low } = reading(metric);
    let names = frame.names();
    // Among the valid answers of a customer in a group, which comes first in the order that the policy wants.
    let place = |order: &str| {
        format!(
            "ROW_NUMBER() OVER (PARTITION BY {names}, customer_id, valid \
             ORDER BY occurred_at {order}, interaction_id {order})"
        )
    };
    let place = match frame.question.policy {
        ResponsePolicy::All => "1".to_owned(),
        ResponsePolicy::LatestPerCustomer => place("DESC"),
        ResponsePolicy::FirstPerCustomer => place("ASC"),
    };
    format!(
        "SELECT {names}, answers, high, low, total, COUNT(*) AS customers,
                CAST(SUM(seen) AS BIGINT) AS seen
         FROM (
           SELECT {names}, customer_id, COUNT(*) AS seen,
                  COUNT(*) FILTER (WHERE taken = 1) AS answers,
                  COUNT(*) FILTER (WHERE taken = 1 AND high = 1) AS high,
                  COUNT(*) FILTER (WHERE taken = 1 AND low = 1) AS low,
                  CAST(COALESCE(SUM(score) FILTER (WHERE taken = 1), 0) AS BIGINT) AS total
           FROM (
             SELECT p.*, CASE WHEN valid = 1 AND place = 1 THEN 1 ELSE 0 END AS taken
             FROM (
               SELECT r.*, {place} AS place
               FROM (
                 SELECT {columns}, i.customer_id, i.interaction_id, i.occurred_at, i.score,
                        CASE WHEN {valid} THEN 1 ELSE 0 END AS valid,
                        CASE WHEN {high} THEN 1 ELSE 0 END AS high,
                        CASE WHEN {low} THEN 1 ELSE 0 END AS low
                 {surveys} AND i.action = {answered} AND i.variant = {kind}
               ) r
             ) p
           ) t
           GROUP BY {names}, customer_id
         ) c
         GROUP BY {names}, answers, high, low, total",
        columns = frame.columns("i.occurred_at"),
        surveys = frame.of_kinds(&[Kind::Survey]),
        answered = SurveyAction::Answered.code(),
        kind = kind.code(),
    )
}

/// Deliveries, and those of them whose next event is an answer.
pub(super) async fn response_rate(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {columns}, COUNT(*) FILTER (WHERE action = {delivered} AND next_action = {answered}) AS hits,
                COUNT(*) FILTER (WHERE action = {delivered}) AS deliveries,
                COUNT(*) FILTER (WHERE action = {answered} AND COALESCE(previous_action, 0) <> {delivered}) AS strays
         FROM (
           SELECT customer_id, occurred_at, channel, stage, subject, action,
                  LEAD(action) OVER w AS next_action, LAG(action) OVER w AS previous_action
           FROM interaction
           WHERE kind = {kind} AND action IN ({answered}, {delivered}) AND occurred_at < {end}
           WINDOW w AS (PARTITION BY customer_id, variant, subject
                        ORDER BY occurred_at, action DESC, interaction_id)
         ) i {join}
         WHERE i.occurred_at >= {start}{filter}
         GROUP BY {numbers}",
        numbers = frame.numbers(0),
        columns = frame.columns("i.occurred_at"),
        // At the same instant the delivery (2) comes before the answer (1).
        delivered = SurveyAction::Delivered.code(),
        answered = SurveyAction::Answered.code(),
        kind = Kind::Survey.code(),
        start = frame.start(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
    );
    shares(store, frame, &text).await
}
