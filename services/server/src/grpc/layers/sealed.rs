//! A body that ends with a status of ours where something went wrong on the way.

use super::Refusal;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::codegen::Bytes;
use tonic::{Status, body::Body};

/// What a check says before each frame: go on, or end with a refusal.
pub(super) type Check =
    Box<dyn FnMut(&mut Context<'_>, &mut Body) -> Poll<Result<Step, Refusal>> + Send>;
/// A frame of the body, or its end.
pub(super) type Step = Option<Result<Frame<Bytes>, Status>>;

/// A body whose frames all go through one function, and which ends with the refusal that it gives.
pub(super) struct Sealed {
    inner: Body,
    poll: Check,
    ended: bool,
}

impl Sealed {
    /// Wraps a body.
    pub(super) fn body(inner: Body, poll: Check) -> Body {
        Body::new(Self { inner, poll, ended: false })
    }
}

/// The next frame of a body.
pub(super) fn next(cx: &mut Context<'_>, body: &mut Body) -> Poll<Result<Step, Refusal>> {
    Pin::new(body).poll_frame(cx).map(Ok)
}

impl http_body::Body for Sealed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Step> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        (this.poll)(cx, &mut this.inner).map(|step| {
            step.unwrap_or_else(|refusal| {
                this.ended = true;
                Some(trailers(refusal.into()).map(Frame::trailers))
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }
}

fn trailers(status: Status) -> Result<HeaderMap, Status> {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).map(|()| headers)
}
