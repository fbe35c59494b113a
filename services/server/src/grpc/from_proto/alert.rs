//! Which alerts, what came of them, and of which to measure that.

use super::Violations;
use crate::proto;
use cx_analytics::alerts::{Kind, Outcome, State};
use cx_analytics::metrics::Terms;
use cx_analytics::{Timestamp, time::DAY, time::SECOND};
use cx_datastore::alerts::{Act, AlertFilter, RecoveryFilter};

/// Longest note, in bytes.
const MAX_NOTE: usize = 4096;
/// For how long is waited for what happens after a resolution, in days: where nothing is asked for, and at most.
const FOLLOW_UP: i64 = 90;
const MAX_FOLLOW_UP: i64 = 366;

/// Converts which alerts to list.
pub fn alert_filter(v: &mut Violations, wire: &proto::ListAlertsRequest) -> AlertFilter {
    let start = v.timestamp("start_time", wire.start_time);
    let end = v.timestamp("end_time", wire.end_time);
    in_order(v, start, end);
    AlertFilter {
        rule: v.optional_id("alert_rule_id", wire.alert_rule_id.clone()),
        kind: v.optional_code("kind", wire.kind, Kind::from_code),
        state: v.optional_code("state", wire.state, State::from_code),
        customer: v.optional_id("customer_id", wire.customer_id.clone()),
        persona: v.optional_id("persona_id", wire.persona_id.clone()),
        assignee: v.optional_id("assignee", wire.assignee.clone()),
        start,
        end,
    }
}

/// Converts what came of an alert. None where that is not said, of which `v` then knows.
pub fn alert_resolution(v: &mut Violations, outcome: i32, note: String) -> Option<Act> {
    let outcome = v.code("outcome", outcome, Outcome::from_code);
    let note = v.text("note", note, MAX_NOTE).unwrap_or_default();
    outcome.map(|outcome| Act::Resolve { outcome, note })
}

/// Converts of which alerts to measure the recovery, and how.
pub fn recovery_asked(
    v: &mut Violations,
    wire: proto::GetRecoveryRequest,
    now: Timestamp,
) -> (RecoveryFilter, Terms) {
    let start = v.timestamp("start_time", wire.start_time);
    let end = v.timestamp("end_time", wire.end_time);
    in_order(v, start, end);
    let follow_up = v.duration_within("follow_up", wire.follow_up, MAX_FOLLOW_UP);
    let follow_up = follow_up.unwrap_or(FOLLOW_UP * DAY);
    if follow_up < SECOND {
        v.at("follow_up", "is shorter than a second");
    }
    let filter = RecoveryFilter {
        rule: v.optional_id("alert_rule_id", wire.alert_rule_id),
        kind: v.optional_code("kind", wire.kind, Kind::from_code),
        persona: v.optional_id("persona_id", wire.persona_id),
        start: start.unwrap_or(Timestamp::MIN),
        // What is raised in this very moment belongs to it, whatever the clock of who raised it says.
        end: end.unwrap_or_else(|| now.plus(super::MINUTE)),
        follow_up,
    };
    let terms = Terms {
        confidence: super::metrics::confidence(v, wire.confidence),
        low_sample_floor: super::metrics::floor(v, wire.low_sample_floor),
        immature: false,
    };
    (filter, terms)
}

fn in_order(v: &mut Violations, start: Option<Timestamp>, end: Option<Timestamp>) {
    if let (Some(start), Some(end)) = (start, end)
        && start >= end
    {
        v.at("start_time", "is not before end_time");
    }
}
