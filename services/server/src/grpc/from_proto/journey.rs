//! What is to be told of journeys, as the requests of `JourneyService` say it.

use super::metrics::codes_once;
use super::{Violations, metrics};
use crate::grpc::status::Refusal;
use crate::proto;
use cx_analytics::codes::{Channel, Kind, Stage};
use cx_analytics::journeys::{By, PathRules};
use cx_analytics::metrics::Terms;
use cx_analytics::{Timestamp, time::DAY};
use cx_datastore::journeys::Condition;

/// Days of the longest duration in a request.
const MOST_DAYS: i64 = 366;
/// What durations are where the request does not say.
const USUAL: i64 = 30 * DAY;
/// Most next cells of a cell, and how many where the request does not say.
const NEXT: (i32, i32) = (20, 5);
/// Touchpoints of a path where the request does not say.
const LENGTH: i32 = 5;

/// What all questions say: when, of what, how sure. What is left to the present is filled in later.
pub struct JourneyAsked {
    /// Start of the range, where given.
    pub start: Option<Timestamp>,
    /// End of the range, where given.
    pub end: Option<Timestamp>,
    /// Before when interactions are seen.
    pub as_of: Timestamp,
    /// Ids of personas; empty for everyone.
    pub persona_ids: Vec<String>,
    /// Kinds of touchpoints; empty for all.
    pub kinds: Vec<Kind>,
    /// Only what the customer did.
    pub customer_actions: bool,
    /// Whether personas are told apart.
    pub by_persona: bool,
    /// How sure.
    pub terms: Terms,
}

/// A map that is asked for.
pub struct MapAsked {
    /// When, of what.
    pub of: JourneyAsked,
    /// After how long without a touchpoint somebody dropped off, in microseconds.
    pub drop_off_after: i64,
    /// Most next cells of a cell.
    pub next: usize,
}

/// Paths that are asked for.
pub struct PathsAsked {
    /// When, of what.
    pub of: JourneyAsked,
    /// What a path is made of.
    pub rules: PathRules,
}

/// A conversion that is asked for.
pub struct ConversionAsked {
    /// When, of what.
    pub of: JourneyAsked,
    /// From where.
    pub from: Condition,
    /// To where.
    pub to: Condition,
    /// Within what time, in microseconds.
    pub within: i64,
}

/// When a range begins and ends and what is seen, as a request has them.
type Times = (
    Option<prost_types::Timestamp>,
    Option<prost_types::Timestamp>,
    Option<prost_types::Timestamp>,
);

fn asked(
    v: &mut Violations,
    (start, end, as_of): Times,
    filter: Option<proto::JourneyFilter>,
    (confidence, floor): (f64, i32),
    now: Timestamp,
) -> JourneyAsked {
    let filter = filter.unwrap_or_default();
    let asked = JourneyAsked {
        start: v.timestamp("start_time", start),
        end: v.timestamp("end_time", end),
        as_of: v.past("as_of", as_of, now).unwrap_or(now),
        persona_ids: metrics::ids(v, "filter", filter.persona_ids),
        kinds: codes_once(v, "filter.kinds", &filter.kinds, Kind::from_code),
        customer_actions: filter.customer_actions_only,
        by_persona: false,
        terms: Terms {
            confidence: metrics::confidence(v, confidence),
            low_sample_floor: metrics::floor(v, floor),
            immature: false,
        },
    };
    let end = asked.end.unwrap_or(asked.as_of).min(asked.as_of);
    if asked.start.is_some_and(|start| start >= end) {
        v.at("start_time", "is not before end_time and as_of");
    }
    asked
}

/// A duration that makes sense: not zero, at most a year, thirty days where not given.
fn duration(v: &mut Violations, field: &str, wire: Option<prost_types::Duration>) -> i64 {
    let micros = v.duration_within(field, wire, MOST_DAYS).unwrap_or(USUAL);
    if micros == 0 {
        v.at(field, "is zero");
    }
    micros
}

/// Converts a request for the map, or says every rule it breaks.
pub fn journey_map(wire: proto::GetJourneyMapRequest, now: Timestamp) -> Result<MapAsked, Refusal> {
    let mut v = Violations::new();
    let times = (wire.start_time, wire.end_time, wire.as_of);
    let terms = (wire.confidence, wire.low_sample_floor);
    let of = asked(&mut v, times, wire.filter, terms, now);
    let (most, usual) = NEXT;
    let next = v.within("next_limit", wire.next_limit.unwrap_or(usual), 0..=most);
    let map = MapAsked {
        of: JourneyAsked { by_persona: wire.by_persona, ..of },
        drop_off_after: duration(&mut v, "drop_off_after", wire.drop_off_after),
        next: usize::try_from(next).unwrap_or_default(),
    };
    v.refuse().map(|()| map)
}

/// Converts a request for paths, or says every rule it breaks.
pub fn journey_paths(
    wire: proto::ListJourneyPathsRequest,
    now: Timestamp,
) -> Result<PathsAsked, Refusal> {
    let mut v = Violations::new();
    let times = (wire.start_time, wire.end_time, wire.as_of);
    let terms = (wire.confidence, wire.low_sample_floor);
    let of = asked(&mut v, times, wire.filter, terms, now);
    let length = if wire.max_length == 0 { LENGTH } else { wire.max_length };
    let length = v.within("max_length", length.into(), 1..=PathRules::MOST as i64);
    let rules = PathRules {
        by: touchpoint(&mut v, wire.touchpoint),
        length: usize::try_from(length).unwrap_or_default(),
        repeats: wire.keep_repeats,
        gap: new_journey_after(&mut v, wire.new_journey_after),
    };
    v.refuse().map(|()| PathsAsked { of, rules })
}

fn touchpoint(v: &mut Violations, number: i32) -> By {
    match proto::JourneyTouchpoint::try_from(number) {
        Ok(proto::JourneyTouchpoint::Unspecified | proto::JourneyTouchpoint::StageAndChannel) => {
            By::StageAndChannel
        }
        Ok(proto::JourneyTouchpoint::Stage) => By::Stage,
        Ok(proto::JourneyTouchpoint::Channel) => By::Channel,
        Err(_) => {
            v.at("touchpoint", format!("{number} is not one of its values"));
            By::default()
        }
    }
}

/// After how long without a touchpoint a new journey begins, in microseconds.
pub fn new_journey_after(v: &mut Violations, wire: Option<prost_types::Duration>) -> i64 {
    duration(v, "new_journey_after", wire)
}

/// Converts a request for a conversion, or says every rule it breaks.
pub fn journey_conversion(
    wire: proto::GetJourneyConversionRequest,
    now: Timestamp,
) -> Result<ConversionAsked, Refusal> {
    let mut v = Violations::new();
    let times = (wire.start_time, wire.end_time, wire.as_of);
    let terms = (wire.confidence, wire.low_sample_floor);
    let of = asked(&mut v, times, wire.filter, terms, now);
    let conversion = ConversionAsked {
        of: JourneyAsked { by_persona: wire.by_persona, ..of },
        from: condition(&mut v, "from", wire.from),
        to: condition(&mut v, "to", wire.to),
        within: duration(&mut v, "within", wire.within),
    };
    v.refuse().map(|()| conversion)
}

fn condition(v: &mut Violations, field: &str, wire: Option<proto::JourneyCondition>) -> Condition {
    let wire = wire.unwrap_or_default();
    if wire.kinds.is_empty() && wire.channels.is_empty() && wire.stages.is_empty() {
        v.at(field, "is required, with a kind, channel or stage");
    }
    Condition {
        kinds: codes_once(v, &format!("{field}.kinds"), &wire.kinds, Kind::from_code),
        channels: codes_once(v, &format!("{field}.channels"), &wire.channels, Channel::from_code),
        stages: codes_once(v, &format!("{field}.stages"), &wire.stages, Stage::from_code),
    }
}
