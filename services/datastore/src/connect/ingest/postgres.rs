//! Storing interactions in PostgreSQL: COPY into a staging table of the session, then one INSERT … SELECT from it. Half as
//! fast again as arrays through UNNEST with large batches, and a quarter with small ones.

use super::copy;
use super::{CustomerHash, Held};
use crate::error::{Error, Fault, Result};
use crate::rows::{COLUMNS, Fingerprint, Row, fingerprint};
use sqlx::postgres::{PgPool, Postgres};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One round trip. The lock is held together with all other writers of interactions, and keeps an erasure from beginning
/// before this transaction ends (see the customers' side).
const BEGIN: &str = "BEGIN;
    CREATE TEMP TABLE IF NOT EXISTS cx_staging (LIKE interaction) ON COMMIT DELETE ROWS;
    LOCK TABLE suppression IN ROW SHARE MODE;
    SELECT EXISTS (SELECT 1 FROM suppression)";

static COPY: LazyLock<String> = LazyLock::new(|| {
    format!("COPY cx_staging ({}) FROM STDIN WITH (FORMAT BINARY)", COLUMNS.join(", "))
});

/// Tells who was inserted only where not everybody was.
static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = COLUMNS.join(", ");
    format!(
        "WITH inserted AS (
             INSERT INTO interaction ({columns}) SELECT {columns} FROM cx_staging ON CONFLICT DO NOTHING
             RETURNING fingerprint
         )
         SELECT CASE WHEN COUNT(*) = $1 THEN NULL ELSE COALESCE(ARRAY_AGG(fingerprint), '{{}}') END FROM inserted"
    )
});

const STORED: &str = "SELECT s.fingerprint, i.fingerprint FROM cx_staging s
    JOIN interaction i ON i.customer_id = s.customer_id AND i.interaction_id = s.interaction_id";

pub(crate) struct Transaction {
    connection: Held<Postgres>,
    pub(super) any_suppression: bool,
}

impl Transaction {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self> {
        let mut connection = Held::new(pool.acquire().await?);
        let row = sqlx::raw_sql(BEGIN).fetch_one(connection.get()?).await?;
        Ok(Self { connection, any_suppression: row.try_get(0)? })
    }

    pub(super) async fn suppressed(&mut self, hashes: &[CustomerHash]) -> Result<Vec<Vec<u8>>> {
        let hashes: Vec<&[u8]> = hashes.iter().map(CustomerHash::as_slice).collect();
        let sql = "SELECT customer_hash FROM suppression WHERE customer_hash = ANY($1)";
        Ok(sqlx::query_scalar(sql).bind(hashes).fetch_all(self.connection.get()?).await?)
    }

    pub(super) async fn insert_new(&mut self, rows: &[&Row]) -> Result<Vec<Option<Fingerprint>>> {
        let connection = self.connection.get()?;
        let mut copy = connection.copy_in_raw(COPY.as_str()).await?;
        copy.send(copy::binary(rows)).await?;
        copy.finish().await?;
        let total = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let inserted: Option<Vec<Vec<u8>>> =
            sqlx::query_scalar(INSERT.as_str()).bind(total).fetch_one(connection).await?;
        match inserted {
            None => Ok(vec![None; rows.len()]),
            Some(inserted) => self.stored(rows, inserted).await,
        }
    }

    /// The fingerprints stored under the names of those rows that were not inserted. This statement sees what a writer
    /// committed on whom the INSERT had to wait.
    async fn stored(
        &mut self,
        rows: &[&Row],
        inserted: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Fingerprint>>> {
        let inserted: HashSet<Vec<u8>> = inserted.into_iter().collect();
        let mut stored = HashMap::with_capacity(rows.len());
        for found in sqlx::query(AssertSqlSafe(STORED)).fetch_all(self.connection.get()?).await? {
            stored.insert(fingerprint(found.try_get(0)?)?, fingerprint(found.try_get(1)?)?);
        }
        rows.iter()
            .map(|row| {
                if inserted.contains(row.fingerprint.as_slice()) {
                    return Ok(None);
                }
                // It stood in the way a moment ago and was erased since.
                let gone = || {
                    Error::Unavailable(Fault::new("erased", "a record was erased meanwhile", true))
                };
                stored.get(&row.fingerprint).copied().map(Some).ok_or_else(gone)
            })
            .collect()
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        sqlx::raw_sql("COMMIT").execute(self.connection.get()?).await?;
        self.connection.release();
        Ok(())
    }
}
