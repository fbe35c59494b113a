//! Connections: the only place that names an engine (this file and the folder of the same name).
//!
//! It opens the pools with the settings under which an acknowledged commit is a fact, begins transactions as each
//! engine wants them, and holds the few statements that cannot be written in one text for both. It must not know
//! what the tables mean.

pub(crate) mod bulk;
pub(crate) mod fault;
pub(crate) mod ingest;
mod postgres;
mod sqlite;

pub(crate) use bulk::{Column, bulk_insert};

use crate::error::{Error, Result};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use std::time::Duration;

/// How to reach the database, and how much of it to use.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://cx.db` (the file is created) or `postgres://user:password@host/database`.
    pub url: String,
    /// Most connections for short reads and writes.
    pub readers: u32,
    /// Most connections for long work: activity, exports, jobs.
    pub long_readers: u32,
    /// Connections that store interactions, where the engine lets several write at once.
    pub ingest_writers: u32,
    /// Most interactions that wait to be stored before callers are told to slow down.
    pub queue_records: u32,
}

impl Options {
    /// The defaults, for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            readers: 8,
            long_readers: 4,
            ingest_writers: 4,
            queue_records: 50_000,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Options").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// How long a short call waits for a connection.
const ACQUIRE: Duration = Duration::from_millis(500);
/// How long a long job waits for a connection, and how long a writer waits for the one writer's turn.
const ACQUIRE_LONG: Duration = Duration::from_secs(30);

/// The pools.
pub(crate) struct Pools {
    /// Short reads.
    pub read: DatabaseConnection,
    /// Short writes.
    pub write: DatabaseConnection,
    /// Long reads.
    pub long: DatabaseConnection,
    /// Reads of callers that last as long as what they ask for is large: metrics, lists of members and of risks. A caller who
    /// goes away leaves the statement running, which must not take a job's place.
    pub query: DatabaseConnection,
    /// Long writes.
    pub write_long: DatabaseConnection,
    /// What stores interactions.
    pub ingest: IngestPool,
    /// One file beside this process, rather than a server.
    pub embedded: bool,
}

/// The connections that store interactions.
#[derive(Clone)]
pub(crate) enum IngestPool {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

/// Opens the pools and checks that the database keeps what it acknowledges.
pub(crate) async fn open(options: &Options) -> Result<Pools> {
    match options.url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite::open(options).await,
        Some("postgres" | "postgresql") => postgres::open(options).await,
        _ => Err(Error::Url { reason: "it starts neither with sqlite:// nor with postgres://" }),
    }
}

/// Begins a transaction that writes. On SQLite it takes the write lock at once: a deferred one fails as soon as
/// somebody else wrote in between, without waiting.
pub(crate) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(db.begin_with_options(options).await?)
}

/// The words of a column type that differ between the engines.
pub(crate) struct TypeWords {
    /// Text that is compared and sorted byte by byte.
    pub id: &'static str,
    /// Bytes.
    pub bytes: &'static str,
}

/// The type words of this database.
pub(crate) fn type_words(backend: DbBackend) -> TypeWords {
    match backend {
        DbBackend::Postgres => TypeWords { id: r#"TEXT COLLATE "C""#, bytes: "BYTEA" },
        _ => TypeWords { id: "TEXT", bytes: "BLOB" },
    }
}

/// The entry of an object in JSON whose key is the parameter `mark`, as text; NULL where there is none.
pub(crate) fn entry_of(backend: DbBackend, object: &str, mark: &str) -> String {
    match backend {
        DbBackend::Postgres => format!("(CAST({object} AS JSON) ->> {mark})"),
        // A path would give some characters of a key a meaning.
        _ => format!("(SELECT e.value FROM json_each({object}) e WHERE e.key = {mark})"),
    }
}

/// What a SELECT ends with whose rows nobody else may change before this transaction ends. SQLite has one writer.
pub(crate) fn locking(tx: &DatabaseTransaction) -> &'static str {
    match tx.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

/// Makes a second migrator wait until this transaction ends. SQLite's transaction is exclusive already.
pub(crate) async fn lock_migrations(tx: &DatabaseTransaction) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(
            "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0; \
             LOCK TABLE seaql_migrations IN SHARE ROW EXCLUSIVE MODE",
        )
        .await?;
    }
    Ok(())
}

/// Keeps erasures from beginning before this transaction ends. Whoever writes about customers calls it, then looks who was
/// erased, then writes: so nobody comes back. (SQLite has one writer, which is the same.)
pub(crate) async fn hold_erasures(tx: &DatabaseTransaction) -> Result<()> {
    lock_suppression(tx, "ROW SHARE").await
}

/// Waits until nobody holds erasures up any more, and keeps new ones out until this transaction ends.
pub(crate) async fn stop_writers(tx: &DatabaseTransaction) -> Result<()> {
    lock_suppression(tx, "EXCLUSIVE").await
}

async fn lock_suppression(tx: &DatabaseTransaction, mode: &str) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("LOCK TABLE suppression IN {mode} MODE")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
