//! The demonstration and the churn verbs, as a person at a terminal meets them.

use crate::support::{Database, Engine, cx};
use std::process::Output;

fn run(arguments: &[&str], database: &Database) -> Output {
    let output = cx().args(arguments).current_dir(database.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

async fn a_demonstration_prints_personas_and_a_churn_list(engine: Engine) {
    let database = Database::new(engine).await;
    let url = ["--database", database.url()];
    let demo = ["demo", "--customers", "1500", "--until", "2024-01-01", "--no-serve"];
    let printed = run(&[&demo[..], &url].concat(), &database);
    let text = String::from_utf8(printed.stdout).unwrap();
    for wanted in [
        "Who are the customers?",
        "loyal high spender",
        "adjusted Rand",
        "AUC",
        "Where most is at stake",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in {text}");
    }
    let again = run(&[&demo[..], &url].concat(), &database);
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains(" 0 accepted") && told.contains(" 0 in conflict"), "{told}");

    let train = [
        "churn",
        "train",
        "--as-of",
        "2024-01-01",
        "--kinds",
        "order,subscription",
        "--no-activate",
    ];
    let trained = run(&[&train[..], &url].concat(), &database);
    assert!(String::from_utf8(trained.stdout).unwrap().contains("Recency rule"));
    let export = run(&[&["export", "churn"][..], &url].concat(), &database);
    let table = String::from_utf8(export.stdout).unwrap();
    let mut lines = csv_lines(&table);
    assert!(lines.next().unwrap().starts_with("customer_id,probability,probability_low"));
    assert!(lines.count() > 500);
}

fn csv_lines(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| !line.is_empty())
}

#[tokio::test]
async fn without_a_database_the_demonstration_keeps_to_a_file_of_its_own() {
    let database = Database::unmigrated(Engine::Sqlite);
    let demo = ["demo", "--customers", "300", "--no-serve"];
    run(&demo, &database);
    run(&demo, &database);
    assert!(database.folder().join("cx-demo.db").exists());
    assert!(!database.folder().join("cx.db").exists());
}

#[test]
fn what_cannot_be_demonstrated_or_trained_names_its_key() {
    for (arguments, key) in [
        (&["demo", "--customers", "5"][..], "--customers"),
        (&["demo", "--until", "2199-01-01"], "--until"),
        (&["churn", "train", "--kinds", "sneeze"], "--kinds"),
        (&["churn", "train", "--horizon-days", "0"], "horizon_days"),
        (&["churn", "train", "--as-of", "2199-01-01"], "--as-of"),
    ] {
        let output = cx().args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(key), "{arguments:?}: {told}");
    }
}

on_both_engines!(a_demonstration_prints_personas_and_a_churn_list);
