//! Deadlines: the caller's `grpc-timeout`, else one of ours for calls that are not streams. tonic's own
//! answers CANCELLED, which says that the caller gave up.

use super::{
    Next, Refusal, STREAMS, go_on, is_ours, refuse,
    sealed::{Sealed, next as next_frame},
};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use std::{future::Future, task::Poll, time::Duration};
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::body::Body;

/// The deadline of a call that has none.
pub(super) const DEFAULT: Duration = Duration::from_secs(60);
/// Longest deadline; a longer one is as good as none, and its sum with now must not overflow.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Ends what takes longer than its caller's deadline, and calls without one after `default`.
pub(super) fn within(
    default: Duration,
) -> impl Fn(Request<Body>, Next) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync {
    move |request, next| {
        let path = request.uri().path();
        let default = (is_ours(path) && !STREAMS.contains(&path)).then_some(default);
        match asked(request.headers()).or(default) {
            Some(limit) => Box::pin(until(Instant::now() + limit.min(LONGEST), request, next)),
            None => Box::pin(go_on(next, request)),
        }
    }
}

async fn until(deadline: Instant, request: Request<Body>, next: Next) -> Response<Body> {
    // The timer ticks in milliseconds: what was quicker than a tick, and late all the same, is late.
    let response = match timeout_at(deadline, go_on(next, request)).await {
        Ok(response) if Instant::now() < deadline => response,
        _ => return refuse(Refusal::DeadlineExceeded),
    };
    response.map(|body| {
        let mut alarm = Box::pin(sleep_until(deadline));
        Sealed::body(
            body,
            Box::new(move |cx, body| match alarm.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(Refusal::DeadlineExceeded)),
                Poll::Pending => next_frame(cx, body),
            }),
        )
    })
}

/// The timeout that a caller asks for: up to eight digits and a unit.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Duration> {
        asked(&HeaderMap::from_iter([("grpc-timeout".parse().ok()?, text.parse().ok()?)]))
    }

    #[test]
    fn timeouts_are_read_as_grpc_writes_them() {
        assert_eq!(read("5S"), Some(Duration::from_secs(5)));
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        for wrong in ["", "S", "5", "5s", "-5S", "123456789S", "5é"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
