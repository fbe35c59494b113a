//! PostgreSQL: pools by how long their work may take, so that long work never starves short calls.

use super::{ACQUIRE, ACQUIRE_LONG, IngestPool, Options, Pools};
use crate::error::{Error, Result};
use sea_orm::SqlxPostgresConnector;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use std::str::FromStr;

/// Limits of a pool's sessions. A caller that goes away leaves its statement running, so the server must end it.
struct Limits {
    statement: &'static str,
    lock: &'static str,
    idle_in_transaction: &'static str,
}

const SHORT: Limits = Limits { statement: "10s", lock: "3s", idle_in_transaction: "10s" };
const INGEST: Limits = Limits { statement: "30s", lock: "10s", idle_in_transaction: "10s" };
const QUERY: Limits = Limits { statement: "60s", lock: "3s", idle_in_transaction: "10s" };
const LONG: Limits = Limits { statement: "30min", lock: "10s", idle_in_transaction: "5min" };

/// Memory of one step of a statement that reads much; the server's default is 4 MB.
const WORK_MEMORY: &str = "64MB";

pub(super) async fn open(options: &Options) -> Result<Pools> {
    let server = PgConnectOptions::from_str(&options.url)
        .map_err(|_| Error::Url {
            reason: "it is not of the form postgres://user:password@host:port/database",
        })?
        .application_name("cx")
        .disable_statement_logging();
    let short = pool_options(options.readers)
        .acquire_timeout(ACQUIRE)
        .connect_with(limited(&server, &SHORT))
        .await
        .map_err(hide_address)?;
    check(&short).await?;
    // What is long reads much, and groups and sorts it: in memory, where there is some, not in files.
    let much = |limits| limited(&server, limits).options([("work_mem", WORK_MEMORY)]);
    let long = pool_options(options.long_readers)
        .acquire_timeout(ACQUIRE_LONG)
        .connect_lazy_with(much(&LONG));
    let query = pool_options(options.long_readers)
        .acquire_timeout(ACQUIRE_LONG)
        .connect_lazy_with(much(&QUERY));
    // The keys of a batch are looked up by index, however large the batch: without statistics of the arrays the
    // planner would rather read the whole table.
    let ingest = limited(&server, &INGEST)
        .options([("enable_hashjoin", "off"), ("enable_mergejoin", "off")]);
    let ingest = pool_options(options.ingest_writers)
        .acquire_timeout(ACQUIRE_LONG)
        .connect_lazy_with(ingest);
    let short = SqlxPostgresConnector::from_sqlx_postgres_pool(short);
    let long = SqlxPostgresConnector::from_sqlx_postgres_pool(long);
    Ok(Pools {
        read: short.clone(),
        write: short,
        long: long.clone(),
        query: SqlxPostgresConnector::from_sqlx_postgres_pool(query),
        write_long: long,
        ingest: IngestPool::Postgres(ingest),
        embedded: false,
    })
}

fn limited(server: &PgConnectOptions, limits: &Limits) -> PgConnectOptions {
    server.clone().options([
        ("statement_timeout", limits.statement),
        ("lock_timeout", limits.lock),
        ("idle_in_transaction_session_timeout", limits.idle_in_transaction),
    ])
}

fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections.max(1)).after_release(|connection, _| {
        Box::pin(async move {
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// A pool that cannot connect in time reports only that; a wrong password or database is told by its code.
fn hide_address(error: sqlx::Error) -> Error {
    Error::from(error)
}

/// A server that does not wait for its disk acknowledges commits that a power cut undoes.
async fn check(pool: &PgPool) -> Result<()> {
    for setting in ["fsync", "synchronous_commit"] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(pool).await?;
        if value == "off" {
            return Err(Error::Unsafe { setting, value });
        }
    }
    Ok(())
}
