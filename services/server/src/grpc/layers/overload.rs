//! Overload: so many requests in hand and no more, told at once and with a time to come back. A queue
//! without end answers everybody late.

use super::{
    Next, Refusal, STREAMS, go_on, is_ours, refuse,
    sealed::{Sealed, next as next_frame},
};
use futures::future::BoxFuture;
use http::{Request, Response};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::body::Body;

/// Calls in hand at once.
const CALLS: usize = 1024;
/// Streams open at once; they hold little while they are idle, and must not keep calls out.
const STREAMS_OPEN: usize = 1024;

/// Refuses what goes beyond.
pub(super) fn limit()
-> impl Fn(Request<Body>, Next) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync {
    let calls = Arc::new(Semaphore::new(CALLS));
    let streams = Arc::new(Semaphore::new(STREAMS_OPEN));
    move |request, next| {
        let path = request.uri().path();
        // Health must be told under load more than ever.
        if !is_ours(path) {
            return Box::pin(go_on(next, request));
        }
        let slots = if STREAMS.contains(&path) { streams.clone() } else { calls.clone() };
        Box::pin(async move {
            let Ok(slot) = slots.try_acquire_owned() else {
                return refuse(Refusal::Overloaded);
            };
            go_on(next, request).await.map(|body| {
                Sealed::body(
                    body,
                    Box::new(move |cx, body| {
                        // Held until the last byte of the answer is gone.
                        let _held = &slot;
                        next_frame(cx, body)
                    }),
                )
            })
        })
    }
}
