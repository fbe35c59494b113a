//! Keeps the members of the active segmentation fresh: whoever's data arrived is assigned anew within seconds, and whoever was not
//! looked at for long is as well, because time passing is news too. One replica at a time has the duty; when it dies, another goes
//! on from where it was done.
//!
//! Only the customers concerned are computed, by the same activity and the same model as in the fit.

use super::held::{Held, OVERLAP, SETTLED};
use crate::clock;
use cx_analytics::{
    Customer, Timestamp,
    interaction::Currency,
    membership::Cause,
    segmentation::{Assignment, PersonaModel},
};
use cx_datastore::{
    ActiveSegmentation, Duty, Error, Scope, Store,
    refresh::{Arrivals, Kept, Refreshed},
};
use std::{collections::HashMap, time::Duration};
use tokio::time::{Instant, sleep};
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

/// Customers assigned in one transaction.
pub(super) const PIECE: usize = 500;
/// Customers found at once.
pub(super) const PAGE: u64 = 50_000;
/// The same of those of whom no data arrived.
pub(super) const PAGE_QUIET: u64 = 2_000;

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
    duty.held.release().await;
}

/// The model of a segmentation, which never changes.
struct Model {
    id: String,
    model: PersonaModel,
    currency: Option<Currency>,
}

impl Model {
    async fn read(store: &Store, id: &str) -> Result<Option<Self>, Error> {
        let report = store.segmentation_report(id).await?;
        let model = store.segmentation_model(id).await?;
        Ok(model.zip(report).map(|((_, model), report)| Self {
            id: id.to_owned(),
            model,
            currency: report.currency,
        }))
    }
}

struct Refresher {
    store: Store,
    held: Held,
    freshness: Freshness,
    model: Option<Model>,
    /// When was looked last, and under which segmentation.
    last: Option<(Timestamp, String)>,
}

impl Refresher {
    fn new(store: Store, freshness: Freshness) -> Self {
        let held = Held::new(store.clone(), Duty::Refresh);
        Self { store, held, freshness, model: None, last: None }
    }

    /// Looks once: at who is new, at whose arrivals have settled, and at who was quiet.
    async fn look(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let Some(done_until) = self.held.hold().await? else {
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
        let moved = settled <= done_until || self.held.done(done_until, settled).await?;
        self.last = moved.then(|| (now, active.id.clone()));

        let quiet = i64::try_from(self.freshness.quiet.as_micros()).unwrap_or(i64::MAX);
        let before = now.plus(quiet.saturating_neg());
        // As long as nothing else is due, so that a whole population whose time has come does not make news wait.
        let due = Instant::now() + self.freshness.interval;
        loop {
            let stale = self.store.customers_stale(Kept::Members(&active.id), before, PAGE_QUIET);
            let stale = self.held.holding(stale).await?;
            let whole = self.refresh(&active, &stale, Cause::Time, stop).await?;
            if !whole || (stale.len() as u64) < PAGE_QUIET || Instant::now() >= due {
                return Ok(());
            }
        }
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
            let page =
                self.store.customers_arrived(Kept::Members(&active.id), arrivals, &after, PAGE);
            let page = self.held.holding(page).await?;
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
        let of = Refreshed { segmentation_id, as_of, found: &[], none: &objecting };
        let why = (self.held.owner.as_str(), Cause::NewData);
        self.store.assignments_refresh(of, why, as_of).await.map(|_| ())
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
            if self.held.hold().await?.is_none() {
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
        let (store, owner) = (self.store.clone(), self.held.owner.clone());
        let Some(Model { model, currency, .. }) = self.model(&active.id).await? else {
            return Ok(0);
        };
        let looked = look_at(&store, (model, *currency), piece).await?;
        store.assignments_refresh(looked.of(&active.id), (&owner, cause), clock::now()).await
    }

    async fn model(&mut self, id: &str) -> Result<Option<&Model>, Error> {
        if self.model.as_ref().is_none_or(|model| model.id != id) {
            self.model = Model::read(&self.store, id).await?;
        }
        Ok(self.model.as_ref())
    }
}

/// What a look at some customers found.
struct Looked {
    as_of: Timestamp,
    found: Vec<Assignment>,
    none: Vec<String>,
}

impl Looked {
    fn of<'a>(&'a self, segmentation_id: &'a str) -> Refreshed<'a> {
        Refreshed { segmentation_id, as_of: self.as_of, found: &self.found, none: &self.none }
    }
}

/// Where a model places these customers now.
async fn look_at(
    store: &Store,
    (model, currency): (&PersonaModel, Option<Currency>),
    customers: &[String],
) -> Result<Looked, Error> {
    let as_of = clock::now();
    let activities = store.activity(as_of, Scope::Customers(customers), currency).await?;
    let known = store.customers_get(customers).await?;
    let known: HashMap<&str, &Customer> =
        known.iter().map(|customer| (customer.customer_id.as_str(), customer)).collect();
    let found = model.assign(&activities, &|id| known.get(id).copied(), as_of);
    let none: Vec<String> = (customers.iter())
        .filter(|id| activities.binary_search_by(|a| a.customer_id.cmp(id)).is_err())
        .cloned()
        .collect();
    Ok(Looked { as_of, found, none })
}

/// A version that is about to become the active one.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    /// The segmentation.
    pub id: &'a str,
    /// Its model.
    pub model: &'a PersonaModel,
    /// The currency in which it counts.
    pub currency: Option<Currency>,
    /// Data that arrived before this instant are in its assignments.
    pub seen_until: Timestamp,
    /// Who holds its job, where it is not published yet.
    pub worker: Option<&'a str>,
}

/// Assigns everybody anew of whom data arrived since a version was made, so that nobody seems to leave or to move back as it
/// becomes the active one.
pub async fn catch_up(store: &Store, next: Next<'_>) -> Result<(), Error> {
    let (from, now) = (next.seen_until, clock::now());
    let arrivals = Arrivals { from, to: Timestamp::MAX, now, beyond: 0 };
    let mut after = String::new();
    loop {
        let page = store.customers_arrived(Kept::Members(next.id), arrivals, &after, PAGE).await?;
        for piece in page.chunks(PIECE) {
            let looked = look_at(store, (next.model, next.currency), piece).await?;
            store.assignments_catch_up(looked.of(next.id), next.worker).await?;
        }
        match page.into_iter().nth(PAGE as usize - 1) {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Makes a segmentation the active one, as a person asks for it: one whose members are kept fresh catches up before. False where there
/// is none such.
pub async fn activate(store: &Store, id: &str) -> Result<bool, Error> {
    if let Some(seen_until) = store.segmentation_seen_until(id).await?
        && let Some(Model { model, currency, .. }) = Model::read(store, id).await?
    {
        catch_up(store, Next { id, model: &model, currency, seen_until, worker: None }).await?;
    }
    store.segmentation_activate(id, clock::now()).await
}
