//! Definitions of churn through the API: several side by side, versions, what each refuses, contracts, and the horizon that is suggested.

use crate::churn::{AS_OF, instant, list, train};
use crate::segmentation::fill;
use crate::support::{Engine, Server, reason_of, violations_of};
use cx_server::proto::{
    ActivateChurnModelRequest, ChurnTerms, GetChurnDefinitionRequest, InteractionKind,
    ListChurnDefinitionsRequest, ListChurnRisksRequest, PutChurnDefinitionRequest,
    SuggestChurnHorizonRequest, TrainChurnModelRequest,
};
use std::collections::BTreeSet;

fn put(id: &str, terms: ChurnTerms) -> PutChurnDefinitionRequest {
    let terms = Some(terms);
    PutChurnDefinitionRequest { churn_definition_id: id.into(), terms, ..Default::default() }
}

fn training(id: &str) -> TrainChurnModelRequest {
    TrainChurnModelRequest {
        churn_definition_id: id.into(),
        as_of: instant(AS_OF),
        activate: true,
        ..Default::default()
    }
}

async fn definitions_stand_side_by_side_and_old_lists_keep_theirs(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 600).await;
    let usual = GetChurnDefinitionRequest::default();
    let usual = server.churn.get_churn_definition(usual).await.unwrap().into_inner();
    let usual = usual.churn_definition.unwrap();
    assert_eq!((usual.churn_definition_id.as_str(), usual.version), ("default", 1));
    let terms = usual.terms.unwrap();
    assert_eq!((terms.look_back_days, terms.horizon_days, terms.contractual), (180, 90, false));
    assert_eq!((terms.medium_from, terms.high_from), (0.4, 0.7));

    let short = ChurnTerms { horizon_days: 30, high_from: 0.9, ..Default::default() };
    let made = server.churn.put_churn_definition(put("short", short)).await.unwrap().into_inner();
    assert_eq!(made.churn_definition.unwrap().version, 1);
    let first = train(&mut server, training("short")).await;
    assert!(first.active && first.churn_definition_id == "short");
    let of = ListChurnRisksRequest {
        churn_definition_id: "short".into(),
        page_size: 1000,
        ..Default::default()
    };
    let before = list(&mut server, of.clone()).await;
    let nothing = server.churn.list_churn_risks(ListChurnRisksRequest::default()).await;
    assert_eq!(reason_of(&nothing.unwrap_err()), "NO_ACTIVE_CHURN_MODEL", "that of another one");

    let shorter = ChurnTerms { horizon_days: 20, ..Default::default() };
    let made = server.churn.put_churn_definition(put("short", shorter)).await.unwrap().into_inner();
    let made = made.churn_definition.unwrap();
    assert_eq!((made.version, made.active_churn_model_id), (2, first.churn_model_id.clone()));
    assert_eq!(list(&mut server, of.clone()).await, before, "until the next training");
    let second = train(&mut server, training("short")).await;
    assert_eq!(second.churn_definition_version, 2);
    assert_eq!(second.terms.unwrap().horizon_days, 20);
    let now = list(&mut server, of.clone()).await;
    // And back again.
    let back = ActivateChurnModelRequest { churn_model_id: first.churn_model_id.clone() };
    for _ in 0..2 {
        let active = server.churn.activate_churn_model(back.clone()).await.unwrap().into_inner();
        assert!(active.churn_model.unwrap().active);
        assert_eq!(list(&mut server, of.clone()).await, before);
    }
    let second_again = ActivateChurnModelRequest { churn_model_id: second.churn_model_id.clone() };
    server.churn.activate_churn_model(second_again).await.unwrap();
    assert_eq!(list(&mut server, of.clone()).await, now);
    let nothing = ActivateChurnModelRequest { churn_model_id: "nothing".into() };
    let refused = server.churn.activate_churn_model(nothing).await.unwrap_err();
    assert_eq!(reason_of(&refused), "CHURN_MODEL_NOT_FOUND");
    assert!(now.iter().all(|risk| risk.churn_definition_version == 2));
    let old = ListChurnRisksRequest { churn_model_id: first.churn_model_id, ..of };
    assert_eq!(list(&mut server, old).await, before);
    let all = server.churn.list_churn_definitions(ListChurnDefinitionsRequest {}).await.unwrap();
    let ids = all.into_inner().churn_definitions.into_iter().map(|of| of.churn_definition_id);
    assert_eq!(ids.collect::<Vec<_>>(), ["default", "short"]);
}

async fn who_is_asked_about_follows_from_the_terms(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 400).await;
    let everybody = ChurnTerms::default();
    let few = ChurnTerms { min_active_days: 3, min_tenure_days: 200, ..Default::default() };
    let contracts =
        ChurnTerms { contractual: true, horizon_days: 60, lapse_days: 400, ..Default::default() };
    let mut found = Vec::new();
    for (id, terms) in [("everybody", everybody), ("few", few), ("contracts", contracts)] {
        server.churn.put_churn_definition(put(id, terms)).await.unwrap();
        let model = train(&mut server, training(id)).await;
        let report = model.report.expect("trained");
        assert!(!report.summary.is_empty());
        let of = ListChurnRisksRequest {
            churn_definition_id: id.into(),
            page_size: 1000,
            ..Default::default()
        };
        let ids: BTreeSet<String> =
            list(&mut server, of).await.into_iter().map(|risk| risk.customer_id).collect();
        assert!(!ids.is_empty(), "{id}");
        found.push(ids);
    }
    assert!(found[1].is_subset(&found[0]) && found[1].len() < found[0].len());
    assert_ne!(found[2], found[0]);
}

async fn terms_that_cannot_be_are_refused_by_name(engine: Engine) {
    let mut server = Server::start(engine).await;
    let broken = ChurnTerms {
        look_back_days: -1,
        horizon_days: 731,
        qualifying_kinds: vec![6, 6, 99],
        lapse_days: 3,
        min_active_days: -1,
        min_tenure_days: 4000,
        customer_attributes: vec!["country".into()],
        medium_from: 0.8,
        high_from: 0.5,
        ..Default::default()
    };
    let refused = server.churn.put_churn_definition(put("", broken)).await.unwrap_err();
    let fields: BTreeSet<_> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = [
        "churn_definition_id",
        "terms.customer_attributes[0]",
        "terms.horizon_days",
        "terms.lapse_days",
        "terms.look_back_days",
        "terms.medium_from",
        "terms.min_active_days",
        "terms.min_tenure_days",
        "terms.qualifying_kinds",
        "terms.qualifying_kinds[2]",
    ];
    assert_eq!(fields, wanted.map(str::to_owned).into());
    let contract = ChurnTerms {
        contractual: true,
        look_back_days: 30,
        qualifying_kinds: vec![InteractionKind::Order.into()],
        ..Default::default()
    };
    let refused = server.churn.put_churn_definition(put("c", contract)).await.unwrap_err();
    let fields: BTreeSet<_> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        ["terms.look_back_days", "terms.qualifying_kinds"].map(str::to_owned).into()
    );
    let refused = server.churn.train_churn_model(training("nowhere")).await.unwrap_err();
    assert_eq!(reason_of(&refused), "CHURN_DEFINITION_NOT_FOUND");
}

async fn a_horizon_is_suggested_from_the_customers_rhythm(engine: Engine) {
    let mut server = Server::start(engine).await;
    let request = SuggestChurnHorizonRequest::default();
    let none = server.churn.suggest_churn_horizon(request.clone()).await.unwrap().into_inner();
    assert_eq!((none.horizon_days, none.gaps), (0, 0));
    fill(&server.store, 300).await;
    let found = server.churn.suggest_churn_horizon(request).await.unwrap().into_inner();
    assert!(found.gaps >= 50 && found.customers > 10 && found.customers <= 300, "{found:?}");
    let days = [found.median_days, found.p75_days, found.p90_days, found.p95_days];
    assert!(days.is_sorted() && days[0] >= 1.0, "{found:?}");
    assert!(f64::from(found.horizon_days) >= found.p90_days || found.horizon_days == 730);
    let request = SuggestChurnHorizonRequest { qualifying_kinds: vec![99] };
    let refused = server.churn.suggest_churn_horizon(request).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "qualifying_kinds[0]");
}

on_both_engines!(
    definitions_stand_side_by_side_and_old_lists_keep_theirs,
    who_is_asked_about_follows_from_the_terms,
    terms_that_cannot_be_are_refused_by_name,
    a_horizon_is_suggested_from_the_customers_rhythm,
);
