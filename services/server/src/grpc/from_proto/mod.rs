//! From the wire to the domain: the one border where what callers send is checked.
//!
//! Validation is conversion: a domain value that comes out of here is valid by construction. Every rule
//! that is broken is collected with the path of its field, so that a caller can mend all of them at once.
//! Knows the rules of `proto/cx/v1`; knows neither the database nor the clock.

mod alert;
mod alert_rule;
mod audience;
mod churn;
mod churn_definition;
mod customer;
mod feedback;
mod interaction;
mod journey;
mod metric_groups;
mod metrics;
mod payload;
mod segmentation;
#[cfg(test)]
mod tests;
mod webhook;

use super::status::Refusal;
pub use super::status::Violation;
use crate::proto;
pub use alert::{alert_filter, alert_resolution, recovery_asked};
pub use alert_rule::{alert_rule_change, new_alert_rule};
pub use audience::{AudienceAsked, audience};
pub use churn::{ChurnList, ChurnTraining, churn_export, churn_list, churn_training};
pub use churn_definition::{
    ChurnDefinitionPut, churn_definition_id, churn_definition_put, churn_terms, kinds,
};
pub use customer::customer;
use cx_analytics::{Customer, Interaction, Money, Timestamp, interaction::Currency, time::DAY};
pub use feedback::{FeedbackAsked, ThemesAsked, feedback_asked, themes_asked};
pub use interaction::interaction;
pub use journey::{
    ConversionAsked, JourneyAsked, MapAsked, PathsAsked, journey_conversion, journey_map,
    journey_paths, new_journey_after,
};
pub use metric_groups::Only;
pub use metrics::{
    Against, Comparing, MetricsQuery, codes_once, metrics_comparison, metrics_query,
};
pub use segmentation::{segmentation_asked, segmentation_schedule};
use std::{fmt::Display, ops::RangeInclusive};
pub use webhook::{new_webhook, webhook_change, webhook_deliveries, webhook_replay};

/// By how much clocks may differ, in microseconds.
const MINUTE: i64 = 60_000_000;

/// Most items of an order or return.
const MAX_ITEMS: i64 = 1_000_000_000;

/// The rules that a request breaks, as they are found.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one: the path of the field, and the rule with what was given.
    pub fn at(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation { field: field.into(), description: description.into() });
    }

    /// Adds those of a part of the request under its path.
    pub fn under(&mut self, path: &str, violations: Vec<Violation>) {
        self.0.extend(violations.into_iter().map(|violation| Violation {
            field: format!("{path}.{}", violation.field),
            ..violation
        }));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order in which they were found.
    pub fn into_inner(self) -> Vec<Violation> {
        self.0
    }

    /// Refuses the request where there are any.
    pub fn refuse(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::InvalidField(self.0)) }
    }

    /// An id that must be there: 1 to 128 bytes, no NUL. Where it is not, the violation is noted and the
    /// text stands in, so that checking goes on.
    pub fn id(&mut self, field: &str, id: String) -> String {
        if id.is_empty() {
            self.at(field, "is required");
        }
        self.optional_id(field, id).unwrap_or_default()
    }

    /// An id that may be left out.
    pub fn optional_id(&mut self, field: &str, id: String) -> Option<String> {
        self.text(field, id, Customer::MAX_ID)
    }

    /// A text of at most `max` bytes without NUL; empty means that there is none.
    pub fn text(&mut self, field: &str, text: String, max: usize) -> Option<String> {
        if text.len() > max {
            self.at(field, format!("has {} bytes; at most {max} are taken", text.len()));
        }
        if text.contains('\0') {
            self.at(field, "holds NUL");
        }
        (!text.is_empty()).then_some(text)
    }

    /// A number within a range.
    pub fn within<T: PartialOrd + Display>(
        &mut self,
        field: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> T {
        if !range.contains(&value) {
            self.at(field, format!("{value} is not in {}..={}", range.start(), range.end()));
        }
        value
    }

    /// An instant, rounded down to the microsecond.
    pub fn timestamp(
        &mut self,
        field: &str,
        wire: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let wire = wire?;
        if !(0..1_000_000_000).contains(&wire.nanos) {
            self.at(field, format!("nanos {} is not in 0..=999999999", wire.nanos));
            return None;
        }
        let micros = wire
            .seconds
            .checked_mul(1_000_000)
            .and_then(|s| s.checked_add(i64::from(wire.nanos / 1000)));
        let instant = micros.and_then(Timestamp::from_micros);
        if instant.is_none() {
            self.at(field, "is not from 1900-01-01 to before 2200-01-01");
        }
        instant
    }

    /// An instant of which something can be known: not after `now`, but for a minute by which clocks may differ.
    pub fn past(
        &mut self,
        field: &str,
        wire: Option<prost_types::Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let instant = self.timestamp(field, wire)?;
        if instant > now.plus(MINUTE) {
            self.at(field, "is in the future, of which nothing is known");
            return None;
        }
        Some(instant)
    }

    /// A duration in microseconds: not negative, at most 31 days, so that the sum of three million of them stays within 64 bits.
    pub fn duration(&mut self, field: &str, wire: Option<prost_types::Duration>) -> Option<i64> {
        self.duration_within(field, wire, 31)
    }

    /// A duration in microseconds: not negative, at most so many days.
    pub fn duration_within(
        &mut self,
        field: &str,
        wire: Option<prost_types::Duration>,
        days: i64,
    ) -> Option<i64> {
        let wire = wire?;
        let micros = wire
            .seconds
            .checked_mul(1_000_000)
            .and_then(|s| s.checked_add(i64::from(wire.nanos / 1000)));
        match micros {
            _ if wire.seconds < 0 || wire.nanos < 0 => self.at(field, "is negative"),
            Some(micros) if wire.nanos < 1_000_000_000 && micros <= days * DAY => {
                return Some(micros);
            }
            _ => self.at(field, format!("is longer than {days} days")),
        }
        None
    }

    /// A currency; empty means that there is none.
    pub fn currency(&mut self, field: &str, code: &str) -> Option<Currency> {
        if code.is_empty() {
            return None;
        }
        let currency = Currency::parse(code);
        if currency.is_none() {
            self.at(field, format!("{} is not three upper-case letters", shown(code)));
        }
        currency
    }

    /// An amount of money, not negative.
    pub fn money(&mut self, field: &str, wire: Option<proto::Money>) -> Option<Money> {
        let wire = wire?;
        let code = format!("{field}.currency_code");
        if wire.currency_code.is_empty() {
            self.at(code.as_str(), "is required");
        }
        let currency = self.currency(&code, &wire.currency_code);
        let amount_minor = self.within(
            &format!("{field}.amount_minor"),
            wire.amount_minor,
            0..=Interaction::MAX_NUMBER,
        );
        Some(Money { currency: currency?, amount_minor })
    }

    /// A value of an enum by its number; 0 means that none was given.
    pub fn optional_code<T>(
        &mut self,
        field: &str,
        number: i32,
        from_code: fn(i16) -> Option<T>,
    ) -> Option<T> {
        if number == 0 {
            return None;
        }
        let value = i16::try_from(number).ok().and_then(from_code);
        if value.is_none() {
            self.at(field, format!("{number} is not one of its values"));
        }
        value
    }

    /// A value of an enum that must be given.
    pub fn code<T>(
        &mut self,
        field: &str,
        number: i32,
        from_code: fn(i16) -> Option<T>,
    ) -> Option<T> {
        if number == 0 {
            self.at(field, "is required");
        }
        self.optional_code(field, number, from_code)
    }
}

/// A caller's text in a message: quoted, and not longer than a line.
pub fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
