//! The writing half of an import: lanes that store batches, one after the other, and count them once they are committed.

use super::Error;
use super::check::Checked;
use super::ledger::Ledger;
use super::outlet::Batch;
use crate::clock;
use cx_analytics::{Customer, Interaction};
use cx_datastore::{Outcome, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// Times that a batch is tried again while the database is away or busy: about half a minute in all.
const RETRIES: u32 = 8;
/// Customers in one transaction.
const CUSTOMERS: usize = 1000;

/// Stores batches until there are no more. The first error ends the lane, and with it the import.
pub async fn lane(
    store: Store,
    mut batches: Receiver<Batch>,
    ledger: Arc<Ledger>,
    validate_only: bool,
) -> Result<(), Error> {
    let wants_names = ledger.wants_acks();
    while let Some(Batch { records, origins, .. }) = batches.recv().await {
        let names = if wants_names { records.iter().map(name).collect() } else { Vec::new() };
        let (mut interactions, mut customers) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Checked::Interaction(interaction) => interactions.push(interaction),
                Checked::Customer(customer) => customers.push(customer),
            }
        }
        // A batch is of one kind, so that the outcomes are in the order of the origins.
        let mut outcomes = interactions_stored(&store, interactions, validate_only).await?;
        outcomes.extend(customers_stored(&store, customers, validate_only).await?);
        ledger.acknowledge(&outcomes, &origins, &names)?;
    }
    Ok(())
}

fn name(record: &Checked) -> (String, String) {
    match record {
        Checked::Interaction(interaction) => {
            (interaction.customer_id.clone(), interaction.interaction_id.clone())
        }
        Checked::Customer(customer) => (customer.customer_id.clone(), String::new()),
    }
}

async fn interactions_stored(
    store: &Store,
    records: Vec<Interaction>,
    validate_only: bool,
) -> Result<Vec<Outcome>, Error> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    patiently(async || {
        if validate_only {
            store.interactions_check(records.clone()).await
        } else {
            store.interactions_record(records.clone(), clock::now()).await
        }
    })
    .await
}

async fn customers_stored(
    store: &Store,
    records: Vec<Customer>,
    validate_only: bool,
) -> Result<Vec<Outcome>, Error> {
    let mut outcomes = Vec::new();
    for some in records.chunks(CUSTOMERS) {
        let written = match validate_only {
            true => vec![true; some.len()],
            false => {
                patiently(async || store.customers_upsert(some.to_vec(), clock::now()).await)
                    .await?
            }
        };
        outcomes.extend(
            written
                .into_iter()
                .map(|written| if written { Outcome::Accepted } else { Outcome::Suppressed }),
        );
    }
    Ok(outcomes)
}

/// Tries again while the database is away or busy. Harmless even where the answer to a commit was lost: what is stored
/// already is a duplicate then.
async fn patiently<T>(work: impl AsyncFn() -> cx_datastore::Result<T>) -> Result<T, Error> {
    let mut attempt = 0;
    loop {
        match work().await {
            Err(cx_datastore::Error::Overloaded | cx_datastore::Error::Unavailable(_))
                if attempt < RETRIES =>
            {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                attempt += 1;
            }
            result => return Ok(result?),
        }
    }
}
