//! Erasure. First the tombstone, committed while no writer about customers is in the middle of a transaction: whoever
//! writes after it sees it, and leaves the erased out of what was computed before. Then everything that is stored, in every
//! version. [`Store::erasures_finish`] ends an erasure that was cut off between the two.
//!
//! Whoever follows membership changes is told of the erasure by a last one, which goes after its time.

use crate::alerts;
use crate::connect::{hold_erasures, stop_writers};
use crate::error::{Error, Fault, Result};
use crate::membership;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::{Timestamp, codes::Kind};
use sea_orm::DatabaseTransaction;

/// The tables that name customers, but for interactions, membership changes and alerts.
const TABLES: [&str; 9] = [
    "customer",
    "customer_history",
    "assignment",
    "persona_example",
    "churn_risk",
    "churn_change",
    "churn_forecast",
    "feedback",
    "feedback_theme",
];

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
        self.bury(customer_id, now).await?;
        self.forget(customer_id, now).await
    }

    /// The first step: from its commit on, nobody writes about the customer. The id stays in clear until the second one.
    pub(crate) async fn bury(&self, customer_id: &str, now: Timestamp) -> Result<()> {
        let hash = self.keys().hash(customer_id).await?;
        self.write_long(async |tx| {
            stop_writers(tx).await?;
            let text =
                "INSERT INTO suppression (customer_hash, erased_at, pending_id) VALUES ($1, $2, $3)
                        ON CONFLICT (customer_hash) DO UPDATE SET pending_id = excluded.pending_id";
            let values = vec![hash.to_vec().into(), now.micros().into(), customer_id.into()];
            sql::execute(tx, text, values).await
        })
        .await?;
        Ok(())
    }

    /// The second step: everything that is stored goes. Gives the number of interactions.
    async fn forget(&self, customer_id: &str, now: Timestamp) -> Result<i64> {
        self.write_long(async |tx| {
            let interactions = forget(tx, customer_id, now).await?;
            let text = "UPDATE suppression SET pending_id = NULL WHERE pending_id = $1";
            sql::execute(tx, text, vec![customer_id.into()]).await?;
            Ok(interactions)
        })
        .await
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

    /// Ends the erasures that were cut off between their two steps. Gives their number.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Timeout`].
    pub async fn erasures_finish(&self, now: Timestamp) -> Result<u64> {
        let text = "SELECT pending_id FROM suppression WHERE pending_id IS NOT NULL LIMIT 100";
        let rows = sql::query_all(self.read(), text, vec![]).await?;
        for row in &rows {
            let customer_id: String = Columns::of(row).take()?;
            self.forget(&customer_id, now).await?;
        }
        Ok(rows.len() as u64)
    }
}

/// Removes everything about a customer and gives the number of interactions.
async fn forget(tx: &DatabaseTransaction, customer_id: &str, now: Timestamp) -> Result<i64> {
    // The log first, as everybody who locks both does.
    membership::forget(tx, customer_id, now).await?;
    alerts::forget(tx, customer_id, now).await?;
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
