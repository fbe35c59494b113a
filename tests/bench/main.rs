//! How fast `cx` is against the bare tools: interleaved rounds, medians, ratios. `tests/bench/run.sh` runs it.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop with a panic")]

mod churn;
mod ingest;
mod metrics;
#[path = "../support/postgres.rs"]
mod postgres;
mod segment;
mod serve;

use std::time::{Duration, Instant};

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    // A thread of its own for connections, so that they end while a server is waited for.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        if wants("ingest") {
            ingest::run().await;
        }
        if wants("segment") {
            segment::run().await;
        }
        if wants("churn") {
            churn::run().await;
        }
        if wanted.iter().any(|one| one == "metrics") {
            metrics::run().await;
        }
    });
}

/// How long this takes.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The median.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// `median (least to most)` in seconds.
fn spread(times: &[Duration]) -> String {
    let seconds = |time: &Duration| time.as_secs_f64();
    let least = times.iter().map(seconds).fold(f64::INFINITY, f64::min);
    let most = times.iter().map(seconds).fold(0.0, f64::max);
    format!("{:.2} s ({least:.2} to {most:.2})", median(times.to_vec()).as_secs_f64())
}
