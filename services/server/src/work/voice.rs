//! Reads what customers say: language, sentiment and terms of every text, within seconds of its arrival. One replica at a time has
//! the duty. Once enough texts are there, and whenever they have doubled since, what they say of words is learned anew, and all are
//! read again by it.
//!
//! Like the refresh of members it looks for new arrivals first, and at each arrival once more when it has settled.

use super::held::{Held, OVERLAP, SETTLED};
use crate::clock;
use cx_analytics::Timestamp;
use cx_analytics::voice::{Analyser, Annotation, train};
use cx_datastore::feedback::Unread;
use cx_datastore::{Duty, Error, Store};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Texts read and written in one go.
const PAGE: u64 = 500;
/// Texts from which on is learned.
const LEARN_FROM: i64 = 200;
/// Texts learned from at most: the latest.
const LEARN_MOST: u64 = 50_000;
/// How often is counted whether there are enough.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// Does the duty, where this replica has it, until `stop`. Zero leaves it to other replicas.
pub async fn forever(store: Store, interval: Duration, stop: CancellationToken) {
    if interval.is_zero() {
        return;
    }
    let mut reader = Reader::new(store);
    let mut failing = false;
    loop {
        match reader.look(interval, &stop).await {
            Ok(()) | Err(Error::LeaseLost) => failing = false,
            Err(error) => {
                // One line for each bad spell, not one a second.
                if !failing {
                    tracing::warn!("cannot read what customers say: {error}");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(interval) => {}
        }
    }
    reader.held.release().await;
}

/// Reads everything that is there, and learns where that is due: for the command line. Gives how many texts it read. Where a server
/// has the duty, it is left to that.
///
/// # Errors
/// Those of the store.
pub async fn to_end(store: &Store) -> Result<u64, Error> {
    let mut reader = Reader::new(store.clone());
    let done = reader.everything().await;
    reader.held.release().await;
    match done {
        Err(Error::LeaseLost) => Ok(reader.read),
        done => done.map(|()| reader.read),
    }
}

struct Reader {
    store: Store,
    held: Held,
    /// The active analyser, its name, and how many texts there were when it was trained.
    analyser: Option<(Arc<Analyser>, String, i64)>,
    /// When was looked last.
    last: Option<Timestamp>,
    /// When was counted last, and how many texts were read until then.
    counted: Option<(Instant, u64)>,
    read: u64,
}

impl Reader {
    fn new(store: Store) -> Self {
        let held = Held::new(store.clone(), Duty::Voice);
        Self { store, held, analyser: None, last: None, counted: None, read: 0 }
    }

    /// Looks once: at what is new, then, so long as nothing else is due, at what has settled and was not read by this analyser.
    async fn look(&mut self, interval: Duration, stop: &CancellationToken) -> Result<(), Error> {
        let mut done_until = match self.begin().await {
            Err(Error::LeaseLost) => {
                (self.last, self.analyser) = (None, None);
                return Ok(());
            }
            begun => begun?,
        };
        let (now, due) = (clock::now(), Instant::now() + interval);
        let settled = now.plus(-SETTLED);
        let since = self.last.map_or(settled, |at| at.plus(-OVERLAP)).max(done_until);
        let mut after = None;
        while !stop.is_cancelled()
            && self.page((since, Timestamp::MAX), &mut after).await?.is_some()
        {}
        self.last = Some(now);
        let (from, mut after) = (done_until, None);
        while done_until < settled && Instant::now() < due && !stop.is_cancelled() {
            let until = self.page((from, settled), &mut after).await?.unwrap_or(settled);
            if until > done_until {
                self.held.done(done_until, until).await?;
            }
            done_until = until;
        }
        let quiet =
            self.counted.is_none_or(|(at, read)| at.elapsed() >= COUNT_EVERY && read != self.read);
        if done_until >= settled && quiet && !stop.is_cancelled() {
            let texts = self.held.holding(self.store.feedback_count()).await?;
            self.learn(texts).await?;
        }
        Ok(())
    }

    async fn everything(&mut self) -> Result<(), Error> {
        loop {
            let done_until = self.begin().await?;
            // What nobody has read yet is read once, by what it teaches itself.
            if self.held.holding(self.store.feedback_count()).await? == 0 {
                let texts = self.held.holding(self.store.feedback_texts()).await?;
                if self.learn(texts).await? {
                    continue;
                }
            }
            let settled = clock::now().plus(-SETTLED);
            let mut after = None;
            while self.page((done_until, Timestamp::MAX), &mut after).await?.is_some() {}
            if settled > done_until {
                self.held.done(done_until, settled).await?;
            }
            let texts = self.held.holding(self.store.feedback_count()).await?;
            if !self.learn(texts).await? {
                return Ok(());
            }
        }
    }

    /// Takes or keeps the duty and knows the active analyser. Gives until when everything was read by it.
    async fn begin(&mut self) -> Result<Timestamp, Error> {
        let done_until = self.held.hold().await?.ok_or(Error::LeaseLost)?;
        if self.analyser.is_some() {
            return Ok(done_until);
        }
        let (analyser, texts) = self.store.feedback_analyser().await?;
        let id = analyser.id();
        let from = if self.store.feedback_outdated(&id).await? {
            self.held.done(done_until, Timestamp::MIN).await?;
            Timestamp::MIN
        } else {
            done_until
        };
        self.analyser = Some((Arc::new(analyser), id, texts));
        Ok(from)
    }

    /// Reads the next texts that arrived in a range, after the last one of the page before. Gives the arrival of the last of them; none
    /// where there is none.
    async fn page(
        &mut self,
        range: (Timestamp, Timestamp),
        after: &mut Option<Unread>,
    ) -> Result<Option<Timestamp>, Error> {
        let Some((analyser, id, _)) = self.analyser.clone() else { return Ok(None) };
        self.held.hold().await?.ok_or(Error::LeaseLost)?;
        let unread =
            self.held.holding(self.store.feedback_unread(&id, range, after.as_ref(), PAGE)).await?;
        let Some(last) = unread.last().cloned() else { return Ok(None) };
        let read = blocking(move || read(&analyser, unread)).await;
        self.store.feedback_annotate((&id, &self.held.owner), &read).await?;
        self.read += read.len() as u64;
        tracing::debug!(texts = read.len(), "texts read");
        let arrived = last.received_at;
        *after = Some(last);
        Ok(Some(arrived))
    }

    /// Learns where there are twice as many texts as when that was done last. True where all are to be read anew.
    async fn learn(&mut self, texts: i64) -> Result<bool, Error> {
        let Some((_, id, trained_on)) = self.analyser.clone() else { return Ok(false) };
        self.counted = Some((Instant::now(), self.read));
        if texts < LEARN_FROM.max(2 * trained_on) {
            return Ok(false);
        }
        let samples = self.held.holding(self.store.feedback_samples(LEARN_MOST)).await?;
        let analyser =
            self.held.holding(async { Ok(blocking(move || train(samples)).await) }).await?;
        let put =
            self.store.feedback_analyser_put((&analyser, texts), &self.held.owner, clock::now());
        put.await?;
        self.analyser = None;
        let learned = analyser.id();
        tracing::info!(texts, analyser = learned, "learned what texts say");
        Ok(learned != id)
    }
}

fn read(analyser: &Analyser, unread: Vec<Unread>) -> Vec<(Unread, Annotation)> {
    let annotate = |unread: Unread| {
        let annotation = analyser.annotate(&unread.text);
        (unread, annotation)
    };
    unread.into_iter().map(annotate).collect()
}

/// Computes beside the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Nobody aborts it: a panic goes on here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
