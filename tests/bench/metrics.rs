//! Each metric over a year by persona and week, against the best hand-written SQL on the same tables, on PostgreSQL.
//!
//! `CX_BENCH_INTERACTIONS` says how many interactions there are: 10,000,000 unless it does.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cx_analytics::Timestamp;
use cx_analytics::synthetic::Population;
use cx_datastore::{Options, Store};
use cx_server::proto::metrics_service_client::MetricsServiceClient;
use cx_server::proto::{Metric, MetricDimension, MetricResult, QueryMetricsRequest, TimeBucket};
use tonic::transport::Channel;

use crate::ingest::until;
use crate::postgres::Cluster;
use crate::serve::{Server, cx, migrate};
use crate::{median, timed};

const ROUNDS: usize = 3;
/// Interactions stored at once.
const BATCH: usize = 20_000;
/// A Monday 51 weeks before the Monday on which the range ends: 2025-01-06 and 2025-12-29, in microseconds.
const START: i64 = 1_736_121_600_000_000;
const END: i64 = 1_766_966_400_000_000;

/// Measures and prints.
pub async fn run() {
    let rows: usize =
        std::env::var("CX_BENCH_INTERACTIONS").map_or(10_000_000, |rows| rows.parse().unwrap());
    let cluster = Cluster::get();
    let name = cluster.name("metrics");
    cluster.admin(&format!("CREATE DATABASE {name}")).unwrap();
    let url = cluster.url(&name);
    migrate(&url);
    let loading = Instant::now();
    load(&url, rows).await;
    println!("\n{rows} interactions, loaded in {:.0} s", loading.elapsed().as_secs_f64());
    cluster.sql(&url, "VACUUM ANALYZE").unwrap();
    let segment = ["segment", "--database", &url, "--k", "8", "--as-of", "2026-01-01"];
    let status = cx().args(segment).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "cx segment fails");
    cluster.sql(&url, "VACUUM ANALYZE").unwrap();
    let select = "SELECT version_id FROM active WHERE kind = 1";
    let segmentation = cluster.sql(&url, select).unwrap();

    let server = Server::start(&url).await;
    let mut client = server.metrics();
    println!("by persona and week, median of {ROUNDS} interleaved rounds");
    println!("{:<32} {:>9} {:>9} {:>7}", "", "cx", "by hand", "ratio");
    let mut worst: f64 = 0.0;
    for (name, text) in by_hand(&segmentation) {
        let metric = Metric::from_str_name(&format!("METRIC_{name}")).unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (took, results) = ask(&mut client, metric).await;
            let mut rows = String::new();
            let by_hand = timed(|| rows = cluster.sql(&url, &text).unwrap());
            // The first round warms caches, and shows that both did the same.
            if round == 0 {
                agree(metric, &results, &rows);
            } else {
                ours.push(took);
                theirs.push(by_hand);
            }
        }
        let (ours, theirs) = (median(ours).as_secs_f64(), median(theirs).as_secs_f64());
        worst = worst.max(ours / theirs);
        println!("{name:<32} {ours:>7.2} s {theirs:>7.2} s {:>7.2}", ours / theirs);
    }
    println!("worst ratio: {worst:.2} (reach 1.5)");
}

/// Stores interactions of the synthetic population, batch by batch.
async fn load(url: &str, rows: usize) {
    let store = Store::connect(&Options::new(url)).await.unwrap();
    let mut members =
        Population::new(7, u64::MAX, until()).flat_map(|member| member.interactions).take(rows);
    for second in 0.. {
        let batch: Vec<_> = members.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        // As it arrived: each batch at a time of its own.
        store.interactions_record(batch, until().plus(second * 1_000_000)).await.unwrap();
    }
}

async fn ask(
    client: &mut MetricsServiceClient<Channel>,
    metric: Metric,
) -> (Duration, Vec<MetricResult>) {
    let wire =
        |micros: i64| Timestamp::from_micros(micros).map(cx_server::grpc::to_proto::timestamp);
    let request = QueryMetricsRequest {
        metrics: vec![metric.into()],
        start_time: wire(START),
        end_time: wire(END),
        bucket: TimeBucket::Week.into(),
        group_by: vec![MetricDimension::Persona.into()],
        ..QueryMetricsRequest::default()
    };
    let start = Instant::now();
    let answer = client.query_metrics(request).await.unwrap().into_inner();
    (start.elapsed(), answer.results)
}

/// Name and statement of each metric.
fn by_hand(segmentation: &str) -> Vec<(String, String)> {
    let text = include_str!("metrics.sql")
        .replace("{start}", &START.to_string())
        .replace("{end}", &END.to_string())
        .replace("{segmentation}", segmentation);
    let part = |part: &str| {
        let (name, statement) = part.split_once('\n').unwrap();
        (name.trim().to_owned(), statement.trim().to_owned())
    };
    text.split("-- METRIC ").skip(1).map(part).collect()
}

/// Sees that both found the same number of observations, and the same above the line.
fn agree(metric: Metric, results: &[MetricResult], rows: &str) {
    let counted: BTreeMap<&str, f64> = BTreeMap::from([
        ("n", results.iter().map(|result| result.n as f64).sum()),
        ("numerator", results.iter().map(|result| result.numerator).sum()),
    ]);
    let column = |place: usize| -> f64 {
        let value = |row: &str| row.split('|').nth(place).and_then(|text| text.parse::<f64>().ok());
        rows.lines().filter_map(value).sum()
    };
    let expected = match metric {
        // Of cohorts and parts of the whole the hand counts what is above the line.
        Metric::RetentionRate => BTreeMap::from([("numerator", column(3))]),
        Metric::InteractionShare => BTreeMap::from([("numerator", column(2))]),
        _ => BTreeMap::from([("n", column(2)), ("numerator", column(3))]),
    };
    for (what, by_hand) in expected {
        let ours = counted[what];
        assert!(
            (ours - by_hand).abs() <= 1e-9 * by_hand.abs(),
            "{}: {what} is {ours}, by hand {by_hand}",
            metric.as_str_name()
        );
    }
}
