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
        keeping(work, || self.hold(), RENEW).await
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

/// The outcome of work while a duty is kept. Both go on side by side: the work may have the row of the duty, or the one writing
/// connection, for which keeping the duty then waits. Where keeping it fails, the lease may end; whoever writes looks at that.
async fn keeping<T, K, F: Future<Output = Result<Option<K>, Error>>>(
    work: impl Future<Output = Result<T, Error>>,
    keep: impl Fn() -> F,
    every: Duration,
) -> Result<T, Error> {
    let lost = async {
        loop {
            sleep(every).await;
            if matches!(keep().await, Ok(None)) {
                return Error::LeaseLost;
            }
        }
    };
    tokio::select! {
        outcome = work => outcome,
        error = lost => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Mutex;

    /// Longer than a duty is kept without a sign of life, and with what giving one needs.
    #[tokio::test]
    async fn work_that_keeps_what_renewing_needs_is_not_stopped_by_it() {
        let every = Duration::from_millis(20);
        let row = Mutex::new(());
        let work = async {
            let _kept = row.lock().await;
            sleep(4 * every).await;
            Ok(1)
        };
        let keep = || async {
            let _kept = row.lock().await;
            Ok(Some(()))
        };
        let done = tokio::time::timeout(100 * every, keeping(work, keep, every)).await;
        assert!(matches!(done, Ok(Ok(1))), "{done:?}");
        let lost = keeping(
            std::future::pending::<Result<(), Error>>(),
            || async { Ok(None::<()>) },
            every,
        );
        assert!(matches!(lost.await, Err(Error::LeaseLost)));
    }
}
