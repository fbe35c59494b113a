//! The duty: one replica at a time sends for all webhooks. Each webhook has a lane for first attempts, which keeps their order, and
//! one for what failed; lanes of many webhooks run at once.
//!
//! A replica that loses the duty stops; what it had sent but not told is sent again by the next one, with the same id.

use super::{Answer, Options, Post, Sender, payload};
use crate::clock;
use cx_datastore::{
    Error, Store,
    duties::Duty,
    webhooks::{Attempted, Message},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    task::{Id, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long the duty stays ours without a sign of life, and how often it is kept.
const LEASE: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(3);
/// Most attempts at once, over all webhooks.
const ATTEMPTS: usize = 64;
/// How long attempts in hand may take after the order to stop.
const GRACE: Duration = Duration::from_millis(1500);

/// Sends what webhooks wait for, until `stop`, whenever the duty is ours.
pub(crate) async fn forever(
    store: Store,
    sender: Sender,
    options: Options,
    stop: CancellationToken,
) {
    let tick = options.tick;
    let work = Work {
        store,
        sender,
        options: Arc::new(options),
        owner: uuid::Uuid::now_v7().to_string().into(),
        permits: Arc::new(Semaphore::new(ATTEMPTS)),
        stop: stop.clone(),
    };
    let mut keeper =
        Keeper { work, kept: None, failing: false, tasks: JoinSet::new(), lanes: HashMap::new() };
    loop {
        tokio::select! {
            () = stop.cancelled() => return keeper.end().await,
            () = sleep(tick) => keeper.round().await,
        }
    }
}

/// Which lane: of a webhook, for first attempts or for what failed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lane {
    webhook_id: String,
    first: bool,
}

/// What a lane works with.
#[derive(Clone)]
struct Work {
    store: Store,
    sender: Sender,
    options: Arc<Options>,
    owner: Arc<str>,
    permits: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Who keeps the duty and opens lanes.
struct Keeper {
    work: Work,
    /// When the duty was kept last, where it is ours.
    kept: Option<Instant>,
    /// Whether the database failed last time: one line for each bad spell, not one a second.
    failing: bool,
    tasks: JoinSet<()>,
    lanes: HashMap<Id, Lane>,
}

impl Keeper {
    /// Opens a lane for everything that waits and has none.
    async fn round(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let id = match ended {
                Ok((id, ())) => id,
                Err(error) => error.id(),
            };
            self.lanes.remove(&id);
        }
        let waiting = match self.work.store.webhooks_waiting(clock::now()).await {
            Ok(waiting) => waiting,
            Err(error) => return self.trouble(&error),
        };
        self.failing = false;
        // Who has nothing to do need not keep the duty, which is a write.
        if (waiting.is_empty() && self.lanes.is_empty()) || !self.keep().await {
            return;
        }
        for one in waiting {
            for (open, first) in [(one.changes, true), (one.deliveries, false)] {
                let lane = Lane { webhook_id: one.webhook_id.clone(), first };
                if open && !self.lanes.values().any(|other| *other == lane) {
                    let task = self.tasks.spawn(self.work.clone().lane(lane.clone()));
                    self.lanes.insert(task.id(), lane);
                }
            }
        }
    }

    /// Takes the duty or keeps it; false where somebody else has it.
    async fn keep(&mut self) -> bool {
        if self.kept.is_some_and(|kept| kept.elapsed() < RENEW) {
            return true;
        }
        let asked = Instant::now();
        let lease = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        match self.work.store.duty_hold(Duty::Webhooks, &self.work.owner, clock::now(), lease).await
        {
            Ok(Some(_)) => self.kept = Some(asked),
            Ok(None) => self.lose(),
            Err(error) => {
                self.trouble(&error);
                if self.kept.is_none_or(|kept| kept.elapsed() > LEASE) {
                    self.lose();
                }
            }
        }
        self.kept.is_some()
    }

    fn lose(&mut self) {
        if self.kept.take().is_some() && !self.lanes.is_empty() {
            tracing::warn!("another replica sends webhooks now");
        }
        self.tasks.abort_all();
    }

    fn trouble(&mut self, error: &Error) {
        if !self.failing {
            tracing::warn!("cannot look after webhooks: {error}");
        }
        self.failing = true;
    }

    /// Lets attempts in hand finish, and the duty go.
    async fn end(mut self) {
        let finish = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, finish).await.is_err() {
            self.tasks.abort_all();
        }
        if self.kept.is_some() {
            // It ends by itself where this fails.
            let _ends_by_itself =
                self.work.store.duty_release(Duty::Webhooks, &self.work.owner).await;
        }
    }
}

impl Work {
    /// Sends one message after the other while there are any and they are delivered. After a failure it ends, so that a
    /// receiver that is down gets no more than one message a tick.
    async fn lane(self, lane: Lane) {
        while !self.stop.is_cancelled() {
            // Fair, so that slow receivers take turns with the others. It is never closed.
            let Ok(_permit) = self.permits.acquire().await else { return };
            match self.step(&lane).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    return tracing::warn!(
                        webhook = lane.webhook_id,
                        "a webhook has to wait: {error}"
                    );
                }
            }
        }
    }

    /// One message. False where there was none, or it failed.
    async fn step(&self, lane: &Lane) -> Result<bool, Error> {
        let now = clock::now();
        let next = if lane.first {
            self.store.webhook_message_next(&lane.webhook_id, &self.owner, now).await?
        } else {
            self.store.webhook_delivery_next(&lane.webhook_id, now).await?
        };
        let Some(message) = next else { return Ok(false) };
        let attempted = self.attempt(&message).await;
        self.store.webhook_settle(&message, &attempted, &self.owner, clock::now()).await?;
        Ok(!matches!(attempted, Attempted::Failed(_)))
    }

    async fn attempt(&self, message: &Message) -> Attempted {
        if message.events.is_empty() {
            return Attempted::Empty;
        }
        let begun = Instant::now();
        let answer = match payload::changed(&message.events) {
            Some(body) => {
                let (url, id, secrets) = (&message.url, &message.id, &message.secrets);
                self.sender.send(Post { url, id, secrets, body: &body }).await
            }
            None => Answer::none("the message cannot be written"),
        };
        tracing::debug!(
            webhook = message.webhook_id,
            message = message.id,
            events = message.events.len(),
            attempts = message.attempts,
            status = answer.status,
            error = answer.error,
            seconds = begun.elapsed().as_secs_f64(),
            "webhook"
        );
        let attempts = usize::try_from(message.attempts).unwrap_or(usize::MAX);
        answer.outcome(attempts, chance(), clock::now(), &self.options)
    }
}

/// A number in [0, 1] that nobody can foresee.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without chance pauses are as short as they may be, which does no harm.
    let _without = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
