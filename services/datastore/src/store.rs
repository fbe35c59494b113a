//! The store itself: pools, the life of a transaction, and the schema's version.
//!
//! Every subject adds its own `impl Store` in its own file. This one must not know what the tables mean.

use crate::connect::{self, Options, Pools};
use crate::error::{Error, Result};
use crate::ingest::Queue;
use crate::migrations;
use crate::suppression::Keys;
use sea_orm::{DatabaseConnection, DatabaseTransaction};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// The database. Cheap to clone; all clones share the same connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    queue: Queue,
    keys: Keys,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// Times a transaction is tried again after a deadlock, a serialization failure or a lost connection.
pub(crate) const RETRIES: u32 = 5;

impl Store {
    /// Opens the database. Does not migrate it: see [`Store::migrate`] and [`Store::schema_check`].
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Unsafe`] where the database may lose what it acknowledges, [`Error::Unavailable`].
    pub async fn connect(options: &Options) -> Result<Self> {
        let pools = connect::open(options).await?;
        let keys = Keys::new(pools.read.clone());
        let queue = Queue::start(&pools.ingest, &keys, options.queue_records);
        Ok(Self { inner: Arc::new(Inner { pools, queue, keys }) })
    }

    /// Brings the schema up to date and gives the names of the migrations applied now. Two that start at once, and one
    /// that is killed half-way, do no harm: everything happens in one transaction under a lock.
    ///
    /// # Errors
    /// [`Error::SchemaAhead`], [`Error::Unavailable`].
    pub async fn migrate(&self) -> Result<Vec<String>> {
        migrations::migrate(self).await
    }

    /// Checks that the schema is the one this program needs.
    ///
    /// # Errors
    /// [`Error::SchemaBehind`], [`Error::SchemaAhead`], [`Error::Unavailable`].
    pub async fn schema_check(&self) -> Result<()> {
        migrations::check(self.read()).await
    }

    /// Whether the database is a file beside this process, which `serve` migrates by itself.
    pub fn is_embedded(&self) -> bool {
        self.inner.pools.embedded
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<()> {
        Ok(self.read().ping().await?)
    }

    /// Waits for what is under way and closes every connection, for all clones.
    pub async fn close(self) {
        self.inner.queue.drain().await;
        let pools = &self.inner.pools;
        pools.ingest.close().await;
        let all = [&pools.read, &pools.write, &pools.long, &pools.query, &pools.write_long];
        for pool in all {
            // Closing reports nothing on which anybody could act.
            let _ = pool.close_by_ref().await;
        }
    }

    /// The queue of what is to be stored.
    pub(crate) fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// The key of erased customers' hashes.
    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Connections for short reads.
    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.inner.pools.read
    }

    /// Connections for long reads: activity, exports, jobs.
    pub(crate) fn long(&self) -> &DatabaseConnection {
        &self.inner.pools.long
    }

    /// Connections for what callers ask that may take its time: metrics, lists of members and of risks.
    pub(crate) fn query(&self) -> &DatabaseConnection {
        &self.inner.pools.query
    }

    /// Connections for long writes, where no transaction of [`Store::write_long`] is wanted.
    pub(crate) fn long_writer(&self) -> &DatabaseConnection {
        &self.inner.pools.write_long
    }

    /// Runs `work` in one short transaction and commits it. Where the database asks for it, everything is done again on a
    /// fresh transaction, so `work` must not have effects of its own. (It is a cloned `AsyncFnOnce` because the futures of an
    /// `AsyncFn` that borrows are not `Send` to this compiler.)
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T> + Clone,
    ) -> Result<T> {
        transact(&self.inner.pools.write, work).await
    }

    /// The same with the limits of long work.
    pub(crate) async fn write_long<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T> + Clone,
    ) -> Result<T> {
        transact(&self.inner.pools.write_long, work).await
    }
}

async fn transact<T>(
    db: &DatabaseConnection,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T> + Clone,
) -> Result<T> {
    let mut attempt = 0;
    loop {
        let error = match attempt_once(db, work.clone()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !error.is_transient() || attempt == RETRIES {
            return Err(error);
        }
        attempt += 1;
        tokio::time::sleep(pause(attempt)).await;
    }
}

async fn attempt_once<T>(
    db: &DatabaseConnection,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T>,
) -> Result<T> {
    let tx = connect::begin(db).await?;
    // On an error the transaction is dropped, which rolls it back before the connection is used again.
    let value = work(&tx).await?;
    match tx.commit().await {
        Ok(()) => Ok(value),
        Err(error) => Err(Error::from(error).final_after_commit()),
    }
}

/// A pause before another attempt: 10 ms, doubled each time, of which a random half is left out so that those
/// who collided do not meet again.
pub(crate) fn pause(attempt: u32) -> Duration {
    let longest = 10_000_u64 << attempt.min(8);
    let random = RandomState::new().build_hasher().finish();
    Duration::from_micros(longest / 2 + random % (longest / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    #[test]
    fn pauses_grow_and_stay_short() {
        for attempt in 1..=RETRIES {
            let longest = Duration::from_millis(10 << attempt);
            assert!((longest / 2..=longest).contains(&pause(attempt)));
        }
    }

    /// Handlers are spawned on a runtime of several threads, so every future of the store must be Send.
    #[test]
    fn writes_can_be_awaited_in_a_spawned_task() {
        fn sendable<T: Send>(_: impl FnOnce(Store) -> T) {}
        sendable(|store| async move {
            store.active_set(crate::JobKind::Segmentation, "a", crate::testing::at(0)).await
        });
        sendable(|store| async move { store.migrate().await });
    }

    #[test]
    fn a_commit_whose_answer_was_lost_is_not_repeated() {
        let lost = |code: &str| {
            Error::Unavailable(Fault::new(code, "", true)).final_after_commit().is_transient()
        };
        assert!(!lost("io"));
        assert!(!lost("08006"));
        assert!(!lost("5"));
        assert!(lost("40001"));
    }
}
