//! Keeps the risks of live churn models fresh: whoever's data arrived is scored anew within seconds, and whoever was not looked at for long is
//! as well, because silence is news too. One replica at a time has the duty; when it dies, another goes on from where it was done.

use super::{
    churn::{Look, People, WEEK, scored},
    held::{Held, OVERLAP, SETTLED},
    refresh::{Freshness, PAGE, PAGE_QUIET, PIECE},
    retrain,
};
use crate::clock;
use cx_analytics::{Customer, Timestamp};
use cx_datastore::{
    Duty, Error, Store,
    churn::{ChangeCause, LiveModel, Rescored, Scored, Span},
    refresh::{Arrivals, Kept},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Does the duty, where this replica has it, until `stop`.
pub async fn forever(store: Store, freshness: Freshness, stop: CancellationToken) {
    if freshness.interval.is_zero() {
        return;
    }
    let held = Held::new(store.clone(), Duty::Churn);
    let mut duty =
        Rescorer { store, held, freshness, models: HashMap::new(), last: None, asked: None };
    let mut failing = false;
    loop {
        match duty.look(&stop).await {
            Ok(()) | Err(Error::LeaseLost) => failing = false,
            Err(error) => {
                // One line for each bad spell, not one a second.
                if !failing {
                    tracing::warn!("cannot keep churn risks fresh: {error}");
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

struct Rescorer {
    store: Store,
    held: Held,
    freshness: Freshness,
    /// The live models, which never change, each with from when there are records.
    models: HashMap<String, Arc<(LiveModel, Span)>>,
    /// When was looked last.
    last: Option<Timestamp>,
    /// When was looked last whether a training is due.
    asked: Option<Instant>,
}

/// How often is looked whether a training is due.
const ASK: Duration = Duration::from_secs(60);

impl Rescorer {
    /// Looks once: at who is new, at whose arrivals have settled, and at who was quiet.
    async fn look(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let Some(done_until) = self.held.hold().await? else {
            self.last = None;
            return Ok(());
        };
        let now = clock::now();
        let models = self.live(now).await?;
        self.judge(&models, now).await?;
        let settled = now.plus(-SETTLED);
        let since = self.last.take().map_or(done_until, |at| at.plus(-OVERLAP));
        let new = Arrivals { from: since, to: Timestamp::MAX, now, beyond: 0 };
        let late = Arrivals { from: done_until, to: settled, now, beyond: SETTLED };
        for arrivals in [new, late] {
            for model in models.iter().filter(|_| arrivals.from < arrivals.to) {
                if !self.arrived(model, arrivals, stop).await? {
                    return Ok(());
                }
            }
        }
        // Whoever activates another model sets back until when this is done: then the next look begins there.
        let moved = settled <= done_until || self.held.done(done_until, settled).await?;
        self.last = moved.then_some(now);
        // As long as nothing else is due, so that a whole population whose time has come does not make news wait.
        let due = Instant::now() + self.freshness.interval;
        for model in &models {
            if !self.quiet(model, now, due, stop).await? {
                break;
            }
        }
        Ok(())
    }

    /// Judges a list whose horizon is over (what was late to arrive has had a day), and keeps what the lists of live models say, each week.
    async fn judge(&self, models: &[Arc<(LiveModel, Span)>], now: Timestamp) -> Result<(), Error> {
        if let Some((id, as_of)) = self.store.churn_backtest_due(now.days_before(1)).await? {
            let judging = self.store.churn_backtest_judge(&id, as_of);
            let quality = self.held.holding(judging).await?;
            tracing::info!(
                model = id,
                auc = quality.map(|quality| quality.auc),
                "a churn list was judged"
            );
        }
        for model in models {
            let LiveModel { id, definition, .. } = &model.0;
            self.store.churn_list_keep(id, definition.horizon_days(), now).await?;
        }
        Ok(())
    }

    /// The live models, read where they are new. For one that has had its time another training is asked for, now and then.
    async fn live(&mut self, now: Timestamp) -> Result<Vec<Arc<(LiveModel, Span)>>, Error> {
        let live = self.store.churn_live().await?;
        self.models.retain(|id, _| live.iter().any(|(of, _)| of == id));
        let ask = self.asked.is_none_or(|at| at.elapsed() >= ASK);
        if ask {
            self.asked = Some(Instant::now());
        }
        let mut models = Vec::with_capacity(live.len());
        for (id, trained) in live {
            if !self.models.contains_key(&id)
                && let Some(model) = self.store.churn_live_get(&id).await?
                && let Some(span) = self.store.churn_span(now).await?
            {
                self.models.insert(id.clone(), Arc::new((model, span)));
            }
            let Some(model) = self.models.get(&id) else { continue };
            if ask && let Some(job) = retrain::ask(&self.store, &model.0, trained, now).await? {
                tracing::info!(model = id, job, "another training of churn is due");
            }
            models.push(Arc::clone(model));
        }
        Ok(models)
    }

    /// Scores everybody anew of whom there is news, page by page. False where it stopped before the end.
    async fn arrived(
        &self,
        model: &(LiveModel, Span),
        arrivals: Arrivals,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        let mut after = String::new();
        loop {
            let kept = Kept::Risks(&model.0.id);
            let page = self.store.customers_arrived(kept, arrivals, &after, PAGE);
            let page = self.held.holding(page).await?;
            if !self.rescore(model, &page, ChangeCause::NewData, stop).await? {
                return Ok(false);
            }
            match page.into_iter().nth(PAGE as usize - 1) {
                Some(last) => after = last,
                None => return Ok(true),
            }
        }
    }

    /// Scores those anew who were not looked at for long, until something else is due. False where it stopped before the end.
    async fn quiet(
        &self,
        model: &(LiveModel, Span),
        now: Timestamp,
        due: Instant,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        let quiet = i64::try_from(self.freshness.quiet.as_micros()).unwrap_or(i64::MAX);
        let before = now.plus(quiet.saturating_neg());
        loop {
            let stale = self.store.customers_stale(Kept::Risks(&model.0.id), before, PAGE_QUIET);
            let stale = self.held.holding(stale).await?;
            if !self.rescore(model, &stale, ChangeCause::Time, stop).await? || Instant::now() >= due
            {
                return Ok(false);
            }
            if (stale.len() as u64) < PAGE_QUIET {
                return Ok(true);
            }
        }
    }

    /// Scores these customers anew, piece by piece. False where it stopped before the end.
    async fn rescore(
        &self,
        model: &(LiveModel, Span),
        customers: &[String],
        cause: ChangeCause,
        stop: &CancellationToken,
    ) -> Result<bool, Error> {
        for piece in customers.chunks(PIECE) {
            if stop.is_cancelled() {
                return Ok(false);
            }
            if self.held.hold().await?.is_none() {
                return Err(Error::LeaseLost);
            }
            let (as_of, risks) = score(&self.store, model, piece).await?;
            let scored: HashSet<&str> =
                risks.iter().map(|one| one.risk.customer_id.as_str()).collect();
            let none = piece.iter().filter(|id| !scored.contains(id.as_str())).cloned();
            let none: Vec<String> = none.collect();
            let of = Rescored { model: &model.0, as_of, risks: &risks, none: &none };
            let why = (self.held.owner.as_str(), cause);
            let changes = self.store.churn_risks_refresh(of, why, clock::now()).await?;
            tracing::debug!(customers = piece.len(), changes, ?cause, "risks refreshed");
        }
        Ok(true)
    }
}

/// What a model says of these customers now, and said a week before.
async fn score(
    store: &Store,
    (model, span): &(LiveModel, Span),
    customers: &[String],
) -> Result<(Timestamp, Vec<Scored>), Error> {
    let as_of = clock::now();
    let before = as_of.days_before(WEEK);
    let LiveModel { definition, currency, scorer, .. } = model;
    let look = Look { store, definition, currency: *currency, span: *span };
    let now = look.of(as_of, customers).await?;
    let then = look.of(before, customers).await?;
    let known = store.customers_get(customers).await?;
    let customers: HashMap<String, Customer> =
        known.into_iter().map(|customer| (customer.customer_id.clone(), customer)).collect();
    let (definition, customers) = (Arc::new(definition.clone()), Arc::new(customers));
    let at = |everyone, as_of| People {
        everyone,
        as_of,
        definition: Arc::clone(&definition),
        customers: Arc::clone(&customers),
    };
    Ok((as_of, scored(scorer, (&at(now, as_of), &at(then, before)), *currency)))
}
