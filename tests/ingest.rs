//! Taking interactions in: exactly once, in calls and in streams.

use cx_server::proto::{
    GetCustomerRequest, IngestInteractionsRequest, IngestOutcome, IngestSummary, Interaction,
    StreamInteractionsRequest,
};

use crate::support::records::{nps, order, two_kinds};
use crate::support::{Engine, Server};

/// Ingests one batch, checks that the counts add up, and returns them with the outcomes that were told.
async fn ingest(
    server: &Server,
    interactions: Vec<Interaction>,
    validate_only: bool,
) -> (IngestSummary, Vec<IngestOutcome>) {
    let request = IngestInteractionsRequest { interactions, validate_only };
    let answer = server.ingest.clone().ingest_interactions(request).await.unwrap().into_inner();
    let summary = answer.summary.unwrap();
    let parts = summary.accepted
        + summary.duplicate
        + summary.conflict
        + summary.rejected
        + summary.suppressed;
    assert_eq!(summary.received, parts);
    (summary, answer.items.iter().map(|item| item.outcome()).collect())
}

async fn stored(server: &Server, customer_id: &str) -> i64 {
    let request = GetCustomerRequest { customer_id: customer_id.to_owned() };
    let answer = server.customers.clone().get_customer(request).await.unwrap().into_inner();
    answer.activity.unwrap().interactions
}

async fn every_record_has_one_outcome(engine: Engine) {
    let server = Server::start(engine).await;
    let first = vec![
        order("a", "1", 3, 500),
        order("a", "1", 3, 500),
        order("a", "1", 3, 501),
        nps("a", "2", 1, 11),
    ];
    let (checked, _) = ingest(&server, first.clone(), true).await;
    let (summary, outcomes) = ingest(&server, first.clone(), false).await;
    assert_eq!(checked, summary, "validate_only tells what storing then does");
    assert_eq!(
        outcomes,
        [IngestOutcome::Duplicate, IngestOutcome::Conflict, IngestOutcome::Rejected]
    );
    let (again, _) = ingest(&server, first, false).await;
    assert_eq!((again.accepted, again.duplicate, again.conflict, again.rejected), (0, 2, 1, 1));
    assert_eq!(stored(&server, "a").await, 1);
}

async fn a_rejected_record_names_its_field(engine: Engine) {
    let server = Server::start(engine).await;
    let mut nameless = order("", "1", 1, 1);
    nameless.channel = 99;
    let interactions = vec![order("a", "1", 1, 1), nps("a", "2", 1, 11), nameless];
    let request = IngestInteractionsRequest { interactions, validate_only: false };
    let items =
        server.ingest.clone().ingest_interactions(request).await.unwrap().into_inner().items;
    let fields: Vec<_> = items
        .iter()
        .flat_map(|item| &item.violations)
        .map(|violation| violation.field.as_str())
        .collect();
    for field in
        ["interactions[1].survey.score", "interactions[2].customer_id", "interactions[2].channel"]
    {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
}

async fn a_stream_acknowledges_in_order(engine: Engine) {
    let server = Server::start(engine).await;
    let records = two_kinds(60);
    let batches: Vec<_> = records
        .chunks(50)
        .zip(100..)
        .map(|(chunk, batch_id)| StreamInteractionsRequest {
            batch_id,
            interactions: chunk.to_vec(),
        })
        .collect();
    let sent: Vec<i64> = batches.iter().map(|batch| batch.batch_id).collect();
    let mut answers = server
        .ingest
        .clone()
        .stream_interactions(tokio_stream::iter(batches))
        .await
        .unwrap()
        .into_inner();
    let (mut acknowledged, mut accepted) = (Vec::new(), 0);
    while let Some(answer) = answers.message().await.unwrap() {
        acknowledged.push(answer.batch_id);
        accepted += answer.summary.unwrap().accepted;
    }
    assert_eq!(acknowledged, sent);
    assert_eq!(accepted, records.len() as i64);
}

async fn many_callers_share_commits_and_count_once(engine: Engine) {
    let server = Server::start(engine).await;
    // Twenty callers send the same fifty records in pieces: each is accepted by exactly one of them.
    let records: Vec<_> =
        (0..50).map(|number| order("a", &format!("{number}"), 2, number)).collect();
    let calls = (0..20).map(|_| async {
        let mut accepted = 0;
        for piece in records.chunks(5) {
            accepted += ingest(&server, piece.to_vec(), false).await.0.accepted;
        }
        accepted
    });
    let accepted: i64 = futures::future::join_all(calls).await.iter().sum();
    assert_eq!(accepted, 50);
    assert_eq!(stored(&server, "a").await, 50);
}

async fn what_was_acknowledged_is_there_after_a_restart(engine: Engine) {
    let server = Server::start(engine).await;
    // Made once: "a day ago" is another second later on.
    let record = order("a", "1", 1, 500);
    let (summary, _) = ingest(&server, vec![record.clone()], false).await;
    assert_eq!(summary.accepted, 1);
    let database = server.stop().await;
    let server = Server::start_on(database, cx_server::serve::Options::default()).await;
    assert_eq!(ingest(&server, vec![record], false).await.1, [IngestOutcome::Duplicate]);
}

on_both_engines!(
    every_record_has_one_outcome,
    a_rejected_record_names_its_field,
    a_stream_acknowledges_in_order,
    many_callers_share_commits_and_count_once,
    what_was_acknowledged_is_there_after_a_restart,
);
