//! What webhooks are told: changes of membership, changes of alerts, or both, in the one order that they have.

use crate::alerts::{AlertChange, ChangeFilter};
use crate::error::{Error, Result};
use crate::store::Store;
use cx_analytics::Timestamp;
use cx_analytics::membership::Change;

use super::MESSAGE_CHANGES;

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody's persona changed.
    Membership(Change),
    /// An alert was raised or changed.
    Alert(Box<AlertChange>),
}

impl Event {
    /// Its place in the order of all changes.
    pub fn position(&self) -> i64 {
        match self {
            Self::Membership(change) => change.position,
            Self::Alert(change) => change.position,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Membership(change) => change.at,
            Self::Alert(change) => change.at,
        }
    }
}

/// What a webhook wants to be told; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Changes of membership.
    pub membership: bool,
    /// Changes of alerts.
    pub alerts: bool,
    /// Only changes into or out of these personas, and alerts about their members; all where there are none.
    pub personas: Vec<String>,
}

impl Default for Subscription {
    /// Every change of membership.
    fn default() -> Self {
        Self { membership: true, alerts: false, personas: Vec::new() }
    }
}

impl Subscription {
    /// Which events, as it is stored.
    pub(super) fn code(&self) -> i16 {
        i16::from(self.membership) + 2 * i16::from(self.alerts)
    }

    pub(super) fn stored(code: i16, personas: Vec<String>) -> Result<Self> {
        match code {
            1..=3 => Ok(Self { membership: code & 1 != 0, alerts: code & 2 != 0, personas }),
            _ => Err(Error::Corrupt { what: "events of a webhook" }),
        }
    }
}

impl Store {
    /// The next events after a position that make one message, all of one kind, and the position up to which it reaches; that is given
    /// by `fixed` where the message was begun before.
    pub(super) async fn webhook_events(
        &self,
        after: i64,
        of: &Subscription,
        fixed: Option<i64>,
    ) -> Result<(Vec<Event>, i64)> {
        // The head before the changes: every change up to it is seen. What is later may be seen of one log and not of the other.
        let most = match fixed {
            Some(until) => until,
            None => self.membership_head().await?,
        };
        let mut membership = Vec::new();
        if of.membership {
            let found = self.membership_changes_after(after, &of.personas, MESSAGE_CHANGES).await?;
            membership.extend(found.into_iter().map(Event::Membership));
        }
        let mut alerts = Vec::new();
        if of.alerts {
            let filter = ChangeFilter { personas: of.personas.clone(), ..ChangeFilter::default() };
            let found = self.alert_changes_after(after, &filter, MESSAGE_CHANGES).await?;
            alerts.extend(found.into_iter().map(|change| Event::Alert(Box::new(change))));
        }
        let first = |events: &[Event]| events.first().map_or(i64::MAX, Event::position);
        let (mut told, next) = match first(&membership) < first(&alerts) {
            true => (membership, first(&alerts)),
            false => (alerts, first(&membership)),
        };
        let until = most.min(next - 1);
        told.retain(|event| event.position() <= until);
        let until = match told.last() {
            Some(last) if fixed.is_none() && told.len() as u64 == MESSAGE_CHANGES => {
                last.position()
            }
            _ => until,
        };
        Ok((told, fixed.unwrap_or(until)))
    }
}
