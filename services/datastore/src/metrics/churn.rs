//! Churned customers at many cut-offs, by one pass over the activities.
//!
//! An activity is a customer's last one before every cut-off from then to the customer's next activity, and puts them into
//! the look-back of those within it. So each activity stands for a row of neighbouring cut-offs, and no activity has to be
//! compared with every cut-off.

use super::frame::{Frame, days, rank};
use crate::error::Result;
use crate::journeys::customer_actions;
use crate::sql::{self, Columns, numbers};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::churn::Definition;
use cx_analytics::metrics::{Counts, GroupKey, Groups, Share};

/// Customers active in the look-back of each cut-off, and those of them without activity in the horizon after it.
pub(super) async fn churned(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let mut groups = Groups::default();
    if frame.question.churned.cut_offs.is_empty() {
        return Ok(groups);
    }
    for row in sql::query_all(store.query(), &text(frame), frame.values()).await? {
        let mut row = Columns::of(&row);
        let key = frame.key(&mut row)?;
        let (until, gone, customers): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        for bucket in key.bucket..usize::try_from(until).unwrap_or_default() {
            let hits =
                if i64::try_from(bucket).is_ok_and(|bucket| bucket < gone) { customers } else { 0 };
            let share = Share { hits, of: customers, excluded: 0 };
            groups.add(GroupKey { bucket, ..key.clone() }, Counts::Share(share));
        }
    }
    Ok(groups)
}

fn text(frame: &Frame<'_>) -> String {
    let churned = frame.question.churned;
    let definition = &churned.definition;
    // Contracts have a metric of their own.
    let look_back = definition.look_back_days().unwrap_or(Definition::MAX_LOOK_BACK_DAYS);
    let (look_back, horizon) = (days(look_back), days(definition.horizon_days()));
    let shifted =
        |by: i64| -> Vec<Timestamp> { churned.cut_offs.iter().map(|cut| cut.plus(by)).collect() };
    let until = shifted(-look_back);
    // All three are ranks of one plain column, and the next activity's are taken over from its row: each is computed once.
    format!(
        "SELECT first_cut{names}, until_cut, gone_cut, COUNT(*) AS customers FROM (
           SELECT i.first_cut{groups},
                  CASE WHEN i.next_cut < i.look_back_cut THEN i.next_cut ELSE i.look_back_cut END AS until_cut,
                  CASE WHEN i.next_gone_cut < i.look_back_cut THEN i.next_gone_cut ELSE i.look_back_cut END AS gone_cut
           FROM (
             SELECT customer_id, channel, stage, first_cut, look_back_cut,
                    LEAD(first_cut) OVER w AS next_cut, LEAD(horizon_cut) OVER w AS next_gone_cut
             FROM (
               SELECT customer_id, interaction_id, occurred_at, channel, stage, {from} AS first_cut,
                      {until} AS look_back_cut, {gone} AS horizon_cut
               FROM interaction
               WHERE kind IN ({kinds}) AND occurred_at >= {earliest} AND occurred_at < {end}{actions}
             ) e
             WINDOW w AS (PARTITION BY customer_id ORDER BY occurred_at, interaction_id)
           ) i {join}
           WHERE 1 = 1{filter}
         ) r
         WHERE until_cut > first_cut
         GROUP BY {numbers}",
        numbers = frame.numbers(2),
        names = frame.names().trim_start_matches("bucket"),
        groups = frame.groups(),
        from = rank("occurred_at", &churned.cut_offs),
        until = rank("occurred_at", &until),
        gone = rank("occurred_at", &shifted(horizon)),
        kinds = numbers(definition.kinds().iter().map(|kind| kind.code())),
        actions = customer_actions(definition.kinds()),
        earliest = until.first().map_or(0, |first| first.micros()),
        end = frame.later(horizon),
        join = frame.join(),
        filter = frame.filter(),
    )
}
