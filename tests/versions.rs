//! Versions of the personas: compared, activated, rolled back, made by themselves, and looked back at.

use cx_server::proto::{
    self, ActivateSegmentationRequest, BatchGetAssignmentsRequest, CompareSegmentationsRequest,
    ExportPersonaMembersRequest, GetPersonaRequest, ListPersonaMembersRequest, Persona,
    SegmentationParameters,
};
use cx_server::serve::Options;
use cx_server::work::refresh::Freshness;
use std::time::Duration;
use tokio::time::timeout;

use crate::membership::{PATIENCE, fresh, ingest, personas, run};
use crate::support::records::two_kinds;
use crate::support::{Engine, Server, violations_of};

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
        assert!(page.segmentation_id.is_empty() && page.as_of == request.read_time);
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
    let members = stream.message().await.unwrap().unwrap().members;
    assert_eq!(members.len(), 60);
    assert!(members.iter().all(|member| !member.persona_name.is_empty()));
    let both = ListPersonaMembersRequest {
        segmentation_id: finer.segmentation_id.clone(),
        ..at(&before[0].persona_id, 0)
    };
    let refused = server.personas.list_persona_members(both).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "read_time");
    let later = at(&before[0].persona_id, 3600);
    let refused = server.personas.list_persona_members(later).await.unwrap_err();
    assert!(violations_of(&refused)[0].1.contains("in the future"));

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

/// Who came since a version was made does not leave and enter again when it becomes the active one.
async fn a_rollback_keeps_who_came_since(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    ingest(&mut server, two_kinds(60)).await;
    let first = run(&mut server, 2, true).await;
    run(&mut server, 2, true).await;
    let mut record = two_kinds(1).remove(0);
    record.customer_id = "newcomer".to_owned();
    ingest(&mut server, vec![record]).await;
    let batch = BatchGetAssignmentsRequest { customer_ids: vec!["newcomer".to_owned()] };
    let entered = async {
        loop {
            let told = server.membership.batch_get_assignments(batch.clone()).await.unwrap();
            let told = told.into_inner();
            assert!(told.as_of.is_some());
            if told.not_assigned.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, entered).await.expect("assigned in time");
    let head = server.store.membership_head().await.unwrap();
    let back = ActivateSegmentationRequest { segmentation_id: first.segmentation_id.clone() };
    server.segmentations.activate_segmentation(back).await.unwrap();
    let told = server.membership.batch_get_assignments(batch).await.unwrap().into_inner();
    assert_eq!(told.segmentation_id, first.segmentation_id);
    assert!(told.not_assigned.is_empty(), "at once");
    assert_eq!(server.store.membership_head().await.unwrap(), head, "nobody moved");
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
        activation_policy: Some(proto::ActivationPolicy {
            max_moved_share: Some(1.5),
            min_stability: None,
        }),
        ..Default::default()
    };
    let update = proto::UpdateSegmentationScheduleRequest { schedule: Some(wrong) };
    let refused = first.segmentations.update_segmentation_schedule(update).await.unwrap_err();
    let fields: Vec<String> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = [
        "schedule.interval",
        "schedule.parameters.as_of",
        "schedule.activation_policy.max_moved_share",
        "schedule.parameters.k",
    ];
    assert_eq!(fields, wanted);
    let end = proto::UpdateSegmentationScheduleRequest::default();
    first.segmentations.update_segmentation_schedule(end).await.unwrap();
    let get = proto::GetSegmentationScheduleRequest {};
    let none = first.segmentations.get_segmentation_schedule(get).await.unwrap().into_inner();
    assert!(none.schedule.unwrap().interval.is_none());
    first.stop().await;
}

on_both_engines!(
    versions_are_compared_activated_and_rolled_back,
    a_rollback_keeps_who_came_since,
    who_was_not_looked_at_for_long_is_looked_at_again,
    a_due_run_is_made_once_by_whichever_replica,
);
