//! Webhooks: each has a place in the order of all changes, of membership and of alerts, up to which it was told.
//!
//! A message is a run of changes of one of the two after that place. Its first attempt moves the place, whatever comes of it; where it fails, the
//! same transaction leaves a delivery, so that nothing is lost and nothing that comes later waits. A message is a range
//! of positions, never a copy: it is read from the log for each attempt, so that the erased are not told any more.
//!
//! This file and those below know neither HTTP nor how a message is written.

mod deliveries;
mod events;
mod manage;
mod rows;
mod sending;
#[cfg(test)]
mod tests;

pub use deliveries::{Delivery, Replay};
pub use events::{Event, Subscription};
pub use manage::{NewWebhook, WebhookChange};
pub use sending::{Attempted, Failure, Message, Waiting};

use crate::error::{Error, Result};
use cx_analytics::Timestamp;
use serde::{Deserialize, Serialize};

/// Most changes in a message.
pub const MESSAGE_CHANGES: u64 = 100;
/// Most secrets of a webhook that are valid at once.
pub const SECRETS: usize = 5;

/// Where changes are sent to, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where to send.
    pub url: String,
    /// What it is told.
    pub subscription: Subscription,
    /// What it is for.
    pub description: String,
    /// Why nothing is sent; none where it is.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The position up to which changes were sent or set aside.
    pub position: i64,
    /// Positions of the log after that.
    pub pending_changes: i64,
    /// Messages that failed and will be sent again.
    pub pending_deliveries: i64,
    /// Messages that failed for good.
    pub dead_deliveries: i64,
    /// When a message was delivered last.
    pub last_success_at: Option<Timestamp>,
    /// The last attempt that failed.
    pub last_failure: Option<Failed>,
    /// Since when every attempt failed.
    pub failing_since: Option<Timestamp>,
    /// Changes with what people set, and with `disabled`.
    pub etag: String,
}

/// Why a webhook sends nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disabled {
    /// Somebody asked for it.
    Requested,
    /// The receiver said that it is gone.
    Gone,
    /// Every attempt failed for too long.
    Failing,
}

impl Disabled {
    const fn code(self) -> i16 {
        match self {
            Self::Requested => 1,
            Self::Gone => 2,
            Self::Failing => 3,
        }
    }

    fn from_code(code: i16) -> Result<Self> {
        [Self::Requested, Self::Gone, Self::Failing]
            .into_iter()
            .find(|reason| reason.code() == code)
            .ok_or(Error::Corrupt { what: "reason of a webhook" })
    }
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// What happened, in words.
    pub error: String,
}

/// What a webhook signs with. Its `Debug` does not tell it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text: for signing, and for whoever made the webhook.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
