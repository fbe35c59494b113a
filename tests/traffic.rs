//! What a server meets on the wire: bytes that are no message, too much of everything, impatience, its own end.

use crate::support::raw::{frame, post};
use crate::support::records::orders;
use crate::support::{Engine, Server, reason_of};
use cx_server::proto::{GetCustomerRequest, IngestInteractionsRequest};
use prost::Message;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

const INGEST: &str = "/cx.v1.IngestService/IngestInteractions";

async fn what_cannot_be_read_is_the_callers_fault(engine: Engine) {
    let server = Server::start(engine).await;
    // Field 1 of GetCustomerRequest, two bytes that are not UTF-8.
    let not_utf8 = frame([0x0a, 2, 0xff, 0xfe]);
    let cut = frame([0x0a, 5, b'a'])[..7].to_vec();
    let not_gzip = [&[1, 0, 0, 0, 8], &b"not gzip"[..]].concat();
    for (body, headers) in [
        (not_utf8, &[][..]),
        (cut, &[]),
        (frame([0x0a, 5, b'a']), &[]),
        (vec![1, 0, 0, 0, 0], &[]),
        (not_gzip, &[("grpc-encoding", "gzip")]),
    ] {
        let status = post(&server, "/cx.v1.CustomerService/GetCustomer", headers, body).await;
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            (Code::InvalidArgument, "MALFORMED_MESSAGE")
        );
    }
    // The same on a stream.
    let torn = frame([0x0a]);
    let status = post(&server, "/cx.v1.IngestService/StreamInteractions", &[], torn).await;
    assert_eq!(reason_of(&status), "MALFORMED_MESSAGE");
    server.stop().await;
}

async fn what_is_too_large_is_refused_with_its_size(engine: Engine) {
    let server = Server::start(engine).await;
    let request = IngestInteractionsRequest {
        interactions: orders(&"x".repeat(100), 9000),
        validate_only: false,
    };
    let size = request.encoded_len();
    for path in [INGEST, "/cx.v1.IngestService/StreamInteractions"] {
        let status = post(&server, path, &[], frame(request.encode_to_vec())).await;
        assert_eq!(
            (status.code(), reason_of(&status).as_str()),
            (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
        );
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(
            (metadata["size"].clone(), metadata["limit"].as_str()),
            (size.to_string(), "1048576")
        );
    }
    server.stop().await;
}

async fn a_lost_database_is_told_and_turns_health(engine: Engine) {
    let mut server = Server::start(engine).await;
    server.store.clone().close().await;
    let request = GetCustomerRequest { customer_id: "c".to_owned() };
    let status = server.customers.get_customer(request).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).as_str()),
        (Code::Unavailable, "DATABASE_UNAVAILABLE")
    );
    assert!(status.get_details_retry_info().is_some());
    let mut health = HealthClient::new(server.channel.clone());
    let asked = HealthCheckRequest { service: "cx.v1.IngestService".to_owned() };
    let mut news = health.watch(asked).await.unwrap().into_inner();
    while news.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    server.stop().await;
}

async fn going_down_tells_watchers_first_and_waits_for_none(engine: Engine) {
    let server = Server::start(engine).await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut news = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(news.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let address = server.address();
    let begun = Instant::now();
    let stopping = tokio::spawn(server.stop());
    assert_eq!(news.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(reason_of(&news.message().await.unwrap_err()), "SHUTTING_DOWN");
    stopping.await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "it took the whole drain time");
    assert!(TcpStream::connect(address).await.is_err(), "nothing new is accepted");
}

async fn a_stranger_is_hung_up_on(engine: Engine) {
    let server = Server::start(engine).await;
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // Closed, or reset because it sent what nobody read: in neither case kept.
    let read = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut answer));
    let _closed_or_reset = read.await.unwrap();
    assert!(answer.is_empty());
    server.stop().await;
}

on_both_engines!(
    what_cannot_be_read_is_the_callers_fault,
    what_is_too_large_is_refused_with_its_size,
    a_lost_database_is_told_and_turns_health,
    going_down_tells_watchers_first_and_waits_for_none,
    a_stranger_is_hung_up_on,
);
