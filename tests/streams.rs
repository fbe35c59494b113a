//! Batches and streams of interactions: each record in its place, each answer after its commit and in its turn.

use crate::support::records::{counts, order, orders};
use crate::support::{Engine, Server, reason_of, violations_of};
use cx_server::proto::{
    EraseCustomerRequest, IngestInteractionsRequest, IngestOutcome, Interaction,
    ListInteractionsRequest, StreamInteractionsRequest,
};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;

fn batch(interactions: Vec<Interaction>) -> IngestInteractionsRequest {
    IngestInteractionsRequest { interactions, validate_only: false }
}

async fn erase(server: &mut Server, customer_id: &str) {
    let request = EraseCustomerRequest {
        customer_id: customer_id.to_owned(),
        confirm: customer_id.to_owned(),
    };
    server.customers.erase_customer(request).await.unwrap();
}

/// How many interactions of a customer there are, read on a connection of its own.
async fn stored(server: &Server, customer_id: &str) -> usize {
    let request = ListInteractionsRequest {
        customer_id: customer_id.to_owned(),
        page_size: 1000,
        ..ListInteractionsRequest::default()
    };
    let mut customers = server.customers.clone();
    customers
        .list_interactions(request)
        .await
        .map_or(0, |page| page.into_inner().interactions.len())
}

async fn every_record_gets_one_outcome_in_its_place(engine: Engine) {
    let mut server = Server::start(engine).await;
    server.ingest.ingest_interactions(batch(vec![order("gone", "1", 0, 100)])).await.unwrap();
    erase(&mut server, "gone").await;
    server.ingest.ingest_interactions(batch(vec![order("c", "old", 0, 100)])).await.unwrap();

    let mixed = vec![
        order("c", "new", 1, 100),
        order("c", "old", 0, 100),
        order("c", "old", 99, 100),
        Interaction { channel: 77, ..order("c", "bad", 2, 100) },
        order("gone", "2", 3, 100),
        order("c", "new", 1, 100),
        order("c", "new", 5, 100),
    ];
    // Asking first changes nothing, and says the same.
    let look = IngestInteractionsRequest { interactions: mixed.clone(), validate_only: true };
    let looked = server.ingest.ingest_interactions(look).await.unwrap().into_inner();
    assert_eq!(stored(&server, "c").await, 1);
    let answer = server.ingest.ingest_interactions(batch(mixed)).await.unwrap().into_inner();
    assert_eq!(looked, answer);

    assert_eq!(counts(answer.summary), [1, 2, 2, 1, 1]);
    let told: Vec<_> = answer.items.iter().map(|item| (item.index, item.outcome())).collect();
    use IngestOutcome::{Conflict, Duplicate, Rejected, Suppressed};
    let expected = [
        (1, Duplicate),
        (2, Conflict),
        (3, Rejected),
        (4, Suppressed),
        (5, Duplicate),
        (6, Conflict),
    ];
    assert_eq!(told, expected);
    let violation = &answer.items[2].violations[0];
    assert_eq!(violation.field, "interactions[3].channel");
    assert_eq!(violation.description, "77 is not one of its values");
    assert_eq!(stored(&server, "c").await, 2);
    server.stop().await;
}

async fn a_stream_answers_in_order_and_after_the_commit(engine: Engine) {
    let mut server = Server::start(engine).await;
    let batches = (0..30).map(|n| StreamInteractionsRequest {
        batch_id: 1000 - n,
        interactions: orders(&format!("c{n}"), 1 + (n as usize * 37) % 90),
    });
    let mut answers =
        server.ingest.stream_interactions(tokio_stream::iter(batches)).await.unwrap().into_inner();
    for n in 0..30 {
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(answer.batch_id, 1000 - n);
        let sent = 1 + (n * 37) % 90;
        assert_eq!(counts(answer.summary), [sent, 0, 0, 0, 0]);
        // What was acknowledged is there for everybody at once.
        assert_eq!(stored(&server, &format!("c{n}")).await as i64, sent);
    }
    assert_eq!(answers.message().await.unwrap(), None);
    server.stop().await;
}

async fn a_bad_batch_ends_a_stream_after_the_answers_before_it(engine: Engine) {
    let mut server = Server::start(engine).await;
    let good = StreamInteractionsRequest { batch_id: 1, interactions: orders("c", 10) };
    let empty = StreamInteractionsRequest { batch_id: 2, interactions: Vec::new() };
    let batches = tokio_stream::iter([good.clone(), empty, good]);
    let mut answers = server.ingest.stream_interactions(batches).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().batch_id, 1);
    let refused = answers.message().await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_FIELD");
    assert_eq!(stored(&server, "c").await, 10);
    server.stop().await;
}

async fn who_streams_is_told_of_the_shutdown_after_every_answer(engine: Engine) {
    let mut server = Server::start(engine).await;
    let (send, batches) = mpsc::channel(10);
    let batch = StreamInteractionsRequest { batch_id: 1, interactions: orders("c", 100) };
    send.send(batch).await.unwrap();
    let requests = ReceiverStream::new(batches);
    let mut answers = server.ingest.stream_interactions(requests).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().batch_id, 1);
    let begun = std::time::Instant::now();
    // The sender stays open: without being told, the server would wait for it.
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(4), "it took the whole drain time");
    assert_eq!(reason_of(&answers.message().await.unwrap_err()), "SHUTTING_DOWN");
    drop(send);
}

async fn batches_are_bounded_and_compression_is_taken(engine: Engine) {
    let mut server = Server::start(engine).await;
    let many = server.ingest.ingest_interactions(batch(orders("c", 10_001))).await.unwrap_err();
    assert_eq!(reason_of(&many), "INVALID_FIELD");
    assert_eq!(
        violations_of(&many),
        [("interactions".to_owned(), "has 10001 records; 1 to 10000 are taken".to_owned())]
    );
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut ingest =
            server.ingest.clone().send_compressed(encoding).accept_compressed(encoding);
        let answer =
            ingest.ingest_interactions(batch(orders("c", 5000))).await.unwrap().into_inner();
        assert_eq!(answer.summary.unwrap().received, 5000);
    }
    server.stop().await;
}

on_both_engines!(
    every_record_gets_one_outcome_in_its_place,
    a_stream_answers_in_order_and_after_the_commit,
    a_bad_batch_ends_a_stream_after_the_answers_before_it,
    who_streams_is_told_of_the_shutdown_after_every_answer,
    batches_are_bounded_and_compression_is_taken,
);
