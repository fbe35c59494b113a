//! Instants and spans: whole microseconds, so that both engines store and compare them exactly.

use serde::{Deserialize, Serialize};

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day of 24 hours. Windows are counted in these; calendar buckets are not.
pub const DAY: i64 = 86_400 * SECOND;

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1900-01-01T00:00:00Z, the earliest instant that CX accepts.
    pub const MIN: Self = Self(-2_208_988_800 * SECOND);
    /// 2200-01-01T00:00:00Z, the first instant that CX no longer accepts.
    pub const MAX: Self = Self(7_258_118_400 * SECOND);

    /// The instant `micros` microseconds after the Unix epoch, if CX accepts it.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (Self::MIN.0..Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant `days` × 24 hours earlier (later where negative), clamped to the accepted range.
    #[must_use]
    pub fn days_before(self, days: i64) -> Self {
        self.plus(days.saturating_mul(-DAY))
    }

    /// The instant `micros` later (earlier where negative), clamped to the accepted range.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros)).clamp(Self::MIN, Self::MAX)
    }

    /// Days of 24 hours from `earlier` to `self`, with their fraction.
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / DAY as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_outside_the_accepted_range_are_refused() {
        assert!(Timestamp::from_micros(Timestamp::MIN.micros() - 1).is_none());
        assert!(Timestamp::from_micros(Timestamp::MAX.micros()).is_none());
        assert_eq!(Timestamp::from_micros(0).map(Timestamp::micros), Some(0));
    }

    #[test]
    fn moving_an_instant_stays_inside_the_accepted_range() {
        let start = Timestamp::from_micros(0).expect("in range");
        assert_eq!(start.days_before(i64::MAX), Timestamp::MIN);
        assert_eq!(start.days_before(-1).days_since(start), 1.0);
    }
}
