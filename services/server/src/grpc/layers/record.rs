//! One line in the log for each request: method, code, time. Never what was asked or answered.

use super::{
    Next, go_on, is_ours,
    sealed::{Sealed, next as next_frame},
};
use http::{HeaderMap, Request, Response};
use std::{task::Poll, time::Instant};
use tonic::{Code, Status, body::Body};

/// Logs the request when its answer has ended, or when the caller has gone.
pub(super) async fn record(request: Request<Body>, next: Next) -> Response<Body> {
    let mut line = Line {
        method: request.uri().path().to_owned(),
        begun: Instant::now(),
        code: Code::Cancelled,
    };
    let response = go_on(next, request).await;
    if let Some(code) = code(response.headers()) {
        line.code = code;
        return response;
    }
    response.map(|body| {
        Sealed::body(
            body,
            Box::new(move |cx, body| {
                // The whole line moves in: of a field alone the closure would take a copy, and the line be written now.
                let line = &mut line;
                let polled = next_frame(cx, body);
                match &polled {
                    Poll::Ready(Ok(Some(Ok(frame)))) => {
                        line.code = frame.trailers_ref().and_then(code).unwrap_or(line.code);
                    }
                    Poll::Ready(Ok(Some(Err(_)))) => line.code = Code::Unknown,
                    _ => {}
                }
                polled
            }),
        )
    })
}

fn code(headers: &HeaderMap) -> Option<Code> {
    Status::from_header_map(headers).map(|status| status.code())
}

/// Written when dropped, so that a request is logged however it ends.
struct Line {
    method: String,
    begun: Instant,
    code: Code,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { method, begun, code } = self;
        let milliseconds = begun.elapsed().as_micros() as f64 / 1000.0;
        match code {
            // Probes ask every few seconds.
            _ if !is_ours(method) => tracing::debug!(method, ?code, milliseconds, "request"),
            Code::Internal | Code::Unknown => {
                tracing::error!(method, ?code, milliseconds, "request")
            }
            _ => tracing::info!(method, ?code, milliseconds, "request"),
        }
    }
}
