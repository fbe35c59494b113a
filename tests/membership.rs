//! Personas that are followed: members that stay fresh, the log of their changes, and explanations.

use cx_server::proto::{
    self, BatchGetAssignmentsRequest, CompareSegmentationsRequest, CreateSegmentationRequest,
    EraseCustomerRequest, ExplainAssignmentRequest, IngestInteractionsRequest, Interaction,
    ListMembershipChangesRequest, ListPersonaMembersRequest, MembershipCause, MembershipChange,
    Persona, RunState, Segmentation, SegmentationParameters, UpsertCustomersRequest,
    WatchMembershipChangesRequest, WatchSegmentationRequest, membership_change::Kind,
    watch_membership_changes_request::Start,
};
use cx_server::serve::Options;
use cx_server::work::refresh::Freshness;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Streaming};

use crate::support::records::{order, two_kinds};
use crate::support::{Engine, Server, reason_of, violations_of};

/// Longer than any change should take, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn fresh() -> Options {
    let freshness =
        Freshness { interval: Duration::from_millis(100), quiet: Duration::from_secs(3600) };
    Options { freshness, ..Options::default() }
}

pub async fn ingest(server: &mut Server, interactions: Vec<Interaction>) {
    for part in interactions.chunks(500) {
        let request =
            IngestInteractionsRequest { interactions: part.to_vec(), ..Default::default() };
        server.ingest.ingest_interactions(request).await.unwrap();
    }
}

/// Runs a segmentation of now to its end.
pub async fn run(server: &mut Server, k: i32, activate: bool) -> Segmentation {
    let parameters = SegmentationParameters { k, restarts: 3, ..Default::default() };
    let request = CreateSegmentationRequest {
        parameters: Some(parameters),
        activate,
        activation_policy: Some(proto::ActivationPolicy {
            max_moved_share: Some(1.0),
            min_stability: None,
        }),
        ..Default::default()
    };
    let made = server.segmentations.create_segmentation(request).await.unwrap().into_inner();
    let segmentation_id = made.segmentation.unwrap().segmentation_id;
    let watch = WatchSegmentationRequest { segmentation_id };
    let mut stream = server.segmentations.watch_segmentation(watch).await.unwrap().into_inner();
    let mut last = None;
    while let Some(told) = stream.message().await.unwrap() {
        last = told.segmentation;
    }
    let last = last.unwrap();
    assert_eq!(last.progress.as_ref().unwrap().state(), RunState::Succeeded, "{last:?}");
    last
}

type Watch = Streaming<proto::WatchMembershipChangesResponse>;

/// Begins to follow, and gives the first token.
async fn watch(server: &mut Server, request: WatchMembershipChangesRequest) -> (Watch, String) {
    let mut stream =
        server.membership.watch_membership_changes(request).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert!(first.changes.is_empty());
    (stream, first.resume_token)
}

/// The next `count` changes, and the token after them.
async fn next(stream: &mut Watch, count: usize) -> (Vec<MembershipChange>, String) {
    let (mut changes, mut token) = (Vec::new(), String::new());
    while changes.len() < count {
        let told = timeout(PATIENCE, stream.message()).await;
        let told = told.expect("a change in time").unwrap().expect("no end");
        changes.extend(told.changes);
        token = told.resume_token;
    }
    assert_eq!(changes.len(), count, "{changes:?}");
    (changes, token)
}

pub async fn personas(server: &mut Server) -> Vec<Persona> {
    let list = server.personas.list_personas(proto::ListPersonasRequest::default()).await;
    list.unwrap().into_inner().personas
}

fn from(start: Start) -> WatchMembershipChangesRequest {
    WatchMembershipChangesRequest { start: start.into(), ..Default::default() }
}

async fn who_comes_and_goes_is_told_within_seconds(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    ingest(&mut server, two_kinds(60)).await;
    let version = run(&mut server, 2, true).await;
    assert!(version.active && version.live, "{version:?}");
    let (mut stream, _) = watch(&mut server, from(Start::Earliest)).await;
    let (entered, token) = next(&mut stream, 60).await;
    assert!(entered.iter().all(|c| c.kind() == Kind::Entered));
    assert!(entered.iter().all(|c| c.cause() == MembershipCause::Retrain));
    let persona_of: BTreeMap<String, String> =
        entered.iter().map(|c| (c.customer_id.clone(), c.to_persona_id.clone())).collect();
    let (often, seldom) = (&persona_of["c0000"], &persona_of["c0001"]);
    assert_ne!(often, seldom);

    // A newcomer who does what those who order often do, and one of the others who begins to.
    let like = |name: &str| {
        let records = two_kinds(1).into_iter().enumerate().map(|(number, record)| Interaction {
            customer_id: name.to_owned(),
            interaction_id: format!("new-{number}"),
            ..record
        });
        records.collect::<Vec<_>>()
    };
    ingest(&mut server, like("newcomer")).await;
    let (change, _) = next(&mut stream, 1).await;
    assert_eq!(
        (change[0].customer_id.as_str(), change[0].kind(), change[0].cause()),
        ("newcomer", Kind::Entered, MembershipCause::NewData)
    );
    assert_eq!(&change[0].to_persona_id, often);
    let mut many = like("c0001");
    many.extend((0..10).map(|n| order("c0001", &format!("more-{n}"), n, 9_000)));
    ingest(&mut server, many).await;
    let (change, after_move) = next(&mut stream, 1).await;
    assert_eq!((change[0].kind(), change[0].customer_id.as_str()), (Kind::Moved, "c0001"));
    assert_eq!((&change[0].from_persona_id, &change[0].to_persona_id), (seldom, often));

    // Who resumes gets what followed, and only what was asked for.
    drop(stream);
    let objecting = proto::Customer {
        customer_id: "newcomer".to_owned(),
        consent: Some(proto::Consent { profiling: Some(false), ..Default::default() }),
        ..Default::default()
    };
    let upsert = UpsertCustomersRequest { customers: vec![objecting] };
    server.customers.upsert_customers(upsert).await.unwrap();
    let erase =
        EraseCustomerRequest { customer_id: "c0000".to_owned(), confirm: "c0000".to_owned() };
    server.customers.erase_customer(erase).await.unwrap();
    let resumed = WatchMembershipChangesRequest { resume_token: after_move, ..Default::default() };
    let (mut stream, _) = watch(&mut server, resumed.clone()).await;
    let (mut left, _) = next(&mut stream, 2).await;
    left.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    let told = |c: &MembershipChange| (c.customer_id.clone(), c.kind(), c.cause());
    assert_eq!(
        left.iter().map(told).collect::<Vec<_>>(),
        [
            ("c0000".to_owned(), Kind::Left, MembershipCause::Erasure),
            ("newcomer".to_owned(), Kind::Left, MembershipCause::NewData)
        ]
    );
    let again = WatchMembershipChangesRequest { resume_token: token, ..Default::default() };
    let (mut stream, _) = watch(&mut server, again).await;
    let (all, _) = next(&mut stream, 4).await;
    assert!(all.is_sorted_by(|a, b| a.position < b.position));
    let other = WatchMembershipChangesRequest { persona_ids: vec![seldom.clone()], ..resumed };
    let refused = server.membership.watch_membership_changes(other).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_PAGE_TOKEN")
    );
    let only = WatchMembershipChangesRequest {
        persona_ids: vec![seldom.clone()],
        ..from(Start::Earliest)
    };
    let (mut stream, _) = watch(&mut server, only).await;
    let (of_one, _) = next(&mut stream, 31).await;
    assert!(of_one.iter().all(|c| &c.from_persona_id == seldom || &c.to_persona_id == seldom));

    let batch = BatchGetAssignmentsRequest {
        customer_ids: ["c0001", "newcomer", "nobody", "c0003"].map(str::to_owned).to_vec(),
    };
    let batch = server.membership.batch_get_assignments(batch).await.unwrap().into_inner();
    let found: Vec<_> = batch.assignments.iter().map(|a| a.customer_id.as_str()).collect();
    assert_eq!(
        (found, batch.not_assigned),
        (vec!["c0001", "c0003"], vec!["newcomer".to_owned(), "nobody".to_owned()])
    );
    assert_eq!(&batch.assignments[0].persona_id, often);
    let list =
        ListMembershipChangesRequest { customer_id: "c0001".to_owned(), ..Default::default() };
    let list = server.membership.list_membership_changes(list).await.unwrap().into_inner().changes;
    assert_eq!(list.iter().map(|c| c.kind()).collect::<Vec<_>>(), [Kind::Moved, Kind::Entered]);
    server.stop().await;
}

async fn an_assignment_is_explained_in_figures_that_add_up(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    ingest(&mut server, two_kinds(60)).await;
    run(&mut server, 3, true).await;
    let ask = |customer: &str| ExplainAssignmentRequest {
        customer_id: customer.to_owned(),
        ..Default::default()
    };
    let explained = server.membership.explain_assignment(ask("c0007")).await.unwrap().into_inner();
    let explained = explained.explanation.unwrap();
    let assignment = explained.assignment.unwrap();
    let list = ListPersonaMembersRequest {
        persona_id: assignment.persona_id.clone(),
        page_size: 1000,
        ..Default::default()
    };
    let members = server.personas.list_persona_members(list).await.unwrap().into_inner().members;
    let member = members.into_iter().find(|m| m.customer_id == "c0007").unwrap();
    assert_eq!(member, assignment, "what is explained is what is stored");
    let (near, far) = (assignment.distance.unwrap(), assignment.runner_up_distance.unwrap());
    let sum: f64 = explained.contributions.iter().map(|c| c.contribution).sum();
    assert!((sum - (far * far - near * near)).abs() < 1e-9 * far * far);
    let sizes: Vec<f64> = explained.contributions.iter().map(|c| c.contribution.abs()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] > 0.0);
    assert!(explained.text.contains(&assignment.persona_name), "{}", explained.text);
    assert!(explained.text.contains(&explained.runner_up_persona_name), "{}", explained.text);
    let unknown = server.membership.explain_assignment(ask("nobody")).await.unwrap_err();
    assert_eq!(
        (unknown.code(), reason_of(&unknown).as_str()),
        (Code::NotFound, "ASSIGNMENT_NOT_FOUND")
    );
    server.stop().await;
}

async fn requests_that_break_a_rule_are_refused(engine: Engine) {
    let mut server = Server::start(engine).await;
    let batch = |ids: &[&str]| BatchGetAssignmentsRequest {
        customer_ids: ids.iter().map(|&id| id.to_owned()).collect(),
    };
    let refused = server.membership.batch_get_assignments(batch(&[])).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "customer_ids");
    let refused = server.membership.batch_get_assignments(batch(&["a", "", "a"])).await;
    let fields: Vec<String> =
        violations_of(&refused.unwrap_err()).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["customer_ids[1]", "customer_ids[2]"]);
    let none = server.membership.batch_get_assignments(batch(&["a"])).await.unwrap_err();
    assert_eq!(reason_of(&none), "NO_ACTIVE_SEGMENTATION");
    let watch = WatchMembershipChangesRequest { start: 9, ..Default::default() };
    let refused = server.membership.watch_membership_changes(watch).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "start");
    let watch = WatchMembershipChangesRequest {
        persona_ids: (0..51).map(|n| n.to_string()).collect(),
        ..Default::default()
    };
    let refused = server.membership.watch_membership_changes(watch).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "persona_ids");
    let compare = CompareSegmentationsRequest::default();
    let refused = server.segmentations.compare_segmentations(compare).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "other_segmentation_id");
    let policy = proto::ActivationPolicy { max_moved_share: Some(1.5), min_stability: Some(-1.0) };
    let create =
        CreateSegmentationRequest { activation_policy: Some(policy), ..Default::default() };
    let refused = server.segmentations.create_segmentation(create).await.unwrap_err();
    let fields: Vec<String> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["activation_policy.max_moved_share", "activation_policy.min_stability"]);
    let at = ListPersonaMembersRequest {
        persona_id: "p".to_owned(),
        read_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        ..Default::default()
    };
    let unknown = server.personas.list_persona_members(at).await.unwrap_err();
    assert_eq!(reason_of(&unknown), "PERSONA_NOT_FOUND");
    let get = proto::GetSegmentationRequest { segmentation_id: "\0".to_owned() };
    let refused = server.segmentations.get_segmentation(get).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "segmentation_id");
    let list =
        proto::ListPersonasRequest { segmentation_id: "\0".to_owned(), ..Default::default() };
    let refused = server.personas.list_personas(list).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "segmentation_id");
    let mut page = proto::ListFeaturesRequest { page_size: 20, ..Default::default() };
    let mut names = Vec::new();
    loop {
        let told = server.segmentations.list_features(page.clone()).await.unwrap().into_inner();
        names.extend(told.features.into_iter().map(|feature| feature.name));
        if told.next_page_token.is_empty() {
            break;
        }
        page.page_token = told.next_page_token;
    }
    assert!(names.contains(&"order_value".to_owned()) && names.contains(&"age".to_owned()));
    server.stop().await;
}

on_both_engines!(
    who_comes_and_goes_is_told_within_seconds,
    an_assignment_is_explained_in_figures_that_add_up,
    requests_that_break_a_rule_are_refused,
);
