use super::*;
use crate::Store;
use crate::sql::{self, Columns};
use crate::testing::{at, on_every_database, on_every_engine};
use crate::{Fault, JobKind};
use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering};

/// Everything an error can be made to say.
fn told(error: &Error) -> String {
    let mut told = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(inner) = source {
        told.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    told
}

async fn text(db: &impl ConnectionTrait, sql: &str) -> String {
    let row = sql::query_one(db, sql, vec![]).await.expect("query").expect("a row");
    Columns::of(&row).take().expect("text")
}

#[tokio::test]
async fn the_settings_that_keep_data_are_really_on() {
    on_every_engine(async |store| {
        if store.is_embedded() {
            let pragma = async |name: &str| {
                let query = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
                text(store.long_writer(), &query).await
            };
            assert_eq!(pragma("journal_mode").await, "wal");
            assert_eq!(pragma("synchronous").await, "2");
            assert_eq!(pragma("secure_delete").await, "1");
            let row = sql::query_one(store.long_writer(), "PRAGMA wal_autocheckpoint", vec![])
                .await
                .expect("pragma");
            assert_eq!(Columns::of(&row.expect("a row")).take::<i64>().expect("pages"), 16_384);
            let refused = sql::execute(store.read(), "DELETE FROM setting", vec![]).await;
            assert!(refused.is_err(), "readers cannot write");
        } else {
            let setting =
                async |db, name: &str| text(db, &format!("SELECT current_setting('{name}')")).await;
            assert_eq!(setting(store.read(), "statement_timeout").await, "10s");
            assert_eq!(setting(store.long(), "statement_timeout").await, "30min");
            assert_eq!(setting(store.read(), "lock_timeout").await, "3s");
            assert_eq!(setting(store.read(), "idle_in_transaction_session_timeout").await, "10s");
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_does_not_wait_for_its_disk_is_refused() {
    on_every_database(async |mut options| {
        if options.url.starts_with("postgres") {
            options.url.push_str("?options=-c%20synchronous_commit%3Doff");
            let refused = Store::connect(&options).await.expect_err("unsafe");
            assert!(matches!(refused, Error::Unsafe { setting: "synchronous_commit", .. }));
        }
    })
    .await;
}

#[tokio::test]
async fn no_error_and_no_debug_tells_the_password() {
    let urls = [
        "postgres://cx:hunter2@127.0.0.1:1/cx",
        "postgres://cx:hunter2@127.0.0.1:99999/cx",
        "postgres://cx:hunter2@[::1/cx",
        "mysql://cx:hunter2@localhost/cx",
        "hunter2",
        "sqlite://hunter2/no/such/folder/cx.db",
        "sqlite::memory:",
    ];
    for url in urls {
        let options = Options::new(url);
        assert!(!format!("{options:?}").contains("hunter2"));
        let error = Store::connect(&options).await.expect_err("nothing is there");
        assert!(!told(&error).contains("hunter2"), "{}", told(&error));
    }
}

#[tokio::test]
async fn no_error_tells_values_of_rows() {
    on_every_engine(async |store| {
        let twice = "INSERT INTO setting (name, value) VALUES ($1, $2), ($1, $2)";
        let parameters = || vec!["hunter2".into(), "hunter2".into()];
        let error = store
            .write(async |tx| sql::execute(tx, twice, parameters()).await)
            .await
            .expect_err("unique");
        assert!(matches!(error, Error::Fault(_)));
        assert!(!told(&error).contains("hunter2"), "{}", told(&error));
        if !store.is_embedded() {
            for bad in [
                "SELECT CAST('hunter2' AS BIGINT)",
                "SELECT CAST(CAST('hunter2' AS TEXT) AS BIGINT)",
            ] {
                let error = sql::query_one(store.read(), bad, vec![]).await.expect_err("no number");
                assert!(!told(&error).contains("hunter2"), "{}", told(&error));
            }
        }
        let nul = async |tx: &DatabaseTransaction| {
            sql::execute(
                tx,
                "INSERT INTO setting VALUES ($1, $2)",
                vec!["a\0hunter2".into(), "".into()],
            )
            .await
        };
        // One engine takes it; what the other says must tell nothing.
        if let Err(error) = store.write(nul).await {
            assert!(!told(&error).contains("hunter2"), "{}", told(&error));
        }
    })
    .await;
}

/// Begun DEFERRED, most of these fail at once in SQLite, whatever the busy timeout.
#[tokio::test(flavor = "multi_thread")]
async fn two_programs_that_read_and_then_write_both_succeed() {
    on_every_database(async |options| {
        let first = Store::connect(&options).await.expect("connect");
        first.migrate().await.expect("migrate");
        first.active_set(JobKind::Segmentation, "0", at(0)).await.expect("write");
        let second = Store::connect(&options).await.expect("connect");
        let attempts = std::sync::Arc::new(AtomicU32::new(0));
        let programs = [first.clone(), second].map(|store| {
            let attempts = std::sync::Arc::clone(&attempts);
            tokio::spawn(async move {
                for _ in 0..30 {
                    let read_then_write = async |tx: &DatabaseTransaction| {
                        attempts.fetch_add(1, Ordering::Relaxed);
                        // The lock of the row is what SQLite's transaction gives anyway.
                        let lock =
                            "UPDATE active SET activated_at = activated_at + 1 WHERE kind = 1";
                        let read =
                            "SELECT CAST(CAST(version_id AS BIGINT) + 1 AS TEXT) FROM active";
                        if tx.get_database_backend() == DbBackend::Postgres {
                            sql::execute(tx, lock, vec![]).await?;
                        }
                        let next = text(tx, read).await;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        sql::execute(tx, "UPDATE active SET version_id = $1", vec![next.into()])
                            .await
                    };
                    store.write(read_then_write).await.expect("both succeed");
                }
            })
        });
        for program in programs {
            program.await.expect("no panic");
        }
        assert_eq!(
            first.active_get(JobKind::Segmentation).await.expect("read").as_deref(),
            Some("60")
        );
        let attempts = attempts.load(Ordering::Relaxed);
        assert_eq!(attempts, 60, "each waited for its turn, and none had to try again");
    })
    .await;
}

#[tokio::test]
async fn what_may_work_the_next_time_is_tried_again_and_nothing_else() {
    on_every_engine(async |store| {
        let attempts = AtomicU32::new(0);
        let fail = |code: &str, times: u32| {
            let failed = attempts.fetch_add(1, Ordering::Relaxed) < times;
            let fault = Fault::new(code, "", true);
            if failed { Err(Error::Unavailable(fault)) } else { Ok(()) }
        };
        store.write(async |_| fail("40001", 3)).await.expect("the fourth time");
        assert_eq!(attempts.swap(0, Ordering::Relaxed), 4);
        assert!(store.write(async |_| fail("40001", 99)).await.is_err());
        assert_eq!(attempts.swap(0, Ordering::Relaxed), 6);
        let lost = async |_: &DatabaseTransaction| {
            attempts.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(Error::LeaseLost)
        };
        assert!(matches!(store.write(lost).await, Err(Error::LeaseLost)));
        assert_eq!(attempts.load(Ordering::Relaxed), 1);
    })
    .await;
}

/// What a caller that goes away has written in its transaction is rolled back, and the connection serves the next one.
#[tokio::test]
async fn a_dropped_write_is_rolled_back() {
    on_every_engine(async |store| {
        for _ in 0..20 {
            let slow = store.write(async |tx| {
                crate::active::active_set_in(tx, JobKind::Segmentation, "never", at(0)).await?;
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            });
            assert!(tokio::time::timeout(Duration::from_millis(20), slow).await.is_err());
        }
        assert_eq!(store.active_get(JobKind::Segmentation).await.expect("read"), None);
        store.active_set(JobKind::Segmentation, "a", at(0)).await.expect("write");
        assert_eq!(
            store.active_get(JobKind::Segmentation).await.expect("read").as_deref(),
            Some("a")
        );
    })
    .await;
}

#[tokio::test]
async fn bulk_rows_of_every_type_come_back_as_they_went_in() {
    on_every_engine(async |store| {
        let rows = 123_u16;
        let every = |step: u16| (0..rows).map(move |n| (n % step != 0).then_some(n));
        let columns = [
            ("a", Column::Text((0..rows).map(|n| format!("{n:03}'\\ä\"{{}},NULL")).collect())),
            ("b", Column::OptText(every(2).map(|n| n.map(|n| n.to_string())).collect())),
            ("c", Column::I16((0..rows).map(|n| -i16::try_from(n).expect("small")).collect())),
            ("d", Column::OptI16(every(3).map(|n| n.map(|n| i16::try_from(n).expect("small"))).collect())),
            ("e", Column::OptI32(every(4).map(|n| n.map(i32::from)).collect())),
            ("f", Column::I64((0..rows).map(|n| i64::MAX - i64::from(n)).collect())),
            ("g", Column::OptI64(every(5).map(|n| n.map(i64::from)).collect())),
            ("h", Column::F64((0..rows).map(|n| 0.1 + f64::from(n)).collect())),
        ];
        let words = type_words(store.read().get_database_backend());
        let create = format!(
            "CREATE TABLE t (a {} PRIMARY KEY, b TEXT, c SMALLINT, d SMALLINT, e INTEGER, f BIGINT, g BIGINT,
                             h DOUBLE PRECISION)",
            words.id
        );
        store.write(async |tx| sql::execute(tx, &create, vec![]).await).await.expect("create");
        let insert = async |tail: &str| store.write(async |tx| bulk_insert(tx, "t", &columns, tail).await).await;
        assert_eq!(insert("").await.expect("insert"), 123);
        assert_eq!(insert("ON CONFLICT (a) DO NOTHING").await.expect("insert"), 0);
        assert_eq!(insert("ON CONFLICT (a) DO UPDATE SET b = excluded.b").await.expect("insert"), 123);
        let read = sql::query_all(store.read(), "SELECT a, b, c, d, e, f, g, h FROM t ORDER BY a", vec![]);
        for (n, row) in (0..rows).zip(read.await.expect("read")) {
            let mut c = Columns::of(&row);
            let opt = |step: u16| (n % step != 0).then_some(n);
            assert_eq!(c.take::<String>().expect("a"), format!("{n:03}'\\ä\"{{}},NULL"));
            assert_eq!(c.take::<Option<String>>().expect("b"), opt(2).map(|n| n.to_string()));
            assert_eq!(i32::from(c.take::<i16>().expect("c")), -i32::from(n));
            assert_eq!(c.take::<Option<i16>>().expect("d").map(i32::from), opt(3).map(i32::from));
            assert_eq!(c.take::<Option<i32>>().expect("e"), opt(4).map(i32::from));
            assert_eq!(c.take::<i64>().expect("f"), i64::MAX - i64::from(n));
            assert_eq!(c.take::<Option<i64>>().expect("g"), opt(5).map(i64::from));
            assert_eq!(c.take::<f64>().expect("h"), 0.1 + f64::from(n));
        }
    })
    .await;
}
