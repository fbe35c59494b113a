//! What is at stake with customers who may leave, under the active churn model.

use super::{Frame, amounts, fold, sums_of_squares};
use crate::error::Result;
use crate::jobs::JobKind;
use crate::store::Store;
use cx_analytics::interaction::Currency;
use cx_analytics::metrics::{Amounts, Counts, Groups};

/// Values at risk by currency. Those of whom none is known are a group without currency.
pub(super) async fn at_risk(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, currency, {sums}
         FROM (
           SELECT {columns}, CASE WHEN i.value_at_risk IS NULL THEN '' ELSE COALESCE(i.currency, '') END AS currency,
                  COALESCE(i.value_at_risk, 0) AS total, 1 AS n
           FROM (
             SELECT r.*, 0 AS channel, 0 AS stage
             FROM churn_risk r
             JOIN active v ON v.kind = {kind} AND v.version_id = r.churn_model_id
           ) i {join}
           WHERE NOT EXISTS (SELECT 1 FROM customer o WHERE o.customer_id = i.customer_id AND o.consent_profiling = 0){filter}
         ) r
         GROUP BY {names}, currency",
        names = frame.names(),
        sums = sums_of_squares(),
        columns = frame.columns("0"),
        kind = JobKind::ChurnTraining.code(),
        join = frame.join(),
        filter = frame.filter(),
    );
    fold(store, frame, &text, |row, key| {
        key.currency = Currency::parse(&row.take::<String>()?);
        let amounts = amounts(row)?;
        Ok(Counts::Amounts(match key.currency {
            Some(_) => amounts,
            None => Amounts { excluded: amounts.n, ..Amounts::default() },
        }))
    })
    .await
}
