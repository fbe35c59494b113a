//! Which result of each kind of work counts now: one pointer, so that activating an older version is the rollback.

use crate::error::Result;
use crate::jobs::JobKind;
use crate::sql::{self, Columns};
use crate::store::Store;
use cx_analytics::Timestamp;
use sea_orm::DatabaseTransaction;

impl Store {
    /// The active version of this kind, if any.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn active_get(&self, kind: JobKind) -> Result<Option<String>> {
        let found = sql::query_one(
            self.read(),
            "SELECT version_id FROM active WHERE kind = $1",
            vec![kind.code().into()],
        )
        .await?;
        found.map(|row| Columns::of(&row).take()).transpose()
    }

    /// Makes a version the active one. The caller has checked that it exists. (A segmentation is activated by
    /// [`Store::segmentation_activate`], which writes who moves by that.)
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`].
    pub async fn active_set(&self, kind: JobKind, id: &str, now: Timestamp) -> Result<()> {
        self.write(async |tx| active_set_in(tx, kind, id, now).await).await
    }
}

/// The same inside the transaction that writes the version.
pub(crate) async fn active_set_in(
    tx: &DatabaseTransaction,
    kind: JobKind,
    id: &str,
    now: Timestamp,
) -> Result<()> {
    sql::execute(
        tx,
        "INSERT INTO active (kind, version_id, activated_at) VALUES ($1, $2, $3)
         ON CONFLICT (kind) DO UPDATE SET version_id = excluded.version_id, activated_at = excluded.activated_at",
        vec![kind.code().into(), id.into(), now.micros().into()],
    )
    .await?;
    Ok(())
}
