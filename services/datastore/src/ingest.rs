//! Taking interactions in. Concurrent callers share one commit: their batches wait in a queue, a writer for each
//! connection takes what is there, stores it in one transaction, and answers after the commit, never before.
//!
//! A caller that goes away loses nothing: its batch is stored all the same, and sending it again is harmless.

mod merge;

use crate::connect::IngestPool;
use crate::error::{Error, Fault, Result};
use crate::rows::Row;
use crate::sql::{self, Columns};
use crate::store::{RETRIES, Store, pause};
use crate::suppression::Keys;
use cx_analytics::{Interaction, Timestamp};
use merge::Merge;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Stored now.
    Accepted,
    /// Stored before, with the same content.
    Duplicate,
    /// Stored before, with other content; the stored one stands.
    Conflict,
    /// About a customer who was erased; not stored.
    Suppressed,
}

/// Most records in one transaction, but for the last batch that joins it.
const MERGED: usize = 10_000;
/// How long a caller waits for room in the queue.
const ROOM: Duration = Duration::from_secs(2);

/// The queue before the writers.
pub(crate) struct Queue {
    sender: mpsc::UnboundedSender<Batch>,
    room: Arc<Semaphore>,
    capacity: u32,
}

struct Batch {
    rows: Vec<Row>,
    reply: oneshot::Sender<Result<Vec<Outcome>>>,
    _room: OwnedSemaphorePermit,
}

impl Queue {
    /// Starts the writers. They end when the queue is dropped.
    pub(crate) fn start(pool: &IngestPool, keys: &Keys, capacity: u32) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..pool.writers() {
            let writer =
                Writer { pool: pool.clone(), keys: keys.clone(), queue: Arc::clone(&receiver) };
            tokio::spawn(writer.supervise());
        }
        let capacity = capacity.max(1);
        Self { sender, room: Arc::new(Semaphore::new(capacity as usize)), capacity }
    }

    async fn record(&self, rows: Vec<Row>) -> Result<Vec<Outcome>> {
        let weight: usize = rows.iter().map(Row::weight).sum();
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).min(self.capacity);
        let room = tokio::time::timeout(ROOM, Arc::clone(&self.room).acquire_many_owned(weight));
        let room = room.await.map_err(|_| Error::Overloaded)?.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        self.sender.send(Batch { rows, reply, _room: room }).map_err(|_| closed())?;
        answer.await.map_err(|_| {
            Error::Fault(Fault::new("writer", "the writer stopped unexpectedly", false))
        })?
    }

    /// Lets nothing more in and waits until everything that is in is stored and answered.
    pub(crate) async fn drain(&self) {
        // Each batch holds its room until it is answered. An error says that the queue is closed already.
        let _ = self.room.acquire_many(self.capacity).await;
        self.room.close();
    }
}

fn closed() -> Error {
    Error::Unavailable(Fault::new("closed", "the store is closed", false))
}

#[derive(Clone)]
struct Writer {
    pool: IngestPool,
    keys: Keys,
    queue: Arc<Mutex<mpsc::UnboundedReceiver<Batch>>>,
}

impl Writer {
    /// Runs the writer, again if it panics: one bad batch must not end all storing.
    async fn supervise(self) {
        while let Err(error) = tokio::spawn(self.clone().run()).await {
            if error.is_cancelled() {
                return;
            }
            tracing::error!("the writer of interactions panicked; its callers were told");
        }
    }

    async fn run(self) {
        while let Some(batches) = self.next().await {
            self.store_and_answer(batches).await;
        }
    }

    /// What is waiting, up to a transaction's worth.
    async fn next(&self) -> Option<Vec<Batch>> {
        let mut queue = self.queue.lock().await;
        let first = queue.recv().await?;
        let mut records = first.rows.len();
        let mut batches = vec![first];
        while records < MERGED {
            let Ok(batch) = queue.try_recv() else { break };
            records += batch.rows.len();
            batches.push(batch);
        }
        Some(batches)
    }

    async fn store_and_answer(&self, batches: Vec<Batch>) {
        let rows: Vec<&[Row]> = batches.iter().map(|batch| batch.rows.as_slice()).collect();
        match self.store(&rows).await {
            Ok(outcomes) => {
                for (batch, outcomes) in batches.into_iter().zip(outcomes) {
                    answer(batch, Ok(outcomes));
                }
            }
            // A batch that cannot be stored must not take the others with it. Where the database cannot be reached, trying
            // each would only make everybody wait longer.
            Err(error) if batches.len() > 1 && !matches!(error, Error::Unavailable(_)) => {
                for batch in batches {
                    let outcome = self
                        .store(&[&batch.rows])
                        .await
                        .map(|mut outcomes| outcomes.pop().unwrap_or_default());
                    answer(batch, outcome);
                }
            }
            Err(error) => {
                for batch in batches {
                    answer(batch, Err(error.clone()));
                }
            }
        }
    }

    async fn store(&self, batches: &[&[Row]]) -> Result<Vec<Vec<Outcome>>> {
        let merge = Merge::of(batches);
        let mut attempt = 0;
        loop {
            match self.store_once(&merge).await {
                Err(error) if error.is_transient() && attempt < RETRIES => attempt += 1,
                Err(error) => return Err(error),
                Ok(outcomes) => return Ok(outcomes),
            }
            tokio::time::sleep(pause(attempt)).await;
        }
    }

    async fn store_once(&self, merge: &Merge<'_>) -> Result<Vec<Vec<Outcome>>> {
        let mut tx = self.pool.begin().await?;
        let mut suppressed = HashSet::new();
        if tx.any_suppression() {
            let hashes = self.keys.hashes(merge.customers()).await?;
            let found =
                tx.suppressed(&hashes.iter().map(|(_, hash)| *hash).collect::<Vec<_>>()).await?;
            suppressed = hashes
                .into_iter()
                .filter(|(_, hash)| found.contains(hash))
                .map(|(id, _)| id)
                .collect();
        }
        let candidates = merge.candidates(&suppressed);
        let stored = tx.insert_new(&candidates).await?;
        // A commit whose answer was lost may have happened. It is reported, not repeated: the caller sends again, and
        // nothing is stored twice.
        tx.commit().await.map_err(Error::final_after_commit)?;
        Ok(merge.outcomes(&suppressed, &stored))
    }
}

fn answer(batch: Batch, outcomes: Result<Vec<Outcome>>) {
    // Nobody listens where the caller went away; the records are stored all the same.
    let _ = batch.reply.send(outcomes);
}

impl Store {
    /// Stores a batch and gives an outcome for each record, in order, after the commit. Of two records with the same name
    /// in one batch the first counts. Sending again is always harmless.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where too much is waiting, [`Error::Invalid`], [`Error::Unavailable`], [`Error::Timeout`]. After
    /// an error any or none of the records may have been stored; send them again.
    pub async fn interactions_record(
        &self,
        batch: Vec<Interaction>,
        received_at: Timestamp,
    ) -> Result<Vec<Outcome>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.queue().record(rows(batch, received_at)?).await
    }

    /// The outcomes that storing the batch would have now. Stores nothing.
    ///
    /// # Errors
    /// As [`Store::interactions_record`].
    pub async fn interactions_check(&self, batch: Vec<Interaction>) -> Result<Vec<Outcome>> {
        // When they are received is of no matter to the outcome.
        let rows = rows(batch, Timestamp::MIN)?;
        let batches = [rows.as_slice()];
        let merge = Merge::of(&batches);
        let suppressed = self.suppressed_among(self.read(), merge.customers()).await?;
        let candidates = merge.candidates(&suppressed);
        let stored = self.fingerprints(&candidates).await?;
        Ok(merge.outcomes(&suppressed, &stored).pop().unwrap_or_default())
    }

    async fn fingerprints(&self, rows: &[&Row]) -> Result<Vec<Option<crate::rows::Fingerprint>>> {
        let mut stored = Vec::with_capacity(rows.len());
        for part in rows.chunks(100) {
            let keys = (0..part.len()).map(|n| format!("(${}, ${})", 2 * n + 1, 2 * n + 2));
            let sql = format!(
                "SELECT customer_id, interaction_id, fingerprint FROM interaction
                 WHERE (customer_id, interaction_id) IN (VALUES {})",
                keys.collect::<Vec<_>>().join(", ")
            );
            let names = part.iter().flat_map(|row| [&row.customer_id, &row.interaction_id]);
            let mut found = std::collections::HashMap::new();
            for row in
                sql::query_all(self.read(), &sql, names.map(|id| id.as_str().into()).collect())
                    .await?
            {
                let mut columns = Columns::of(&row);
                let name: (String, String) = (columns.take()?, columns.take()?);
                found.insert(name, crate::rows::fingerprint(&columns.take::<Vec<u8>>()?)?);
            }
            let name = |row: &&Row| (row.customer_id.clone(), row.interaction_id.clone());
            stored.extend(part.iter().map(|row| found.get(&name(row)).copied()));
        }
        Ok(stored)
    }
}

fn rows(batch: Vec<Interaction>, received_at: Timestamp) -> Result<Vec<Row>> {
    batch.into_iter().map(|record| Row::new(record, received_at)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
