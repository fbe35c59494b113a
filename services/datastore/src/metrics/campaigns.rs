//! Messages that reached a customer, and what came of them. The messages of one campaign to one customer are one.

use super::{Frame, shares};
use crate::error::Result;
use crate::store::Store;
use cx_analytics::codes::{EngagementAction, Kind};
use cx_analytics::metrics::{Groups, Metric};

/// Customers who clicked, of those whom a campaign reached, or of those who opened.
pub(super) async fn clicked(store: &Store, frame: &Frame<'_>, metric: Metric) -> Result<Groups> {
    // Who clicked has seen the message, whether or not the opening was noticed.
    let of = match metric {
        Metric::ClickToOpenRate => "reached = 1 AND (opened = 1 OR clicked = 1)",
        _ => "reached = 1",
    };
    let text = format!(
        "SELECT {columns}, COUNT(*) FILTER (WHERE {of} AND clicked = 1) AS hits, COUNT(*) FILTER (WHERE {of}) AS messages,
                CAST(SUM(CASE WHEN reached = 1 THEN 0 ELSE astray END) AS BIGINT) AS excluded
         FROM (
           SELECT customer_id, topic, COALESCE(reached, astray_at) >> 8 AS sent_at, astray,
                  (COALESCE(reached, astray_at) >> 4) & 15 AS channel, COALESCE(reached, astray_at) & 15 AS stage,
                  CASE WHEN reached IS NOT NULL THEN 1 ELSE 0 END AS reached,
                  CASE WHEN clicked_at >= reached >> 8 THEN 1 ELSE 0 END AS clicked,
                  CASE WHEN opened_at >= reached >> 8 THEN 1 ELSE 0 END AS opened
           FROM (
             SELECT customer_id, topic, COUNT(*) FILTER (WHERE action = {sent}) AS astray,
                    MIN(event) FILTER (WHERE action = {sent} AND topic IS NOT NULL AND COALESCE(flag, 1) = 1) AS reached,
                    MIN(event) FILTER (WHERE action = {sent}) AS astray_at,
                    MAX(occurred_at) FILTER (WHERE action = {click}) AS clicked_at,
                    MAX(occurred_at) FILTER (WHERE action = {open}) AS opened_at
             FROM (
               SELECT customer_id, topic, action, flag, occurred_at, occurred_at * 256 + channel * 16 + stage AS event
               FROM interaction
               WHERE kind = {engagement} AND action IN ({sent}, {open}, {click}) AND occurred_at >= {start} AND occurred_at < {end}
             ) e
             GROUP BY customer_id, topic
           ) m
           WHERE astray > 0
         ) i {join}
         WHERE 1 = 1{filter}
         GROUP BY {numbers}",
        columns = frame.columns("i.sent_at"),
        sent = EngagementAction::Sent.code(),
        open = EngagementAction::Open.code(),
        click = EngagementAction::Click.code(),
        engagement = Kind::Engagement.code(),
        start = frame.start(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
        numbers = frame.numbers(0),
    );
    shares(store, frame, &text).await
}
