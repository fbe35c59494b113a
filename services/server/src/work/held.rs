//! A duty as whoever does it holds it: taken where it is free, kept while something takes long, and let go at the end.

use crate::clock;
use cx_analytics::Timestamp;
use cx_datastore::{Duty, Error, Store};
use std::{future::Future, time::Duration};
use tokio::time::sleep;

/// How long a duty stays ours without a sign of life.
const LEASE: i64 = 10_000_000;
/// How often it gives one while it waits.
const RENEW: Duration = Duration::from_secs(3);

/// A record is committed at the latest so long after the instant that is noted as its arrival, clocks' differences included.
pub(super) const SETTLED: i64 = 60_000_000;
/// So far behind the last look a new one begins, for what was committed a little late.
pub(super) const OVERLAP: i64 = 5_000_000;

/// Who holds a duty, or would.
pub(super) struct Held {
    store: Store,
    duty: Duty,
    /// The name under which it is held.
    pub owner: String,
}

impl Held {
    /// Somebody new.
    pub fn new(store: Store, duty: Duty) -> Self {
        Self { store, duty, owner: uuid::Uuid::now_v7().to_string() }
    }

    /// Takes the duty or keeps it, and gives the instant until which it is done; none where somebody else has it.
    pub async fn hold(&self) -> Result<Option<Timestamp>, Error> {
        self.store.duty_hold(self.duty, &self.owner, clock::now(), LEASE).await
    }

    /// The outcome of something that may take long, while the duty is kept.
    pub async fn holding<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                () = sleep(RENEW) => if self.hold().await?.is_none() {
                    return Err(Error::LeaseLost);
                },
            }
        }
    }

    /// Moves the instant until which the duty is done.
    pub async fn done(&self, from: Timestamp, until: Timestamp) -> Result<bool, Error> {
        self.store.duty_done(self.duty, &self.owner, from, until).await
    }

    /// Lets it go.
    pub async fn release(&self) {
        // Where this fails, the lease ends by itself.
        let _ends_by_itself = self.store.duty_release(self.duty, &self.owner).await;
    }
}
