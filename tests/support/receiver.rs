//! A receiver of webhooks: an HTTP server of its own that keeps what it is sent, checks signatures by itself, and answers as it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A status, and a header beside it.
pub type Answer = (u16, Option<(&'static str, String)>);

/// The receiver. Answers 200 where it was not told otherwise.
#[derive(Clone)]
pub struct Receiver {
    url: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    received: Vec<Received>,
    next: VecDeque<Answer>,
    then: u16,
}

impl Receiver {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        let inner = Inner { received: Vec::new(), next: VecDeque::new(), then: 200 };
        let receiver = Self { url, inner: Arc::new(Mutex::new(inner)) };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let receiver = accepting.clone();
                let service = service_fn(move |request| receiver.clone().take(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        receiver
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        assert_eq!(
            (request.method().as_str(), request.uri().to_string().as_str()),
            ("POST", "/hook?a=b")
        );
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut inner = self.inner.lock().unwrap();
        inner.received.push(Received { headers: head.headers, body });
        let then = inner.then;
        let (status, header) = inner.next.pop_front().unwrap_or((then, None));
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        Ok(response.body(Empty::new()).unwrap())
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Answers the next messages like this.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner.lock().unwrap().next.extend(answers);
    }

    /// Answers like this from now on.
    pub fn always(&self, status: u16) {
        self.inner.lock().unwrap().then = status;
    }

    /// What arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.inner.lock().unwrap().received.clone()
    }

    /// Waits until so many messages have arrived, and gives all that have.
    pub async fn wait_for(&self, messages: usize) -> Vec<Received> {
        self.wait_until(|received| received.len() >= messages).await
    }

    /// Waits until what arrived is as it should be.
    pub async fn wait_until(&self, done: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received();
            if done(&received) {
                return received;
            }
            let positions: Vec<_> = received.iter().map(Received::positions).collect();
            assert!(begun.elapsed() < Duration::from_secs(30), "only these came: {positions:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Received {
    /// A header that must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Positions of its changes.
    pub fn positions(&self) -> Vec<i64> {
        let body = self.json();
        let changes = body["data"]["changes"].as_array().cloned().unwrap_or_default();
        changes.iter().map(|change| change["position"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Checks the signatures as a receiver would: one for each of these secrets, in this order.
    pub fn verify(&self, secrets: &[&str]) {
        let timestamp = self.header("webhook-timestamp");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(now.abs_diff(timestamp.parse().unwrap()) < 60);
        assert_eq!(self.header("content-type"), "application/json");
        let mut signed = format!("{}.{timestamp}.", self.header("webhook-id")).into_bytes();
        signed.extend_from_slice(&self.body);
        let expected: Vec<String> = secrets
            .iter()
            .map(|secret| {
                let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
                format!("v1,{}", STANDARD.encode(hmac_sha256(&key, &signed)))
            })
            .collect();
        assert_eq!(self.header("webhook-signature"), expected.join(" "));
    }
}

/// RFC 2104, written out, so that it shares nothing with the code that signs.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |with: u8| {
        let mut block = [with; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block.to_vec()
    };
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat()).to_vec();
    Sha256::digest([pad(0x5c), inner].concat()).to_vec()
}
