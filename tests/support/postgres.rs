//! One private PostgreSQL for each test process, started by the first test that needs it and gone with the process, however it ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A running PostgreSQL and the client program to give it orders.
pub struct Cluster {
    psql: String,
    url: String,
    prefix: String,
    // Holds the write end of the guard's standard input: the kernel closes it when this process ends, even by a kill.
    _guard: Child,
}

impl Cluster {
    /// The cluster of this process. Panics where there is none to be had: a test that needs PostgreSQL must not pass without.
    pub fn get() -> &'static Self {
        static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
        match CLUSTER.get_or_init(Self::start) {
            Ok(cluster) => cluster,
            Err(reason) => panic!("tests on PostgreSQL need a server: {reason}"),
        }
    }

    fn start() -> Result<Self, String> {
        let token = std::process::id();
        let mut guard = Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/support/postgres.sh"))
            .arg(format!("{token}_"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0) // what kills this process' group leaves the guard to clean up
            .spawn()
            .map_err(|error| format!("bash does not start: {error}"))?;
        let mut line = String::new();
        BufReader::new(guard.stdout.take().unwrap())
            .read_line(&mut line)
            .map_err(|error| error.to_string())?;
        match line.trim().split_once(' ') {
            Some((psql, url)) => Ok(Self {
                psql: psql.into(),
                url: url.into(),
                prefix: format!("cx_test_{token}_"),
                _guard: guard,
            }),
            None => {
                let output = guard.wait_with_output().map_err(|error| error.to_string())?;
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            }
        }
    }

    /// The full name of a database of this process.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The URL of a database on this cluster, by its full name.
    pub fn url(&self, database: &str) -> String {
        let (before, after) = self.url.split_at(self.url.rfind('/').unwrap() + 1);
        let parameters = after.find('?').map_or("", |at| &after[at..]);
        format!("{before}{database}{parameters}")
    }

    /// Runs SQL in the database that the URL names, and returns what it prints, a line for each row, columns parted by `|`.
    pub fn sql(&self, url: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(&self.psql)
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .output()
            .map_err(|error| format!("{} does not start: {error}", self.psql))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
            false => Err(format!("{sql}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Runs SQL outside of any test's database.
    pub fn admin(&self, sql: &str) -> Result<String, String> {
        self.sql(&self.url, sql)
    }
}
