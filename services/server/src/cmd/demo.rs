//! `cx demo`: everything at once on a made-up population, then a server to try it on.
//!
//! The records go through the same function as those of `cx import` and of the API; personas and churn are found by
//! the same work. Only the truth about the population, which no real data have, is known here besides.

mod show;

use super::{churn, segment, serve};
use crate::{
    clock, cmd,
    config::{Global, Invalid},
    work,
};
use anyhow::Context;
use clap::Args;
use cx_analytics::{
    Timestamp,
    segmentation::{Asked, Parameters, Policy},
    synthetic::{Archetype, Population},
    time::DAY,
};
use cx_datastore::{JobKind, Outcome, Store, churn::DEFAULT_DEFINITION};
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::Instant,
};

/// Where a demonstration is kept where no other database is named.
const FILE: &str = "cx-demo.db";
/// Records and customers stored in one go.
const BATCH: usize = 10_000;

/// Makes a population up, finds its personas and its churn, prints them, and serves.
///
/// Without --database everything is in cx-demo.db here, which stays afterwards and is begun anew by the next
/// demonstration. A database that is named is only added to: customers demo-000001 and so on.
#[derive(Debug, Args)]
pub struct Demo {
    /// Customers, with a year of interactions each
    #[arg(long, env = "CX_DEMO_CUSTOMERS", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000), value_name = "NUMBER")]
    customers: u64,
    /// Seed of the population: equal seeds make equal customers
    #[arg(long, env = "CX_DEMO_SEED", default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// The end of the year of interactions: a date or an instant [default: the last midnight in UTC]
    #[arg(long, env = "CX_DEMO_UNTIL", value_parser = cmd::instant::parse, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// Where to listen afterwards
    #[arg(long, env = "CX_LISTEN", default_value = "127.0.0.1:50051", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// End after printing, without serving
    #[arg(long, env = "CX_DEMO_NO_SERVE")]
    no_serve: bool,
}

impl Demo {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        if !self.no_serve {
            // Another demonstration may be serving there, from the file that would be begun anew.
            TcpListener::bind(self.listen).with_context(|| format!("CX_LISTEN {}", self.listen))?;
        }
        let global = own_database(global)?;
        let midnight = clock::now().micros().div_euclid(DAY) * DAY;
        let until = self.until.or(Timestamp::from_micros(midnight)).context("the clock")?;
        if until > clock::now() {
            let reason = "is in the future".to_owned();
            return Err(Invalid { key: "--until (CX_DEMO_UNTIL)", reason }.into());
        }
        let store = cmd::open(&global).await?;
        let done = self.tell(&store, until).await;
        store.close().await;
        done?;
        if self.no_serve {
            return Ok(());
        }
        print!("{}", show::calls(self.listen));
        serve::Serve::at(self.listen).run(&global).await
    }

    async fn tell(&self, store: &Store, until: Timestamp) -> anyhow::Result<()> {
        let begun = Instant::now();
        let truth = populate(store, Population::new(self.seed, self.customers, until)).await?;

        work::voice::to_end(store).await?;

        // Without a moment of its own the demonstration goes on: members stay fresh while it is served.
        let parameters = Parameters { seed: self.seed, ..Parameters::at(until) };
        let asked = Asked { parameters, policy: Policy::default(), live: self.until.is_none() };
        let json = serde_json::to_string(&asked)?;
        let id = work::run_to_end(store, JobKind::Segmentation, &json, true).await?;
        println!("\nWho are the customers?\n");
        let nps = show::nps(store, &id, until).await?;
        println!("{}", show::personas(&store.personas_list(&id).await?, &nps));
        let report = store.segmentation_report(&id).await?.context("the report is gone")?;
        println!("{}", segment::notes(&id, &report));
        println!("Are they the ones that were made up?\n");
        println!("{}", show::recovery(store, &id, &truth).await?);

        let of = churn::definition_put(store, DEFAULT_DEFINITION, None).await?;
        let parameters = work::churn::Parameters {
            definition_id: of.id,
            version: of.version,
            definition: of.definition,
            as_of: until,
            currency: None,
            live: self.until.is_none(),
            in_place_of: None,
        };
        let json = serde_json::to_string(&parameters)?;
        let id = work::run_to_end(store, JobKind::ChurnTraining, &json, true).await?;
        let model = store.churn_model_get(&id).await?.context("the model is gone")?;
        println!("Who is about to leave, and how far is that to be believed?\n");
        for table in churn::tables(&model.report) {
            println!("{table}\n");
        }
        println!("{}", churn::notes(&model));
        println!("Where most is at stake\n");
        println!("{}", churn::list(&show::at_stake(store, &id).await?));
        eprintln!("\n{:.1} s in all", begun.elapsed().as_secs_f64());
        Ok(())
    }
}

/// The database that was named; else the demonstration's own file, begun anew. Never the default database: made-up
/// customers do not belong among real ones.
fn own_database(global: &Global) -> anyhow::Result<Global> {
    let mut global = global.clone();
    if global.database != crate::config::DEFAULT_DATABASE {
        return Ok(global);
    }
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{FILE}{suffix}");
        if Path::new(&file).exists() {
            std::fs::remove_file(&file).with_context(|| file.clone())?;
        }
    }
    global.database = format!("sqlite://{FILE}");
    eprintln!("The demonstration is kept in {FILE}; the next one begins it anew");
    Ok(global)
}

/// Stores a population, and gives what each customer is in truth, by id.
async fn populate(
    store: &Store,
    population: Population,
) -> anyhow::Result<Vec<(String, Archetype)>> {
    let begun = Instant::now();
    let (mut truth, mut customers, mut interactions) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts = [0u64; 4];
    for member in population {
        truth.push((member.customer.customer_id.clone(), member.archetype));
        customers.push(member.customer);
        interactions.extend(member.interactions);
        if interactions.len() >= BATCH {
            record(store, &mut customers, &mut interactions, &mut counts).await?;
        }
    }
    record(store, &mut customers, &mut interactions, &mut counts).await?;
    let [accepted, duplicate, conflict, suppressed] = counts;
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!(
        "{} customers; interactions: {accepted} accepted, {duplicate} duplicate, {conflict} in conflict, {suppressed} \
         suppressed, in {seconds:.1} s",
        truth.len(),
    );
    Ok(truth)
}

async fn record(
    store: &Store,
    customers: &mut Vec<cx_analytics::Customer>,
    interactions: &mut Vec<cx_analytics::Interaction>,
    counts: &mut [u64; 4],
) -> anyhow::Result<()> {
    let now = clock::now();
    store.customers_upsert(std::mem::take(customers), now).await?;
    for outcome in store.interactions_record(std::mem::take(interactions), now).await? {
        counts[match outcome {
            Outcome::Accepted => 0,
            Outcome::Duplicate => 1,
            Outcome::Conflict => 2,
            Outcome::Suppressed => 3,
        }] += 1;
    }
    Ok(())
}
