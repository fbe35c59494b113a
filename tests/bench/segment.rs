//! Segmentation of 100,000 customers, against pandas and scikit-learn from the same PostgreSQL.

use std::process::{Command, Stdio};

use cx_analytics::Timestamp;
use cx_analytics::synthetic::Population;

use crate::ingest::{batches, until};
use crate::postgres::Cluster;
use crate::serve::{Server, cx, migrate};
use crate::{median, spread, timed};

const CUSTOMERS: u64 = 100_000;
const ROUNDS: usize = 3;

/// Measures and prints.
pub async fn run() {
    let cluster = Cluster::get();
    let name = cluster.name("segment");
    cluster.admin(&format!("CREATE DATABASE {name}")).unwrap();
    let url = cluster.url(&name);
    migrate(&url);
    let rows = Population::new(7, CUSTOMERS, until()).map(|member| member.interactions.len()).sum();
    let loading = Server::start(&url).await.stream(batches(rows, 1_000)).await;
    println!(
        "\n{CUSTOMERS} customers with {rows} interactions, loaded in {:.0} s",
        loading.as_secs_f64()
    );
    cluster.sql(&url, "VACUUM ANALYZE").unwrap();

    let mut times: [Vec<_>; 2] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(timed(|| segment(&url)));
        times[1].push(timed(|| rival(&url, until())));
    }
    let [ours, theirs] = times;
    println!("median of {ROUNDS} interleaved rounds");
    println!("{:<44} {:>26}", "cx segment", spread(&ours));
    println!("{:<44} {:>26}", "pandas and scikit-learn", spread(&theirs));
    let ratio = median(theirs).as_secs_f64() / median(ours).as_secs_f64();
    println!("times as fast: {ratio:.2} (reach 1)");
}

fn segment(url: &str) {
    let status = cx()
        .args(["segment", "--database", url])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "cx segment fails");
}

fn rival(url: &str, as_of: Timestamp) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bench/segment.py");
    let python =
        std::env::var("CX_BENCH_PYTHON").expect("tests/bench/run.sh names a Python with pandas");
    let status =
        Command::new(python).args([script, url, &as_of.micros().to_string()]).status().unwrap();
    assert!(status.success(), "the rival fails");
}
