//! Panics: without this step one in a handler resets the stream ("h2 protocol error"), and one in a stream
//! of answers would look like its end. The caller gets an opaque id; the log has it with the place.

use super::{
    Next, Refusal, go_on, refuse,
    sealed::{Sealed, next as next_frame},
};
use futures::FutureExt;
use http::{Request, Response};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
};
use tonic::body::Body;

/// Answers a panic with INTERNAL.
pub(super) async fn catch(request: Request<Body>, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    // What a panic leaves behind is dropped with the request: nothing shared is half-written by handlers.
    let Ok(response) = AssertUnwindSafe(go_on(next, request)).catch_unwind().await else {
        return refuse(panicked(&path));
    };
    response.map(|body| {
        Sealed::body(
            body,
            Box::new(move |cx, body| {
                catch_unwind(AssertUnwindSafe(|| next_frame(cx, body)))
                    .unwrap_or_else(|_| Poll::Ready(Err(panicked(&path))))
            }),
        )
    })
}

fn panicked(path: &str) -> Refusal {
    Refusal::internal(&format!("panic in {path}"))
}
