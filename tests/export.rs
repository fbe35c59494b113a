//! `cx segment` and `cx export`: tables on stdout, talk on stderr, and a matrix from which anybody can compute again.

use std::collections::BTreeMap;
use std::fs;

use crate::segmentation::fill;
use crate::support::{self, Database, Engine};

/// What a verb wrote to stdout; it must have ended well.
fn cx(database: &Database, arguments: &[&str]) -> String {
    let output =
        support::cx().args(arguments).args(["--database", database.url()]).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// How a verb failed: exit code and stderr.
fn fails(database: &Database, arguments: &[&str]) -> (i32, String) {
    let output =
        support::cx().args(arguments).args(["--database", database.url()]).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// The rows of a CSV without quoted commas, after its header.
fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect()).collect()
}

async fn the_exported_matrix_gives_the_reported_inertia(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    fill(&store, 200).await;
    let segment = ["segment", "--k", "4", "--as-of", "2023-11-14T22:13:20Z", "--seed", "7"];
    let table = cx(&database, &segment);
    assert!(table.contains("What sets it apart"), "{table}");
    assert_eq!(cx(&database, &segment), table, "equal data and arguments, equal table");

    let (features, members) =
        (cx(&database, &["export", "features"]), cx(&database, &["export", "members"]));
    assert_eq!(cx(&database, &["export", "features"]), features);
    let persona: BTreeMap<&str, &str> = rows(&members).iter().map(|row| (row[0], row[1])).collect();
    let mut groups = BTreeMap::<&str, Vec<Vec<f64>>>::new();
    for row in rows(&features) {
        let point = row[1..].iter().map(|cell| cell.parse().unwrap()).collect();
        groups.entry(persona[row[0]]).or_default().push(point);
    }
    assert_eq!(groups.len(), 4);
    let inertia: f64 = groups.values().map(|group| scatter(group)).sum();
    let id = store.active_get(cx_datastore::JobKind::Segmentation).await.unwrap().unwrap();
    let report = store.segmentation_report(&id).await.unwrap().unwrap();
    // At rest the centres are the means, so that means from the exported matrix must give the same.
    assert!((inertia / report.inertia - 1.0).abs() < 1e-6, "{inertia} {}", report.inertia);

    let file = database.folder().join("personas.jsonl");
    cx(&database, &["export", "personas", "--format", "jsonl", "--output", file.to_str().unwrap()]);
    let personas = fs::read_to_string(file).unwrap();
    let personas: Vec<serde_json::Value> =
        personas.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(personas.len(), 4);
    let largest = personas[0]["persona_id"].as_str().unwrap();
    let own = cx(&database, &["export", "members", "--persona", largest]);
    assert_eq!(rows(&own).len() as u64, personas[0]["customers"].as_u64().unwrap());
}

/// Sum of squared distances to the mean.
fn scatter(points: &[Vec<f64>]) -> f64 {
    let mean = |d: usize| points.iter().map(|p| p[d]).sum::<f64>() / points.len() as f64;
    (0..points[0].len()).map(|d| points.iter().map(|p| (p[d] - mean(d)).powi(2)).sum::<f64>()).sum()
}

async fn mistakes_are_told_by_name(engine: Engine) {
    let database = Database::new(engine).await;
    let (code, stderr) = fails(&database, &["export", "members"]);
    assert!(code == 1 && stderr.contains("cx segment"), "{stderr}");
    let (code, stderr) = fails(&database, &["export", "personas", "--segmentation", "s"]);
    assert!(code == 2 && stderr.contains("--segmentation"), "{stderr}");
    let (code, stderr) = fails(&database, &["segment", "--k", "99"]);
    assert!(code == 2 && stderr.contains("k: 99 is not in 2..=50"), "{stderr}");
    let (code, stderr) = fails(&database, &["segment", "--as-of", "yesterday"]);
    assert!(code == 2 && stderr.contains("--as-of"), "{stderr}");
    let (code, stderr) = fails(&database, &["segment"]);
    assert!(code == 1 && stderr.contains("TOO_FEW_CUSTOMERS"), "{stderr}");
}

on_both_engines!(the_exported_matrix_gives_the_reported_inertia, mistakes_are_told_by_name);
