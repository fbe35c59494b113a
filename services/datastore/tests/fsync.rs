//! Disks that fail: an acknowledgement is never given for a commit that did not happen.
//!
//! This program runs itself again with a library loaded first whose `fsync` and `fdatasync` fail now and then, in runs of
//! three as real disks do. Whatever the child was told is stored must be there when the parent looks. Drivers have failed
//! this: after such an error their idea of the transaction differed from the database's, and later commits were
//! none.

use cx_analytics::codes::EngagementAction;
use cx_analytics::{Channel, Customer, Interaction, Payload, Timestamp};
use cx_datastore::{Options, Outcome, Store};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int calls;

static int fails(void) {
    const char *every = getenv("CX_TEST_FAIL_SYNC_EVERY");
    int period = every ? atoi(every) : 0;
    return period > 0 && atomic_fetch_add(&calls, 1) % period >= period - 3;
}

#define WRAP(name)                                                   \
    int name(int fd) {                                               \
        static int (*real)(int);                                     \
        if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);     \
        if (fails()) { errno = EIO; return -1; }                     \
        return real(fd);                                             \
    }

WRAP(fsync)
WRAP(fdatasync)
"#;

const ROUNDS: usize = 150;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_704_067_200_000_000 + second * 1_000_000).expect("in range")
}

fn records(round: usize) -> Vec<Interaction> {
    (0..3)
        .map(|place| Interaction {
            customer_id: format!("c{}", round % 7),
            interaction_id: format!("i{round}-{place}"),
            occurred_at: at(0),
            channel: Channel::Web,
            stage: None,
            payload: Payload::Engagement {
                action: EngagementAction::View,
                delivered: None,
                duration: None,
                subject: None,
            },
        })
        .collect()
}

fn customer(round: usize) -> Customer {
    Customer { customer_id: format!("u{round}"), ..Customer::default() }
}

/// The child: writes, and notes every write that was acknowledged.
#[tokio::test]
#[ignore = "run by the test below, in a process of its own"]
async fn child() {
    let folder = std::env::var("CX_TEST_FOLDER").expect("CX_TEST_FOLDER");
    let folder = Path::new(&folder);
    let store = open(folder).await;
    let (mut acknowledged, mut refused) = (String::new(), 0);
    // Each way of writing by itself first: one that recovers could repair what the other one broke.
    for (first, records_too, customers_too) in
        [(0, false, true), (ROUNDS, true, false), (2 * ROUNDS, true, true)]
    {
        for round in first..first + ROUNDS {
            if records_too {
                match store.interactions_record(records(round), at(0)).await {
                    Ok(_) => writeln!(acknowledged, "r{round}").expect("memory"),
                    Err(_) => refused += 1,
                }
            }
            if customers_too {
                match store.customers_upsert(vec![customer(round)], at(0)).await {
                    Ok(_) => writeln!(acknowledged, "u{round}").expect("memory"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    std::fs::write(folder.join("acknowledged"), acknowledged).expect("a file");
    std::fs::write(folder.join("refused"), refused.to_string()).expect("a file");
}

async fn open(folder: &Path) -> Store {
    let options = Options::new(format!("sqlite://{}", folder.join("cx.db").display()));
    let store = Store::connect(&options).await.expect("connect");
    store.migrate().await.expect("migrate");
    store
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_failures_of_the_disk() {
    for every in [11, 17, 40] {
        let folder = tempfile::tempdir().expect("a folder");
        let shim = folder.path().join("shim.so");
        std::fs::write(folder.path().join("shim.c"), SHIM).expect("a file");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&shim, &folder.path().join("shim.c")])
            .arg("-ldl")
            .status();
        assert!(compiled.expect("cc, which Rust links with").success());
        open(folder.path()).await.close().await;
        let ran = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--ignored", "--test-threads=1"])
            .env("LD_PRELOAD", &shim)
            .env("CX_TEST_FAIL_SYNC_EVERY", every.to_string())
            .env("CX_TEST_FOLDER", folder.path())
            .output()
            .expect("the child");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
        let refused = std::fs::read_to_string(folder.path().join("refused")).expect("a file");
        assert_ne!(refused, "0", "no write met a failing disk");
        let acknowledged =
            std::fs::read_to_string(folder.path().join("acknowledged")).expect("a file");
        assert!(acknowledged.lines().count() > ROUNDS, "{refused} refused");
        let store = open(folder.path()).await;
        for line in acknowledged.lines() {
            let round: usize = line[1..].parse().expect("a number");
            if line.starts_with('r') {
                let outcomes = store.interactions_check(records(round)).await.expect("check");
                assert_eq!(outcomes, [Outcome::Duplicate; 3], "round {round} was lost");
            } else {
                let found = store.customer_get(&customer(round).customer_id).await.expect("get");
                assert!(found.is_some(), "customer {round} was lost");
            }
        }
        store.close().await;
    }
}
