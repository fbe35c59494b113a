//! Erasure. First the tombstone, committed while no writer about customers is in the middle of a transaction: whoever
//! writes after it sees it. Then everything that is stored, in every version. Results that were computed before and are
//! published later leave the erased out; [`Store::suppressions_sweep`] is the net below, also for an erasure that was cut off
//! between its two steps.
//!
//! Whoever follows membership changes is told of the erasure by a last one, which goes after its time.

use crate::connect::{hold_erasures, stop_writers};
use crate::error::{Error, Fault, Result};
use crate::membership;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::membership::Cause;
use cx_analytics::{Timestamp, codes::Kind, time::DAY};
use sea_orm::DatabaseTransaction;

/// The tables that name customers, but for interactions and membership changes.
const TABLES: [&str; 4] = ["customer", "assignment", "persona_example", "churn_risk"];
/// For how long after an erasure results may still be written that were computed before it.
const SWEPT_FOR: i64 = 2 * DAY;

impl Store {
    /// Erases a customer and gives the number of interactions removed. Idempotent; cannot be undone.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]: the erasure may be half done; ask again.
    pub async fn customer_erase(&self, customer_id: &str, now: Timestamp) -> Result<i64> {
        let (store, customer_id) = (self.clone(), customer_id.to_owned());
        // In a task of its own, so that a caller who goes away does not leave it half done.
        let erasure = tokio::spawn(async move { store.erase(&customer_id, now).await });
        erasure.await.map_err(|_| {
            Error::Fault(Fault::new("erasure", "the erasure stopped unexpectedly", false))
        })?
    }

    async fn erase(&self, customer_id: &str, now: Timestamp) -> Result<i64> {
        let hash = self.keys().hash(customer_id).await?;
        self.write_long(async |tx| {
            stop_writers(tx).await?;
            let text = "INSERT INTO suppression (customer_hash, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            sql::execute(tx, text, vec![hash.to_vec().into(), now.micros().into()]).await
        })
        .await?;
        self.write_long(async |tx| forget(tx, customer_id, now).await).await
    }

    /// Takes those out of a result being published who were erased while it was computed. An erasure that begins later
    /// waits for the commit and finds what was published.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub(crate) async fn leave_out_erased(
        &self,
        tx: &DatabaseTransaction,
        customer_ids: Vec<&str>,
    ) -> Result<()> {
        hold_erasures(tx).await?;
        for id in self.suppressed_among(tx, customer_ids).await? {
            for table in TABLES {
                delete(tx, table, id).await?;
            }
        }
        Ok(())
    }

    /// Removes whatever is still stored about customers who were erased of late. Gives the number of customers concerned.
    /// Cheap where nobody was erased of late.
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
        let changes = format!("membership_change WHERE cause <> {}", Cause::Erasure.code());
        for table in TABLES.into_iter().chain([changes.as_str()]) {
            let text = format!("SELECT DISTINCT customer_id FROM {table}");
            let rows = sql::query_all(self.long(), &text, vec![]).await?;
            let ids =
                rows.iter().map(|row| Columns::of(row).take()).collect::<Result<Vec<String>>>()?;
            for part in ids.chunks(10_000) {
                let part = part.iter().map(String::as_str).collect();
                for id in self.suppressed_among(self.long(), part).await? {
                    self.write_long(async |tx: &DatabaseTransaction| forget(tx, id, now).await)
                        .await?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }
}

/// Removes everything about a customer and gives the number of interactions.
async fn forget(tx: &DatabaseTransaction, customer_id: &str, now: Timestamp) -> Result<i64> {
    // The log first, as everybody who locks both does.
    membership::forget(tx, customer_id, now).await?;
    // Somebody else's referral names them too. Its fingerprint stays, so that the record sent again is still known.
    let text = "UPDATE interaction SET subject = NULL WHERE kind = $1 AND subject = $2";
    sql::execute(tx, text, vec![Kind::Referral.code().into(), customer_id.into()]).await?;
    for table in TABLES {
        delete(tx, table, customer_id).await?;
    }
    let interactions = delete(tx, "interaction", customer_id).await?;
    Ok(i64::try_from(interactions).unwrap_or(i64::MAX))
}

async fn delete(tx: &DatabaseTransaction, table: &str, customer_id: &str) -> Result<u64> {
    let text = format!("DELETE FROM {table} WHERE customer_id = $1");
    sql::execute(tx, &text, vec![customer_id.into()]).await
}
