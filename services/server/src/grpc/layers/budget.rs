//! The byte budget: what requests hold in memory, over all connections. Without it 300 connections with
//! half-sent messages held 1.2 GB.

use super::{Next, Refusal, go_on, is_ours};
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::Frame;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};
use tonic::{Status, body::Body, codegen::Bytes};

/// Most bytes of requests in memory.
const LIMIT: usize = 256 * 1024 * 1024;

/// The bytes that all requests hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Total(Arc<AtomicUsize>);

/// The bytes that one request holds and nobody has taken over yet. In the request's extensions.
#[derive(Debug)]
pub struct Meter {
    total: Total,
    held: AtomicUsize,
}

/// Bytes that somebody works on; given back when dropped.
#[derive(Debug)]
pub struct Held {
    total: Total,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.bytes, Relaxed);
    }
}

impl Meter {
    /// Takes over what arrived for a message that has this size now that it is decompressed and decoded.
    pub fn take(&self, size: usize) -> Held {
        let arrived = self.held.swap(0, Relaxed);
        self.total.0.fetch_add(size.saturating_sub(arrived), Relaxed);
        Held { total: self.total.clone(), bytes: arrived.max(size) }
    }

    /// Counts bytes that arrived; refuses them where all together are too many.
    fn arrived(&self, bytes: usize) -> Result<(), Refusal> {
        if self.total.0.fetch_add(bytes, Relaxed) + bytes > LIMIT {
            self.total.0.fetch_sub(bytes, Relaxed);
            return Err(Refusal::Overloaded);
        }
        self.held.fetch_add(bytes, Relaxed);
        Ok(())
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.total.0.fetch_sub(self.held.load(Relaxed), Relaxed);
    }
}

/// Counts the bytes of each request from their arrival until its answer, or until its handler takes them over.
pub(super) fn within(
    total: Total,
) -> impl Fn(Request<Body>, Next) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync {
    move |mut request, next| {
        if !is_ours(request.uri().path()) {
            return Box::pin(go_on(next, request));
        }
        let meter = Arc::new(Meter { total: total.clone(), held: AtomicUsize::new(0) });
        request.extensions_mut().insert(meter.clone());
        let request = request.map(|inner| Body::new(Metered { inner, meter: meter.clone() }));
        Box::pin(async move {
            let response = go_on(next, request).await;
            drop(meter);
            response
        })
    }
}

/// A request's body under a meter.
struct Metered {
    inner: Body,
    meter: Arc<Meter>,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(refusal) = self.meter.arrived(data.len())
        {
            return Poll::Ready(Some(Err(refusal.into())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_back_by_whoever_has_them_last() {
        let total = Total::default();
        let meter = Meter { total: total.clone(), held: AtomicUsize::new(0) };
        meter.arrived(100).expect("within the limit");
        let batch = meter.take(250);
        assert_eq!(total.0.load(Relaxed), 250, "decompressed it is larger");
        meter.arrived(30).expect("within the limit");
        drop(batch);
        assert_eq!(total.0.load(Relaxed), 30);
        assert!(matches!(meter.arrived(LIMIT), Err(Refusal::Overloaded)));
        drop(meter);
        assert_eq!(total.0.load(Relaxed), 0);
    }
}
