//! Dates and times as files write them, to microseconds since 1970. Knows no message.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{Disambiguation, TimeZone};

/// How instants are written in a file.
#[derive(Debug, Clone)]
pub struct TimeFormat {
    /// Formats of strftime, tried in this order; `iso` is ISO 8601 with or without an offset.
    formats: Vec<String>,
    /// The zone of what has no offset.
    zone: TimeZone,
    /// What a clock time means that a change of the clocks skips or repeats.
    ambiguous: Disambiguation,
}

impl Default for TimeFormat {
    fn default() -> Self {
        Self {
            formats: vec![Self::ISO.to_owned()],
            zone: TimeZone::UTC,
            ambiguous: Disambiguation::Compatible,
        }
    }
}

impl TimeFormat {
    /// The name of ISO 8601 among formats.
    pub const ISO: &'static str = "iso";

    /// The same with other formats. Refused where strftime does not know one.
    pub fn with_formats(mut self, formats: Vec<String>) -> Result<Self, String> {
        if formats.is_empty() {
            return Err("names no format".to_owned());
        }
        for format in formats.iter().filter(|format| *format != Self::ISO) {
            check_format(format)?;
        }
        self.formats = formats;
        Ok(self)
    }

    /// The same in another zone, by its IANA name.
    pub fn with_zone(mut self, name: &str) -> Result<Self, String> {
        self.zone = TimeZone::get(name)
            .map_err(|_| format!("{name:?} is no IANA time zone, such as \"Europe/London\""))?;
        Ok(self)
    }

    /// The same with another meaning of clock times that are skipped or repeated.
    pub fn with_ambiguous(mut self, name: &str) -> Result<Self, String> {
        self.ambiguous = match name {
            "compatible" => Disambiguation::Compatible,
            "earlier" => Disambiguation::Earlier,
            "later" => Disambiguation::Later,
            "refuse" => Disambiguation::Reject,
            _ => return Err(format!("{name:?} is not compatible, earlier, later or refuse")),
        };
        Ok(self)
    }

    /// Microseconds since 1970, rounded down, of the instant written in `text`; or the rule it breaks.
    pub fn parse(&self, text: &str) -> Result<i64, String> {
        for format in &self.formats {
            let read =
                if format == Self::ISO { self.iso(text) } else { self.formatted(format, text) };
            if let Some(micros) = read.transpose() {
                return micros;
            }
        }
        Err(format!("{text:?} is not a time in the format {}", self.formats.join(" or ")))
    }

    /// None where the text is not ISO 8601.
    fn iso(&self, text: &str) -> Result<Option<i64>, String> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Some(micros(instant)));
        }
        // With an offset the text above was an instant; a zone in brackets is not read as if it were not there.
        if let Ok(civil) = text.parse::<DateTime>() {
            return self.in_zone(civil, text).map(Some);
        }
        Ok(None)
    }

    /// None where the text is not of this format.
    fn formatted(&self, format: &str, text: &str) -> Result<Option<i64>, String> {
        let Ok(parts) = strtime::parse(format, text) else { return Ok(None) };
        if let Ok(instant) = parts.to_timestamp() {
            return Ok(Some(micros(instant)));
        }
        let civil = parts.to_datetime().or_else(|_| {
            parts.to_date().map(|date: Date| date.to_datetime(jiff::civil::Time::MIN))
        });
        match civil {
            Ok(civil) => self.in_zone(civil, text).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn in_zone(&self, civil: DateTime, text: &str) -> Result<i64, String> {
        let instant = self.zone.to_ambiguous_timestamp(civil).disambiguate(self.ambiguous);
        let zone = self.zone.iana_name().unwrap_or("UTC");
        instant.map(micros).map_err(|_| {
            format!("{text:?} does not name one instant in {zone}: the clocks change there")
        })
    }
}

/// Microseconds since 1970, rounded down.
fn micros(instant: jiff::Timestamp) -> i64 {
    i64::try_from(instant.as_nanosecond().div_euclid(1000)).unwrap_or(i64::MAX)
}

fn check_format(format: &str) -> Result<(), String> {
    // Formatting a known instant fails exactly where the format holds a directive that is not known.
    let sample = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    strtime::format(format, &sample).map(drop).map_err(|error| format!("{format:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> i64 {
        micros(text.parse().expect("an instant"))
    }

    #[test]
    fn iso_is_read_with_and_without_an_offset() {
        let london = TimeFormat::default().with_zone("Europe/London").expect("known");
        assert_eq!(london.parse("2011-07-01 12:00:00"), Ok(utc("2011-07-01T11:00:00Z")));
        assert_eq!(london.parse("2011-07-01T12:00:00+02:00"), Ok(utc("2011-07-01T10:00:00Z")));
        assert_eq!(london.parse("2011-01-01"), Ok(utc("2011-01-01T00:00:00Z")));
        assert_eq!(
            london.parse("2011-01-01T00:00:00.1234567Z"),
            Ok(utc("2011-01-01T00:00:00.123456Z"))
        );
        assert!(london.parse("01/02/2011").is_err());
    }

    #[test]
    fn formats_are_tried_in_their_order() {
        let formats = vec!["%d/%m/%Y %H:%M".to_owned(), "%Y%m%d".to_owned()];
        let format = TimeFormat::default().with_formats(formats).expect("known");
        assert_eq!(format.parse("29/2/2016 01:16"), Ok(utc("2016-02-29T01:16:00Z")));
        assert_eq!(format.parse("19970101"), Ok(utc("1997-01-01T00:00:00Z")));
        assert!(format.parse("31/2/2016 01:16").is_err());
        assert!(TimeFormat::default().with_formats(vec!["%d %!".to_owned()]).is_err());
    }

    #[test]
    fn clock_times_that_do_not_exist_or_exist_twice_have_a_said_meaning() {
        let berlin = |rule| {
            TimeFormat::default()
                .with_zone("Europe/Berlin")
                .and_then(|f| f.with_ambiguous(rule))
                .expect("known")
        };
        // 2024-03-31 02:30 is skipped, 2024-10-27 02:30 stands twice.
        assert_eq!(berlin("compatible").parse("2024-03-31 02:30"), Ok(utc("2024-03-31T01:30:00Z")));
        assert_eq!(berlin("compatible").parse("2024-10-27 02:30"), Ok(utc("2024-10-27T00:30:00Z")));
        assert_eq!(berlin("later").parse("2024-10-27 02:30"), Ok(utc("2024-10-27T01:30:00Z")));
        assert!(berlin("refuse").parse("2024-10-27 02:30").is_err());
        assert!(berlin("refuse").parse("2024-10-27 03:30").is_ok());
    }
}
