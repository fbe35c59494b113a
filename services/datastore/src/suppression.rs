//! Erased customers: what stays is a keyed hash of the id, so that later records about them can be refused and nobody
//! who reads the database can tell who they were.

use crate::error::{Error, Result};
use crate::sql::{self, Columns};
use crate::store::Store;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The name of the setting that holds the key, 32 bytes as hexadecimal digits. The first migration makes it.
const SETTING: &str = "suppression_key";

/// The secret key of the hashes, read when it is first needed.
#[derive(Clone)]
pub(crate) struct Keys {
    db: DatabaseConnection,
    key: Arc<OnceCell<[u8; 32]>>,
}

impl Keys {
    pub(crate) fn new(db: DatabaseConnection) -> Self {
        Self { db, key: Arc::default() }
    }

    /// The hash of a customer's id.
    pub(crate) async fn hash(&self, customer_id: &str) -> Result<[u8; 32]> {
        let key = self.key.get_or_try_init(|| self.read()).await?;
        Ok(*blake3::keyed_hash(key, customer_id.as_bytes()).as_bytes())
    }

    /// The hashes of several ids, each with its id.
    pub(crate) async fn hashes<'a>(&self, ids: Vec<&'a str>) -> Result<Vec<(&'a str, [u8; 32])>> {
        let mut hashes = Vec::with_capacity(ids.len());
        for id in ids {
            hashes.push((id, self.hash(id).await?));
        }
        Ok(hashes)
    }

    async fn read(&self) -> Result<[u8; 32]> {
        let sql = "SELECT value FROM setting WHERE name = $1";
        let row = sql::query_one(&self.db, sql, vec![SETTING.into()]).await?;
        let corrupt = Error::Corrupt { what: "key" };
        let text: String =
            row.map(|row| Columns::of(&row).take()).transpose()?.ok_or(corrupt.clone())?;
        blake3::Hash::from_hex(text).map(|hash| *hash.as_bytes()).map_err(|_| corrupt)
    }
}

impl Store {
    /// Which of these customers were erased. Inside a transaction that writes about customers, call
    /// [`crate::connect::hold_erasures`] before, so that none is erased between this and the commit.
    pub(crate) async fn suppressed_among<'a>(
        &self,
        db: &impl ConnectionTrait,
        customer_ids: Vec<&'a str>,
    ) -> Result<HashSet<&'a str>> {
        if sql::query_one(db, "SELECT 1 FROM suppression LIMIT 1", vec![]).await?.is_none() {
            return Ok(HashSet::new());
        }
        let hashes = self.keys().hashes(customer_ids).await?;
        let mut suppressed = HashSet::new();
        for part in hashes.chunks(500) {
            let marks = (1..=part.len()).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ");
            let sql =
                format!("SELECT customer_hash FROM suppression WHERE customer_hash IN ({marks})");
            let values = part.iter().map(|(_, hash)| hash.to_vec().into()).collect();
            let mut found: HashSet<Vec<u8>> = HashSet::new();
            for row in sql::query_all(db, &sql, values).await? {
                found.insert(Columns::of(&row).take()?);
            }
            suppressed.extend(
                part.iter().filter(|(_, hash)| found.contains(hash.as_slice())).map(|(id, _)| *id),
            );
        }
        Ok(suppressed)
    }
}
