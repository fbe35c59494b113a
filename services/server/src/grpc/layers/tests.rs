//! The steps on their own, around services that misbehave.

use super::*;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use prost::Message;
use std::{
    collections::BTreeSet,
    future::{pending, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tonic::{Code, codegen::Bytes};
use tonic_types::StatusExt;

#[test]
fn the_list_of_streams_is_that_of_the_api() {
    let set =
        prost_types::FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut streams = BTreeSet::new();
    for service in set.file.iter().flat_map(|file| &file.service) {
        let streaming = service.method.iter().filter(|method| method.server_streaming());
        streams
            .extend(streaming.map(|method| format!("/cx.v1.{}/{}", service.name(), method.name())));
    }
    assert_eq!(streams, STREAMS.map(str::to_owned).into());
}

fn service<Fut>(answer: fn() -> Fut) -> Next
where
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    Next::new(service_fn(move |_: Request<Body>| {
        let answer = answer();
        async move { Ok(answer.await) }
    }))
}

fn request(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).expect("a request")
}

fn status(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).expect("a status")
}

/// The status with which a body ends.
async fn ending(mut body: Body) -> Status {
    let mut last = None;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        last = frame.expect("a frame").into_trailers().ok();
    }
    status(&last.expect("trailers"))
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("ErrorInfo").reason
}

/// A body that panics on its second frame, or never has one.
struct Broken {
    sent: bool,
    panics: bool,
}

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        assert!(!self.panics || !self.sent, "customer c-7 has 13 orders");
        if self.sent {
            return Poll::Pending;
        }
        self.sent = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_internal_error_that_tells_nothing() {
    let next = service(|| async { panic!("customer {} has 13 orders", "somebody") });
    let response = panics::catch(request("/cx.v1.A/B"), next).await;
    let status = status(response.headers());
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
    assert!(!status.message().contains("somebody"));
}

#[tokio::test]
async fn a_panic_in_a_stream_ends_it_with_an_error_and_not_as_if_all_were_told() {
    let next = service(|| async { Response::new(Body::new(Broken { sent: false, panics: true })) });
    let response = panics::catch(request("/cx.v1.A/B"), next).await;
    let status = ending(response.into_body()).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
}

#[tokio::test]
async fn a_call_without_a_deadline_gets_one_and_a_stream_does_not() {
    let step = deadline::within(Duration::from_millis(20));
    let never = || service(pending::<Response<Body>>);
    let status = status(step(request("/cx.v1.A/B"), never()).await.headers());
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
    );
    let stream = step(request(STREAMS[0]), never());
    assert!(
        tokio::time::timeout(Duration::from_millis(200), stream).await.is_err(),
        "still waiting"
    );
}

#[tokio::test]
async fn a_stream_ends_at_the_deadline_its_caller_set() {
    let next =
        service(|| async { Response::new(Body::new(Broken { sent: false, panics: false })) });
    let mut request = request(STREAMS[0]);
    request.headers_mut().insert("grpc-timeout", "50m".parse().expect("a value"));
    let step = deadline::within(deadline::DEFAULT);
    let status = ending(step(request, next).await.into_body()).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn beyond_the_limit_of_calls_there_is_a_refusal_and_health_still_answers() {
    let limit = overload::limit();
    let never = || service(pending::<Response<Body>>);
    let held: Vec<_> = (0..2000).map(|_| limit(request("/cx.v1.A/B"), never())).collect();
    let mut held: futures::stream::FuturesUnordered<_> = held.into_iter().collect();
    // Those beyond the limit answer at once, the others never.
    let refused = futures::StreamExt::next(&mut held).await.expect("an answer");
    let refused = status(refused.headers());
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "OVERLOADED")
    );
    assert!(refused.get_details_retry_info().is_some());
    let fine = || service(|| async { Response::new(Body::empty()) });
    assert!(limit(request("/grpc.health.v1.Health/Check"), fine()).await.headers().is_empty());
    drop(held);
    assert!(
        limit(request("/cx.v1.A/B"), fine()).await.headers().is_empty(),
        "slots are given back"
    );
}

#[tokio::test]
async fn refusals_of_the_stack_below_are_put_in_our_words() {
    let said = |status: Status| async {
        let next = Next::new(service_fn(move |_: Request<Body>| {
            let response = status.clone().into_http();
            async { Ok(response) }
        }));
        super::tests::status(explain::explain(request("/cx.v1.A/B"), next).await.headers())
    };
    let large =
        "Error, decoded message length too large: found 2000 bytes, the limit is: 1000 bytes";
    let large = said(Status::out_of_range(large)).await;
    assert_eq!(
        (large.code(), reason(&large).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!(large.message(), "the message has 2000 bytes; at most 1000 are taken");
    let bomb =
        "Error decompressing: size limit, of 1000 bytes, exceeded while decompressing message";
    let bomb = said(Status::resource_exhausted(bomb)).await;
    assert_eq!(bomb.message(), "the message has more than the 1000 bytes that are taken");
    let torn = said(Status::internal("Unexpected EOF decoding stream.")).await;
    assert_eq!((torn.code(), reason(&torn).as_str()), (Code::InvalidArgument, "MALFORMED_MESSAGE"));
    let unknown = said(Status::unimplemented("")).await;
    assert!(unknown.message().contains("reflection"));
}

#[tokio::test]
async fn a_watch_ends_with_the_server_after_its_last_news() {
    let stop = CancellationToken::new();
    let step = closing::at(stop.clone());
    let next =
        service(|| async { Response::new(Body::new(Broken { sent: false, panics: false })) });
    let response = step(request("/grpc.health.v1.Health/Watch"), next).await;
    stop.cancel();
    let mut body = response.into_body();
    let first =
        poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.expect("news").expect("news");
    assert!(first.is_data());
    assert_eq!(reason(&ending(body).await), "SHUTTING_DOWN");
}
