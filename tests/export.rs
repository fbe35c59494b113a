//! `cx segment` and `cx export`: tables on stdout, talk on stderr, and a matrix from which anybody can compute again.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Stdio;

use crate::segmentation::fill;
use crate::support::{self, Database, Engine, postgres::Cluster};

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

async fn every_table_is_the_same_as_parquet(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    fill(&store, 200).await;
    cx(&database, &["segment", "--k", "4", "--as-of", "2023-11-14T22:13:20Z"]);
    let as_of = ["--as-of", "2023-11-14T22:13:20Z"];
    cx(&database, &[&["churn", "train"], &as_of[..]].concat());
    let file = database.folder().join("table.parquet");
    for table in ["members", "personas", "features", "churn"] {
        let to = ["export", table, "--format", "parquet", "--output", file.to_str().unwrap()];
        cx(&database, &to);
        let text = cx(&database, &["export", table]);
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr();
        let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
        assert_eq!(names, csv.headers().unwrap().iter().collect::<Vec<_>>());
        let rows = reader.get_row_iter(None).unwrap();
        let cells = rows.map(|row| {
            row.unwrap().get_column_iter().map(|(_, field)| cell(field)).collect::<Vec<_>>()
        });
        let cells: Vec<_> = cells.collect();
        let records = csv.records().map(|record| record.unwrap());
        let records: Vec<_> =
            records.map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert!(!records.is_empty() && cells == records, "{table}");
    }
}

/// A value as the CSV has it.
fn cell(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Double(number) => serde_json::json!(number).to_string(),
        Field::Long(number) => number.to_string(),
        Field::Bool(flag) => flag.to_string(),
        Field::TimestampMicros(at) => jiff::Timestamp::from_microsecond(*at).unwrap().to_string(),
        other => panic!("{other:?} is of no kind that is exported"),
    }
}

async fn a_reader_who_has_seen_enough_is_no_error(engine: Engine) {
    let database = Database::new(engine).await;
    fill(&database.store().await, 200).await;
    cx(&database, &["segment", "--k", "4", "--as-of", "2023-11-14T22:13:20Z"]);
    for format in ["csv", "jsonl", "parquet"] {
        let mut child = support::cx()
            .args(["export", "members", "--format", format, "--database", database.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Before anything can have been written.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{format}: {stderr}");
        // A disk that is full is one.
        let full = ["export", "members", "--format", format, "--output", "/dev/full"];
        let (code, stderr) = fails(&database, &full);
        assert!(code == 1 && stderr.contains("No space left"), "{format}: {stderr}");
    }
}

async fn changes_are_written_in_their_order(engine: Engine) {
    let header = "position,customer_id,kind,from_persona_id,to_persona_id,cause,segmentation_id,change_time\n";
    let database = Database::new(engine).await;
    assert_eq!(cx(&database, &["export", "changes"]), header);
    let (code, stderr) = fails(&database, &["export", "changes", "--after=-1"]);
    assert!(code == 2 && stderr.contains("--after"), "{stderr}");
    if engine == Engine::Postgres {
        let insert = "INSERT INTO membership_change
            (position, customer_id, from_persona, to_persona, cause, segmentation_id, changed_at)
            VALUES (3, 'a', 'p', NULL, 4, 's2', 1700000000000001), (1, 'a', NULL, 'p', 1, 's1', 0),
                   (2, 'b', 'q', 'p', 3, 's2', 1)";
        Cluster::get().sql(database.url(), insert).unwrap();
        let lines = [
            "1,a,ENTERED,,p,NEW_DATA,s1,1970-01-01T00:00:00Z\n",
            "2,b,MOVED,q,p,RETRAIN,s2,1970-01-01T00:00:00.000001Z\n",
            "3,a,LEFT,p,,ERASURE,s2,2023-11-14T22:13:20.000001Z\n",
        ];
        assert_eq!(cx(&database, &["export", "changes"]), format!("{header}{}", lines.concat()));
        let rest = cx(&database, &["export", "changes", "--after", "2"]);
        assert_eq!(rest, format!("{header}{}", lines[2]));
    }
}

async fn the_past_is_told_by_the_changes(engine: Engine) {
    let database = Database::new(engine).await;
    let store = database.store().await;
    fill(&store, 200).await;
    let segment = |k| ["segment", "--k", k, "--as-of", "2023-11-14T22:13:20Z"];
    cx(&database, &segment("3"));
    let first = cx(&database, &["export", "members"]);
    let then = jiff::Timestamp::now().as_microsecond();
    let then = jiff::Timestamp::from_microsecond(then).unwrap().to_string();
    cx(&database, &segment("5"));
    let second = cx(&database, &["export", "members"]);

    // By customer and persona: of an earlier moment nothing else is kept.
    let who = |csv: &str| -> BTreeMap<String, String> {
        rows(csv).iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
    };
    let past = cx(&database, &["export", "members", "--at", &then]);
    assert_eq!(who(&past), who(&first));
    assert_ne!(who(&first), who(&second));
    let at = format!(",,,,,,,{then}");
    assert!(
        rows(&past).iter().all(|row| !row[2].is_empty())
            && past.lines().skip(1).all(|line| line.ends_with(&at)),
        "{past}"
    );
    let persona = who(&first).into_values().next().unwrap();
    let own = cx(&database, &["export", "members", "--at", &then, "--persona", &persona]);
    let expected = who(&first).into_iter().filter(|(_, of)| *of == persona).collect();
    assert_eq!(who(&own), expected);
    assert!(rows(&cx(&database, &["export", "members", "--at", "2023-01-01"])).is_empty());
    for wrong in [["--at", "2199-01-01"], ["--at", "soon"]] {
        let (code, stderr) = fails(&database, &[&["export", "members"], &wrong[..]].concat());
        assert!(code == 2 && stderr.contains("--at"), "{stderr}");
    }
    let both = ["export", "members", "--at", &then, "--segmentation", "s"];
    assert_eq!(fails(&database, &both).0, 2);

    // Played from the beginning, the changes lead to the members of now.
    let changes = cx(&database, &["export", "changes"]);
    let mut played = BTreeMap::new();
    let mut position = 0;
    for row in rows(&changes) {
        let [at, customer, kind, from, to, cause, ..] = row[..] else { panic!("{row:?}") };
        let at: i64 = at.parse().unwrap();
        assert!(at > position && cause == "RETRAIN", "{row:?}");
        position = at;
        let before = played.insert(customer.to_owned(), to.to_owned());
        assert_eq!(before.as_deref().unwrap_or(""), from);
        assert_eq!(kind, if before.is_some() { "MOVED" } else { "ENTERED" });
    }
    assert_eq!(played, who(&second));
    let rest = cx(&database, &["export", "changes", "--after", rows(&changes)[9][0]]);
    assert_eq!(rows(&rest), rows(&changes)[10..]);

    // Who is erased leaves, and was never there.
    let (gone, of) = who(&second).pop_first().unwrap();
    store.customer_erase(&gone, cx_server::clock::now()).await.unwrap();
    let rest = cx(&database, &["export", "changes", "--after", &position.to_string()]);
    let [only] = &rows(&rest)[..] else { panic!("{rest}") };
    assert_eq!(only[1..6], [&gone, "LEFT", &of, "", "ERASURE"]);
    let past = cx(&database, &["export", "members", "--at", &then]);
    assert!(!who(&past).contains_key(&gone) && who(&past).len() == who(&first).len() - 1);
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

on_both_engines!(
    the_exported_matrix_gives_the_reported_inertia,
    every_table_is_the_same_as_parquet,
    a_reader_who_has_seen_enough_is_no_error,
    changes_are_written_in_their_order,
    the_past_is_told_by_the_changes,
    mistakes_are_told_by_name,
);
