//! A real, migrated database for each test.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use cx_datastore::{Options, Store};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::postgres::Cluster;

/// The engines on which everything must work alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file of its own.
    Sqlite,
    /// A database of its own on the cluster.
    Postgres,
}

/// An empty database whose text order is not that of bytes, as most servers have it: ids must not depend on it.
const EMPTY: &str = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";

/// A database that is gone when this is dropped.
pub struct Database {
    url: String,
    // A folder for the test's files, whatever the engine.
    folder: TempDir,
    postgres: Option<String>,
}

impl Database {
    /// A migrated, empty database.
    pub async fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let database = Self::unmigrated(engine);
                migrate(&database.url).await;
                database
            }
            Engine::Postgres => Self::create(Some(template().await)),
        }
    }

    /// A database as it is before the first migration.
    pub fn unmigrated(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                Self {
                    url: format!("sqlite://{}", folder.path().join("cx.db").display()),
                    folder,
                    postgres: None,
                }
            }
            Engine::Postgres => Self::create(None),
        }
    }

    fn create(template: Option<&str>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::get();
        let name = cluster.name(&NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        match template {
            Some(template) => {
                cluster.admin(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap()
            }
            None => cluster.admin(&format!("CREATE DATABASE {name} {EMPTY}")).unwrap(),
        };
        Self { url: cluster.url(&name), folder: tempfile::tempdir().unwrap(), postgres: Some(name) }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder that is removed with the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its options, as the server would have them.
    pub fn options(&self) -> Options {
        Options::new(&self.url)
    }

    /// Runs SQL behind the store's back, in one transaction.
    pub fn sql(&self, sql: &str) {
        let sql = format!("BEGIN; {sql}; COMMIT;");
        match self.url.strip_prefix("sqlite://") {
            None => drop(Cluster::get().sql(&self.url, &sql).unwrap()),
            Some(file) => {
                let run = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None).executescript(sys.argv[2])";
                let done = Command::new("python3").args(["-c", run, file, &sql]).output().unwrap();
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            }
        }
    }

    /// A store on it.
    pub async fn store(&self) -> Store {
        Store::connect(&self.options()).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.postgres {
            // Where this fails, the guard removes it in the end; a panic here would hide the test's own.
            let _ = Cluster::get().admin(&format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// The migrated database that the others are copied from: migrated once, because copying is many times faster.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let cluster = Cluster::get();
            let name = cluster.name("template");
            cluster.admin(&format!("CREATE DATABASE {name} {EMPTY}")).unwrap();
            migrate(&cluster.url(&name)).await;
            name
        })
        .await
}

async fn migrate(url: &str) {
    let store = Store::connect(&Options::new(url)).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}
