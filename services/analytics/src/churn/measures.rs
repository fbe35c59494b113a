//! What features measure, where it takes more than reading a field.

use super::features::Subject;
use crate::ScoreActivity;

/// `part / whole`, where there is a whole.
pub(super) fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Mean score in [0, 1], drawn towards the middle of the good half while answers are few.
pub(super) fn mean_score(score: &ScoreActivity) -> Option<f64> {
    const PRIOR: f64 = 700.0;
    const WEIGHT: f64 = 1.0;
    (score.answers > 0).then(|| {
        (score.permille_sum as f64 + WEIGHT * PRIOR) / (score.answers as f64 + WEIGHT) / 1000.0
    })
}

/// Latest score in [0, 1].
pub(super) fn last_score(score: &ScoreActivity) -> Option<f64> {
    score.permille_last.map(|permille| permille as f64 / 1000.0)
}

/// How much longer than half a horizon a customer has been quiet, on the scale of log1p: from there on silence says more, or less.
pub(super) fn silence_beyond(s: &Subject<'_>) -> f64 {
    let half = s.definition.horizon_days() as f64 / 2.0;
    (s.recency().ln_1p() - half.ln_1p()).max(0.0)
}

/// How much more there was lately than before, on the scale of log1p.
pub(super) fn trend(now: i64, before: i64) -> f64 {
    (now.max(0) as f64).ln_1p() - (before.max(0) as f64).ln_1p()
}

pub(super) fn channels(s: &Subject<'_>) -> i64 {
    s.activity.by_channel.iter().filter(|&&interactions| interactions > 0).count() as i64
}

pub(super) fn mean_wait(s: &Subject<'_>) -> Option<f64> {
    share(s.activity.wait_sum, s.activity.waits).map(|micros| micros / 1e6)
}

pub(super) fn cases_open(s: &Subject<'_>) -> i64 {
    (s.activity.cases_opened + s.activity.cases_reopened - s.activity.cases_solved).max(0)
}

pub(super) fn self_service_failed(s: &Subject<'_>) -> i64 {
    s.activity.self_service - s.activity.self_service_resolved
}

pub(super) fn answered_share(s: &Subject<'_>) -> Option<f64> {
    let answers = s.activity.nps.answers + s.activity.csat.answers + s.activity.ces.answers;
    share(answers, s.activity.surveys).map(|share| share.min(1.0))
}

pub(super) fn subscribed(s: &Subject<'_>) -> bool {
    s.activity.subscription_last_at > s.activity.cancelled_last_at
}

pub(super) fn value_180d(s: &Subject<'_>) -> f64 {
    (s.activity.order_value_90d + s.activity.order_value_prior_90d) as f64
}

/// The own rhythm; for those who have none yet, how long they have had time for it.
pub(super) fn gap(s: &Subject<'_>) -> f64 {
    s.rhythm().unwrap_or_else(|| s.days_since(s.activity.first_at))
}

pub(super) fn span_of_orders(s: &Subject<'_>) -> Option<f64> {
    s.activity
        .order_last_at
        .zip(s.activity.order_first_at)
        .map(|(last, first)| last.days_since(first))
}
