//! Refusals that tonic makes before a handler is called: too large, truncated, wrongly compressed. They
//! would leave with codes and texts of the stack below, and without a reason.

use super::{Next, go_on, is_ours};
use crate::grpc::status::arrived;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};

/// Puts them in our words.
pub(super) async fn explain(request: Request<Body>, next: Next) -> Response<Body> {
    let ours = is_ours(request.uri().path());
    let response = go_on(next, request).await;
    // An answer that is a status and nothing else has it in its headers.
    match Status::from_header_map(response.headers()) {
        Some(status) if status.code() == Code::Unimplemented && status.message().is_empty() => {
            Status::unimplemented("there is no such method; reflection tells those there are")
                .into_http()
        }
        Some(status) if ours && status.details().is_empty() => arrived(status).into_http(),
        _ => response,
    }
}
