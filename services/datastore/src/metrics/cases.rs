//! Clocks of support cases. A case is all events of one customer with the same case id.

use super::{Frame, fold};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{CaseAction, Handler, Kind};
use cx_analytics::metrics::{CaseClock, Counts, Groups, Metric, Spans};

/// A span that ended, one that is still open, one that cannot be measured.
const ENDED: i64 = 0;
const OPEN: i64 = 1;

/// Spans from the opening of cases to what the metric waits for.
pub(super) async fn spans(store: &Store, frame: &Frame<'_>, metric: Metric) -> Result<Groups> {
    let text = match metric {
        Metric::CycleResolutionTime => cycles(frame),
        metric => text(frame, metric),
    };
    fold(store, frame, &text, |row, _| {
        let (state, span, cases): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        Ok(Counts::Spans(match state {
            ENDED => Spans { ended: vec![(span, cases)], ..Spans::default() },
            OPEN => Spans { open: vec![(span, cases)], ..Spans::default() },
            _ => Spans { excluded: cases, ..Spans::default() },
        }))
    })
    .await
}

/// The end of the measured span, as an aggregate over a case's events.
fn ending(metric: Metric) -> String {
    let solved = format!("FILTER (WHERE action = {})", CaseAction::Solved.code());
    match metric {
        Metric::FirstResponseTime => format!(
            "MIN(occurred_at) FILTER (WHERE action = {} AND COALESCE(variant, 0) <> {})",
            CaseAction::FirstResponse.code(),
            Handler::Bot.code()
        ),
        Metric::FirstResolutionTime => format!("MIN(occurred_at) {solved}"),
        // The last of what opens and solves, if that solved it: opened again at the same instant it is open, as in cycles.
        _ => {
            let last = format!(
                "MAX(occurred_at * 16 + action) FILTER (WHERE action IN ({}, {}, {}))",
                CaseAction::Opened.code(),
                CaseAction::Solved.code(),
                CaseAction::Reopened.code()
            );
            format!("CASE WHEN {last} & 15 = {} THEN {last} >> 4 END", CaseAction::Solved.code())
        }
    }
}

/// The reason of each row's case, where it is asked for: that of its first opening, or of its first event where there is none.
fn topic(frame: &Frame<'_>) -> String {
    if !frame.detailed() {
        return String::new();
    }
    format!(
        ", FIRST_VALUE(topic) OVER (PARTITION BY customer_id, subject
             ORDER BY CASE WHEN action = {} THEN 0 ELSE 1 END, occurred_at, interaction_id) AS topic",
        CaseAction::Opened.code()
    )
}

/// Each time that a case was open: from the first opening or reopening to the next solving. What opens a case that is open does
/// nothing.
fn cycles(frame: &Frame<'_>) -> String {
    let filed = match frame.question.clock {
        CaseClock::Opened => "occurred_at",
        CaseClock::Ended => "solved_at",
    };
    format!(
        "SELECT {columns}, CAST(state AS BIGINT) AS state, span, COUNT(*) AS cycles
         FROM (
           SELECT customer_id, channel, stage{topic}, CASE WHEN action = {solved} THEN occurred_at ELSE {filed} END AS filed_at,
                  CASE WHEN action = {solved} THEN 2 WHEN solved_at IS NULL THEN {OPEN} ELSE {ENDED} END AS state,
                  CASE WHEN action = {solved} THEN 0 ELSE COALESCE(solved_at, {end}) - occurred_at END AS span
           FROM (
             SELECT customer_id, channel, stage, action, occurred_at{topic_of}, LAG(action) OVER w AS previous,
                    MIN(CASE WHEN action = {solved} THEN occurred_at END) OVER (
                      PARTITION BY customer_id, subject ORDER BY occurred_at, action, interaction_id
                      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS solved_at
             FROM interaction
             WHERE kind = {kind} AND action IN ({opened}, {solved}, {reopened}) AND occurred_at < {end}
             WINDOW w AS (PARTITION BY customer_id, subject ORDER BY occurred_at, action, interaction_id)
           ) e
           WHERE previous IS NULL OR (previous = {solved} AND action <> {solved})
         ) i {join}
         WHERE i.filed_at >= {start}{filter}
         GROUP BY {numbers}",
        numbers = frame.numbers(2),
        columns = frame.columns("i.filed_at"),
        topic = if frame.detailed() { ", topic" } else { "" },
        topic_of = topic(frame),
        opened = CaseAction::Opened.code(),
        reopened = CaseAction::Reopened.code(),
        solved = CaseAction::Solved.code(),
        kind = Kind::Case.code(),
        start = frame.start(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
    )
}

/// Events of cases; where it is asked for with the reason of their case.
fn events(frame: &Frame<'_>) -> String {
    if !frame.detailed() {
        return "interaction".to_owned();
    }
    format!(
        "(SELECT customer_id, subject, kind, action, variant, channel, stage, occurred_at{}
          FROM interaction WHERE kind = {} AND occurred_at < {})",
        topic(frame),
        Kind::Case.code(),
        frame.end(),
    )
}

fn text(frame: &Frame<'_>, metric: Metric) -> String {
    // Instant, channel and stage of an event in one number whose least is that of the earliest event: no sorting, and one
    // grouping instead of a join of each case with its opening. Channels and stages take four bits each.
    let event = "MIN(occurred_at * 256 + channel * 16 + stage)";
    let filed = match frame.question.clock {
        CaseClock::Opened => "began >> 8",
        CaseClock::Ended => "ended_at",
    };
    format!(
        "SELECT {columns}, CAST(state AS BIGINT) AS state, span, COUNT(*) AS cases
         FROM (
           SELECT customer_id{topic}, {filed} AS filed_at, (began >> 4) & 15 AS channel, began & 15 AS stage,
                  CASE WHEN opening IS NULL OR ended_at < opening >> 8 THEN 2
                       WHEN ended_at IS NULL THEN {OPEN} ELSE {ENDED} END AS state,
                  CASE WHEN opening IS NULL OR ended_at < opening >> 8 THEN 0
                       ELSE COALESCE(ended_at, {end}) - (opening >> 8) END AS span
           FROM (
             SELECT customer_id{topic}, opening, COALESCE(opening, earliest) AS began, ended_at
             FROM (
               SELECT customer_id, subject{topic_of_case}, {event} FILTER (WHERE action = {opened}) AS opening,
                      {event} AS earliest, {ending} AS ended_at
               FROM {events} s
               WHERE kind = {kind} AND occurred_at < {end}
               GROUP BY customer_id, subject
             ) e
           ) b
         ) i {join}
         WHERE i.filed_at >= {start}{filter}
         GROUP BY {numbers}",
        numbers = frame.numbers(2),
        columns = frame.columns("i.filed_at"),
        topic = if frame.detailed() { ", topic" } else { "" },
        // Alike in all rows of a case.
        topic_of_case = if frame.detailed() { ", MIN(topic) AS topic" } else { "" },
        events = events(frame),
        opened = CaseAction::Opened.code(),
        ending = ending(metric),
        kind = Kind::Case.code(),
        start = frame.start(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
    )
}
