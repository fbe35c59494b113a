//! Churned customers at many cut-offs, by one pass over the activities.
//!
//! An activity is a customer's last one before every cut-off from then to the customer's next activity, and puts them into
//! the look-back of those within it. So each activity stands for a row of neighbouring cut-offs, and no activity has to be
//! compared with every cut-off.

use super::frame::{Frame, days, list, rank};
use super::group;
use crate::error::Result;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Share};

/// Customers active in the look-back of each cut-off, and those of them without activity in the horizon after it.
pub(super) async fn churned(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let mut groups = Groups::default();
    if frame.question.churned.cut_offs.is_empty() {
        return Ok(groups);
    }
    for row in sql::query_all(store.long(), &text(frame), frame.values()).await? {
        let mut row = Columns::of(&row);
        let key = group(&mut row)?;
        let (until, gone, customers): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        for bucket in key.bucket..usize::try_from(until).unwrap_or_default() {
            let hits =
                if i64::try_from(bucket).is_ok_and(|bucket| bucket < gone) { customers } else { 0 };
            let share = Share { hits, of: customers, excluded: 0 };
            groups.add(GroupKey { bucket, ..key }, Counts::Share(share));
        }
    }
    Ok(groups)
}

fn text(frame: &Frame<'_>) -> String {
    let churned = frame.question.churned;
    let definition = &churned.definition;
    let (look_back, horizon) = (days(definition.look_back_days()), days(definition.horizon_days()));
    let codes: Vec<i16> = definition.kinds().iter().map(|kind| kind.code()).collect();
    let earliest =
        churned.cut_offs.first().map_or(0, |first| first.micros().saturating_sub(look_back));
    format!(
        "SELECT * FROM (
           SELECT {from} AS first_cut, {groups}, {until} AS until_cut, {gone} AS gone_cut, COUNT(*) AS customers
           FROM (
             SELECT customer_id, channel, stage, occurred_at,
                    CASE WHEN next_at <= occurred_at + {look_back} THEN next_at ELSE occurred_at + {look_back} END AS last_at,
                    CASE WHEN next_at - {horizon} <= occurred_at + {look_back} THEN next_at - {horizon}
                         ELSE occurred_at + {look_back} END AS gone_at
             FROM (
               SELECT customer_id, channel, stage, occurred_at,
                      LEAD(occurred_at) OVER (PARTITION BY customer_id ORDER BY occurred_at, interaction_id) AS next_at
               FROM interaction
               WHERE kind IN ({kinds}) AND occurred_at >= {earliest} AND occurred_at < {end}
             ) e
           ) i {join}
           WHERE 1 = 1{filter}
           GROUP BY 1, 2, 3, 4, 5, 6
         ) r
         WHERE until_cut > first_cut",
        from = rank("i.occurred_at", &churned.cut_offs),
        groups = frame.groups(),
        until = rank("i.last_at", &churned.cut_offs),
        gone = rank("i.gone_at", &churned.cut_offs),
        kinds = list(&codes),
        end = frame.end(),
        join = frame.join(),
        filter = frame.filter(),
    )
}
