//! Acknowledged rows a second of one stream, against psql `\copy` and the sqlite3 shell's `.import` into the same table.

use std::path::Path;
use std::process::{Command, Stdio};

use cx_analytics::Timestamp;
use cx_analytics::synthetic::Population;
use cx_server::grpc::to_proto;
use cx_server::proto::StreamInteractionsRequest;

use crate::postgres::Cluster;
use crate::serve::{Server, migrate};
use crate::{median, spread, timed};

const ROWS: usize = 200_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 5;

/// What of the table the file has; the fingerprint as 16 letters, which both shells can take as they are.
const COLUMNS: &str = "customer_id, interaction_id, occurred_at, received_at, substr(encode(fingerprint, 'hex'), 1, 16) AS fingerprint, \
    kind, channel, stage, action, variant, subject, topic, body, currency, amount, items, wait, duration, score, score_min, score_max, \
    lower_is_better, flag";

/// Measures and prints.
pub async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("rows.csv");
    let batches = batches(ROWS, BATCH);
    let cluster = Cluster::get();
    let template = cluster.name("bench");
    cluster.admin(&format!("CREATE DATABASE {template}")).unwrap();
    migrate(&cluster.url(&template));

    let mut times: [Vec<_>; 4] = Default::default();
    for round in 0..=ROUNDS {
        let name = cluster.name(&format!("stream{round}"));
        let url = create(&name, &template);
        times[0].push(Server::start(&url).await.stream(batches.clone()).await);
        if round == 0 {
            let select =
                format!("\\copy (SELECT {COLUMNS} FROM interaction) TO '{}' CSV", csv.display());
            cluster.sql(&url, &select).unwrap();
        }
        drop_database(&name);

        let name = cluster.name(&format!("copy{round}"));
        let url = create(&name, &template);
        let copy = format!("\\copy interaction FROM '{}' CSV", csv.display());
        times[1].push(timed(|| cluster.sql(&url, &copy).unwrap()));
        drop_database(&name);

        let file = folder.path().join(format!("stream{round}.db"));
        let url = format!("sqlite://{}", file.display());
        migrate(&url);
        times[2].push(Server::start(&url).await.stream(batches.clone()).await);

        let file = folder.path().join(format!("import{round}.db"));
        migrate(&format!("sqlite://{}", file.display()));
        times[3].push(timed(|| import(&file, &csv)));
    }
    // The first round warms caches and makes the file.
    let times = times.map(|times| times[1..].to_vec());
    report(times);
}

fn report(times: [Vec<std::time::Duration>; 4]) {
    println!("\n{ROWS} interactions, batches of {BATCH}, median of {ROUNDS} interleaved rounds");
    println!("{:<44} {:>12} {:>26}", "", "rows/s", "time");
    let names = [
        "cx, one gRPC stream into PostgreSQL",
        "psql \\copy",
        "cx, one gRPC stream into SQLite",
        "sqlite3 .import",
    ];
    for (name, times) in names.iter().zip(&times) {
        let rate = ROWS as f64 / median(times.clone()).as_secs_f64();
        println!("{name:<44} {rate:>12.0} {:>26}", spread(times));
    }
    let [stream, copy, sqlite, import] = times.map(|times| median(times).as_secs_f64());
    println!(
        "ratio to \\copy: {:.2} (reach 0.3)   ratio to .import: {:.2} (reach 0.4)",
        copy / stream,
        import / sqlite
    );
}

/// Interactions of the synthetic population, as batches of a stream.
pub fn batches(rows: usize, batch: usize) -> Vec<StreamInteractionsRequest> {
    let until = until();
    let mut members =
        Population::new(7, u64::MAX, until).flat_map(|member| member.interactions).take(rows);
    let next = || -> Vec<_> {
        members
            .by_ref()
            .take(batch)
            .map(|interaction| to_proto::interaction(interaction, until))
            .collect()
    };
    std::iter::repeat_with(next)
        .take_while(|interactions| !interactions.is_empty())
        .zip(1..)
        .map(|(interactions, batch_id)| StreamInteractionsRequest { batch_id, interactions })
        .collect()
}

/// Where the population's year ends: a fixed instant, so that all runs measure the same.
pub fn until() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).unwrap()
}

fn create(name: &str, template: &str) -> String {
    let cluster = Cluster::get();
    cluster.admin(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
    // Every round begins with the same write-ahead log behind it.
    cluster.admin("CHECKPOINT").unwrap();
    cluster.url(name)
}

fn drop_database(name: &str) {
    Cluster::get().admin(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
}

/// The shell's own bulk load, which is one transaction, as durable as the server's.
fn import(database: &Path, csv: &Path) {
    let status = Command::new("sqlite3")
        .arg(database)
        .arg("PRAGMA synchronous=FULL")
        .arg(".mode csv")
        .arg(format!(".import {} interaction", csv.display()))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}
