//! What is at stake with customers who may leave, under the active churn model of the default definition.

use super::{Frame, amounts, fold, sums_of_squares};
use crate::churn::DEFAULT_DEFINITION;
use crate::error::Result;
use crate::store::Store;
use cx_analytics::churn::Band;
use cx_analytics::interaction::Currency;
use cx_analytics::metrics::{Amounts, Counts, Groups};

/// Values at risk by currency. Those of whom none is known are a group without currency.
pub(super) async fn at_risk(store: &Store, frame: &Frame<'_>) -> Result<Groups> {
    let text = format!(
        "SELECT {names}, currency, {sums}
         FROM (
           SELECT {columns}, COALESCE(i.currency, '') AS currency,
                  CASE WHEN i.currency IS NULL THEN 0 ELSE i.value_at_risk END AS total, 1 AS n
           FROM (
             SELECT r.*, 0 AS channel, 0 AS stage
             FROM churn_risk r
             JOIN churn_definition v ON v.churn_definition_id = '{DEFAULT_DEFINITION}' AND v.churn_model_id = r.churn_model_id
             WHERE r.band <> {gone}
           ) i {join}
           WHERE NOT EXISTS (SELECT 1 FROM customer o WHERE o.customer_id = i.customer_id AND o.consent_profiling = 0){filter}
         ) r
         GROUP BY {names}, currency",
        names = frame.names(),
        sums = sums_of_squares(),
        columns = frame.columns("0"),
        gone = Band::Gone.code(),
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
