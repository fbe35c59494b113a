//! Metrics that move: the last whole bucket against those before it, in each group, with false discoveries kept rare.

use super::Scope;
use crate::{
    Timestamp,
    codes::{Channel, Stage, coded},
    interaction::Currency,
    metrics::{
        Counts, GroupKey, Groups, Metric, Status, Terms, benjamini_hochberg, compare, definition,
        evaluate,
    },
    time::{DAY, SECOND},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

coded! {
    /// Length of a bucket.
    Every {
        /// Calendar days.
        Day = 1,
        /// Weeks from Monday.
        Week = 2,
        /// Calendar months.
        Month = 3,
        /// Hours of the clock on the wall.
        Hour = 4,
        /// Calendar quarters.
        Quarter = 5,
    }
}

impl Every {
    /// No bucket is longer, in microseconds.
    pub const fn longest(self) -> i64 {
        match self {
            Self::Hour => 2 * 3600 * SECOND,
            Self::Day => 25 * 3600 * SECOND,
            Self::Week => 8 * DAY,
            Self::Month => 32 * DAY,
            Self::Quarter => 93 * DAY,
        }
    }
}

coded! {
    /// Where a metric has to move to.
    Direction {
        /// Up.
        Up = 1,
        /// Down.
        Down = 2,
    }
}

/// A metric that moves by more than chance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The metric.
    pub metric: Metric,
    /// Length of the buckets.
    pub every: Every,
    /// IANA time zone in which they are cut.
    pub time_zone: String,
    /// Whether personas, channels and stages are looked at one by one.
    pub by: (bool, bool, bool),
    /// With how many buckets before it, taken together, a bucket is compared; at least one.
    pub baseline_buckets: usize,
    /// Where it has to move to; none for anywhere.
    pub direction: Option<Direction>,
    /// At most this share of what is raised is chance, in the long run.
    pub false_discovery_rate: f64,
    /// Smaller differences do not matter, however certain.
    pub min_difference: f64,
    /// Observations that a bucket and its baseline must have.
    pub low_sample_floor: i64,
}

impl Moved {
    /// Whether a difference is one that matters.
    fn wants(&self, difference: f64) -> bool {
        let there = match self.direction {
            Some(Direction::Up) => difference > 0.0,
            Some(Direction::Down) => difference < 0.0,
            None => difference != 0.0,
        };
        there && difference.abs() >= self.min_difference
    }
}

/// A metric that moved, in one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// What was looked for.
    pub of: Moved,
    /// Of whom.
    pub scope: Scope,
    /// The persona of the group; empty for customers without one.
    pub persona_id: Option<String>,
    /// The channel of the group.
    pub channel: Option<Channel>,
    /// The stage of the group.
    pub stage: Option<Stage>,
    /// The currency of the group.
    pub currency: Option<Currency>,
    /// Where the baseline begins, which ends where the bucket begins.
    pub baseline_start: Timestamp,
    /// Where the bucket begins.
    pub start: Timestamp,
    /// Where it ends.
    pub end: Timestamp,
    /// Value and number of observations of the bucket.
    pub value: (f64, i64),
    /// The same of the baseline.
    pub baseline: (f64, i64),
    /// Value less baseline.
    pub difference: f64,
    /// Its interval.
    pub interval: Option<(f64, f64)>,
    /// How often chance alone moves it as far.
    pub p_value: f64,
    /// The test.
    pub test: String,
    /// The least false discovery rate at which this is a discovery.
    pub q_value: f64,
    /// Groups that were looked at together.
    pub family: usize,
}

impl Movement {
    /// What makes it the same again: metric, group and bucket.
    pub(super) fn subject(&self) -> String {
        let currency = self.currency.map(String::from).unwrap_or_default();
        format!(
            "{} {} {} {} {} {currency} {}",
            self.of.metric.code(),
            self.start.micros(),
            self.end.micros(),
            self.channel.map_or(0, Channel::code),
            self.stage.map_or(0, Stage::code),
            // Last: an id may hold anything.
            self.persona_id.as_deref().unwrap_or_default(),
        )
    }

    pub(super) fn in_words(&self) -> String {
        let name = definition(self.of.metric).display_name;
        let way = if self.difference > 0.0 { "rose" } else { "fell" };
        let ((to, n), (from, before)) = (self.value, self.baseline);
        format!("{name} {way} from {from:.3} (n = {before}) to {to:.3} (n = {n})")
    }

    /// Whether a later value is nearer to the baseline than to what raised the alert.
    pub fn is_better(&self, later: f64) -> bool {
        (later - self.baseline.0).abs() < (later - self.value.0).abs()
    }
}

/// What moved: a group with difference, test and the rest. The last bucket is `current`, those before it are the baseline.
pub fn movements(
    of: &Moved,
    groups: &Groups,
    current: usize,
    terms: &Terms,
) -> Vec<(GroupKey, Movement)> {
    let mut both: BTreeMap<GroupKey, (Counts, Counts)> = BTreeMap::new();
    let none = || (Counts::none(of.metric), Counts::none(of.metric));
    for (key, counts) in groups.iter() {
        let group = both.entry(GroupKey { bucket: 0, ..key.clone() }).or_insert_with(none);
        match key.bucket {
            bucket if bucket == current => group.0.add(counts.clone()),
            bucket if bucket < current => group.1.add(counts.clone()),
            // Not over yet.
            _ => {}
        }
    }
    let mut family = Vec::new();
    for (key, (now, before)) in both {
        let (one, other) = (evaluate(of.metric, &now, terms), evaluate(of.metric, &before, terms));
        let enough = one.status == Status::Ok && other.status == Status::Ok;
        let found = compare(of.metric, &now, &before, terms).filter(|_| enough);
        if let (Some(found), Some(value), Some(baseline)) = (found, one.value, other.value)
            && let Some(test) = found.test
        {
            family.push((key, found, test, (value, one.n), (baseline, other.n)));
        }
    }
    let p_values: Vec<f64> = family.iter().map(|(_, _, test, ..)| test.p_value).collect();
    let size = family.len();
    let moved = family.into_iter().zip(benjamini_hochberg(&p_values));
    let moved = moved.filter(|((_, found, ..), q_value)| {
        *q_value <= of.false_discovery_rate && of.wants(found.value)
    });
    moved
        .map(|((key, found, test, value, baseline), q_value)| {
            let movement = Movement {
                of: of.clone(),
                scope: Scope::default(),
                persona_id: None,
                channel: key.channel,
                stage: key.stage,
                currency: key.currency,
                baseline_start: Timestamp::MIN,
                start: Timestamp::MIN,
                end: Timestamp::MIN,
                value,
                baseline,
                difference: found.value,
                interval: found.interval.map(|it| (it.lower, it.upper)),
                p_value: test.p_value,
                test: test.method.to_owned(),
                q_value,
                family: size,
            };
            (key, movement)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Share;

    const TERMS: Terms = Terms { confidence: 0.95, low_sample_floor: 30, immature: false };

    fn of() -> Moved {
        Moved {
            metric: Metric::AbandonmentRate,
            every: Every::Day,
            time_zone: "UTC".to_owned(),
            by: (false, true, false),
            baseline_buckets: 2,
            direction: None,
            false_discovery_rate: 0.05,
            min_difference: 0.0,
            low_sample_floor: 30,
        }
    }

    /// Hits of a hundred, by channel and bucket.
    fn groups(hits: &[(Channel, [i64; 4])]) -> Groups {
        let mut groups = Groups::default();
        for (channel, buckets) in hits {
            for (bucket, hits) in buckets.iter().enumerate() {
                let key = GroupKey { bucket, channel: Some(*channel), ..GroupKey::default() };
                groups.add(key, Counts::Share(Share { hits: *hits, of: 100, excluded: 0 }));
            }
        }
        groups
    }

    #[test]
    fn a_bucket_is_compared_with_those_before_it_together() {
        let groups =
            groups(&[(Channel::Phone, [10, 30, 60, 0]), (Channel::Chat, [20, 20, 21, 99])]);
        let found = movements(&of(), &groups, 2, &TERMS);
        let [(key, moved)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(key.channel, Some(Channel::Phone));
        assert_eq!((moved.value, moved.baseline, moved.family), ((0.6, 100), (0.2, 200), 2));
        assert!(moved.p_value < 1e-9 && moved.q_value == moved.p_value * 2.0);
        let (lower, upper) = moved.interval.expect("an interval");
        assert!(lower > 0.2 && upper < 0.6);
        assert_eq!(
            moved.in_words(),
            "Abandonment rate rose from 0.200 (n = 200) to 0.600 (n = 100)"
        );
        assert!(moved.is_better(0.3) && !moved.is_better(0.5));
    }

    #[test]
    fn what_is_wanted_is_a_matter_of_direction_size_and_of_how_many_groups_there_are() {
        let one = groups(&[(Channel::Phone, [20, 20, 32, 0])]);
        let found = |of: Moved, groups: &Groups| movements(&of, groups, 2, &TERMS).len();
        assert_eq!(found(of(), &one), 1);
        assert_eq!(found(Moved { direction: Some(Direction::Down), ..of() }, &one), 0);
        assert_eq!(found(Moved { direction: Some(Direction::Up), ..of() }, &one), 1);
        assert_eq!(found(Moved { min_difference: 0.2, ..of() }, &one), 0);
        assert_eq!(movements(&of(), &one, 2, &Terms { low_sample_floor: 101, ..TERMS }).len(), 0);
        assert_eq!(movements(&of(), &one, 2, &Terms { immature: true, ..TERMS }).len(), 0);
        // The same among many in which nothing happens is what chance does.
        let many: Vec<(Channel, [i64; 4])> = (Channel::ALL.into_iter())
            .map(|channel| match channel {
                Channel::Phone => (channel, [20, 20, 32, 0]),
                other => (other, [20, 20, 20, 0]),
            })
            .collect();
        assert_eq!(found(of(), &groups(&many)), 0);
    }
}
