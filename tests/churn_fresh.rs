//! Churn risks kept fresh: scored anew as data arrive and as time passes, and whoever follows is told who crosses a band.

use crate::churn::{list, train};
use crate::support::{Engine, Server, reason_of, violations_of};
use cx_analytics::{Interaction, Timestamp, interaction::Payload, synthetic::Population};
use cx_server::proto::{
    ChurnBand, ChurnBandChange, ChurnChangeCause, ChurnRisk, GetChurnModelRequest,
    GetChurnRiskRequest, ListChurnBacktestsRequest, ListChurnRisksRequest, TrainChurnModelRequest,
    WatchChurnRisksRequest, watch_churn_risks_request::Start,
};
use cx_server::{clock, serve::Options, work::refresh::Freshness};
use std::{collections::HashSet, time::Duration};
use tonic::Code;

/// A server that looks ten times a second, and again at whom nothing was heard of for so long.
async fn server(engine: Engine, quiet: Duration) -> Server {
    Server::start_with(engine, options(quiet)).await
}

fn options(quiet: Duration) -> Options {
    let freshness = Freshness { interval: Duration::from_millis(100), quiet };
    Options { freshness, ..Options::default() }
}

/// A population that has lived until now.
async fn fill(server: &Server, customers: u64) -> Timestamp {
    let now = clock::now();
    for person in Population::new(5, customers, now) {
        server.store.interactions_record(person.interactions, now).await.unwrap();
    }
    now
}

fn live() -> TrainChurnModelRequest {
    TrainChurnModelRequest { activate: true, ..Default::default() }
}

async fn risk(server: &mut Server, customer_id: &str) -> ChurnRisk {
    let request = GetChurnRiskRequest { customer_id: customer_id.to_owned(), ..Default::default() };
    server.churn.get_churn_risk(request).await.unwrap().into_inner().churn_risk.unwrap()
}

/// The next changes, with the token after them.
async fn next(
    stream: &mut tonic::Streaming<cx_server::proto::WatchChurnRisksResponse>,
) -> (Vec<ChurnBandChange>, String) {
    let message = tokio::time::timeout(Duration::from_secs(20), stream.message()).await;
    let message = message.expect("in time").unwrap().expect("goes on");
    (message.changes, message.resume_token)
}

async fn an_order_lowers_the_risk_within_seconds_and_followers_are_told(engine: Engine) {
    let mut server = server(engine, Duration::from_secs(3600)).await;
    let now = fill(&server, 900).await;
    train(&mut server, live()).await;
    let band = ChurnBand::High.into();
    let all = ListChurnRisksRequest { band, page_size: 1000, ..Default::default() };
    let high = list(&mut server, all).await;
    assert!(high.len() > 10, "some are at risk");
    let watch = WatchChurnRisksRequest { bands: vec![band], ..Default::default() };
    let mut stream = server.churn.watch_churn_risks(watch.clone()).await.unwrap().into_inner();
    let (changes, token) = next(&mut stream).await;
    assert!(changes.is_empty(), "the first message only gives a token");
    let order = Population::new(5, 900, now)
        .flat_map(|person| person.interactions)
        .find(|record| matches!(record.payload, Payload::Order { .. }))
        .unwrap();
    let back_again = |(place, silent): (usize, &ChurnRisk)| Interaction {
        interaction_id: format!("back again {place}"),
        customer_id: silent.customer_id.clone(),
        occurred_at: clock::now(),
        ..order.clone()
    };
    let orders = high.iter().enumerate().map(back_again).collect();
    server.store.interactions_record(orders, clock::now()).await.unwrap();
    let (changes, _) = next(&mut stream).await;
    assert!(changes.len() > high.len() / 4, "{} of {}", changes.len(), high.len());
    for change in &changes {
        assert_eq!((change.from_band, change.cause()), (band, ChurnChangeCause::NewData));
        let silent = high.iter().find(|risk| risk.customer_id == change.customer_id).unwrap();
        let now = risk(&mut server, &silent.customer_id).await;
        assert!(now.probability < silent.probability && now.band == change.to_band, "{now:?}");
        assert_eq!((Some(now.probability), now.days_since_last_activity), (change.probability, 0));
        assert!(now.week_change.is_none_or(|change| change < 0.0), "less than a week ago");
    }

    // From the token on, the same is told again; from the earliest on, everybody.
    let resumed = WatchChurnRisksRequest { resume_token: token.clone(), ..watch.clone() };
    let mut stream = server.churn.watch_churn_risks(resumed).await.unwrap().into_inner();
    assert!(next(&mut stream).await.0.is_empty());
    assert_eq!(next(&mut stream).await.0, changes);
    let start = Start::Earliest.into();
    let all = WatchChurnRisksRequest { start, ..Default::default() };
    let mut stream = server.churn.watch_churn_risks(all).await.unwrap().into_inner();
    assert!(next(&mut stream).await.0.is_empty());
    let (changes, _) = next(&mut stream).await;
    let came = changes.iter().filter(|one| one.cause() == ChurnChangeCause::NewModel);
    assert!(came.clone().count() > 100 && came.clone().all(|one| one.from_band == 0));

    let other = WatchChurnRisksRequest { resume_token: token, ..Default::default() };
    let refused = server.churn.watch_churn_risks(other).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
    let broken = WatchChurnRisksRequest { bands: vec![3, 3, 9], ..Default::default() };
    let refused = server.churn.watch_churn_risks(broken).await.unwrap_err();
    let fields = violations_of(&refused).into_iter().map(|(field, _)| field);
    assert_eq!(fields.collect::<Vec<_>>(), ["bands[1]", "bands[2]"]);
    let nowhere =
        WatchChurnRisksRequest { churn_definition_id: "nowhere".into(), ..Default::default() };
    let refused = server.churn.watch_churn_risks(nowhere).await.unwrap_err();
    assert_eq!(
        (refused.code(), &*reason_of(&refused)),
        (Code::NotFound, "CHURN_DEFINITION_NOT_FOUND")
    );
}

async fn time_passing_is_news_and_a_picture_stays_as_it_is(engine: Engine) {
    let mut server = server(engine, Duration::from_millis(1500)).await;
    let now = fill(&server, 200).await;
    let picture = TrainChurnModelRequest {
        as_of: Some(prost_types::Timestamp { seconds: now.micros() / 1_000_000, nanos: 0 }),
        ..live()
    };
    train(&mut server, picture).await;
    let all = ListChurnRisksRequest { page_size: 1000, ..Default::default() };
    let before = list(&mut server, all.clone()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(list(&mut server, all.clone()).await, before);

    train(&mut server, live()).await;
    let trained = list(&mut server, all.clone()).await;
    let seconds = |risk: &ChurnRisk| risk.as_of.unwrap().seconds;
    let latest = trained.iter().map(seconds).max().unwrap();
    let mut tries = 0;
    while list(&mut server, all.clone()).await.iter().any(|risk| seconds(risk) <= latest) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tries += 1;
        assert!(tries < 100, "nobody was looked at again");
    }
    let again = list(&mut server, all).await;
    assert_eq!(again.len(), trained.len());
    let apart = again.iter().zip(&trained).map(|(one, other)| one.probability - other.probability);
    assert!(apart.into_iter().all(|apart| apart.abs() < 0.01), "seconds change little");
}

/// A model whose time is over is trained again by itself, by the current version of its definition.
async fn an_old_model_is_trained_again_by_itself(engine: Engine) {
    let mut server = server(engine, Duration::from_secs(3600)).await;
    fill(&server, 300).await;
    let first = train(&mut server, live()).await;
    let database = server.stop().await;
    database.sql("UPDATE churn_model SET as_of = as_of - 31 * 86400000000");
    let mut server = Server::start_on(database, options(Duration::from_secs(3600))).await;
    let mut tries = 0;
    let second = loop {
        let of = GetChurnModelRequest::default();
        let model = server.churn.get_churn_model(of).await.unwrap().into_inner();
        let model = model.churn_model.unwrap();
        if model.churn_model_id != first.churn_model_id {
            break model;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        tries += 1;
        assert!(tries < 200, "no other training");
    };
    assert!(second.active && second.churn_definition_version == first.churn_definition_version);
    assert_eq!(second.report.unwrap().customers_scored, first.report.unwrap().customers_scored);
}

/// A list of the past is judged by the server itself, and as anybody can reckon who kept it.
async fn a_past_list_is_judged_by_what_became_of_its_customers(engine: Engine) {
    let mut server = server(engine, Duration::from_secs(3600)).await;
    let now = fill(&server, 600).await;
    let past = now.days_before(95);
    let as_of = Some(prost_types::Timestamp {
        seconds: past.micros().div_euclid(1_000_000),
        nanos: (past.micros().rem_euclid(1_000_000) * 1000) as i32,
    });
    let model = train(&mut server, TrainChurnModelRequest { as_of, ..live() }).await;
    let said = list(&mut server, ListChurnRisksRequest { page_size: 1000, ..Default::default() });
    let said = said.await;
    let mut tries = 0;
    let quality = loop {
        let of = ListChurnBacktestsRequest::default();
        let kept = server.churn.list_churn_backtests(of).await.unwrap().into_inner().backtests;
        let [list] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!((&list.churn_model_id, list.as_of), (&model.churn_model_id, as_of));
        if let Some(quality) = list.quality.clone() {
            break quality;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        tries += 1;
        assert!(tries < 200, "nobody judged it");
    };
    let horizon = past..past.days_before(-90);
    let came: HashSet<String> = Population::new(5, 600, now)
        .flat_map(|person| person.interactions)
        .filter(|one| matches!(one.payload, Payload::Order { .. }))
        .filter(|one| horizon.contains(&one.occurred_at))
        .map(|one| one.customer_id)
        .collect();
    let left = |risk: &&ChurnRisk| !came.contains(&risk.customer_id);
    assert_eq!(quality.customers, said.len() as i64);
    assert_eq!(quality.churned, said.iter().filter(left).count() as i64);
    let wrong = |risk: &ChurnRisk| (risk.probability - f64::from(u8::from(left(&risk)))).powi(2);
    let brier = said.iter().map(wrong).sum::<f64>() / said.len() as f64;
    assert!((quality.brier - brier).abs() < 1e-12, "{} {brier}", quality.brier);
    assert!(quality.churned > 50 && quality.auc > 0.7, "{quality:?}");
}

on_both_engines!(
    a_past_list_is_judged_by_what_became_of_its_customers,
    an_old_model_is_trained_again_by_itself,
    an_order_lowers_the_risk_within_seconds_and_followers_are_told,
    time_passing_is_news_and_a_picture_stays_as_it_is,
);
