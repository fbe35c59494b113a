//! Erasure. First the tombstone, committed while no writer about customers is in the middle of a transaction: whoever
//! writes after it sees it. Then everything that is stored, in every version. What was computed from older data and is
//! written later (assignments, churn risks) is swept away by [`Store::suppressions_sweep`].
//!
//! Profiles of personas name a typical member: where that was the erased one, the next takes the place.

use crate::connect::stop_writers;
use crate::error::Result;
use crate::personas::personas_forget;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::{Timestamp, time::DAY};
use sea_orm::DatabaseTransaction;

/// For how long after an erasure results may still be written that were computed before it.
const SWEPT_FOR: i64 = 2 * DAY;

impl Store {
    /// Erases a customer and gives the number of interactions removed. Idempotent; cannot be undone.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]: the erasure may be half done; ask again.
    pub async fn customer_erase(&self, customer_id: &str, now: Timestamp) -> Result<i64> {
        let hash = self.keys().hash(customer_id).await?;
        self.write_long(async |tx| {
            stop_writers(tx).await?;
            let text = "INSERT INTO suppression (customer_hash, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            sql::execute(tx, text, vec![hash.to_vec().into(), now.micros().into()]).await
        })
        .await?;
        self.write_long(async |tx| {
            personas_forget(tx, customer_id).await?;
            let erased = delete(tx, "interaction", customer_id).await?;
            for table in ["customer", "assignment", "churn_risk"] {
                delete(tx, table, customer_id).await?;
            }
            Ok(i64::try_from(erased).unwrap_or(i64::MAX))
        })
        .await
    }

    /// Removes assignments and churn risks of erased customers that were written after the erasure by work that had begun
    /// before it. Gives the number of customers concerned. Cheap where nobody was erased of late.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn suppressions_sweep(&self, now: Timestamp) -> Result<u64> {
        let text = "SELECT 1 FROM suppression WHERE erased_at >= $1 LIMIT 1";
        if sql::query_one(self.read(), text, vec![now.plus(-SWEPT_FOR).micros().into()])
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let mut swept = 0;
        for table in ["assignment", "churn_risk"] {
            let text = format!("SELECT DISTINCT customer_id FROM {table}");
            let rows = sql::query_all(self.long(), &text, vec![]).await?;
            let ids =
                rows.iter().map(|row| Columns::of(row).take()).collect::<Result<Vec<String>>>()?;
            for part in ids.chunks(10_000) {
                let part = part.iter().map(String::as_str).collect();
                for id in self.suppressed_among(self.long(), part).await? {
                    let forget = async |tx: &DatabaseTransaction| {
                        personas_forget(tx, id).await?;
                        delete(tx, table, id).await
                    };
                    self.write(forget).await?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

async fn delete(tx: &DatabaseTransaction, table: &str, customer_id: &str) -> Result<u64> {
    let text = format!("DELETE FROM {table} WHERE customer_id = $1");
    sql::execute(tx, &text, vec![customer_id.into()]).await
}
