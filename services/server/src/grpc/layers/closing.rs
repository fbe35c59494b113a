//! Streams that would go on for ever, such as a health watch: they end when the server goes down, or every
//! shutdown would take all its drain time.

use super::{
    Next, Refusal, go_on,
    sealed::{Sealed, next as next_frame},
};
use futures::future::BoxFuture;
use http::{Request, Response};
use std::{future::Future, task::Poll};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

/// Methods that only tell news.
const WATCHES: [&str; 4] = [
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/cx.v1.SegmentationService/WatchSegmentation",
];

/// Ends them at `stop`, after the news that are already there.
pub(super) fn at(
    stop: CancellationToken,
) -> impl Fn(Request<Body>, Next) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync {
    move |request, next| {
        if !WATCHES.contains(&request.uri().path()) {
            return Box::pin(go_on(next, request));
        }
        let stop = stop.clone();
        Box::pin(async move {
            go_on(next, request).await.map(|body| {
                let mut stopped = Box::pin(stop.cancelled_owned());
                Sealed::body(
                    body,
                    Box::new(move |cx, body| match next_frame(cx, body) {
                        Poll::Pending => {
                            stopped.as_mut().poll(cx).map(|()| Err(Refusal::ShuttingDown))
                        }
                        ready => ready,
                    }),
                )
            })
        })
    }
}
