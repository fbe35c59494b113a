//! Sending one message: over a connection of its own, to an address that was checked.
//!
//! HTTP/1.1 by hyper over a socket of ours, rather than a client with a pool: so nothing stands between the address that was
//! checked and the one that is called, no redirect is followed, no proxy asked, and no cookie kept.

use super::{Answer, Options, Target, address, signing, tls};
use crate::clock;
use cx_datastore::webhooks::Secret;
use http::{Request, Response, header, response::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{RootCertStore, pki_types::ServerName};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// How long one of several addresses may take to connect.
const CONNECT: Duration = Duration::from_secs(4);
/// What of the body of an answer is read, so that the receiver can finish it: bytes, and time.
const BODY: (usize, Duration) = (16 * 1024, Duration::from_secs(1));
/// Who we are.
const AGENT: &str = concat!("cx/", env!("CARGO_PKG_VERSION"));

/// What to send.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// The id of the message.
    pub id: &'a str,
    /// What to sign with.
    pub secrets: &'a [Secret],
    /// The body, which is JSON.
    pub body: &'a str,
}

/// Sends messages. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    tls: TlsConnector,
    allow_insecure: bool,
    patience: Duration,
}

impl Sender {
    /// One that trusts the public roots.
    pub fn new(options: &Options) -> io::Result<Self> {
        Self::trusting(tls::public_roots(), options)
    }

    /// One that trusts these roots.
    fn trusting(roots: RootCertStore, options: &Options) -> io::Result<Self> {
        let tls = tls::client(roots).map_err(io::Error::other)?;
        Ok(Self { tls, allow_insecure: options.allow_insecure, patience: options.timeout })
    }

    /// Whether http and hosts of any address are taken.
    pub fn allow_insecure(&self) -> bool {
        self.allow_insecure
    }

    /// Sends a message once. Never fails: what goes wrong is an answer as well.
    pub async fn send(&self, post: Post<'_>) -> Answer {
        match timeout(self.patience, self.attempt(post)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::none(error),
            Err(_) => Answer::none(format!("no answer within {} s", self.patience.as_secs_f64())),
        }
    }

    async fn attempt(&self, post: Post<'_>) -> Result<Answer, String> {
        let target = Target::parse(post.url, self.allow_insecure)
            .map_err(|rule| format!("the URL {rule}"))?;
        let request = signed(post, &target)?;
        let addresses = address::resolve(&target.host, target.port, self.allow_insecure).await?;
        let socket = connect(&addresses).await?;
        let head = if target.tls {
            let name = ServerName::try_from(target.host)
                .map_err(|_| "the host is no name that a certificate can have")?;
            let socket =
                self.tls.connect(name, socket).await.map_err(|error| format!("TLS: {error}"))?;
            exchange(socket, request).await?
        } else {
            exchange(socket, request).await?
        };
        Ok(Answer::read(head.status, &head.headers, clock::now()))
    }
}

/// The request with its signatures.
fn signed(post: Post<'_>, target: &Target) -> Result<Request<String>, String> {
    let timestamp = clock::now().micros().div_euclid(1_000_000);
    let signatures = signing::signatures(post.secrets, post.id, timestamp, post.body)
        .ok_or("the webhook has no secret that can be used")?;
    Request::post(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::USER_AGENT, AGENT)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close")
        .header("webhook-id", post.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures)
        .body(post.body.to_owned())
        .map_err(|_| "the URL cannot be called".to_owned())
}

/// A connection to the first address that takes it.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut last = "the host has no address".to_owned();
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => last = format!("cannot connect: {}", error.kind()),
            Err(_) => last = "cannot connect: no answer".to_owned(),
        }
    }
    Err(last)
}

/// One request and the head of its answer. The body is thrown away, but read where its end is near, so that the receiver can finish.
async fn exchange<S>(socket: S, request: Request<String>) -> Result<Parts, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let told = |error: hyper::Error| format!("HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.map_err(told)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let response: Response<Incoming> = sender.send_request(request).await.map_err(told)?;
    let (head, body) = response.into_parts();
    tokio::spawn(async move {
        let _open = (connection, sender);
        let _whatever_it_says = timeout(BODY.1, Limited::new(body, BODY.0).collect()).await;
    });
    Ok(head)
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
