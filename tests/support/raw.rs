//! A client that knows HTTP/2 and nothing of gRPC: for what a well-behaved client never sends.

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::{Status, codegen::Bytes};

use super::Server;

/// Posts a body with these headers beside the usual ones, and returns the status, from wherever it came.
pub async fn post(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Status {
    let socket = TcpStream::connect(server.address()).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::post(format!("{}{path}", server.url()))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let mut status = Status::from_header_map(response.headers());
    if status.is_none() {
        let body = response.into_body().collect().await.unwrap();
        status = body.trailers().and_then(Status::from_header_map);
    }
    connection.abort();
    status.expect("a status in the headers or after the body")
}

/// Bytes as one gRPC message, uncompressed.
pub fn frame(message: impl AsRef<[u8]>) -> Vec<u8> {
    let message = message.as_ref();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], message].concat()
}
