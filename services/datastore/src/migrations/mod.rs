//! The schema, as the list of changes that led to it. A migration never changes once released, and never imports
//! anything that may change.

mod eighth;
mod fifth;
mod first;
mod fourth;
mod second;
mod seventh;
mod sixth;
mod third;

use crate::connect;
use crate::error::{Error, Result};
use crate::store::{Store, pause};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait, SchemaManager};

/// Runs the statements of a migration; `ID!` and `BYTES!` stand for the engine's words.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> std::result::Result<(), DbErr> {
    let words = connect::type_words(manager.get_database_backend());
    for statement in statements {
        let text = statement.replace("ID!", words.id).replace("BYTES!", words.bytes);
        manager.get_connection().execute_unprepared(&text).await?;
    }
    Ok(())
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(first::Migration),
            Box::new(second::Migration),
            Box::new(third::Migration),
            Box::new(fourth::Migration),
            Box::new(fifth::Migration),
            Box::new(sixth::Migration),
            Box::new(seventh::Migration),
            Box::new(eighth::Migration),
        ]
    }
}

/// Times the table of migrations is created again where another starter was a moment earlier.
const RETRIES: u32 = 5;

pub(crate) async fn migrate(store: &Store) -> Result<Vec<String>> {
    install(store.long_writer()).await?;
    store
        .write_long(async |tx| {
            connect::lock_migrations(tx).await?;
            let pending = Migrator::get_pending_migrations(tx).await.map_err(ahead)?;
            Migrator::up(tx, None).await.map_err(ahead)?;
            Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
        })
        .await
}

/// Creates the table that says what was applied. Two that do so at once collide in PostgreSQL's catalogue in spite of IF
/// NOT EXISTS; the loser finds the table when it tries again.
async fn install(db: &DatabaseConnection) -> Result<()> {
    let mut attempt = 0;
    loop {
        match Migrator::install(db).await {
            Ok(()) => return Ok(()),
            Err(error) if attempt == RETRIES => return Err(error.into()),
            Err(_) => attempt += 1,
        }
        tokio::time::sleep(pause(attempt)).await;
    }
}

pub(crate) async fn check(db: &DatabaseConnection) -> Result<()> {
    let pending = Migrator::get_pending_migrations_read_only(db).await.map_err(ahead)?;
    let Some(last) = pending.last() else { return Ok(()) };
    let applied = Migrator::get_applied_migrations_read_only(db).await.map_err(ahead)?;
    let have = applied
        .last()
        .map_or_else(|| "nothing".to_owned(), |migration| migration.name().to_owned());
    Err(Error::SchemaBehind { have, need: last.name().to_owned() })
}

/// The migrator's own error says that a migration was applied which this program does not know.
fn ahead(error: DbErr) -> Error {
    match error {
        DbErr::Custom(_) => Error::SchemaAhead,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{on_every_database, on_every_engine};

    #[tokio::test]
    async fn two_migrators_at_once_apply_each_migration_once() {
        on_every_database(async |options| {
            let starters = futures::future::join_all((0..4).map(|_| async {
                let store = Store::connect(&options).await?;
                store.migrate().await
            }))
            .await;
            let applied: usize =
                starters.into_iter().map(|names| names.expect("no starter fails").len()).sum();
            assert_eq!(applied, Migrator::migrations().len());
        })
        .await;
    }

    #[tokio::test]
    async fn a_migrator_that_stops_half_way_leaves_nothing_behind() {
        on_every_database(async |options| {
            let store = Store::connect(&options).await.expect("connect");
            install(store.long_writer()).await.expect("install");
            let stopped = store
                .write_long(async |tx| {
                    Migrator::up(tx, None).await?;
                    Err::<(), _>(Error::LeaseLost)
                })
                .await;
            assert!(matches!(stopped, Err(Error::LeaseLost)));
            assert!(matches!(store.schema_check().await, Err(Error::SchemaBehind { .. })));
            assert_eq!(
                store.migrate().await.expect("the next one succeeds").len(),
                Migrator::migrations().len()
            );
            store.schema_check().await.expect("up to date");
        })
        .await;
    }

    /// Members who were found before there was a log are in it, so that they can be followed, and told of when they are erased.
    #[tokio::test]
    async fn members_found_before_there_was_a_log_have_entered() {
        on_every_database(async |options| {
            let store = Store::connect(&options).await.expect("connect");
            install(store.long_writer()).await.expect("install");
            let before = async |tx: &sea_orm::DatabaseTransaction| {
                Migrator::up(tx, Some(3)).await?;
                for statement in [
                    "INSERT INTO active VALUES (1, 's1', 7)",
                    "INSERT INTO persona VALUES ('s1', 'p', 0, 3, '{}'), ('s1', 'q', 1, 1, '{}')",
                    "INSERT INTO assignment VALUES ('a', 's1', 0, 0.0, 1, 0.0, 0, 0), ('b', 's1', 1, 0.0, 0, 0.0, 0, 0),
                        ('c', 's1', 0, 0.0, 1, 0.0, 0, 0), ('d', 's1', 0, 0.0, 1, 0.0, 0, 0), ('d', 's0', 0, 0.0, 1, 0.0, 0, 0)",
                    "INSERT INTO membership_change VALUES ('c', 1, 9, 's1', 'q', 'p', 1)",
                    "INSERT INTO customer (customer_id, attributes, updated_at, consent_profiling) VALUES ('d', '{}', 0, 0)",
                    "UPDATE feed SET head = 1, head_at = 9",
                ] {
                    crate::sql::execute(tx, statement, vec![]).await?;
                }
                Ok(())
            };
            store.write_long(before).await.expect("a database of the version before");
            store.migrate().await.expect("migrate");
            let log = store.membership_changes_after(0, &[], 9).await.expect("log");
            let told: Vec<_> = (log.iter())
                .map(|c| (c.position, c.customer_id.as_str(), c.to.as_deref(), c.at.micros()))
                .collect();
            assert_eq!(
                told,
                [(1, "c", Some("p"), 9), (2, "a", Some("p"), 9), (3, "b", Some("q"), 9)]
            );
            assert_eq!(store.membership_head().await.expect("head"), 3);
        })
        .await;
    }

    /// The child of the test below: killed when everything is done but committed.
    #[tokio::test]
    #[ignore = "run by the test below, in a process of its own"]
    async fn killed() {
        let options = crate::Options::new(std::env::var("CX_TEST_URL").expect("CX_TEST_URL"));
        let store = Store::connect(&options).await.expect("connect");
        install(store.long_writer()).await.expect("install");
        let up = async |tx: &sea_orm::DatabaseTransaction| {
            Migrator::up(tx, None).await?;
            std::process::abort();
            #[expect(unreachable_code, reason = "gives the closure its type")]
            Ok(())
        };
        store.write_long(up).await.expect("never");
    }

    #[tokio::test]
    async fn a_migrator_that_is_killed_does_no_harm() {
        on_every_database(async |options| {
            let child = std::process::Command::new(std::env::current_exe().expect("this program"))
                .args(["--exact", "migrations::tests::killed", "--ignored"])
                .env("CX_TEST_URL", &options.url)
                .output()
                .expect("the child");
            assert!(!child.status.success());
            let store = Store::connect(&options).await.expect("connect");
            assert!(matches!(store.schema_check().await, Err(Error::SchemaBehind { .. })));
            assert_eq!(
                store.migrate().await.expect("the next one succeeds").len(),
                Migrator::migrations().len()
            );
            store.schema_check().await.expect("up to date");
        })
        .await;
    }

    #[tokio::test]
    async fn a_schema_from_the_future_is_refused() {
        on_every_engine(async |store| {
            assert!(store.migrate().await.expect("nothing to do").is_empty());
            let sql =
                "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
            store
                .write(async |tx| crate::sql::execute(tx, sql, vec![]).await)
                .await
                .expect("insert");
            assert!(matches!(store.schema_check().await, Err(Error::SchemaAhead)));
            assert!(matches!(store.migrate().await, Err(Error::SchemaAhead)));
        })
        .await;
    }
}
