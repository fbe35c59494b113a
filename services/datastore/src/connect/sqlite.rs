//! SQLite: one file, one writer, several readers.

use super::{ACQUIRE, ACQUIRE_LONG, IngestPool, Options, Pools};
use crate::error::{Error, Result};
use crate::store::{RETRIES, pause};
use sea_orm::SqlxSqliteConnector;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};
use std::str::FromStr;
use std::time::Duration;

/// How long a statement waits for another process that holds the write lock.
const BUSY: Duration = Duration::from_secs(5);

pub(super) async fn open(options: &Options) -> Result<Pools> {
    if options.url.contains(":memory:") || options.url.contains("mode=memory") {
        return Err(Error::Url { reason: "a database in memory keeps nothing; name a file" });
    }
    let file = file_options(&options.url)?;
    let writer = writer(&file).await?;
    check(&writer).await?;
    // Rows wait for the caller in dozens by default, and the two threads wake each other as often.
    let reader = file.pragma("query_only", "ON").row_buffer_size(1024);
    let read =
        pool_options(options.readers).acquire_timeout(ACQUIRE).connect_lazy_with(reader.clone());
    let long =
        pool_options(options.long_readers).acquire_timeout(ACQUIRE_LONG).connect_lazy_with(reader);
    let write = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone());
    Ok(Pools {
        read: SqlxSqliteConnector::from_sqlx_sqlite_pool(read),
        long: SqlxSqliteConnector::from_sqlx_sqlite_pool(long.clone()),
        query: SqlxSqliteConnector::from_sqlx_sqlite_pool(long),
        write_long: write.clone(),
        write,
        ingest: IngestPool::Sqlite(writer),
        embedded: true,
    })
}

/// The one writer. A new file becomes a WAL database here, and SQLite does not wait for another process that is doing the
/// same: it is asked again.
async fn writer(file: &SqliteConnectOptions) -> Result<SqlitePool> {
    let mut attempt = 0;
    loop {
        let pool = pool_options(1).acquire_timeout(ACQUIRE_LONG).connect_with(file.clone()).await;
        match pool.map_err(Error::from) {
            Err(error) if error.is_transient() && attempt < RETRIES => attempt += 1,
            ended => return ended,
        }
        tokio::time::sleep(pause(attempt)).await;
    }
}

fn file_options(url: &str) -> Result<SqliteConnectOptions> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| Error::Url { reason: "it is not of the form sqlite://FILE" })?;
    Ok(options
        .create_if_missing(true)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL, and FULL without WAL as drivers have it, lost acknowledged rows when the power was cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is erased must not stay readable in free pages.
        .pragma("secure_delete", "ON")
        // Rarer checkpoints: half as much again in small transactions.
        .pragma("wal_autocheckpoint", "16384")
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "MEMORY")
        // The driver would log whole statements; what is slow is logged once, at the border.
        .disable_statement_logging())
}

/// A connection that is still in a transaction when it comes back is closed. After a failed fsync the driver's idea of
/// the transaction can differ from SQLite's, and later commits on such a connection did not happen.
fn pool_options(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections.max(1))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
}

/// Reads the settings back: some file systems cannot do WAL, and SQLite then says so only in its answer.
async fn check(writer: &SqlitePool) -> Result<()> {
    let expected = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("secure_delete", "1"),
        ("foreign_keys", "1"),
    ];
    for (setting, want) in expected {
        let sql =
            sqlx::AssertSqlSafe(format!("SELECT CAST({setting} AS TEXT) FROM pragma_{setting}"));
        let value: String = sqlx::query_scalar(sql).fetch_one(writer).await?;
        if value != want {
            return Err(Error::Unsafe { setting, value });
        }
    }
    Ok(())
}
