//! A transaction that stores interactions, in the words of each engine: the one place where speed is worth two texts.
//!
//! The connection goes back to its pool only after a commit that succeeded. In every other case it is closed, which
//! rolls back, so that no later commit can rest on a state that the driver got wrong.

mod arrays;
mod postgres;
mod sqlite;

use super::IngestPool;
use crate::error::{Error, Result};
use crate::rows::{Fingerprint, Row};
use sqlx::pool::PoolConnection;
use std::collections::HashSet;

/// The keyed hash of an erased customer's id.
pub(crate) type CustomerHash = [u8; 32];

/// An open transaction.
pub(crate) enum IngestTransaction {
    Sqlite(sqlite::Transaction),
    Postgres(postgres::Transaction),
}

impl IngestPool {
    /// Begins a transaction. From here to its end no erasure can begin.
    pub(crate) async fn begin(&self) -> Result<IngestTransaction> {
        Ok(match self {
            Self::Sqlite(pool) => {
                IngestTransaction::Sqlite(sqlite::Transaction::begin(pool).await?)
            }
            Self::Postgres(pool) => {
                IngestTransaction::Postgres(postgres::Transaction::begin(pool).await?)
            }
        })
    }

    /// How many transactions can be open at once.
    pub(crate) fn writers(&self) -> u32 {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(pool) => pool.options().get_max_connections(),
        }
    }

    /// Closes the connections.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl IngestTransaction {
    /// Whether any customer was ever erased.
    pub(crate) fn any_suppression(&self) -> bool {
        match self {
            Self::Sqlite(tx) => tx.any_suppression,
            Self::Postgres(tx) => tx.any_suppression,
        }
    }

    /// Which of these are the hashes of erased customers.
    pub(crate) async fn suppressed(
        &mut self,
        hashes: &[CustomerHash],
    ) -> Result<HashSet<CustomerHash>> {
        let found = match self {
            Self::Sqlite(tx) => tx.suppressed(hashes).await?,
            Self::Postgres(tx) => tx.suppressed(hashes).await?,
        };
        let hash = |bytes: Vec<u8>| bytes.try_into().map_err(|_| Error::Corrupt { what: "hash" });
        found.into_iter().map(hash).collect()
    }

    /// Inserts the rows whose name is new. For each row: `None` where it was inserted, else the fingerprint that is stored
    /// under its name. Names must be distinct, and sorted so that two transactions cannot wait for each other.
    pub(crate) async fn insert_new(&mut self, rows: &[&Row]) -> Result<Vec<Option<Fingerprint>>> {
        match self {
            Self::Sqlite(tx) => tx.insert_new(rows).await,
            Self::Postgres(tx) => tx.insert_new(rows).await,
        }
    }

    /// Commits. Only what is acknowledged after this returned `Ok` is safe.
    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
    }
}

/// A pooled connection that is closed unless it is let go by [`Held::release`].
struct Held<DB: sqlx::Database>(Option<PoolConnection<DB>>);

impl<DB: sqlx::Database> Held<DB> {
    fn new(connection: PoolConnection<DB>) -> Self {
        Self(Some(connection))
    }

    fn get(&mut self) -> Result<&mut DB::Connection> {
        self.0.as_deref_mut().ok_or(Error::Corrupt { what: "connection" })
    }

    fn release(mut self) {
        drop(self.0.take());
    }
}

impl<DB: sqlx::Database> Drop for Held<DB> {
    fn drop(&mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.close_on_drop();
        }
    }
}
