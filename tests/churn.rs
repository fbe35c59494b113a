//! Churn through the API: from the training to each customer's risk, the rule where data are few, and every refusal.

use cx_analytics::{Timestamp, synthetic::Population};
use cx_server::proto::{
    ChurnBand, ChurnBasis, ChurnCandidate, ChurnModel, ChurnQuality, ChurnRisk, ChurnRiskOrder,
    CreateSegmentationRequest, ExportChurnRisksRequest, GetChurnDriversRequest,
    GetChurnModelRequest, GetChurnRiskRequest, GetSegmentationRequest, ListChurnRisksRequest,
    ListPersonasRequest, Money, RunState, SegmentationParameters, TrainChurnModelRequest,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::Code;

use crate::segmentation::fill;
use crate::support::{Engine, Server, reason_of, violations_of};

/// The instant up to which the population has lived, as in `fill`.
pub(crate) const AS_OF: i64 = 1_700_000_000;

pub(crate) fn instant(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn training() -> TrainChurnModelRequest {
    TrainChurnModelRequest { as_of: instant(AS_OF), activate: true, ..Default::default() }
}

/// Trains a model and waits until that has ended.
pub(crate) async fn train(server: &mut Server, request: TrainChurnModelRequest) -> ChurnModel {
    let started = server.churn.train_churn_model(request).await.unwrap().into_inner();
    let churn_model_id = started.churn_model.unwrap().churn_model_id;
    loop {
        let request =
            GetChurnModelRequest { churn_model_id: churn_model_id.clone(), ..Default::default() };
        let model = server.churn.get_churn_model(request).await.unwrap().into_inner();
        let model = model.churn_model.unwrap();
        let state = model.progress.as_ref().unwrap().state();
        if matches!(state, RunState::Succeeded | RunState::Failed) {
            return model;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All pages of a list.
pub(crate) async fn list(
    server: &mut Server,
    mut request: ListChurnRisksRequest,
) -> Vec<ChurnRisk> {
    let mut risks = Vec::new();
    loop {
        let page = server.churn.list_churn_risks(request.clone()).await.unwrap().into_inner();
        risks.extend(page.risks);
        if page.next_page_token.is_empty() {
            return risks;
        }
        request.page_token = page.next_page_token;
    }
}

async fn a_model_is_trained_and_its_risks_are_listed(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 1500).await;
    let model = train(&mut server, training()).await;
    let report = model.report.clone().unwrap();
    assert!(model.active);
    let rules = [ChurnBasis::RecencyRule, ChurnBasis::RecencyRank];
    assert!(!rules.contains(&report.basis()), "{}", report.basis_reason);
    assert!(report.calibrated && report.train_cutoffs.len() >= 2 && report.test_cutoff.is_some());
    assert_eq!(report.currency_code, "EUR");
    assert!(report.candidates.iter().map(|one| one.held_out_log_loss).is_sorted());
    let of = |wanted: &dyn Fn(&&ChurnCandidate) -> bool| -> ChurnQuality {
        report.candidates.iter().find(wanted).unwrap().quality.clone().unwrap()
    };
    let quality = of(&|one| one.chosen);
    let rule = of(&|one| one.basis() == ChurnBasis::RecencyRule);
    assert!(quality.auc > 0.75 && quality.log_loss < rule.log_loss, "{quality:?}");
    assert_eq!(quality.bins.iter().map(|bin| bin.customers).sum::<i64>(), quality.customers);
    assert_eq!(quality.bands.iter().map(|band| band.churned).sum::<i64>(), quality.churned);
    assert!(report.summary.contains(&report.basis_reason) && !report.importances.is_empty());
    assert!(report.drift.len() > 30 && report.value_candidates.iter().any(|one| one.chosen));

    let all = ListChurnRisksRequest { page_size: 400, ..Default::default() };
    let risks = list(&mut server, all.clone()).await;
    let gone = ListChurnRisksRequest { band: ChurnBand::Gone.into(), ..all.clone() };
    let gone = list(&mut server, gone).await;
    assert!(gone.iter().all(|risk| risk.days_since_last_activity >= 180));
    assert_eq!((risks.len() + gone.len()) as i64, report.customers_scored);
    assert!(risks.iter().map(|risk| risk.probability).rev().is_sorted());
    let ids: BTreeSet<_> = risks.iter().map(|risk| &risk.customer_id).collect();
    assert_eq!(ids.len(), risks.len());
    assert!(risks.iter().all(|risk| risk.persona_id.is_empty()));
    for risk in &risks {
        let interval = risk.interval.as_ref().unwrap();
        assert!(interval.low <= risk.probability && risk.probability <= interval.high, "{risk:?}");
        assert!(risk.reasons.len() <= 3 && risk.counter_reasons.len() <= 3);
        assert!(risk.reasons.iter().all(|reason| reason.contribution > 0.0));
        assert!(risk.counter_reasons.iter().all(|reason| reason.contribution < 0.0));
        assert!(risk.days_since_last_activity >= 0 && risk.churn_definition_version == 1);
        assert!(risk.week_change.is_none_or(|change| change.abs() <= 1.0));
        if let Some(at_risk) = &risk.value_at_risk {
            // Of what one who stays spends, each share is rounded.
            let sum =
                (at_risk.amount_minor + risk.predicted_value.as_ref().unwrap().amount_minor) as f64;
            assert!(
                (at_risk.amount_minor as f64 - sum * risk.probability).abs() <= 1.5,
                "{risk:?}"
            );
        }
    }
    assert!(risks.iter().filter(|risk| risk.week_change.is_some()).count() > risks.len() / 2);

    let by_value = ChurnRiskOrder::ValueAtRisk.into();
    let valued =
        list(&mut server, ListChurnRisksRequest { order_by: by_value, ..all.clone() }).await;
    assert_eq!(valued.len(), risks.len());
    let value = |risk: &ChurnRisk| risk.value_at_risk.as_ref().map(|money| money.amount_minor);
    assert!(valued.iter().map(value).rev().is_sorted());

    let by_band = ChurnRiskOrder::BandThenValue.into();
    let urgent =
        list(&mut server, ListChurnRisksRequest { order_by: by_band, ..all.clone() }).await;
    assert_eq!(urgent.len(), risks.len());
    assert!(urgent.iter().map(|risk| (risk.band, value(risk))).rev().is_sorted());

    let band = ChurnBand::High.into();
    let high = list(&mut server, ListChurnRisksRequest { band, ..all.clone() }).await;
    assert_eq!(high.len(), risks.iter().filter(|risk| risk.probability >= 0.7).count());
    let likely = list(&mut server, ListChurnRisksRequest { min_probability: 0.4, ..all }).await;
    assert_eq!(likely.len(), risks.iter().filter(|risk| risk.probability >= 0.4).count());

    let request = ExportChurnRisksRequest { min_probability: 0.4, ..Default::default() };
    let mut stream = server.churn.export_churn_risks(request).await.unwrap().into_inner();
    let mut exported = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        exported.extend(message.risks);
    }
    let by_id = |risk: &ChurnRisk| risk.customer_id.clone();
    assert!(exported.iter().map(by_id).rev().is_sorted());
    let mut wanted = likely;
    wanted.sort_by_key(|risk| std::cmp::Reverse(by_id(risk)));
    assert_eq!(exported, wanted);

    let request =
        GetChurnRiskRequest { customer_id: risks[0].customer_id.clone(), ..Default::default() };
    let one = server.churn.get_churn_risk(request).await.unwrap().into_inner();
    assert_eq!(one.churn_risk.as_ref(), Some(&risks[0]));

    let request = GetChurnDriversRequest::default();
    let drivers = server.churn.get_churn_drivers(request).await.unwrap().into_inner();
    assert_eq!(drivers.groups.iter().map(|group| group.customers).sum::<i64>(), risks.len() as i64);
    for group in &drivers.groups {
        let of_band = risks.iter().filter(|risk| risk.band == group.band).count();
        assert_eq!((group.customers as usize, group.persona_id.as_str()), (of_band, ""));
        let weights = group.drivers.iter().map(|one| one.mean_contribution * one.customers as f64);
        assert!(weights.map(|weight| -weight).is_sorted(), "{group:?}");
        assert!(group.drivers.iter().all(|one| (1..=group.customers).contains(&one.customers)));
        // Nothing that a company cannot do something about.
        assert!(group.drivers.iter().all(|one| !one.feature.contains("order")), "{group:?}");
    }
    assert!(drivers.groups.iter().any(|group| !group.drivers.is_empty()));
    let high = GetChurnDriversRequest { band, ..Default::default() };
    let high = server.churn.get_churn_drivers(high).await.unwrap().into_inner();
    let wanted = drivers.groups.into_iter().filter(|group| group.band == band);
    assert_eq!(high.groups, wanted.collect::<Vec<_>>());
}

async fn equal_trainings_give_equal_risks_and_a_token_keeps_to_its_model(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 600).await;
    let first = train(&mut server, training()).await;
    let request = ListChurnRisksRequest { page_size: 1000, ..Default::default() };
    let before = list(&mut server, request.clone()).await;
    let mut page = ListChurnRisksRequest { page_size: 10, ..Default::default() };
    let answer = server.churn.list_churn_risks(page.clone()).await.unwrap().into_inner();

    let second = train(&mut server, training()).await;
    assert_ne!(first.churn_model_id, second.churn_model_id);
    assert_eq!(first.report, second.report);
    let without_model = |risks: Vec<ChurnRisk>| -> Vec<ChurnRisk> {
        risks.into_iter().map(|risk| ChurnRisk { churn_model_id: String::new(), ..risk }).collect()
    };
    assert_eq!(without_model(before), without_model(list(&mut server, request).await));
    page.page_token = answer.next_page_token;
    let next = server.churn.list_churn_risks(page).await.unwrap().into_inner();
    assert_eq!(next.churn_model_id, first.churn_model_id);
}

async fn risks_tell_the_persona_and_can_be_filtered_by_it(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 600).await;
    let parameters =
        SegmentationParameters { as_of: instant(AS_OF), k: 3, restarts: 2, ..Default::default() };
    let request = CreateSegmentationRequest {
        parameters: Some(parameters),
        activate: true,
        ..Default::default()
    };
    let made = server.segmentations.create_segmentation(request).await.unwrap().into_inner();
    let segmentation_id = made.segmentation.unwrap().segmentation_id;
    loop {
        let request = GetSegmentationRequest { segmentation_id: segmentation_id.clone() };
        let now = server.segmentations.get_segmentation(request).await.unwrap().into_inner();
        match now.segmentation.unwrap().progress.unwrap().state() {
            RunState::Succeeded => break,
            RunState::Failed => panic!("the segmentation failed"),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    train(&mut server, training()).await;
    let everyone = list(&mut server, ListChurnRisksRequest::default()).await;
    assert!(everyone.iter().all(|risk| !risk.persona_id.is_empty()));
    let personas = server.personas.list_personas(ListPersonasRequest::default()).await.unwrap();
    let mut found = 0;
    for persona in personas.into_inner().personas {
        let persona_id = persona.persona_id;
        let members = list(
            &mut server,
            ListChurnRisksRequest { persona_id: persona_id.clone(), ..Default::default() },
        )
        .await;
        assert!(members.iter().all(|risk| risk.persona_id == persona_id));
        found += members.len();
    }
    assert_eq!(found, everyone.len());
    let request = ListChurnRisksRequest { persona_id: "nobody".into(), ..Default::default() };
    let refused = server.churn.list_churn_risks(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::NotFound, "PERSONA_NOT_FOUND")
    );
}

async fn little_data_get_a_rule_that_says_so(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 30).await;
    let model = train(&mut server, training()).await;
    let report = model.report.unwrap();
    let basis = report.basis();
    assert!([ChurnBasis::RecencyRule, ChurnBasis::RecencyRank].contains(&basis), "{basis:?}");
    assert!(!report.basis_reason.is_empty() && report.importances.is_empty());
    let risks = list(&mut server, ListChurnRisksRequest::default()).await;
    assert!(!risks.is_empty());
    assert!(risks.iter().all(|risk| risk.basis() == basis));
    let insufficient = |risk: &ChurnRisk| risk.band() == ChurnBand::InsufficientData;
    assert_eq!(risks.iter().all(insufficient), !report.calibrated);
    assert!(risks.iter().all(|risk| risk.reasons[0].contribution == 0.0));
}

async fn what_cannot_be_trained_or_read_is_refused_by_name(engine: Engine) {
    let mut server = Server::start(engine).await;
    let refused =
        server.churn.list_churn_risks(ListChurnRisksRequest::default()).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_CHURN_MODEL");
    let refused = server.churn.get_churn_model(GetChurnModelRequest::default()).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_CHURN_MODEL");
    let request = GetChurnModelRequest { churn_model_id: "none".into(), ..Default::default() };
    let refused = server.churn.get_churn_model(request).await.unwrap_err();
    assert_eq!(reason_of(&refused), "CHURN_MODEL_NOT_FOUND");
    let request = GetChurnRiskRequest { customer_id: "c".into(), ..Default::default() };
    let refused = server.churn.get_churn_risk(request).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_CHURN_MODEL");

    let failed = train(&mut server, training()).await.progress.unwrap();
    assert_eq!(failed.failure.unwrap().reason, "TOO_FEW_CUSTOMERS");

    let request = TrainChurnModelRequest {
        churn_definition_id: "a\0".into(),
        as_of: instant(7_000_000_000),
        currency_code: "eur".into(),
        request_id: "r".repeat(129),
        ..Default::default()
    };
    let refused = server.churn.train_churn_model(request).await.unwrap_err();
    let fields: BTreeSet<_> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = ["as_of", "churn_definition_id", "currency_code", "request_id"];
    assert_eq!(fields, wanted.map(str::to_owned).into());
    let request = ListChurnRisksRequest {
        band: 9,
        min_probability: f64::NAN,
        order_by: 7,
        persona_id: "a\0".into(),
        customer_attribute: "attribute:plan".into(),
        min_value_at_risk: Some(Money { currency_code: "eur".into(), amount_minor: 1 }),
        ..Default::default()
    };
    let refused = server.churn.list_churn_risks(request).await.unwrap_err();
    let fields: BTreeSet<_> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let wanted = [
        "band",
        "customer_attribute",
        "min_probability",
        "min_value_at_risk.currency_code",
        "order_by",
        "persona_id",
    ];
    assert_eq!(fields, wanted.map(str::to_owned).into());
}

async fn who_has_no_risk_is_told_why(engine: Engine) {
    let mut server = Server::start(engine).await;
    fill(&server.store, 200).await;
    let mut request = training();
    request.request_id = "once".into();
    let first = train(&mut server, request.clone()).await;
    assert_eq!(train(&mut server, request).await.churn_model_id, first.churn_model_id);

    let refused = |status: tonic::Status| (status.code(), reason_of(&status));
    let request = GetChurnRiskRequest { customer_id: "nobody".into(), ..Default::default() };
    let answer = server.churn.get_churn_risk(request).await.unwrap_err();
    assert_eq!(refused(answer), (Code::NotFound, "CUSTOMER_NOT_FOUND".to_owned()));
    let until = Timestamp::from_micros(AS_OF * 1_000_000).unwrap();
    let newcomer = Population::new(9, 1, until).next().unwrap();
    let records: Vec<_> = newcomer
        .interactions
        .into_iter()
        .map(|mut record| {
            record.customer_id = "newcomer".into();
            record
        })
        .collect();
    server.store.interactions_record(records, until).await.unwrap();
    let request = GetChurnRiskRequest { customer_id: "newcomer".into(), ..Default::default() };
    let answer = server.churn.get_churn_risk(request).await.unwrap_err();
    assert_eq!(refused(answer), (Code::NotFound, "CHURN_RISK_NOT_FOUND".to_owned()));
    let request = ListChurnRisksRequest { persona_id: "p".into(), ..Default::default() };
    let answer = server.churn.list_churn_risks(request).await.unwrap_err();
    assert_eq!(refused(answer), (Code::FailedPrecondition, "NO_ACTIVE_SEGMENTATION".to_owned()));
    let request = ListChurnRisksRequest { page_token: "e30".into(), ..Default::default() };
    let answer = server.churn.list_churn_risks(request).await.unwrap_err();
    assert_eq!(refused(answer), (Code::InvalidArgument, "INVALID_PAGE_TOKEN".to_owned()));
}

on_both_engines!(
    a_model_is_trained_and_its_risks_are_listed,
    equal_trainings_give_equal_risks_and_a_token_keeps_to_its_model,
    risks_tell_the_persona_and_can_be_filtered_by_it,
    little_data_get_a_rule_that_says_so,
    what_cannot_be_trained_or_read_is_refused_by_name,
    who_has_no_risk_is_told_why,
);
