//! A database of its own for each test, on every engine that is there.

pub(crate) mod samples;

use crate::{Options, Store};
use futures::FutureExt;
use sqlx::{Connection, PgConnection};
use std::panic::{AssertUnwindSafe, resume_unwind};

/// An instant for tests, `seconds` after 2024-01-01T00:00:00Z.
pub(crate) fn at(seconds: i64) -> cx_analytics::Timestamp {
    cx_analytics::Timestamp::from_micros(1_704_067_200_000_000 + seconds * 1_000_000)
        .expect("in range")
}

/// A segmentation's job, in the hands of the worker "w" until second 31.
pub(crate) async fn claimed(store: &Store, id: &str) {
    let create =
        store.job_create(crate::JobKind::Segmentation, "{}", true, None, id.to_owned(), at(0));
    create.await.expect("create");
    store.job_claim("w", at(1), 30_000_000).await.expect("claim").expect("a job");
}

/// Publishes a segmentation, assignments and all.
pub(crate) async fn published(
    store: &Store,
    of: crate::Publication<'_>,
    now: cx_analytics::Timestamp,
) -> crate::Result<bool> {
    store.segmentation_stage(of).await?;
    store.segmentation_publish(of, now).await
}

/// Runs `test` on a migrated SQLite file, and on PostgreSQL where `CX_TEST_POSTGRES_URL` names a server on which databases
/// may be created. With `CX_TEST_REQUIRE_POSTGRES=1` it is an error if none is named.
pub(crate) async fn on_every_engine(test: impl AsyncFn(Store)) {
    on_every_database(async |options| {
        let store = Store::connect(&options).await.expect("connect");
        store.migrate().await.expect("migrate");
        test(store.clone()).await;
        store.close().await;
    })
    .await;
}

/// The same with empty databases and nothing opened.
pub(crate) async fn on_every_database(test: impl AsyncFn(Options)) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    test(Options::new(format!("sqlite://{}", folder.path().join("cx.db").display()))).await;
    match std::env::var("CX_TEST_POSTGRES_URL") {
        Ok(url) => on_postgres(&url, test).await,
        Err(_) => assert_ne!(
            std::env::var("CX_TEST_REQUIRE_POSTGRES").as_deref(),
            Ok("1"),
            "CX_TEST_POSTGRES_URL is not set"
        ),
    }
}

async fn on_postgres(url: &str, test: impl AsyncFn(Options)) {
    let name = format!("cx_test_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(url).await.expect("the server of CX_TEST_POSTGRES_URL");
    // A locale that sorts otherwise than bytes do, as servers commonly have.
    let create = sqlx::AssertSqlSafe(format!(
        "CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
    ));
    sqlx::query(create).execute(&mut admin).await.expect("CREATE DATABASE");
    let (server, query) =
        url.split_once('?').map_or((url, String::new()), |(a, b)| (a, format!("?{b}")));
    let start = server.find("://").expect("a URL") + 3;
    let host = server[start..].find('/').map_or(server, |slash| &server[..start + slash]);
    let outcome =
        AssertUnwindSafe(test(Options::new(format!("{host}/{name}{query}")))).catch_unwind().await;
    let drop = sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    sqlx::query(drop).execute(&mut admin).await.expect("DROP DATABASE");
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}
