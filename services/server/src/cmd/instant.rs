//! An instant on the command line: RFC 3339, or a date, which means its first moment in UTC.

use cx_analytics::Timestamp;
use jiff::{civil::Date, tz::TimeZone};

/// Reads an instant.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', 't', ' ']) => {
            date.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?.timestamp()
        }
        _ => text.parse().map_err(|_| {
            "is neither a date nor an instant such as 2011-12-10T00:00:00Z".to_owned()
        })?,
    };
    Timestamp::from_micros(instant.as_microsecond())
        .ok_or_else(|| "is not from 1900-01-01 to before 2200-01-01".to_owned())
}

/// An instant for people: its second, in UTC.
pub fn shown(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.micros() / 1_000_000 * 1_000_000);
    at.map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_and_instants_are_read() {
        assert_eq!(parse("1970-01-02").map(|t| t.micros()), Ok(86_400_000_000));
        assert_eq!(parse("1970-01-01T01:00:00+01:00").map(|t| t.micros()), Ok(0));
        for wrong in ["yesterday", "1970-13-01", "1970-01-01T00:00:00", "1700-01-01"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
