//! Databases as an operator meets them: new, migrated, by two starters at once.

use cx_datastore::{Error, Store};

use crate::support::postgres::Cluster;
use crate::support::{Database, Engine};

async fn a_new_database_says_what_it_needs(engine: Engine) {
    let database = Database::unmigrated(engine);
    let store = database.store().await;
    assert!(matches!(store.schema_check().await, Err(Error::SchemaBehind { .. })));
    assert!(!store.migrate().await.unwrap().is_empty());
    assert!(store.migrate().await.unwrap().is_empty(), "a second time there is nothing to do");
    store.schema_check().await.unwrap();
    assert_eq!(store.is_embedded(), engine == Engine::Sqlite);
}

async fn two_may_migrate_at_once(engine: Engine) {
    let database = Database::unmigrated(engine);
    let migrate = || async { Store::connect(&database.options()).await.unwrap().migrate().await };
    let (one, other) = tokio::join!(migrate(), migrate());
    let applied = [one.unwrap(), other.unwrap()];
    assert_eq!(
        applied.iter().filter(|names| names.is_empty()).count(),
        1,
        "each migration is applied by one: {applied:?}"
    );
}

on_both_engines!(a_new_database_says_what_it_needs, two_may_migrate_at_once);

#[test]
fn the_cluster_keeps_what_it_acknowledges() {
    assert_eq!(Cluster::get().admin("SHOW fsync").unwrap(), "on");
    assert_eq!(Cluster::get().admin("SHOW synchronous_commit").unwrap(), "on");
}
