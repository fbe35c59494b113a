//! Raises alerts: looks for answers as they arrive, and by a timer for what only time brings. One replica at a time has the duty; when it
//! dies, another goes on from where it was done, and what is found twice is raised once.

use super::held::{Held, OVERLAP, SETTLED};
use crate::clock;
use crate::grpc::moved;
use cx_analytics::{
    Timestamp,
    alerts::{AtRisk, CaseOpen, Condition, Detractor, Moved},
    codes::Kind,
};
use cx_datastore::{
    Duty, Error, Store,
    alerts::{Found, Opinion, OpinionKey, Rule, Window},
};
use std::{ops::Range, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How often rules are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looks {
    /// How often is looked for answers that arrived; zero leaves the duty to other replicas.
    pub interval: Duration,
    /// How often is looked for what time brings: cases that become too old, customers who come to be at risk.
    pub timer: Duration,
    /// How often metrics are measured.
    pub metrics: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        let (interval, timer) = (Duration::from_secs(1), Duration::from_secs(30));
        Self { interval, timer, metrics: Duration::from_secs(600) }
    }
}

/// Answers read at once.
const PAGE: u64 = 5_000;

/// Does the duty, where this replica has it, until `stop`.
pub async fn forever(store: Store, looks: Looks, stop: CancellationToken) {
    if looks.interval.is_zero() {
        return;
    }
    let mut raiser = Raiser::new(store, looks);
    let mut failing = false;
    loop {
        let looked = tokio::select! {
            looked = raiser.look() => looked,
            () = stop.cancelled() => break,
        };
        match looked {
            Ok(()) | Err(Error::LeaseLost) => failing = false,
            Err(error) => {
                // One line for each bad spell, not one a second.
                if !failing {
                    tracing::warn!("cannot look for alerts: {error}");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(looks.interval) => {}
        }
    }
    raiser.held.release().await;
}

struct Raiser {
    store: Store,
    held: Held,
    looks: Looks,
    /// When was looked last for answers.
    last: Option<Timestamp>,
    /// When was looked last for what time brings.
    timed: Option<Instant>,
}

impl Raiser {
    fn new(store: Store, looks: Looks) -> Self {
        let held = Held::new(store.clone(), Duty::Alerts);
        Self { store, held, looks, last: None, timed: None }
    }

    /// Looks once.
    async fn look(&mut self) -> Result<(), Error> {
        let Some(done_until) = self.held.hold().await? else {
            (self.last, self.timed) = (None, None);
            return Ok(());
        };
        let rules = self.store.alert_rules_enabled().await?;
        self.answers(&rules, done_until).await?;
        let due = self.timed.is_none_or(|at| at.elapsed() >= self.looks.timer);
        if due {
            self.timed = Some(Instant::now());
        }
        for rule in rules.iter().filter(|rule| due || rule.seen_until.is_none()) {
            let looked = match &rule.condition {
                Condition::Detractor(_) => Ok(()),
                Condition::CaseOpenTooLong(of) => self.cases(rule, *of).await,
                Condition::HighValueAtRisk(of) => self.risks(rule, of).await,
                Condition::MetricMoved(of) => self.metric(rule, of).await,
            };
            match looked {
                Err(Error::LeaseLost) => return looked,
                // The other rules do not wait for it.
                Err(error) => tracing::warn!(rule = rule.id, "cannot look for a rule: {error}"),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Looks at the answers that arrived since the last look, and once more at those that have settled since.
    async fn answers(&mut self, rules: &[Rule], done_until: Timestamp) -> Result<(), Error> {
        let mut looking = Vec::new();
        for rule in rules {
            let Condition::Detractor(of) = rule.condition else { continue };
            looking.push((rule, of));
        }
        let mut floor: Option<Timestamp> = None;
        for (rule, of) in &looking {
            let from = match rule.since > Timestamp::MIN {
                true => rule.since,
                false => self.backfill(rule, of).await?,
            };
            floor = Some(floor.map_or(from, |floor| floor.min(from)));
        }
        let Some(floor) = floor else {
            self.last = None;
            return Ok(());
        };
        // What arrived before is of no rule's business.
        let floor = floor.plus(-SETTLED);
        let now = clock::now();
        let settled = now.plus(-SETTLED);
        let since = self.last.take().map_or(done_until, |at| at.plus(-OVERLAP));
        for range in [since.max(floor)..Timestamp::MAX, done_until.max(floor)..settled] {
            let mut after = None;
            if range.is_empty() {
                continue;
            }
            loop {
                let page = self.store.opinions_arrived(range.clone(), after.as_ref(), PAGE);
                let page = self.held.holding(page).await?;
                for (rule, of) in &looking {
                    self.judge(rule, of, &page).await?;
                }
                match next(&page) {
                    Some(key) => after = Some(key),
                    None => break,
                }
            }
        }
        if settled > done_until {
            self.held.done(done_until, settled).await?;
        }
        self.last = Some(now);
        Ok(())
    }

    /// Looks at all answers there are, once. Gives the instant from which on arrivals are looked at.
    async fn backfill(&self, rule: &Rule, of: &Detractor) -> Result<Timestamp, Error> {
        if let Some(done) = rule.seen_until {
            return Ok(done);
        }
        let now = clock::now();
        let all: Range<Timestamp> = Timestamp::MIN..Timestamp::MAX;
        for kind in [Kind::Survey, Kind::Review] {
            let mut after: Option<OpinionKey> = None;
            loop {
                let page = self.store.opinions_given(kind, all.clone(), after.as_ref(), PAGE);
                let page = self.held.holding(page).await?;
                self.judge(rule, of, &page).await?;
                match next(&page) {
                    Some(key) => after = Some(key),
                    None => break,
                }
            }
        }
        self.store.alert_rule_seen(&self.held.owner, rule, now).await?;
        Ok(now)
    }

    /// Raises what a rule finds among answers.
    async fn judge(&self, rule: &Rule, of: &Detractor, page: &[Opinion]) -> Result<(), Error> {
        let holds = |one: &Opinion| {
            one.occurred_at >= rule.since
                && rule.scope.holds(one.persona_id.as_deref(), one.channel, one.stage)
        };
        let found: Vec<Found> =
            page.iter().filter(|one| holds(one)).filter_map(|one| one.found(of)).collect();
        let raise = self.store.alerts_raise(&self.held.owner, rule, &found, clock::now());
        report(rule, self.held.holding(raise).await?)
    }

    /// Looks for cases that have become too old since the last look, or of which it is only known since.
    async fn cases(&self, rule: &Rule, of: CaseOpen) -> Result<(), Error> {
        let now = clock::now();
        let from = rule.seen_until.unwrap_or(rule.since);
        let window = Window { from: from.plus(-OVERLAP), now, arrived_from: from.plus(-SETTLED) };
        let found = self.held.holding(self.store.cases_overdue(rule, of, window)).await?;
        let raise = self.store.alerts_raise(&self.held.owner, rule, &found, now);
        report(rule, self.held.holding(raise).await?)?;
        self.store.alert_rule_seen(&self.held.owner, rule, now).await
    }

    /// Looks who has come to be at risk. Who was before the rule was made is noted and not raised, unless all is asked for.
    async fn risks(&self, rule: &Rule, of: &AtRisk) -> Result<(), Error> {
        let now = clock::now();
        let found = self.held.holding(self.store.customers_at_risk(rule, of, now)).await?;
        let Some(found) = found else { return Ok(()) };
        let raise = rule.seen_until.is_some()
            || rule.since == Timestamp::MIN
            || found.activated_at >= rule.since;
        let note = self.store.risks_note(&self.held.owner, rule, (&found, raise), now);
        report(rule, Some(self.held.holding(note).await?))?;
        self.store.alert_rule_seen(&self.held.owner, rule, now).await
    }

    /// Looks whether a metric has moved, where that is due.
    async fn metric(&self, rule: &Rule, of: &Moved) -> Result<(), Error> {
        let now = clock::now();
        let pause = i64::try_from(self.looks.metrics.as_micros()).unwrap_or(i64::MAX);
        if rule.seen_until.is_some_and(|seen| seen.plus(pause) > now) {
            return Ok(());
        }
        let measured = async { Ok(moved::found(&self.store, rule, of).await) };
        match self.held.holding(measured).await? {
            Ok(found) => {
                let raise = self.store.alerts_raise(&self.held.owner, rule, &found, now);
                report(rule, self.held.holding(raise).await?)?;
            }
            // A persona of its scope is gone, or the database is busy: the other rules do not wait for it.
            Err(refusal) => {
                let why = refusal.message();
                tracing::warn!(rule = rule.id, "cannot measure for a rule: {why}");
            }
        }
        self.store.alert_rule_seen(&self.held.owner, rule, now).await
    }
}

/// Where the next page begins, where this one is full.
fn next(page: &[Opinion]) -> Option<OpinionKey> {
    page.last().filter(|_| page.len() as u64 == PAGE).map(Opinion::key)
}

/// Tells of alerts. Where a person changed the rule, what was looked at is not what is asked for: the look begins anew, as where
/// another replica took the duty over.
fn report(rule: &Rule, raised: Option<usize>) -> Result<(), Error> {
    let raised = raised.ok_or(Error::LeaseLost)?;
    if raised > 0 {
        tracing::info!(rule = rule.id, alerts = raised, "alerts raised");
    }
    Ok(())
}
