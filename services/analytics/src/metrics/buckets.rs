//! Time buckets: cut in an IANA time zone, so that a day of a clock change has 23 or 25 hours.
//!
//! The time zone rules are compiled in: the same request gives the same buckets on every machine.

use crate::Timestamp;
use jiff::{
    RoundMode, Span, Unit, ZonedRound,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// Day on which weeks start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WeekStart {
    /// ISO 8601.
    #[default]
    Monday,
    /// As in North America.
    Sunday,
    /// As in parts of the Middle East.
    Saturday,
}

/// Length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketLength {
    /// Hours of the clock on the wall.
    Hour,
    /// Calendar days.
    Day,
    /// Weeks.
    Week(WeekStart),
    /// Calendar months.
    Month,
    /// Calendar quarters.
    Quarter,
    /// Calendar years.
    Year,
}

/// A range, cut. Bucket `i` is `[edges[i], edges[i + 1])`; there is always at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    edges: Vec<Timestamp>,
    /// When the last one is over.
    runs_until: Timestamp,
}

/// More than [`Buckets::MOST`] buckets in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {} buckets in the range", Buckets::MOST)]
pub struct TooManyBuckets;

impl Buckets {
    /// Most buckets of one question.
    pub const MOST: usize = 1000;

    /// The whole range as one bucket.
    pub fn whole(start: Timestamp, end: Timestamp) -> Self {
        Self { edges: vec![start, end.max(start)], runs_until: end }
    }

    /// Cuts `[start, end)`. The first bucket starts where the range starts, the last ends where it ends.
    pub fn cut(
        start: Timestamp,
        end: Timestamp,
        zone: &TimeZone,
        length: BucketLength,
    ) -> Result<Self, TooManyBuckets> {
        let mut edges = vec![start];
        let mut runs_until = end;
        for edge in starts_after(start, zone, length) {
            if edge >= end {
                runs_until = edge;
                break;
            }
            // A date that a zone skipped (Samoa, 30 December 2011) starts with the next one: one edge, not two.
            if edges.last().is_some_and(|last| *last < edge) {
                edges.push(edge);
            }
            if edges.len() > Self::MOST {
                return Err(TooManyBuckets);
            }
        }
        edges.push(end.max(start));
        Ok(Self { edges, runs_until })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.edges.len() - 1
    }

    /// Where each bucket starts.
    pub fn starts(&self) -> &[Timestamp] {
        &self.edges[..self.count()]
    }

    /// Start and end of a bucket.
    pub fn bounds(&self, bucket: usize) -> Option<(Timestamp, Timestamp)> {
        Some((*self.edges.get(bucket)?, *self.edges.get(bucket + 1)?))
    }

    /// When a bucket is over, which for the last one may be after the range.
    pub fn runs_until(&self, bucket: usize) -> Option<Timestamp> {
        let (_, end) = self.bounds(bucket)?;
        Some(if bucket + 1 == self.count() { self.runs_until.max(end) } else { end })
    }

    /// Start of the range.
    pub fn start(&self) -> Timestamp {
        self.edges[0]
    }

    /// End of the range, exclusive.
    pub fn end(&self) -> Timestamp {
        self.edges[self.count()]
    }
}

/// The time zone with this IANA name, if there is one.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// Where buckets begin that begin after the one that holds `start`, in rising order.
fn starts_after<'a>(
    start: Timestamp,
    zone: &'a TimeZone,
    length: BucketLength,
) -> Box<dyn Iterator<Item = Timestamp> + 'a> {
    if length == BucketLength::Hour {
        return Box::new(std::iter::successors(next_hour(start, zone), |at| next_hour(*at, zone)));
    }
    let first = next_date(first_date(start, zone, length), length);
    let dates = std::iter::successors(first, move |date| next_date(*date, length));
    Box::new(dates.map_while(|date| start_of(date, zone)))
}

/// The next full hour of the clock on the wall. One that comes twice is two; where clocks are put by half an hour, one is short.
fn next_hour(at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
    let later = at.checked_add(Span::new().hours(1)).ok()?.to_zoned(zone.clone());
    let full = ZonedRound::new().smallest(Unit::Hour).mode(RoundMode::Trunc);
    let full = later.round(full).ok()?.timestamp();
    let next = if full > at { full } else { later.timestamp() };
    Timestamp::from_micros(next.as_microsecond())
}

/// The date on which the bucket that holds `start` begins.
fn first_date(start: Timestamp, zone: &TimeZone, length: BucketLength) -> Date {
    let date = civil(start, zone);
    match length {
        BucketLength::Hour | BucketLength::Day => date,
        BucketLength::Month => date.first_of_month(),
        BucketLength::Quarter => {
            let into = Span::new().months(i64::from((date.month() - 1) % 3));
            date.first_of_month().checked_sub(into).unwrap_or(date)
        }
        BucketLength::Year => date.first_of_year(),
        BucketLength::Week(first) => {
            let first = match first {
                WeekStart::Monday => Weekday::Monday,
                WeekStart::Sunday => Weekday::Sunday,
                WeekStart::Saturday => Weekday::Saturday,
            };
            date.checked_sub(Span::new().days(date.weekday().since(first))).unwrap_or(date)
        }
    }
}

fn next_date(date: Date, length: BucketLength) -> Option<Date> {
    let step = match length {
        BucketLength::Hour | BucketLength::Day => Span::new().days(1),
        BucketLength::Week(_) => Span::new().weeks(1),
        BucketLength::Month => Span::new().months(1),
        BucketLength::Quarter => Span::new().months(3),
        BucketLength::Year => Span::new().years(1),
    };
    date.checked_add(step).ok()
}

fn civil(at: Timestamp, zone: &TimeZone) -> Date {
    let instant = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    zone.to_datetime(instant).date()
}

/// The first instant of a date: where midnight does not exist, the end of the gap; where it exists twice, the first.
fn start_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = date.to_zoned(zone.clone()).ok()?;
    Timestamp::from_micros(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().expect("an instant");
        Timestamp::from_micros(instant.as_microsecond()).expect("in range")
    }

    fn hours(zone: &str, start: &str, end: &str, length: BucketLength) -> Vec<i64> {
        let zone = time_zone(zone).expect("a zone");
        let buckets = Buckets::cut(at(start), at(end), &zone, length).expect("few buckets");
        (0..buckets.count())
            .map(|i| buckets.bounds(i).expect("a bucket"))
            .map(|(from, to)| (to.micros() - from.micros()) / 3_600_000_000)
            .collect()
    }

    #[test]
    fn days_of_clock_changes_have_23_and_25_hours_in_three_zones() {
        let day = BucketLength::Day;
        // 31 March and 27 October 2024.
        assert_eq!(
            hours("Europe/Berlin", "2024-03-29T23:00:00Z", "2024-04-01T22:00:00Z", day),
            [24, 23, 24]
        );
        assert_eq!(
            hours("Europe/Berlin", "2024-10-25T22:00:00Z", "2024-10-28T23:00:00Z", day),
            [24, 25, 24]
        );
        // 10 March and 3 November 2024.
        assert_eq!(
            hours("America/New_York", "2024-03-09T05:00:00Z", "2024-03-12T04:00:00Z", day),
            [24, 23, 24]
        );
        assert_eq!(
            hours("America/New_York", "2024-11-02T04:00:00Z", "2024-11-05T05:00:00Z", day),
            [24, 25, 24]
        );
        // Southern summer time: 7 April ends it, 6 October begins it.
        assert_eq!(
            hours("Australia/Sydney", "2024-04-05T13:00:00Z", "2024-04-08T14:00:00Z", day),
            [24, 25, 24]
        );
        assert_eq!(
            hours("Australia/Sydney", "2024-10-04T14:00:00Z", "2024-10-07T13:00:00Z", day),
            [24, 23, 24]
        );
    }

    #[test]
    fn a_midnight_that_does_not_exist_starts_the_day_after_the_gap() {
        // Beirut went from 23:59:59 to 01:00 on 31 March 2024.
        let day = BucketLength::Day;
        assert_eq!(
            hours("Asia/Beirut", "2024-03-29T22:00:00Z", "2024-04-01T21:00:00Z", day),
            [24, 23, 24]
        );
        // Apia had no 30 December 2011 at all.
        assert_eq!(
            hours("Pacific/Apia", "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z", day),
            [24, 24]
        );
    }

    #[test]
    fn the_first_and_last_bucket_end_with_the_range() {
        let month = BucketLength::Month;
        assert_eq!(
            hours("UTC", "2024-01-31T12:00:00Z", "2024-03-01T06:00:00Z", month),
            [12, 29 * 24, 6]
        );
        assert_eq!(hours("UTC", "2024-01-31T12:00:00Z", "2024-01-31T13:00:00Z", month), [1]);
    }

    #[test]
    fn quarters_and_years_are_those_of_the_calendar() {
        let days = |length| -> Vec<i64> {
            let hours = hours("UTC", "2023-11-15T00:00:00Z", "2025-02-01T00:00:00Z", length);
            hours.into_iter().map(|hours| hours / 24).collect()
        };
        assert_eq!(days(BucketLength::Quarter), [47, 91, 91, 92, 92, 31]);
        assert_eq!(days(BucketLength::Year), [47, 366, 31]);
    }

    #[test]
    fn hours_are_those_of_the_clock_on_the_wall() {
        let minutes = |zone: &str, start: &str, end: &str| -> Vec<i64> {
            let zone = time_zone(zone).expect("a zone");
            let buckets =
                Buckets::cut(at(start), at(end), &zone, BucketLength::Hour).expect("few buckets");
            (0..buckets.count())
                .map(|i| buckets.bounds(i).expect("a bucket"))
                .map(|(from, to)| (to.micros() - from.micros()) / 60_000_000)
                .collect()
        };
        // India is five hours and a half ahead.
        let cut = minutes("Asia/Kolkata", "2024-01-01T00:00:00Z", "2024-01-01T02:00:00Z");
        assert_eq!(cut, [30, 60, 30]);
        // The hour from two to three does not exist, and comes twice: the hours between are whole ones.
        let cut = minutes("Europe/Berlin", "2024-03-31T00:15:00Z", "2024-03-31T02:00:00Z");
        assert_eq!(cut, [45, 60]);
        let cut = minutes("Europe/Berlin", "2024-10-26T23:00:00Z", "2024-10-27T03:00:00Z");
        assert_eq!(cut, [60, 60, 60, 60]);
        // Lord Howe puts its clocks by half an hour: 2:00 to 2:30 on 6 October 2024.
        let cut = minutes("Australia/Lord_Howe", "2024-10-05T14:30:00Z", "2024-10-05T17:00:00Z");
        assert_eq!(cut, [60, 30, 60]);
    }

    #[test]
    fn weeks_start_on_the_day_asked_for() {
        // 3 January 2024 was a Wednesday.
        let week = |first| {
            hours("UTC", "2024-01-03T00:00:00Z", "2024-01-17T00:00:00Z", BucketLength::Week(first))
        };
        assert_eq!(week(WeekStart::Monday), [5 * 24, 7 * 24, 2 * 24]);
        assert_eq!(week(WeekStart::Sunday), [4 * 24, 7 * 24, 3 * 24]);
        assert_eq!(week(WeekStart::Saturday), [3 * 24, 7 * 24, 4 * 24]);
    }

    #[test]
    fn a_thousand_buckets_are_the_most() {
        let utc = time_zone("UTC").expect("a zone");
        let start = at("2020-01-01T00:00:00Z");
        let cut = |days: i64| {
            Buckets::cut(start, start.days_before(-days), &utc, BucketLength::Day)
                .map(|b| b.count())
        };
        assert_eq!(cut(1000), Ok(1000));
        assert_eq!(cut(1001), Err(TooManyBuckets));
    }

    #[test]
    fn an_unknown_zone_is_none_and_an_empty_range_is_one_bucket() {
        assert!(time_zone("Mars/Olympus_Mons").is_none());
        assert!(time_zone("Europe/Berlin").is_some());
        let start = at("2020-01-01T00:00:00Z");
        assert_eq!(Buckets::whole(start, start).count(), 1);
    }
}
