//! What time it is. The only place in CX that asks.

use cx_analytics::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in whole microseconds. A clock set outside the years that CX accepts counts as the nearest one.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX.plus(-1))
}
