//! Keeps the members of the active segmentation fresh: whoever's data arrived is assigned anew within seconds, and whoever was not
//! looked at for long is as well, because time passing is news too. One replica at a time has the duty; when it dies, another goes
//! on from where it was done.
//!
//! Only the customers concerned are computed, by the same activity and the same model as in the fit.

use crate::clock;
use cx_analytics::{
    Customer, Timestamp, interaction::Currency, membership::Cause, segmentation::PersonaModel,
};
use cx_datastore::{
    ActiveSegmentation, Duty, Error, Store,
    refresh::{Arrivals, Refreshed},
};
use std::{collections::HashMap, future::Future, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How fresh members are kept.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// How often is looked for data that arrived; zero leaves the duty to other replicas.
    pub interval: Duration,
    /// After what time a customer is looked at again of whom no data arrived.
    pub quiet: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), quiet: Duration::from_secs(24 * 3600) }
    }
}

/// How long the duty stays ours without a sign of life.
const LEASE: i64 = 10_000_000;
/// How often it gives one while it waits.
const RENEW: Duration = Duration::from_secs(3);
/// A record is committed at the latest so long after the instant that is noted as its arrival, clocks' differences included.
pub(super) const SETTLED: i64 = 60_000_000;
/// So far behind the last look a new one begins, for what was committed a little late.
const OVERLAP: i64 = 5_000_000;
/// Customers assigned in one transaction.
const PIECE: usize = 500;
/// Customers found at once.
const PAGE: u64 = 50_000;
/// Most customers of one look of whom no data arrived.
const MOST_QUIET: u64 = 2_000;

/// Does the duty, where this replica has it, until `stop`.
pub async fn forever(store: Store, freshness: Freshness, stop: CancellationToken) {
    if freshness.interval.is_zero() {
        return;
    }
    let mut duty = Refresher::new(store, freshness);
    let mut failing = false;
    loop {
        match duty.look(&stop).await {
            Ok(()) | Err(Error::LeaseLost) => failing = false,
            Err(error) => {
                // One line for each bad spell, not one a second.
                if !failing {
                    tracing::warn!("cannot keep members fresh: {error}");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(freshness.interval) => {}
        }
    }
    // Where this fails, the lease ends by itself.
    let _ends_by_itself = duty.store.duty_release(Duty::Refresh, &duty.owner).await;
}

/// The model of the active segmentation, which never changes.
struct Model {
    id: String,
    model: PersonaModel,
    currency: Option<Currency>,
}

struct Refresher {
    store: Store,
    owner: String,
    quiet: Duration,
    model: Option<Model>,
    /// When was looked last, and under which segmentation.
    last: Option<(Timestamp, String)>,
}

impl Refresher {
    fn new(store: Store, freshness: Freshness) -> Self {
        let owner = uuid::Uuid::now_v7().to_string();
        Self { store, owner, quiet: freshness.quiet, model: None, last: None }
    }

    async fn hold(&self) -> Result<Option<Timestamp>, Error> {
        self.store.duty_hold(Duty::Refresh, &self.owner, clock::now(), LEASE).await
    }

    /// The outcome of something that may take long, while the duty is kept.
    async fn holding<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
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

    /// Looks once: at who is new, at whose arrivals have settled, and at who was quiet.
    async fn look(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let Some(done_until) = self.hold().await? else {
            self.last = None;
            return Ok(());
        };
        let Some(active) = self.store.segmentation_active().await? else { return Ok(()) };
        self.let_go(&active.id).await?;
        if !active.live {
            return Ok(());
        }
        let now = clock::now();
        let settled = now.plus(-SETTLED);
        let last = self.last.take().filter(|(_, id)| *id == active.id).map(|(at, _)| at);
        let since = last.map_or(done_until, |at| at.plus(-OVERLAP));

        let new = Arrivals { from: since, to: Timestamp::MAX, now, beyond: 0 };
        let late = Arrivals { from: done_until, to: settled, now, beyond: SETTLED };
        for arrivals in [new, late] {
            if arrivals.from < arrivals.to && !self.arrived(&active, arrivals, stop).await? {
                return Ok(());
            }
        }
        // Whoever activates another segmentation sets back until when this is done: then the next look begins there.
        let moved = settled <= done_until
            || self.store.duty_done(Duty::Refresh, &self.owner, done_until, settled).await?;
        self.last = moved.then(|| (now, active.id.clone()));

        let quiet = i64::try_from(self.quiet.as_micros()).unwrap_or(i64::MAX);
        let before = now.plus(quiet.saturating_neg());
        let stale = self.store.customers_stale(&active.id, before, MOST_QUIET);
        let stale = self.holding(stale).await?;
        self.refresh(&active, &stale, Cause::Time, stop).await?;
        Ok(())
    }

    /// Assigns everybody anew of whom there is news, page by page. False where it stopped before the end.
    async fn arrived(
        &mut self,
        active: &ActiveSegmentation,
        arrivals: Arrivals,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        let mut after = String::new();
        loop {
            let page = self.store.customers_arrived(&active.id, arrivals, &after, PAGE);
            let page = self.holding(page).await?;
            if !self.refresh(active, &page, Cause::NewData, stop).await? {
                return Ok(false);
            }
            match page.into_iter().nth(PAGE as usize - 1) {
                Some(last) => after = last,
                None => return Ok(true),
            }
        }
    }

    /// Takes those out who object to profiling, also of a version that is a picture of its moment.
    async fn let_go(&self, segmentation_id: &str) -> Result<(), Error> {
        let objecting = self.store.members_objecting(segmentation_id, PIECE as u64).await?;
        if objecting.is_empty() {
            return Ok(());
        }
        let as_of = clock::now();
        let of = Refreshed {
            segmentation_id,
            owner: &self.owner,
            cause: Cause::NewData,
            as_of,
            found: &[],
            none: &objecting,
        };
        self.store.assignments_refresh(of, as_of).await.map(|_| ())
    }

    /// Assigns these customers anew, piece by piece. False where it stopped before the end.
    async fn refresh(
        &mut self,
        active: &ActiveSegmentation,
        customers: &[String],
        cause: Cause,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        for piece in customers.chunks(PIECE) {
            if stop.is_cancelled() {
                return Ok(false);
            }
            if self.hold().await?.is_none() {
                return Err(Error::LeaseLost);
            }
            let changes = self.refresh_piece(active, piece, cause).await?;
            tracing::debug!(customers = piece.len(), changes, ?cause, "members refreshed");
        }
        Ok(true)
    }

    async fn refresh_piece(
        &mut self,
        active: &ActiveSegmentation,
        piece: &[String],
        cause: Cause,
    ) -> Result<usize, Error> {
        let store = self.store.clone();
        let owner = self.owner.clone();
        let Some(Model { model, currency, .. }) = self.model(&active.id).await? else {
            return Ok(0);
        };
        let as_of = clock::now();
        let scope = cx_datastore::Scope::Customers(piece);
        let activities = store.activity(as_of, scope, *currency).await?;
        let known = store.customers_get(piece).await?;
        let known: HashMap<&str, &Customer> =
            known.iter().map(|customer| (customer.customer_id.as_str(), customer)).collect();
        let found = model.assign(&activities, &|id| known.get(id).copied(), as_of);
        let none: Vec<String> = (piece.iter())
            .filter(|id| activities.binary_search_by(|a| a.customer_id.cmp(id)).is_err())
            .cloned()
            .collect();
        let of = Refreshed {
            segmentation_id: &active.id,
            owner: &owner,
            cause,
            as_of,
            found: &found,
            none: &none,
        };
        store.assignments_refresh(of, clock::now()).await
    }

    async fn model(&mut self, id: &str) -> Result<Option<&Model>, Error> {
        if self.model.as_ref().is_none_or(|model| model.id != id) {
            let report = self.store.segmentation_report(id).await?;
            let model = self.store.segmentation_model(id).await?;
            self.model = model.zip(report).map(|((_, model), report)| Model {
                id: id.to_owned(),
                model,
                currency: report.currency,
            });
        }
        Ok(self.model.as_ref())
    }
}
