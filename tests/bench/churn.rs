//! Churn training of 100,000 customers with scoring, against pandas, scikit-learn and LightGBM from the same SQLite file.

use std::process::{Command, Stdio};

use cx_analytics::Timestamp;
use cx_analytics::synthetic::Population;

use crate::ingest::{batches, until};
use crate::serve::{Server, cx, migrate};
use crate::{median, spread, timed};

const CUSTOMERS: u64 = 100_000;
const ROUNDS: usize = 3;

/// Measures and prints.
pub async fn run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("churn.db");
    let (file, url) = (file.display().to_string(), format!("sqlite://{}", file.display()));
    migrate(&url);
    let rows = Population::new(7, CUSTOMERS, until()).map(|member| member.interactions.len()).sum();
    let loading = Server::start(&url).await.stream(batches(rows, 1_000)).await;
    println!(
        "\n{CUSTOMERS} customers with {rows} interactions, loaded in {:.0} s",
        loading.as_secs_f64()
    );

    let mut times: [Vec<_>; 2] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(timed(|| train(&url, until())));
        times[1].push(timed(|| rival(&file, until())));
    }
    let [ours, theirs] = times;
    println!("median of {ROUNDS} interleaved rounds");
    println!("{:<44} {:>26}", "cx churn train", spread(&ours));
    println!("{:<44} {:>26}", "pandas, scikit-learn and LightGBM", spread(&theirs));
    let ratio = median(theirs).as_secs_f64() / median(ours).as_secs_f64();
    println!("times as fast: {ratio:.2} (reach 1); a minute is the most that training may take");
}

fn train(url: &str, as_of: Timestamp) {
    let as_of = jiff::Timestamp::from_microsecond(as_of.micros()).unwrap().to_string();
    let status = cx()
        .args(["churn", "train", "--database", url, "--as-of", &as_of])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "cx churn train fails");
}

fn rival(file: &str, as_of: Timestamp) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/bench/churn.py");
    let python =
        std::env::var("CX_BENCH_PYTHON").expect("tests/bench/run.sh names a Python with LightGBM");
    let status = Command::new(python)
        .args([script, file, "--as-of", &as_of.micros().to_string()])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the rival fails");
}
