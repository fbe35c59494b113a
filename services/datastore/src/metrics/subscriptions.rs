//! Customers who have a subscription when a bucket begins, and those of them who have none when it ends.
//!
//! An event says how many subscriptions its customer has from then on, for every edge of a bucket up to the next event: so each event
//! stands for a row of neighbouring edges, and no customer has to be looked at once for each.

use super::frame::{Frame, rank};
use crate::error::Result;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::codes::{Kind, SubscriptionAction};
use cx_analytics::metrics::{Counts, GroupKey, Groups, Share};

/// Customers lost, of those there when the bucket begins.
pub(super) async fn lost(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let mut groups = Groups::default();
    let buckets = frame.question.buckets.count();
    for row in sql::query_all(store.query(), &text(frame), frame.values()).await? {
        let mut row = Columns::of(&row);
        let key = frame.key(&mut row)?;
        let (until, gone, customers): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        let until = usize::try_from(until).unwrap_or_default();
        for bucket in key.bucket..until.min(buckets) {
            // The state holds at the edges before `until`: where the bucket ends at it, the next state decides.
            let hits = if gone == 1 && bucket + 1 == until { customers } else { 0 };
            let share = Share { hits, of: customers, excluded: 0 };
            groups.add(GroupKey { bucket, ..key.clone() }, Counts::Share(share));
        }
    }
    Ok(groups)
}

fn text(frame: &Frame<'_>) -> String {
    let ran = "LAG(action) OVER s";
    let buckets = frame.question.buckets;
    let edges: Vec<_> = buckets.starts().iter().copied().chain([buckets.end()]).collect();
    // A paused subscription is one still: it was not cancelled.
    let runs = |action: &str| {
        format!("CASE WHEN {action} = {} THEN 0 ELSE 1 END", SubscriptionAction::Cancelled.code())
    };
    format!(
        "SELECT i.from_edge{groups}, i.until_edge, i.gone, COUNT(*) AS customers
         FROM (
           SELECT customer_id, channel, stage, from_edge, until_edge, subscriptions,
                  CAST(CASE WHEN COALESCE(LEAD(subscriptions) OVER w, 1) = 0 THEN 1 ELSE 0 END AS BIGINT) AS gone
           FROM (
             SELECT customer_id, interaction_id, occurred_at, channel, stage, from_edge,
                    SUM(change) OVER w AS subscriptions, COALESCE(LEAD(from_edge) OVER w, {edges}) AS until_edge
             FROM (
               SELECT customer_id, interaction_id, occurred_at, channel, stage, {rank} AS from_edge,
                      {runs} - (CASE WHEN {ran} IS NULL THEN 0 ELSE {ran_before} END) AS change
               FROM interaction
               WHERE kind = {kind} AND occurred_at < {end}
               WINDOW s AS (PARTITION BY customer_id, subject ORDER BY occurred_at, interaction_id)
             ) e
             WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
           ) r
           WHERE until_edge > from_edge
           WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
         ) i {join}
         WHERE i.subscriptions > 0{filter}
         GROUP BY {numbers}",
        groups = frame.groups(),
        edges = edges.len(),
        rank = rank("occurred_at", &edges),
        runs = runs("action"),
        ran_before = runs(ran),
        kind = Kind::Subscription.code(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
        numbers = frame.numbers(2),
    )
}
