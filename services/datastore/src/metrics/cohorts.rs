//! Cohorts: customers by when they were active first, and in which buckets they were again.

use super::Frame;
use super::frame::rank;
use crate::error::Result;
use crate::journeys::customer_actions;
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Share};
use std::collections::BTreeMap;

/// For each cohort and each bucket from its own on: customers active, of the cohort.
pub(super) async fn retained(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    // Customers of each cohort by the bucket of their activity.
    let mut cohorts: BTreeMap<GroupKey, BTreeMap<usize, i64>> = BTreeMap::new();
    for row in sql::query_all(store.query(), &text(frame), frame.values()).await? {
        let mut row = Columns::of(&row);
        let key = frame.key(&mut row)?;
        let (active_in, customers): (i64, i64) = (row.take()?, row.take()?);
        let active_in = usize::try_from(active_in).unwrap_or_default();
        *cohorts.entry(key).or_default().entry(active_in).or_default() += customers;
    }
    let mut groups = Groups::default();
    for (key, active) in cohorts {
        // Everybody was active in the bucket of their first activity.
        let of = active.get(&key.bucket).copied().unwrap_or_default();
        for bucket in key.bucket..frame.question.buckets.count() {
            let hits = active.get(&bucket).copied().unwrap_or_default();
            let period = Some(bucket - key.bucket);
            let share = Share { hits, of, excluded: 0 };
            groups.add(GroupKey { period, ..key.clone() }, Counts::Share(share));
        }
    }
    Ok(groups)
}

fn text(frame: &Frame<'_>) -> String {
    let kinds = frame.question.churned.definition.kinds();
    let starts = frame.question.buckets.starts();
    format!(
        "SELECT {columns}, i.active_in, COUNT(*) AS customers
         FROM (
           SELECT f.customer_id, f.event >> 8 AS first_at, (f.event >> 4) & 15 AS channel, f.event & 15 AS stage, s.active_in
           FROM (
             SELECT customer_id, MIN(occurred_at * 256 + channel * 16 + stage) AS event
             FROM interaction
             WHERE kind IN ({codes}) AND occurred_at < {end}{actions}
             GROUP BY customer_id
             HAVING MIN(occurred_at) >= {start}
           ) f
           JOIN (
             SELECT customer_id, {active_in} AS active_in
             FROM interaction
             WHERE kind IN ({codes}) AND occurred_at >= {start} AND occurred_at < {end}{actions}
             GROUP BY 1, 2
           ) s ON s.customer_id = f.customer_id
         ) i {join}
         WHERE 1 = 1{filter}
         GROUP BY {numbers}",
        columns = frame.columns("i.first_at"),
        active_in = rank("occurred_at", &starts[1..]),
        codes = numbers(kinds.iter().map(|kind| kind.code())),
        actions = customer_actions(kinds),
        start = frame.start(),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
        numbers = frame.numbers(1),
    )
}
