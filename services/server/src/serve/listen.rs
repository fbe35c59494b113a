//! The listener: accepts connections and bounds what each may hold.
//!
//! HTTP/2 without tonic's own server, because that one has no cap on connections, waits for ever for the
//! first bytes of one and for its end, and spins where the process is out of file descriptors.

use crate::grpc::layers::Chain;
use hyper::server::conn::http2;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Most connections at once. More wait in the backlog of the kernel.
const MAX_CONNECTIONS: usize = 2000;
/// Most calls at once on one connection; without it one client opened thousands.
const MAX_STREAMS: u32 = 100;
/// The time to the first 24 bytes, by which an HTTP/2 client names itself. Keepalive starts only after them.
const PREFACE_TIME: Duration = Duration::from_secs(10);
/// Silence after which a connection is asked whether it is alive, and how long the answer may take.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Pause after a failed accept: without file descriptors the next one fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes that a caller may send ahead on a stream, and on a connection. They are held before any budget.
const WINDOWS: (u32, u32) = (256 * 1024, 512 * 1024);
/// The first bytes of every HTTP/2 connection.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Accepts until `stop`. Connections are tracked by `connections` and end at once with `cut`.
pub(super) async fn accept(
    listener: TcpListener,
    chain: Chain,
    stop: CancellationToken,
    cut: CancellationToken,
    connections: TaskTracker,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut failing = false;
    loop {
        let next = async {
            // The semaphore is never closed, so that the error cannot happen; no slot would mean no cap.
            let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?.0, slot))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = next => accepted,
        };
        match accepted {
            Ok((socket, slot)) => {
                failing = false;
                connections.spawn(connection(
                    socket,
                    slot,
                    chain.clone(),
                    stop.clone(),
                    cut.clone(),
                ));
            }
            Err(error) => {
                // One line for each bad spell, not ten a second.
                if !failing {
                    tracing::warn!("cannot accept connections: {error}");
                }
                failing = true;
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection to its end.
async fn connection(
    socket: TcpStream,
    _slot: OwnedSemaphorePermit,
    chain: Chain,
    stop: CancellationToken,
    cut: CancellationToken,
) {
    let greeted = tokio::select! {
        () = stop.cancelled() => return,
        greeted = timeout(PREFACE_TIME, greets(&socket)) => greeted,
    };
    if !matches!(greeted, Ok(Ok(true))) || socket.set_nodelay(true).is_err() {
        return;
    }
    let serving = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(chain));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => ended,
                () = cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection ended: {error}");
    }
}

/// Waits for the preface without taking it from the socket; false where the first bytes are others.
async fn greets(socket: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let length = socket.peek(&mut seen).await?;
        if length == 0 || seen[..length] != PREFACE[..length] {
            return Ok(false);
        }
        if length == PREFACE.len() {
            return Ok(true);
        }
        // A part of it is there and would be seen again at once.
        sleep(Duration::from_millis(10)).await;
    }
}
