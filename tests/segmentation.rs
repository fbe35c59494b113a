//! Personas through the API: from the run to their members and back again, and every way to be refused.

use cx_analytics::{Timestamp, synthetic::Population};
use cx_datastore::Store;
use cx_server::proto::{
    ActivateSegmentationRequest, Assignment, CreateSegmentationRequest,
    ExportPersonaMembersRequest, GetPersonaRequest, GetSegmentationRequest,
    ListPersonaMembersRequest, ListPersonasRequest, ListSegmentationsRequest, Persona, RunState,
    Segmentation, SegmentationParameters, UpdatePersonaRequest, WatchSegmentationRequest,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Engine, Server, reason_of, violations_of};

/// The instant up to which the population has lived.
const AS_OF: i64 = 1_700_000_000;

/// Fills a store with customers of known kinds.
pub async fn fill(store: &Store, customers: u64) {
    let until = Timestamp::from_micros(AS_OF * 1_000_000).unwrap();
    let records = Population::new(1, customers, until).flat_map(|member| member.interactions);
    store.interactions_record(records.collect(), until).await.unwrap();
}

fn parameters(k: i32) -> SegmentationParameters {
    let as_of = prost_types::Timestamp { seconds: AS_OF, nanos: 0 };
    SegmentationParameters { as_of: Some(as_of), k, restarts: 3, ..Default::default() }
}

fn create(parameters: SegmentationParameters, activate: bool) -> CreateSegmentationRequest {
    CreateSegmentationRequest { parameters: Some(parameters), activate, ..Default::default() }
}

/// Runs a segmentation to its end, as a client that watches it sees it.
async fn run(server: &mut Server, request: CreateSegmentationRequest) -> Segmentation {
    let created = server
        .segmentations
        .create_segmentation(request)
        .await
        .unwrap()
        .into_inner()
        .segmentation
        .unwrap();
    let watch = WatchSegmentationRequest { segmentation_id: created.segmentation_id };
    let mut stream = server.segmentations.watch_segmentation(watch).await.unwrap().into_inner();
    let mut last: Option<Segmentation> = None;
    while let Some(told) = stream.message().await.unwrap() {
        let now = told.segmentation.unwrap();
        let share = |seen: &Segmentation| seen.progress.as_ref().unwrap().progress;
        assert!(last.as_ref().is_none_or(|last| share(last) <= share(&now)), "progress went back");
        last = Some(now);
    }
    last.unwrap()
}

fn state(segmentation: &Segmentation) -> RunState {
    segmentation.progress.as_ref().unwrap().state()
}

async fn personas(server: &mut Server, segmentation_id: &str) -> Vec<Persona> {
    let request =
        ListPersonasRequest { segmentation_id: segmentation_id.to_owned(), ..Default::default() };
    server.personas.list_personas(request).await.unwrap().into_inner().personas
}

/// All members of a persona, page by page.
async fn members(server: &mut Server, persona_id: &str, page_size: i32) -> Vec<Assignment> {
    let mut request = ListPersonaMembersRequest {
        persona_id: persona_id.to_owned(),
        page_size,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let page =
            server.personas.list_persona_members(request.clone()).await.unwrap().into_inner();
        assert!(page.members.len() <= page_size as usize);
        found.extend(page.members);
        if page.next_page_token.is_empty() {
            assert_eq!(page.total_size, found.len() as i64);
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

async fn exported(server: &mut Server, persona_id: &str) -> Vec<Assignment> {
    let request =
        ExportPersonaMembersRequest { persona_id: persona_id.to_owned(), ..Default::default() };
    let mut stream = server.personas.export_persona_members(request).await.unwrap().into_inner();
    let mut found = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        assert!((1..=1000).contains(&message.members.len()));
        found.extend(message.members);
    }
    found
}

async fn activate(server: &mut Server, segmentation_id: &str) -> Result<Segmentation, Status> {
    let request = ActivateSegmentationRequest { segmentation_id: segmentation_id.to_owned() };
    let answer = server.segmentations.activate_segmentation(request).await?;
    Ok(answer.into_inner().segmentation.unwrap())
}

async fn personas_are_found_and_their_members_pulled(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 300).await;
    let done = run(&mut server, create(parameters(0), true)).await;
    assert_eq!(state(&done), RunState::Succeeded, "{:?}", done.progress);
    assert!(done.active && done.end_time.is_some());
    let report = done.report.clone().unwrap();
    assert!(report.k >= 3 && report.inertia > 0.0 && report.silhouette > 0.0 && report.converged);
    assert!(report.k_candidates.len() > 3 && !report.k_rule.is_empty());
    assert_eq!(report.currency_code, "EUR");
    assert!(report.features.iter().any(|feature| feature.used));
    let asked = done.parameters.clone().unwrap();
    assert_eq!((asked.min_k, asked.max_k, asked.restarts, asked.granularity), (3, 10, 3, 0.95));

    let found = personas(&mut server, "").await;
    assert_eq!(found.len() as i32, report.k);
    assert!(found.is_sorted_by(|a, b| a.customers >= b.customers));
    assert_eq!(found.iter().map(|persona| persona.customers).sum::<i64>(), report.customers);
    assert_eq!(
        found.iter().map(|persona| &persona.name).collect::<BTreeSet<_>>().len(),
        found.len()
    );
    let mut everybody = Vec::new();
    for persona in &found {
        assert_eq!(persona.features.len(), report.features.len());
        assert!(!persona.channels.is_empty() && !persona.stages.is_empty());
        let members = members(&mut server, &persona.persona_id, 37).await;
        assert_eq!(members.len() as i64, persona.customers);
        assert!(members.is_sorted_by(|a, b| a.customer_id < b.customer_id));
        let nearest =
            members.iter().filter_map(|member| member.distance).fold(f64::INFINITY, f64::min);
        let typical = members
            .iter()
            .find(|member| member.customer_id == persona.typical_customer_ids[0])
            .unwrap();
        assert_eq!(typical.distance, Some(nearest));
        assert_eq!(exported(&mut server, &persona.persona_id).await, members);
        everybody.extend(members);
    }
    let squares =
        everybody.iter().filter_map(|member| member.distance).map(|d| d.powi(2)).sum::<f64>();
    assert!((squares / report.inertia - 1.0).abs() < 1e-9);
    everybody.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
    assert_eq!(exported(&mut server, "").await, everybody);
    server.stop().await;
}

async fn a_name_stays_and_an_older_version_comes_back(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 200).await;
    let first = run(&mut server, create(parameters(4), true)).await;
    let largest = personas(&mut server, "").await.remove(0);
    let update = |name: &str, etag: &str| UpdatePersonaRequest {
        persona_id: largest.persona_id.clone(),
        name: Some(name.to_owned()),
        description: None,
        etag: etag.to_owned(),
    };
    let named = server.personas.update_persona(update("Regulars", &largest.etag)).await.unwrap();
    let named = named.into_inner().persona.unwrap();
    assert!(named.name == "Regulars" && named.name_given && named.etag != largest.etag);
    let stale = server.personas.update_persona(update("Others", &largest.etag)).await.unwrap_err();
    assert_eq!((stale.code(), reason_of(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(stale.get_details_error_info().unwrap().metadata["etag"], named.etag);

    let token = ListPersonaMembersRequest {
        persona_id: largest.persona_id.clone(),
        page_size: 1,
        ..Default::default()
    };
    let page = server.personas.list_persona_members(token.clone()).await.unwrap().into_inner();
    let second = run(&mut server, create(parameters(3), false)).await;
    assert!(!second.active);
    assert_eq!(personas(&mut server, "").await.len(), 4, "it was not to be activated");
    assert!(activate(&mut server, &second.segmentation_id).await.unwrap().active);
    assert_eq!(personas(&mut server, "").await.len(), 3);
    // A list that was begun goes on in the version in which it was begun.
    let next = ListPersonaMembersRequest { page_token: page.next_page_token, ..token };
    let next = server.personas.list_persona_members(next).await.unwrap().into_inner();
    assert_eq!(next.members[0].segmentation_id, first.segmentation_id);

    activate(&mut server, &first.segmentation_id).await.unwrap();
    let back = personas(&mut server, "").await.remove(0);
    assert_eq!(
        (back.persona_id.as_str(), back.name.as_str()),
        (largest.persona_id.as_str(), "Regulars")
    );
    // The same data, parameters and seed: the same personas, so the name is there as well.
    let again = run(&mut server, create(parameters(4), true)).await;
    let found = |of: &Segmentation| {
        let report = of.report.clone().unwrap();
        (report.k_candidates, report.inertia, report.silhouette, report.features)
    };
    assert_eq!(found(&again), found(&first));
    assert_eq!(personas(&mut server, "").await.remove(0).name, "Regulars");
    let taken =
        server.personas.update_persona(update("", "")).await.unwrap().into_inner().persona.unwrap();
    assert_eq!((taken.name, taken.name_given, taken.etag), (largest.name, false, largest.etag));
    server.stop().await;
}

async fn segmentations_are_listed_and_retries_start_nothing(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 60).await;
    let request = |id: &str| CreateSegmentationRequest {
        request_id: id.to_owned(),
        ..create(parameters(3), false)
    };
    let first = run(&mut server, request("r1")).await;
    let retry = server.segmentations.create_segmentation(request("r1")).await.unwrap().into_inner();
    assert_eq!(retry.segmentation.unwrap(), first);
    let second = run(&mut server, request("r2")).await;
    let mut page = ListSegmentationsRequest { page_size: 1, ..Default::default() };
    let mut listed = Vec::new();
    loop {
        let answer =
            server.segmentations.list_segmentations(page.clone()).await.unwrap().into_inner();
        listed.extend(answer.segmentations);
        if answer.next_page_token.is_empty() {
            break;
        }
        page.page_token = answer.next_page_token;
    }
    assert_eq!(listed, [second, first]);
    server.stop().await;
}

async fn readers_see_one_version(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 120).await;
    let versions = [
        run(&mut server, create(parameters(3), true)).await.segmentation_id,
        run(&mut server, create(parameters(5), false)).await.segmentation_id,
    ];
    let mut reader = server.personas.clone();
    let (done, mut still) = tokio::sync::oneshot::channel::<()>();
    let ids = versions.clone();
    let reading = tokio::spawn(async move {
        let mut read = 0;
        while still.try_recv().is_err() {
            let list =
                reader.list_personas(ListPersonasRequest::default()).await.unwrap().into_inner();
            let expected = if list.segmentation_id == ids[0] { 3 } else { 5 };
            assert_eq!(list.personas.len(), expected);
            assert!(
                list.personas.iter().all(|persona| persona.segmentation_id == list.segmentation_id)
            );
            read += 1;
        }
        read
    });
    for turn in 0..30 {
        activate(&mut server, &versions[turn % 2]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    done.send(()).unwrap();
    assert!(reading.await.unwrap() > 5);
    server.stop().await;
}

on_both_engines!(
    personas_are_found_and_their_members_pulled,
    a_name_stays_and_an_older_version_comes_back,
    segmentations_are_listed_and_retries_start_nothing,
    readers_see_one_version,
    every_refusal_has_its_reason,
    runs_that_cannot_be_done_say_why,
);

async fn every_refusal_has_its_reason(engine: Engine) {
    let mut server = Server::start(engine).await;
    let refused = |status: Status| (status.code(), reason_of(&status));
    let none =
        server.segmentations.get_segmentation(GetSegmentationRequest::default()).await.unwrap_err();
    assert_eq!(refused(none), (Code::FailedPrecondition, "NO_ACTIVE_SEGMENTATION".to_owned()));
    let none = server.personas.list_personas(ListPersonasRequest::default()).await.unwrap_err();
    assert_eq!(refused(none), (Code::FailedPrecondition, "NO_ACTIVE_SEGMENTATION".to_owned()));

    let get = GetSegmentationRequest { segmentation_id: "s".to_owned() };
    let unknown = server.segmentations.get_segmentation(get).await.unwrap_err();
    assert_eq!(refused(unknown), (Code::NotFound, "SEGMENTATION_NOT_FOUND".to_owned()));
    let unknown = activate(&mut server, "s").await.unwrap_err();
    assert_eq!(refused(unknown), (Code::NotFound, "SEGMENTATION_NOT_FOUND".to_owned()));
    let watch = WatchSegmentationRequest { segmentation_id: "s".to_owned() };
    let unknown = server.segmentations.watch_segmentation(watch).await.unwrap_err();
    assert_eq!(refused(unknown), (Code::NotFound, "SEGMENTATION_NOT_FOUND".to_owned()));

    let wrong = SegmentationParameters {
        min_k: 9,
        max_k: 4,
        granularity: f64::NAN,
        features: vec!["charm".to_owned()],
        ..parameters(99)
    };
    let wrong = CreateSegmentationRequest { request_id: "x".repeat(129), ..create(wrong, false) };
    let wrong = server.segmentations.create_segmentation(wrong).await.unwrap_err();
    assert_eq!(
        (wrong.code(), reason_of(&wrong).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    let fields: Vec<String> = violations_of(&wrong).into_iter().map(|(field, _)| field).collect();
    let expected = [
        "request_id",
        "parameters.k",
        "parameters.max_k",
        "parameters.granularity",
        "parameters.features[0]",
    ];
    assert_eq!(fields, expected);
    let nobody = server.personas.get_persona(GetPersonaRequest::default()).await.unwrap_err();
    assert_eq!(violations_of(&nobody), [("persona_id".to_owned(), "is required".to_owned())]);

    fill(&server.store, 60).await;
    run(&mut server, create(parameters(3), true)).await;
    let get = GetPersonaRequest { persona_id: "p".to_owned(), ..Default::default() };
    let unknown = server.personas.get_persona(get).await.unwrap_err();
    assert_eq!(refused(unknown), (Code::NotFound, "PERSONA_NOT_FOUND".to_owned()));
    let update = UpdatePersonaRequest {
        persona_id: "p".to_owned(),
        name: Some("x\0".repeat(65)),
        ..Default::default()
    };
    let wrong = server.personas.update_persona(update).await.unwrap_err();
    assert_eq!(violations_of(&wrong).len(), 2, "too long, and with NUL");
    let export = ExportPersonaMembersRequest { persona_id: "p".to_owned(), ..Default::default() };
    let unknown = server.personas.export_persona_members(export).await.unwrap_err();
    assert_eq!(refused(unknown), (Code::NotFound, "PERSONA_NOT_FOUND".to_owned()));
    let persona = personas(&mut server, "").await.remove(0);
    let request = ListPersonaMembersRequest {
        persona_id: persona.persona_id,
        page_size: 1,
        ..Default::default()
    };
    let token = server
        .personas
        .list_persona_members(request.clone())
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    let other =
        ListPersonaMembersRequest { persona_id: "p".to_owned(), page_token: token, ..request };
    let foreign = server.personas.list_persona_members(other).await.unwrap_err();
    assert_eq!(refused(foreign), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".to_owned()));
    server.stop().await;
}

async fn runs_that_cannot_be_done_say_why(engine: Engine) {
    let mut server = Server::start(engine).await;
    let empty = run(&mut server, create(parameters(0), true)).await;
    let failure = empty.progress.clone().unwrap().failure.unwrap();
    assert_eq!((state(&empty), failure.reason.as_str()), (RunState::Failed, "TOO_FEW_CUSTOMERS"));
    assert!(failure.message.contains("0 customers") && failure.message.contains("30"));
    assert!(empty.report.is_none() && !empty.active);
    let refused = activate(&mut server, &empty.segmentation_id).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::FailedPrecondition, "RUN_NOT_SUCCEEDED")
    );
    assert_eq!(refused.get_details_error_info().unwrap().metadata["state"], "FAILED");
    let list = ListPersonasRequest { segmentation_id: empty.segmentation_id, ..Default::default() };
    let refused = server.personas.list_personas(list).await.unwrap_err();
    assert_eq!(reason_of(&refused), "RUN_NOT_SUCCEEDED");

    fill(&server.store, 40).await;
    let many = run(&mut server, create(parameters(20), true)).await;
    assert_eq!(many.progress.unwrap().failure.unwrap().reason, "TOO_FEW_CUSTOMERS");
    // Nobody has reviewed anything often enough to be told apart by it.
    let features = vec!["cases_reopened".to_owned()];
    let alike = SegmentationParameters { features, k: 4, ..parameters(0) };
    let alike = run(&mut server, create(alike, true)).await;
    assert_eq!(alike.progress.unwrap().failure.unwrap().reason, "CONSTANT_FEATURES");
    server.stop().await;
}
