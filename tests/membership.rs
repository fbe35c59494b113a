//! Personas that are followed: members that stay fresh, the log of their changes, explanations, versions that are compared and
//! activated, and members as of an earlier moment.

use cx_server::proto::{
    self, ActivateSegmentationRequest, BatchGetAssignmentsRequest, CompareSegmentationsRequest,
    CreateSegmentationRequest, EraseCustomerRequest, ExplainAssignmentRequest,
    ExportPersonaMembersRequest, GetPersonaRequest, IngestInteractionsRequest, Interaction,
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
const PATIENCE: Duration = Duration::from_secs(60);

fn fresh() -> Options {
    let freshness =
        Freshness { interval: Duration::from_millis(100), quiet: Duration::from_secs(3600) };
    Options { freshness, ..Options::default() }
}

async fn ingest(server: &mut Server, interactions: Vec<Interaction>) {
    for part in interactions.chunks(500) {
        let request =
            IngestInteractionsRequest { interactions: part.to_vec(), ..Default::default() };
        server.ingest.ingest_interactions(request).await.unwrap();
    }
}

/// Runs a segmentation of now to its end.
async fn run(server: &mut Server, k: i32, activate: bool) -> Segmentation {
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

async fn personas(server: &mut Server) -> Vec<Persona> {
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

async fn versions_are_compared_activated_and_rolled_back(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    ingest(&mut server, two_kinds(60)).await;
    let first = run(&mut server, 2, true).await;
    let before = personas(&mut server).await;
    let named = proto::UpdatePersonaRequest {
        persona_id: before[0].persona_id.clone(),
        name: Some("Regulars".to_owned()),
        ..Default::default()
    };
    server.personas.update_persona(named).await.unwrap();
    let head = server.store.membership_head().await.unwrap();
    let again = run(&mut server, 2, true).await;
    assert_eq!(server.store.membership_head().await.unwrap(), head, "the same data move nobody");
    let after = personas(&mut server).await;
    let ids = |of: &[Persona]| of.iter().map(|p| p.persona_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after));
    assert_eq!(after[0].name, "Regulars");
    let lineage = after[0].lineage.clone().unwrap();
    assert_eq!(lineage.kind(), proto::persona_lineage::Kind::Continued);
    assert_eq!(lineage.previous_customers, Some(before[0].customers));
    let report = again.report.unwrap();
    assert_eq!(report.reference_segmentation_id, first.segmentation_id);
    let activation = report.activation.unwrap();
    assert!(activation.activated && activation.reasons.len() == 3, "{activation:?}");

    let finer = run(&mut server, 5, false).await;
    assert!(!finer.active && finer.report.clone().unwrap().activation.is_none());
    let compare = CompareSegmentationsRequest {
        other_segmentation_id: finer.segmentation_id.clone(),
        ..Default::default()
    };
    let compared = server.segmentations.compare_segmentations(compare).await.unwrap();
    let compared = compared.into_inner().comparison.unwrap();
    assert_eq!((compared.customers_in_both, compared.customers_only_in_base), (60, 0));
    let rand = compared.adjusted_rand_index.unwrap();
    assert!(rand > 0.2 && rand < 1.0, "{rand}");
    let came: i64 = compared.personas.iter().map(|p| p.came).sum();
    let went: i64 = compared.personas.iter().map(|p| p.went).sum();
    assert_eq!((came, went), (compared.customers_moved, compared.customers_moved));
    assert_eq!(compared.personas.iter().map(|p| p.other_customers).sum::<i64>(), 60);
    assert_eq!(compared.base_quality.unwrap().k, 2);
    assert_eq!(compared.other_quality.unwrap().k, 5);

    let moment = cx_server::clock::now();
    let activate = |id: &str| ActivateSegmentationRequest { segmentation_id: id.to_owned() };
    server.segmentations.activate_segmentation(activate(&finer.segmentation_id)).await.unwrap();
    let moved = server.store.membership_head().await.unwrap() - head;
    assert_eq!(moved, compared.customers_moved);
    // What was at an earlier moment is still known.
    let at = |persona: &str, seconds: i64| ListPersonaMembersRequest {
        persona_id: persona.to_owned(),
        page_size: 7,
        read_time: Some(prost_types::Timestamp {
            seconds: moment.micros() / 1_000_000 + seconds,
            nanos: (moment.micros() % 1_000_000 * 1000) as i32,
        }),
        ..Default::default()
    };
    let mut then = Vec::new();
    let mut request = at(&before[0].persona_id, 0);
    loop {
        let page =
            server.personas.list_persona_members(request.clone()).await.unwrap().into_inner();
        assert_eq!(page.total_size, before[0].customers);
        then.extend(page.members);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(then.len() as i64, before[0].customers);
    assert!(then.iter().all(|m| m.distance.is_none() && m.persona_name == "Regulars"));
    let export =
        ExportPersonaMembersRequest { read_time: at("", 0).read_time, ..Default::default() };
    let mut stream = server.personas.export_persona_members(export).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().members.len(), 60);
    let both = ListPersonaMembersRequest {
        segmentation_id: finer.segmentation_id.clone(),
        ..at(&before[0].persona_id, 0)
    };
    let refused = server.personas.list_persona_members(both).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "read_time");

    server.segmentations.activate_segmentation(activate(&first.segmentation_id)).await.unwrap();
    let back = personas(&mut server).await;
    assert_eq!(ids(&back), ids(&before));
    assert_eq!(back[0].customers_now, before[0].customers);
    let changes = server.store.membership_changes_after(head, &[], 1000).await.unwrap();
    assert!(changes.iter().all(|c| c.cause == cx_analytics::membership::Cause::Manual));

    let get = GetPersonaRequest { persona_id: back[0].persona_id.clone(), ..Default::default() };
    let face = server.personas.get_persona(get).await.unwrap().into_inner().persona.unwrap();
    assert_eq!(face.typical_customer_ids.len(), 3);
    assert!(!face.edge_customer_id.is_empty() && !face.distinctions.is_empty());
    assert!(face.metrics.iter().any(|m| m.metric() == proto::Metric::NpsRelational));
    server.stop().await;
}

async fn who_was_not_looked_at_for_long_is_looked_at_again(engine: Engine) {
    let quiet =
        Freshness { interval: Duration::from_millis(100), quiet: Duration::from_millis(1500) };
    let options = Options { freshness: quiet, ..Options::default() };
    let mut server = Server::start_with(engine, options).await;
    ingest(&mut server, two_kinds(40)).await;
    let version = run(&mut server, 2, true).await;
    let as_of = version.parameters.unwrap().as_of.unwrap();
    let batch = BatchGetAssignmentsRequest { customer_ids: vec!["c0000".to_owned()] };
    let look = async |server: &mut Server| {
        let found = server.membership.batch_get_assignments(batch.clone()).await.unwrap();
        found.into_inner().assignments[0].as_of.unwrap()
    };
    let later = async {
        while look(&mut server).await.seconds <= as_of.seconds + 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, later).await.expect("looked at again in time");
    let head = server.store.membership_head().await.unwrap();
    assert_eq!(head, 40, "seconds change nobody's persona");
    server.stop().await;
}

async fn a_due_run_is_made_once_by_whichever_replica(engine: Engine) {
    let mut first = Server::start_with(engine, fresh()).await;
    ingest(&mut first, two_kinds(60)).await;
    let interval = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    let parameters = SegmentationParameters { k: 2, restarts: 2, ..Default::default() };
    let schedule = proto::SegmentationSchedule {
        interval,
        parameters: Some(parameters),
        ..Default::default()
    };
    let update = proto::UpdateSegmentationScheduleRequest { schedule: Some(schedule) };
    let set = first.segmentations.update_segmentation_schedule(update).await.unwrap().into_inner();
    let next_time = set.schedule.unwrap().next_time.unwrap();
    // An hour passes.
    let kind = cx_datastore::JobKind::Segmentation;
    let mut due = first.store.schedule_get(kind).await.unwrap().unwrap();
    assert_eq!(due.next_at.micros() / 1_000_000, next_time.seconds);
    due.next_at = due.next_at.plus(-3_600_000_000);
    first.store.schedule_set(kind, Some(&due)).await.unwrap();
    let list = proto::ListSegmentationsRequest::default();
    let made = async {
        loop {
            let listed = first.segmentations.list_segmentations(list.clone()).await.unwrap();
            let listed = listed.into_inner().segmentations;
            if listed.iter().any(|s| s.active) {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let listed = timeout(PATIENCE, made).await.expect("a run in time");
    assert_eq!(listed.len(), 1);
    assert!(listed[0].live && listed[0].parameters.as_ref().unwrap().k == 2);
    let wrong = proto::SegmentationSchedule {
        interval: Some(prost_types::Duration { seconds: 59, nanos: 0 }),
        parameters: Some(SegmentationParameters {
            as_of: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            k: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    let update = proto::UpdateSegmentationScheduleRequest { schedule: Some(wrong) };
    let refused = first.segmentations.update_segmentation_schedule(update).await.unwrap_err();
    let fields: Vec<String> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = ["schedule.interval", "schedule.parameters.as_of", "schedule.parameters.k"];
    assert_eq!(fields, wanted);
    let end = proto::UpdateSegmentationScheduleRequest::default();
    first.segmentations.update_segmentation_schedule(end).await.unwrap();
    let get = proto::GetSegmentationScheduleRequest {};
    let none = first.segmentations.get_segmentation_schedule(get).await.unwrap().into_inner();
    assert!(none.schedule.unwrap().interval.is_none());
    first.stop().await;
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
    versions_are_compared_activated_and_rolled_back,
    who_was_not_looked_at_for_long_is_looked_at_again,
    a_due_run_is_made_once_by_whichever_replica,
    requests_that_break_a_rule_are_refused,
);
