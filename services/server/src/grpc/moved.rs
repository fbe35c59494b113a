//! Metrics that move, measured as `QueryMetrics` measures them: what rules about metrics find, and what became of it.

use super::{from_proto, metrics::Plan, status::Refusal, to_proto};
use crate::clock;
use cx_analytics::Timestamp;
use cx_analytics::alerts::{Facts, FollowedUp, Kind, Moved, Movement, Scope, State, movements};
use cx_analytics::metrics::{GroupKey, Metric, evaluate};
use cx_analytics::time::{DAY, SECOND};
use cx_datastore::Store;
use cx_datastore::alerts::{AlertFilter, Found, RecoveryFilter, Rule};

/// A record is committed at the latest so long after it arrived: a bucket is over so much later.
const SETTLED: i64 = 60 * SECOND;
/// Within what time the outcome is known of metrics of which it is known later.
const LATEST: i64 = 100 * DAY;
/// Most alerts that are followed.
const MOST_FOLLOWED: u64 = 200;

/// What a rule about a metric finds in the last bucket that is over and known.
pub(crate) async fn found(store: &Store, rule: &Rule, of: &Moved) -> Result<Vec<Found>, Refusal> {
    let now = clock::now();
    let buckets = i64::try_from(of.baseline_buckets).unwrap_or(1).saturating_add(3);
    let later = match of.metric {
        Metric::ChurnRate
        | Metric::ReturnRate
        | Metric::FirstContactResolution
        | Metric::SelfServiceShare => LATEST,
        _ => 0,
    };
    // An hour has a thousand buckets in six weeks: more than enough for what can be asked by the hour.
    let back = buckets.saturating_mul(of.every.longest()).saturating_add(later);
    let back = if of.every.longest() < DAY { back.min(40 * DAY) } else { back };
    let plan = plan(store, of, &rule.scope, now.plus(-back), now).await?;
    let known = |bucket: usize| {
        let over = plan.buckets.runs_until(bucket).is_some_and(|end| end.plus(SETTLED) <= now);
        over && !plan.terms(of.metric, &GroupKey { bucket, ..GroupKey::default() }).immature
    };
    // The first bucket begins where the range does: it is not whole.
    let first = of.baseline_buckets + 1;
    let last = (first..plan.buckets.count()).rev().find(|bucket| known(*bucket));
    let Some((start, end)) = last.and_then(|bucket| plan.buckets.bounds(bucket)) else {
        return Ok(Vec::new());
    };
    let baseline = last.and_then(|bucket| plan.buckets.bounds(bucket - of.baseline_buckets));
    let Some((baseline_start, _)) = baseline.filter(|_| end >= rule.since) else {
        return Ok(Vec::new());
    };
    let plan = plan.over(baseline_start, now, now)?;
    let groups = plan.count(store, of.metric).await?;
    let key = GroupKey { bucket: of.baseline_buckets, ..GroupKey::default() };
    let moved = movements(of, &groups, key.bucket, &plan.terms(of.metric, &key));
    let found = |(key, moved): (GroupKey, Movement)| {
        let persona_id = persona(&plan, &key);
        let scope = rule.scope.clone();
        let moved = Movement { scope, persona_id, baseline_start, start, end, ..moved };
        Found {
            customer_id: String::new(),
            persona_id: moved.persona_id.clone(),
            channel: moved.channel,
            stage: moved.stage,
            event_at: end,
            facts: Facts::Metric(Box::new(moved)),
        }
    };
    Ok(moved.into_iter().map(found).collect())
}

/// What became of the metrics whose alerts were resolved.
pub(super) async fn followed(
    store: &Store,
    of: &RecoveryFilter,
    now: Timestamp,
) -> Result<FollowedUp, Refusal> {
    let filter = AlertFilter {
        rule: of.rule.clone(),
        kind: Some(Kind::MetricMoved),
        state: Some(State::Resolved),
        persona: of.persona.clone(),
        start: Some(of.start),
        end: Some(of.end),
        ..AlertFilter::default()
    };
    let mut followed = FollowedUp::default();
    for alert in store.alerts_list(&filter, None, MOST_FOLLOWED).await? {
        let (Facts::Metric(moved), Some(end)) = (alert.facts, alert.resolution) else { continue };
        if end.outcome == cx_analytics::alerts::Outcome::FalseAlarm {
            continue;
        }
        match afterwards(store, &moved, end.at, now).await {
            Ok(Some(value)) if moved.is_better(value) => followed.better += 1,
            Ok(Some(_)) => followed.not += 1,
            Ok(None) if end.at.plus(of.follow_up) > now => followed.waiting += 1,
            // Its persona is gone with a version, for example.
            Ok(None) | Err(Refusal::InvalidField(_) | Refusal::NoActiveSegmentation) => {
                followed.unknown += 1;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(followed)
}

/// The metric of a group in the first whole bucket after an instant; none where that is not over or not known yet, or has no data.
async fn afterwards(
    store: &Store,
    moved: &Movement,
    after: Timestamp,
    now: Timestamp,
) -> Result<Option<f64>, Refusal> {
    let of = &moved.of;
    let until = now.min(after.plus(2 * of.every.longest()));
    if after >= until {
        return Ok(None);
    }
    let whole = plan(store, of, &moved.scope, after, until).await?;
    let over = whole.buckets.runs_until(1).filter(|end| end.plus(SETTLED) <= now);
    let (Some((start, _)), Some(end)) = (whole.buckets.bounds(1), over) else { return Ok(None) };
    let plan = whole.over(start, end, now)?;
    let groups = plan.count(store, of.metric).await?;
    let same = |key: &GroupKey| {
        key.bucket == 0
            && key.channel == moved.channel
            && key.stage == moved.stage
            && key.currency == moved.currency
            && persona(&plan, key) == moved.persona_id
    };
    let found = groups.iter().find(|(key, _)| same(key));
    let terms = |key: &GroupKey| plan.terms(of.metric, key);
    Ok(found
        .filter(|(key, _)| !terms(key).immature)
        .and_then(|(key, counts)| evaluate(of.metric, counts, &terms(key)).value))
}

async fn plan(
    store: &Store,
    of: &Moved,
    scope: &Scope,
    start: Timestamp,
    end: Timestamp,
) -> Result<Plan, Refusal> {
    let mut query = from_proto::metrics_query(to_proto::moved_query(of, scope))?;
    (query.start, query.end) = (Some(start), Some(end));
    Plan::new(store, query, clock::now()).await
}

fn persona(plan: &Plan, key: &GroupKey) -> Option<String> {
    let ordinal = key.persona?;
    plan.personas.id_and_name(ordinal).map(|(id, _)| id.to_owned())
}
