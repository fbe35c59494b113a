//! A refusal for each reason: what the caller did, and the reason, code and fields it is told.

use std::time::Duration;

use cx_server::proto::*;
use cx_server::serve::Options;
use tonic::{Code, Status};

use crate::support::postgres::Cluster;
use crate::support::records::{order, two_kinds};
use crate::support::{Engine, Server, raw, reason_of, violations_of};

fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
) -> Status {
    let status = answer.unwrap_err();
    assert_eq!((status.code(), reason_of(&status).as_str()), (code, reason), "{status:?}");
    status
}

async fn ingest(server: &Server, interactions: Vec<Interaction>) -> Result<(), Status> {
    let request = IngestInteractionsRequest { interactions, validate_only: false };
    server.ingest.clone().ingest_interactions(request).await.map(drop)
}

async fn get_customer(server: &Server, customer_id: &str) -> Result<GetCustomerResponse, Status> {
    let request = GetCustomerRequest { customer_id: customer_id.to_owned() };
    Ok(server.customers.clone().get_customer(request).await?.into_inner())
}

/// Starts a segmentation and waits for its end.
async fn segment(server: &Server) -> Segmentation {
    let request =
        CreateSegmentationRequest { activate: true, ..CreateSegmentationRequest::default() };
    let mut client = server.segmentations.clone();
    let segmentation_id = client
        .create_segmentation(request)
        .await
        .unwrap()
        .into_inner()
        .segmentation
        .unwrap()
        .segmentation_id;
    let watched = client.watch_segmentation(WatchSegmentationRequest { segmentation_id }).await;
    let mut changes = watched.unwrap().into_inner();
    let mut last = None;
    while let Some(change) = changes.message().await.unwrap() {
        last = change.segmentation;
    }
    last.unwrap()
}

async fn what_the_caller_sent(engine: Engine) {
    let server = Server::start(engine).await;
    let status =
        assert_refused(ingest(&server, Vec::new()).await, Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(violations_of(&status)[0].0, "interactions");

    let truncated = raw::frame("\n\u{7f}x");
    let status = raw::post(&server, "/cx.v1.CustomerService/GetCustomer", &[], truncated).await;
    assert_refused(Err::<(), _>(status), Code::InvalidArgument, "MALFORMED_MESSAGE");

    ingest(&server, vec![order("a", "1", 1, 1), order("a", "2", 1, 1)]).await.unwrap();
    let page =
        ListInteractionsRequest { customer_id: "a".to_owned(), page_size: 1, ..Default::default() };
    let first =
        server.customers.clone().list_interactions(page.clone()).await.unwrap().into_inner();
    let turned =
        ListInteractionsRequest { ascending: true, page_token: first.next_page_token, ..page };
    let answer = server.customers.clone().list_interactions(turned).await;
    assert_refused(answer, Code::InvalidArgument, "INVALID_PAGE_TOKEN");

    let much = (0..70).map(|number| {
        let note = StaffNote { text: "x".repeat(16_000), ..StaffNote::default() };
        let id = number.to_string();
        crate::support::records::interaction("a", &id, 1, interaction::Payload::StaffNote(note))
    });
    assert_refused(
        ingest(&server, much.collect()).await,
        Code::ResourceExhausted,
        "MESSAGE_TOO_LARGE",
    );
}

async fn what_is_not_there(engine: Engine) {
    let server = Server::start(engine).await;
    let nowhere = "00000000-0000-7000-8000-000000000000".to_owned();
    let status =
        assert_refused(get_customer(&server, "nobody").await, Code::NotFound, "CUSTOMER_NOT_FOUND");
    assert!(status.message().contains("nobody"), "{status:?}");
    let request = GetSegmentationRequest { segmentation_id: nowhere.clone() };
    let answer = server.segmentations.clone().get_segmentation(request).await;
    assert_refused(answer, Code::NotFound, "SEGMENTATION_NOT_FOUND");
    let answer = server.personas.clone().list_personas(ListPersonasRequest::default()).await;
    assert_refused(answer, Code::FailedPrecondition, "NO_ACTIVE_SEGMENTATION");
    let request = GetChurnModelRequest { churn_model_id: nowhere, ..Default::default() };
    let answer = server.churn.clone().get_churn_model(request).await;
    assert_refused(answer, Code::NotFound, "CHURN_MODEL_NOT_FOUND");
    let answer = server.churn.clone().list_churn_risks(ListChurnRisksRequest::default()).await;
    assert_refused(answer, Code::FailedPrecondition, "NO_ACTIVE_CHURN_MODEL");
}

async fn a_run_that_cannot_be_done_fails_by_name(engine: Engine) {
    let server = Server::start(engine).await;
    let reason = |run: Segmentation| run.progress.unwrap().failure.unwrap().reason;
    assert_eq!(reason(segment(&server).await), "TOO_FEW_CUSTOMERS");
    let same: Vec<_> = (0..60).map(|number| order(&format!("c{number}"), "1", 5, 100)).collect();
    ingest(&server, same).await.unwrap();
    assert_eq!(reason(segment(&server).await), "CONSTANT_FEATURES");
}

async fn a_run_that_has_not_ended_cannot_be_activated(engine: Engine) {
    let server = Server::start_with(engine, Options { workers: 0, ..Options::default() }).await;
    let mut client = server.segmentations.clone();
    let run = client
        .create_segmentation(CreateSegmentationRequest::default())
        .await
        .unwrap()
        .into_inner();
    let segmentation_id = run.segmentation.unwrap().segmentation_id;
    let answer =
        client.activate_segmentation(ActivateSegmentationRequest { segmentation_id }).await;
    assert_refused(answer, Code::FailedPrecondition, "RUN_NOT_SUCCEEDED");
}

async fn a_persona_changed_by_another(engine: Engine) {
    let server = Server::start(engine).await;
    for piece in two_kinds(120).chunks(500) {
        ingest(&server, piece.to_vec()).await.unwrap();
    }
    assert!(segment(&server).await.report.is_some());
    let mut client = server.personas.clone();
    let persona = client
        .list_personas(ListPersonasRequest::default())
        .await
        .unwrap()
        .into_inner()
        .personas
        .remove(0);
    let request = UpdatePersonaRequest {
        persona_id: persona.persona_id,
        name: Some("Regulars".to_owned()),
        description: None,
        etag: persona.etag,
    };
    client.update_persona(request.clone()).await.unwrap();
    assert_refused(client.update_persona(request).await, Code::Aborted, "ETAG_MISMATCH");
    let request =
        GetPersonaRequest { persona_id: "none".to_owned(), segmentation_id: String::new() };
    assert_refused(client.get_persona(request).await, Code::NotFound, "PERSONA_NOT_FOUND");
}

async fn a_customer_who_was_not_scored(engine: Engine) {
    let server = Server::start(engine).await;
    for piece in two_kinds(120).chunks(500) {
        ingest(&server, piece.to_vec()).await.unwrap();
    }
    let mut client = server.churn.clone();
    let request = TrainChurnModelRequest { activate: true, ..TrainChurnModelRequest::default() };
    let churn_model_id = client
        .train_churn_model(request)
        .await
        .unwrap()
        .into_inner()
        .churn_model
        .unwrap()
        .churn_model_id;
    let request = GetChurnModelRequest { churn_model_id, ..Default::default() };
    while client
        .get_churn_model(request.clone())
        .await
        .unwrap()
        .into_inner()
        .churn_model
        .unwrap()
        .end_time
        .is_none()
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ingest(&server, vec![order("newer", "1", 0, 1)]).await.unwrap();
    let request = GetChurnRiskRequest { customer_id: "newer".to_owned(), ..Default::default() };
    assert_refused(client.get_churn_risk(request).await, Code::NotFound, "CHURN_RISK_NOT_FOUND");
}

async fn more_than_the_server_can_do_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    let status = raw::post(
        &server,
        "/cx.v1.CustomerService/ListCustomers",
        &[("grpc-timeout", "1n")],
        raw::frame(""),
    )
    .await;
    assert_refused(Err::<(), _>(status), Code::DeadlineExceeded, "DEADLINE_EXCEEDED");

    // A connection carries a hundred streams, so that it takes eleven to reach the limit.
    let mut held = Vec::new();
    let refused = 'full: loop {
        assert!(held.len() < 2_000, "streams are never refused");
        let channel =
            tonic::transport::Endpoint::try_from(server.url()).unwrap().connect().await.unwrap();
        for _ in 0..99 {
            let mut client = ingest_service_client::IngestServiceClient::new(channel.clone());
            match client.stream_interactions(tokio_stream::pending()).await {
                Ok(stream) => held.push(stream),
                Err(status) => break 'full status,
            }
        }
    };
    assert_refused(Err::<(), _>(refused), Code::ResourceExhausted, "OVERLOADED");
    get_customer(&server, "nobody").await.unwrap_err();
}

async fn a_server_that_goes_down(engine: Engine) {
    let server = Server::start(engine).await;
    let batch =
        StreamInteractionsRequest { batch_id: 1, interactions: vec![order("a", "1", 1, 1)] };
    let endless = futures::StreamExt::chain(tokio_stream::once(batch), tokio_stream::pending());
    let mut answers =
        server.ingest.clone().stream_interactions(endless).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap().unwrap().batch_id, 1);
    let stopping = tokio::spawn(server.stop());
    assert_refused(answers.message().await, Code::Unavailable, "SHUTTING_DOWN");
    stopping.await.unwrap();
}

on_both_engines!(
    what_the_caller_sent,
    what_is_not_there,
    a_run_that_cannot_be_done_fails_by_name,
    a_run_that_has_not_ended_cannot_be_activated,
    a_persona_changed_by_another,
    a_customer_who_was_not_scored,
    more_than_the_server_can_do_at_once,
    a_server_that_goes_down,
);

/// On PostgreSQL alone, because a file does not go away while it is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_fails_or_is_gone() {
    let server = Server::start(Engine::Postgres).await;
    let url = server.database().url();
    Cluster::get().sql(url, "ALTER TABLE customer RENAME TO elsewhere").unwrap();
    let status = assert_refused(get_customer(&server, "a").await, Code::Internal, "INTERNAL");
    assert!(!status.message().contains("customer"), "the driver's words leak: {status:?}");

    let name = url.rsplit('/').next().unwrap();
    Cluster::get().admin(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    let answer = ingest(&server, vec![order("a", "1", 1, 1)]).await;
    assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
}
