//! Several replicas on one PostgreSQL, killed in the middle of their work: one published version, and a log of membership changes in
//! which nothing is lost or doubled.

use cx_analytics::membership::Change;
use cx_analytics::segmentation::{Asked, Parameters, Policy};
use cx_analytics::synthetic::Population;
use cx_analytics::{Interaction, Timestamp};
use cx_datastore::refresh::{Arrivals, Kept};
use cx_datastore::{Job, JobKind, JobState, Store};
use cx_server::clock;
use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, Database, Engine};

const CUSTOMERS: u64 = 2_000;
/// A lease of 30 seconds has to end, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(240);

/// A replica: a process of its own, killed where it is dropped.
struct Replica(Child);

impl Replica {
    fn start(database: &Database) -> Self {
        let mut command = support::cx();
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
            "--refresh-seconds",
            "0.1",
        ]);
        command.args(["--database", database.url()]).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// As by kill -9.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn job(store: &Store) -> Job {
    store.job_get("run").await.unwrap().unwrap()
}

async fn log(store: &Store) -> Vec<Change> {
    store.membership_changes_after(0, &[], 1_000_000).await.unwrap()
}

/// Plays the log, and checks that each change begins where the one before ended, and that no position is missing.
fn played(log: &[Change]) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    for (change, position) in log.iter().zip(1..) {
        assert_eq!(change.position, position, "a position is missing or doubled");
        let before = match &change.to {
            Some(to) => members.insert(change.customer_id.clone(), to.clone()),
            None => members.remove(&change.customer_id),
        };
        assert_eq!(before, change.from, "{change:?}");
        assert_ne!(change.from, change.to, "{change:?}");
    }
    members
}

/// Who is where, as readers see it.
async fn stored(store: &Store) -> BTreeMap<String, String> {
    let id = store.active_get(JobKind::Segmentation).await.unwrap().unwrap();
    let personas = store.personas_list(&id).await.unwrap();
    let all = store.assignments_list(&id, None, None, 1_000_000).await.unwrap();
    let persona = |place: u16| personas[usize::from(place)].persona.persona_id.clone();
    all.into_iter().map(|a| (a.customer_id, persona(a.persona))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_version_and_no_change_lost_or_doubled() {
    let database = Database::new(Engine::Postgres).await;
    let store = database.store().await;
    let now = clock::now();
    let people: Vec<Vec<Interaction>> = Population::new(1, CUSTOMERS, now.days_before(1))
        .map(|member| member.interactions)
        .collect();
    let all: Vec<Interaction> = people.iter().flatten().cloned().collect();
    for part in all.chunks(10_000) {
        store.interactions_record(part.to_vec(), now).await.unwrap();
    }

    // The first replica is killed in the middle of the fit; the second takes over when the lease has ended.
    let first = Replica::start(&database);
    let parameters = Parameters { restarts: 20, ..Parameters::at(now) };
    let asked = Asked { parameters, policy: Policy::default(), live: true };
    let asked = serde_json::to_string(&asked).unwrap();
    let kind = JobKind::Segmentation;
    store.job_create(kind, &asked, true, None, "run".to_owned(), now).await.unwrap();
    until("the fit", async || {
        let job = job(&store).await;
        assert_ne!(job.state, JobState::Succeeded, "too quick to be killed");
        (job.state == JobState::Running && job.progress > 0.15).then_some(())
    })
    .await;
    let second = Replica::start(&database);
    first.kill();
    let done = until("the second attempt", async || {
        Some(job(&store).await).filter(|job| job.state == JobState::Succeeded)
    })
    .await;
    assert_eq!(done.attempt, 2);
    assert_eq!(store.active_get(kind).await.unwrap().as_deref(), Some("run"));
    let entered = log(&store).await;
    let members = played(&entered);
    let with_activity = people.iter().filter(|records| !records.is_empty()).count();
    assert_eq!((entered.len(), members.len()), (with_activity, with_activity));
    assert_eq!(members, stored(&store).await);

    // A third waits while the second, which keeps the members fresh, is killed in the middle of that.
    let third = Replica::start(&database);
    let begun = clock::now();
    let swapped: Vec<Interaction> = (people.chunks_exact(2))
        .flat_map(|pair| pair[0].iter().map(|record| (record, pair[1].first())))
        .filter_map(|(record, other)| {
            Some(Interaction {
                customer_id: other?.customer_id.clone(),
                interaction_id: format!("swapped {}", record.interaction_id),
                ..record.clone()
            })
        })
        .collect();
    for (number, part) in swapped.chunks(2_000).enumerate() {
        store.interactions_record(part.to_vec(), clock::now()).await.unwrap();
        if number == 2 {
            until("the first change", async || {
                (store.membership_head().await.unwrap() > entered.len() as i64).then_some(())
            })
            .await;
            break;
        }
    }
    second.kill();
    for part in swapped.chunks(10_000) {
        store.interactions_record(part.to_vec(), clock::now()).await.unwrap();
    }
    until("the last refresh", async || {
        let of = Arrivals { from: begun, to: Timestamp::MAX, now: clock::now(), beyond: 0 };
        store
            .customers_arrived(Kept::Members("run"), of, "", 1)
            .await
            .unwrap()
            .is_empty()
            .then_some(())
    })
    .await;
    let all = log(&store).await;
    assert!(all.len() > entered.len() + 10, "{} changes", all.len() - entered.len());
    assert_eq!(played(&all), stored(&store).await);
    third.kill();
    store.close().await;
}
