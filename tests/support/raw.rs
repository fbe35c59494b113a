//! A client that knows HTTP/2 and nothing of gRPC: for what a well-behaved client never sends.

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::Status;

use super::Server;

/// Posts a body with these headers beside the usual ones, and returns the status, where it came with the headers.
pub async fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: &str) -> Status {
    let address = server.url().replace("http://", "");
    let socket = TcpStream::connect(&address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(body.to_owned()).unwrap()).await.unwrap();
    let status = Status::from_header_map(response.headers());
    connection.abort();
    status.unwrap_or_else(|| panic!("no status in {:?}", response.headers()))
}

/// Bytes (ASCII) as one gRPC message, uncompressed.
pub fn frame(message: &str) -> String {
    let length = u8::try_from(message.len()).unwrap();
    format!("\0\0\0\0{}{message}", char::from(length))
}
