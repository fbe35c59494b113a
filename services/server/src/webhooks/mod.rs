//! Webhooks: changes of membership and of alerts, signed and sent to URLs of the caller's, after the Standard Webhooks specification.
//!
//! What a webhook has been told and what it could not be told is the store's; what a person may set is `grpc/webhook.rs`'s. This
//! folder writes messages, signs, sends, and reads what came of it. No URL, secret or body of an answer is ever logged.

mod address;
mod answer;
mod duty;
mod payload;
mod send;
mod signing;
mod target;
mod tls;

pub use answer::Answer;
pub(crate) use duty::forever;
pub use payload::ping;
pub use send::{Post, Sender};
pub use signing::new_secret;
pub use target::{MAX_URL, Target};

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// How to send.
#[derive(Debug, Clone)]
pub struct Options {
    /// Take http as well as https, and hosts of any address: for tests, and for receivers in the same network.
    pub allow_insecure: bool,
    /// How often is looked for something to send.
    pub tick: Duration,
    /// How long an attempt may take, from looking the host up to the answer.
    pub timeout: Duration,
    /// The pauses before each further attempt; after the last one a message is a dead letter.
    pub backoff: Vec<Duration>,
    /// After failing for so long without one success a webhook is disabled.
    pub hopeless: Duration,
}

impl Default for Options {
    fn default() -> Self {
        // The pauses that the specification recommends.
        let backoff = [
            5,
            5 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            10 * HOUR,
            14 * HOUR,
            20 * HOUR,
            24 * HOUR,
        ];
        Self {
            allow_insecure: false,
            tick: Duration::from_secs(1),
            timeout: Duration::from_secs(15),
            backoff: backoff.map(Duration::from_secs).into(),
            hopeless: Duration::from_secs(5 * 24 * HOUR),
        }
    }
}
