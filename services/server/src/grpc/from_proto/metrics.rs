//! What is to be measured, as `QueryMetricsRequest` says it.

use super::metric_groups::{self, Only};
use super::{Violations, churn_terms, shown};
use crate::grpc::status::Refusal;
use crate::proto;
use cx_analytics::churn::Definition;
use cx_analytics::metrics::{
    BucketLength, Buckets, CaseClock, Metric, RETURNS_LAG, ResponsePolicy, Waits, WeekStart,
    buckets::time_zone,
};
use cx_analytics::{Timestamp, time::DAY};
use cx_datastore::metrics::{Churned, Dimensions};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Confidence level where none is asked for.
const CONFIDENCE: f64 = 0.95;
/// Low-sample floor where none is asked for.
const LOW_SAMPLE_FLOOR: i32 = 30;

/// A request, checked. What it leaves to the present (the ends of the range, the personas) is filled in later.
#[derive(Clone)]
pub struct MetricsQuery {
    /// The metrics, each once.
    pub metrics: Vec<Metric>,
    /// Start of the range, where given.
    pub start: Option<Timestamp>,
    /// End of the range, where given.
    pub end: Option<Timestamp>,
    /// By what to tell results apart.
    pub by: Dimensions,
    /// What to measure of.
    pub only: Only,
    /// Which instant files a case.
    pub clock: CaseClock,
    /// Confidence level.
    pub confidence: f64,
    /// Observations below which a value is of a low sample.
    pub low_sample_floor: i64,
    /// How long is waited for what makes a contact a good one.
    pub waits: Waits,
    policy: Option<ResponsePolicy>,
    definition: Definition,
    zone: TimeZone,
    pub(super) length: Option<BucketLength>,
}

impl MetricsQuery {
    /// Whether personas are grouped or filtered by.
    pub fn needs_personas(&self) -> bool {
        self.by.persona || !self.only.persona_ids.is_empty()
    }

    /// Which answers of a person count for a metric.
    pub fn policy_of(&self, metric: Metric) -> ResponsePolicy {
        self.policy.unwrap_or(ResponsePolicy::default_of(metric))
    }

    /// Cuts the range, once its ends are known.
    pub fn cut(&self, start: Timestamp, end: Timestamp) -> Result<Buckets, Refusal> {
        if start > end || (start == end && self.start.is_some()) {
            return Err(Refusal::field("start_time", "is not before end_time"));
        }
        let Some(length) = self.length else { return Ok(Buckets::whole(start, end)) };
        Buckets::cut(start, end, &self.zone, length)
            .map_err(|error| Refusal::field("bucket", error.to_string()))
    }

    /// When churn is looked at: at the start of each bucket; without buckets, a horizon before the end.
    pub fn churned(&self, buckets: &Buckets, as_of: Timestamp) -> Churned {
        let cut_offs = match self.length {
            Some(_) => buckets.starts().to_vec(),
            None => vec![as_of.days_before(self.definition.horizon_days())],
        };
        Churned { definition: self.definition.clone(), cut_offs }
    }

    /// Whether the outcome of a bucket, or of what is looked at some periods later, is not known yet where the range
    /// is seen until `as_of` and outcomes until `known_until`.
    pub fn immature(
        &self,
        metric: Metric,
        (buckets, churned): (&Buckets, &Churned),
        (bucket, period): (usize, usize),
        (as_of, known_until): (Timestamp, Timestamp),
    ) -> bool {
        let end = buckets.bounds(bucket).map(|(_, end)| end);
        let (from, lag) = match metric {
            Metric::ChurnRate => {
                let cut_off = churned.cut_offs.get(bucket).copied();
                (cut_off, self.definition.horizon_days().saturating_mul(DAY))
            }
            Metric::ReturnRate => (end, RETURNS_LAG),
            Metric::FirstContactResolution | Metric::SelfServiceShare => (end, self.waits.repeat),
            // What happens after the range is not looked at.
            Metric::SubscriptionChurnRate | Metric::RetentionRate => {
                return buckets.runs_until(bucket + period).is_some_and(|until| until > as_of);
            }
            _ => return false,
        };
        from.is_some_and(|from| from.plus(lag) > known_until)
    }
}

/// Converts a request, or says every rule it breaks.
pub fn metrics_query(wire: proto::QueryMetricsRequest) -> Result<MetricsQuery, Refusal> {
    let mut v = Violations::new();
    let filter = wire.filter.unwrap_or_default();
    let definition = churn_terms(wire.churn_terms).unwrap_or_else(|violations| {
        v.under("churn_terms", violations);
        Definition::default()
    });
    if definition.asks_of_more() {
        v.at("churn_terms", "has more than look_back_days, horizon_days and qualifying_kinds, by which CHURN_RATE counts");
    }
    let metrics = metrics(&mut v, &wire.metrics);
    let query = MetricsQuery {
        start: v.timestamp("start_time", wire.start_time),
        end: v.timestamp("end_time", wire.end_time),
        by: metric_groups::dimensions(&mut v, &wire.group_by, &wire.attribute, &metrics),
        only: metric_groups::only(&mut v, "filter", filter, &metrics),
        metrics,
        clock: choice(
            &mut v,
            "case_clock",
            wire.case_clock,
            &[CaseClock::Opened, CaseClock::Ended],
        )
        .unwrap_or_default(),
        confidence: confidence(&mut v, wire.confidence),
        low_sample_floor: floor(&mut v, wire.low_sample_floor),
        waits: waits(&mut v, wire.answer_within, wire.repeat_within),
        policy: choice(&mut v, "response_policy", wire.response_policy, &POLICIES),
        definition,
        zone: zone(&mut v, &wire.time_zone),
        length: length(&mut v, wire.bucket, wire.week_start),
    };
    if let (Some(start), Some(end)) = (query.start, query.end)
        && start >= end
    {
        v.at("start_time", "is not before end_time");
    }
    metric_groups::fits(&mut v, &query);
    v.refuse().map(|()| query)
}

/// What to compare with what.
pub struct Comparing {
    /// What to measure.
    pub query: MetricsQuery,
    /// With what.
    pub against: Against,
    /// Share of false discoveries accepted.
    pub false_discovery_rate: f64,
}

/// With what each group is compared.
pub enum Against {
    /// The same group in another period, where its ends are given.
    Period(Option<Timestamp>, Option<Timestamp>),
    /// The same group of others.
    Segment(Only),
    /// All other groups together.
    OtherGroups,
}

/// Share of false discoveries where none is asked for.
const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Converts a comparison, or says every rule it breaks.
pub fn metrics_comparison(wire: proto::CompareMetricsRequest) -> Result<Comparing, Refusal> {
    use proto::compare_metrics_request::Baseline;
    let mut v = Violations::new();
    let query = match metrics_query(wire.query.unwrap_or_default()) {
        Ok(query) => query,
        Err(Refusal::InvalidField(violations)) => {
            v.under("query", violations);
            return Err(Refusal::InvalidField(v.into_inner()));
        }
        Err(other) => return Err(other),
    };
    if query.length.is_some() {
        v.at("query.bucket", "must be unspecified: the range is compared as a whole");
    }
    let against = match wire.baseline {
        Some(Baseline::Period(period)) => Against::Period(
            v.timestamp("period.start_time", period.start_time),
            v.timestamp("period.end_time", period.end_time),
        ),
        Some(Baseline::Segment(filter)) => {
            Against::Segment(metric_groups::only(&mut v, "segment", filter, &query.metrics))
        }
        Some(Baseline::OtherGroups(_)) => {
            metric_groups::has_others(&mut v, &query);
            Against::OtherGroups
        }
        None => {
            v.at("baseline", "is required: one of period, segment, other_groups");
            Against::OtherGroups
        }
    };
    let asked = wire.false_discovery_rate;
    // Exactly 0 is what an absent field reads as.
    let false_discovery_rate = if asked.to_bits() == 0 {
        FALSE_DISCOVERY_RATE
    } else {
        v.within("false_discovery_rate", asked, f64::MIN_POSITIVE..=0.5)
    };
    v.refuse().map(|()| Comparing { query, against, false_discovery_rate })
}

fn waits(
    v: &mut Violations,
    answer: Option<prost_types::Duration>,
    repeat: Option<prost_types::Duration>,
) -> Waits {
    let defaults = Waits::default();
    let repeat = v.duration("repeat_within", repeat).unwrap_or(defaults.repeat);
    if repeat == 0 {
        v.at("repeat_within", "is zero");
    }
    Waits { answer: v.duration("answer_within", answer).unwrap_or(defaults.answer), repeat }
}

const POLICIES: [ResponsePolicy; 3] =
    [ResponsePolicy::LatestPerCustomer, ResponsePolicy::FirstPerCustomer, ResponsePolicy::All];

/// The value that stands at a number, from 1; none for 0.
pub(super) fn choice<T: Copy>(
    v: &mut Violations,
    field: &str,
    number: i32,
    values: &[T],
) -> Option<T> {
    if number == 0 {
        return None;
    }
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let value = place.and_then(|place| values.get(place)).copied();
    if value.is_none() {
        v.at(field, format!("{number} is not one of its values"));
    }
    value
}

fn metrics(v: &mut Violations, numbers: &[i32]) -> Vec<Metric> {
    if numbers.is_empty() {
        v.at("metrics", "is empty; at least one is needed");
    }
    codes_once(v, "metrics", numbers, Metric::from_code)
}

/// Notes every value that was there before.
pub(super) fn each_once<T: Ord>(v: &mut Violations, field: &str, values: &[T]) {
    let mut seen = BTreeSet::new();
    for (place, value) in values.iter().enumerate() {
        if !seen.insert(value) {
            v.at(format!("{field}[{place}]"), "is there twice");
        }
    }
}

/// The values of an enum, each once.
pub fn codes_once<T>(
    v: &mut Violations,
    field: &str,
    numbers: &[i32],
    of: fn(i16) -> Option<T>,
) -> Vec<T> {
    each_once(v, field, numbers);
    codes(v, field, numbers, of)
}

pub(super) fn codes<T>(
    v: &mut Violations,
    field: &str,
    numbers: &[i32],
    of: fn(i16) -> Option<T>,
) -> Vec<T> {
    let value = |(place, number): (usize, &i32)| v.code(&format!("{field}[{place}]"), *number, of);
    numbers.iter().enumerate().filter_map(value).collect()
}

pub(super) fn ids(v: &mut Violations, path: &str, ids: Vec<String>) -> Vec<String> {
    let id = |(place, id)| v.id(&format!("{path}.persona_ids[{place}]"), id);
    ids.into_iter().enumerate().map(id).collect()
}

pub(super) fn confidence(v: &mut Violations, asked: f64) -> f64 {
    // Exactly 0 is what an absent field reads as.
    if asked.to_bits() == 0 { CONFIDENCE } else { v.within("confidence", asked, 0.5..=0.999) }
}

pub(super) fn floor(v: &mut Violations, asked: i32) -> i64 {
    let floor = if asked == 0 { LOW_SAMPLE_FLOOR } else { asked };
    v.within("low_sample_floor", floor, 1..=i32::MAX).into()
}

pub(super) fn zone(v: &mut Violations, name: &str) -> TimeZone {
    if name.is_empty() {
        return TimeZone::UTC;
    }
    time_zone(name).unwrap_or_else(|| {
        v.at("time_zone", format!("{} is not an IANA time zone", shown(name)));
        TimeZone::UTC
    })
}

pub(super) fn length(v: &mut Violations, bucket: i32, week_start: i32) -> Option<BucketLength> {
    let starts = [WeekStart::Monday, WeekStart::Sunday, WeekStart::Saturday];
    let first = choice(v, "week_start", week_start, &starts).unwrap_or_default();
    let lengths = [
        BucketLength::Day,
        BucketLength::Week(first),
        BucketLength::Month,
        BucketLength::Hour,
        BucketLength::Quarter,
        BucketLength::Year,
    ];
    choice(v, "bucket", bucket, &lengths)
}
