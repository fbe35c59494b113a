//! `kill -9` in the middle of an import, again and again: what was acknowledged is there, once, and in the end everything is.

use crate::support::{self, Database, Engine};
use cx_analytics::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: u64 = 20;
const CUSTOMERS: usize = 12;
const RECORDS: usize = 6_000;

/// Customer and interaction.
type Name = (String, String);

fn lines() -> String {
    let mut lines = String::new();
    for record in 0..RECORDS {
        let customer = record * 7 % CUSTOMERS;
        let _ = writeln!(
            lines,
            r#"{{"customerId":"c{customer}","interactionId":"i{record}","occurredAt":"2024-01-01T00:00:{:02}Z","channel":"CHANNEL_WEB","order":{{"orderId":"o{record}","total":{{"currencyCode":"EUR","amountMinor":"{record}"}}}}}}"#,
            record % 60
        );
    }
    lines
}

fn import(database: &Database, file: &Path, acks: &Path) -> Command {
    let mut command = support::cx();
    command.args(["import", "--log", "error", "--batch", "150", "--database", database.url()]);
    command.arg(file).arg("--acks").arg(acks).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The names of whole lines, with outcomes. The last line of a killed process may be cut short.
fn acknowledged(acks: &Path) -> Vec<(Name, String)> {
    let text = fs::read_to_string(acks).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let named = whole.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        ((cells[0].to_owned(), cells[1].to_owned()), cells[2].to_owned())
    });
    named.collect()
}

/// Everything that is stored, but for when.
async fn content(database: &Database) -> BTreeMap<Name, String> {
    let store = database.store().await;
    let mut content = BTreeMap::new();
    for customer in 0..CUSTOMERS {
        let customer = format!("c{customer}");
        let all = Timestamp::MIN..Timestamp::MAX;
        let stored =
            store.interactions_list(&customer, all, true, None, RECORDS as u64).await.unwrap();
        for stored in stored {
            let name = (customer.clone(), stored.interaction.interaction_id.clone());
            let twice = content.insert(name, format!("{:?}", stored.interaction));
            assert_eq!(twice, None, "a record is there twice");
        }
    }
    store.close().await;
    content
}

async fn what_was_acknowledged_survives_kill_9(engine: Engine) {
    let (database, undisturbed) = (Database::new(engine).await, Database::new(engine).await);
    let file = database.folder().join("records.jsonl");
    fs::write(&file, lines()).unwrap();
    let acks = database.folder().join("acks.csv");

    let started = Instant::now();
    assert!(import(&undisturbed, &file, &acks).status().unwrap().success());
    let whole = started.elapsed();
    let wanted = content(&undisturbed).await;
    assert_eq!(wanted.len(), RECORDS);
    // What was acknowledged here must not be asked of the other database, by a process killed before it wrote its own.
    fs::remove_file(&acks).unwrap();

    let (mut accepted, mut sure) = (BTreeSet::new(), BTreeSet::new());
    let mut killed = 0;
    while killed < KILLS {
        let mut child = import(&database, &file, &acks).spawn().unwrap();
        // Anywhere from the first millisecond to the end of what an import takes.
        let share = RandomState::new().hash_one(killed) % 1000;
        std::thread::sleep(whole.mul_f64(share as f64 / 1000.0).min(Duration::from_secs(5)));
        child.kill().unwrap();
        killed += u64::from(!child.wait().unwrap().success());
        for (name, outcome) in acknowledged(&acks) {
            if outcome == "accepted" {
                assert!(
                    accepted.insert(name.clone()),
                    "{name:?} was accepted twice, so it was lost in between"
                );
            }
            sure.insert(name);
        }
        let _ = fs::remove_file(&acks);
        let there = content(&database).await;
        let lost: Vec<_> =
            sure.iter().filter(|name| there.get(*name) != wanted.get(*name)).collect();
        assert!(
            lost.is_empty(),
            "{} acknowledged records are lost, first {:?}",
            lost.len(),
            lost[0]
        );
    }

    assert!(import(&database, &file, &acks).status().unwrap().success());
    assert_eq!(content(&database).await, wanted);
    assert!(import(&database, &file, &acks).status().unwrap().success());
    assert!(acknowledged(&acks).iter().all(|(_, outcome)| outcome == "duplicate"));
}

on_both_engines!(what_was_acknowledged_survives_kill_9);
