//! The outlet of the reader: cuts records into batches and hands them to the lanes, all of a customer to the same one.
//! A lane that is busy makes the reader wait, which is what bounds memory.

use super::Error;
use super::check::Checked;
use super::ledger::Origin;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::mpsc::Sender;

/// Records to be stored together, and where each comes from.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records.
    pub records: Vec<Checked>,
    /// One for each.
    pub origins: Vec<Origin>,
    /// Bytes of the lines they come from.
    bytes: usize,
}

/// A batch ends at this many bytes, however few its records are.
const MAX_BYTES: usize = 4 << 20;

/// Where the reader leaves its records.
pub struct Outlet {
    lanes: Vec<(Sender<Batch>, Batch)>,
    size: usize,
}

impl Outlet {
    /// An outlet to these lanes, in batches of `size` records.
    pub fn new(lanes: Vec<Sender<Batch>>, size: usize) -> Self {
        Self { lanes: lanes.into_iter().map(|lane| (lane, Batch::default())).collect(), size }
    }

    /// Leaves a record.
    pub fn deliver(&mut self, record: Checked, origin: Origin) -> Result<(), Error> {
        let mut hasher = DefaultHasher::new();
        record.customer_id().hash(&mut hasher);
        let lane = hasher.finish() % self.lanes.len() as u64;
        let (sender, batch) = &mut self.lanes[lane as usize];
        batch.bytes += origin.raw.len();
        batch.records.push(record);
        batch.origins.push(origin);
        if batch.records.len() >= self.size || batch.bytes >= MAX_BYTES {
            return send(sender, batch);
        }
        Ok(())
    }

    /// Sends what is left.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.lanes
            .iter_mut()
            .filter(|(_, batch)| !batch.records.is_empty())
            .try_for_each(|(sender, batch)| send(sender, batch))
    }
}

fn send(sender: &Sender<Batch>, batch: &mut Batch) -> Result<(), Error> {
    sender.blocking_send(std::mem::take(batch)).map_err(|_| Error::Stopped)
}
