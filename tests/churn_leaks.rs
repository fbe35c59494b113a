//! What was not known at a cut-off does not teach a churn model: planted leaks are useless.

use crate::churn::{AS_OF, instant, list, train};
use crate::support::{Engine, Server};
use cx_analytics::{
    Customer, Interaction, Timestamp, codes::Channel, interaction::Payload, synthetic::Population,
    time::DAY,
};
use cx_server::proto::{
    ChurnBasis, ChurnModel, ChurnQuality, ListChurnRisksRequest, TrainChurnModelRequest,
};
use std::collections::{BTreeMap, BTreeSet};

const CUSTOMERS: u64 = 1500;
/// Days before `AS_OF` of the cut-offs that are looked back to: of the horizon, 90 days, halves.
const CUTOFFS: [i64; 4] = [90, 135, 180, 225];

fn as_of() -> Timestamp {
    Timestamp::from_micros(AS_OF * 1_000_000).unwrap()
}

fn everything() -> Vec<Interaction> {
    Population::new(11, CUSTOMERS, as_of()).flat_map(|member| member.interactions).collect()
}

/// Records come day by day, as they happen.
async fn live(server: &Server, records: &[Interaction]) {
    let mut days: BTreeMap<i64, Vec<Interaction>> = BTreeMap::new();
    for record in records {
        days.entry(record.occurred_at.micros() / DAY).or_default().push(record.clone());
    }
    for (day, records) in days {
        let evening = Timestamp::from_micros((day + 1) * DAY).unwrap();
        server.store.interactions_record(records, evening).await.unwrap();
    }
}

/// Who ordered in the 90 days after a cut-off, so many days before `AS_OF`.
fn stayed(records: &[Interaction], days_before: i64) -> BTreeSet<&str> {
    let horizon = as_of().days_before(days_before)..as_of().days_before(days_before - 90);
    let orders = records.iter().filter(|record| {
        matches!(record.payload, Payload::Order { .. }) && horizon.contains(&record.occurred_at)
    });
    orders.map(|record| record.customer_id.as_str()).collect()
}

fn picture() -> TrainChurnModelRequest {
    TrainChurnModelRequest { as_of: instant(AS_OF), activate: true, ..Default::default() }
}

fn quality(model: &ChurnModel) -> ChurnQuality {
    let candidates = &model.report.as_ref().unwrap().candidates;
    candidates.iter().find(|one| one.chosen).unwrap().quality.clone().unwrap()
}

/// One in eight is said wrongly, so that nobody suspects a column that knows all.
fn said(place: usize, truth: bool) -> bool {
    truth ^ place.is_multiple_of(8)
}

/// Writes for everybody what became of them in the latest horizon.
async fn tell_outcomes(server: &Server, records: &[Interaction], at: Timestamp, honest: bool) {
    let who: BTreeSet<&str> = records.iter().map(|record| record.customer_id.as_str()).collect();
    let stayed = stayed(records, CUTOFFS[0]);
    let customer = |(place, id): (usize, &&str)| Customer {
        customer_id: (*id).to_owned(),
        country: Some(["DE", "FR"][place % 2].to_owned()),
        attributes: BTreeMap::from([(
            "status".to_owned(),
            match (honest, said(place, stayed.contains(id))) {
                (true, _) => "customer",
                (false, true) => "satisfied",
                (false, false) => "lost",
            }
            .to_owned(),
        )]),
        ..Customer::default()
    };
    let customers = who.iter().enumerate().map(customer).collect();
    server.store.customers_upsert(customers, at).await.unwrap();
}

/// A note of the call in which somebody said that they would leave, written when they had, and dated before.
fn written_late(records: &[Interaction], days_before: i64) -> Vec<Interaction> {
    let who: BTreeSet<&str> = records.iter().map(|record| record.customer_id.as_str()).collect();
    let stayed = stayed(records, days_before);
    let left = who.iter().enumerate().filter(|(place, id)| !said(*place, stayed.contains(*id)));
    let note = |(_, id): (usize, &&str)| Interaction {
        customer_id: (*id).to_owned(),
        interaction_id: format!("late {days_before}"),
        occurred_at: as_of().days_before(days_before + 3),
        channel: Channel::Phone,
        stage: None,
        payload: Payload::Contact {
            handler: None,
            abandoned: true,
            queue_wait: None,
            handling_time: None,
            reason: None,
            case_id: None,
        },
    };
    left.map(note).collect()
}

async fn what_was_written_later_teaches_nothing(engine: Engine) {
    let mut server = Server::start(engine).await;
    let records = everything();
    live(&server, &records).await;
    tell_outcomes(&server, &records, as_of().days_before(700), true).await;
    let honest = quality(&train(&mut server, picture()).await);

    tell_outcomes(&server, &records, as_of().plus(-1), false).await;
    for days_before in CUTOFFS {
        let late = written_late(&records, days_before);
        assert!(late.len() > 100);
        let known = as_of().days_before(days_before - 90).plus(-1);
        server.store.interactions_record(late, known).await.unwrap();
    }
    let model = train(&mut server, picture()).await;
    let leaky = quality(&model);
    assert_eq!(leaky.customers, honest.customers);
    assert!((leaky.auc - honest.auc).abs() < 0.02, "{} {}", leaky.auc, honest.auc);
    let report = model.report.unwrap();
    let rules = [ChurnBasis::RecencyRule, ChurnBasis::RecencyRank, ChurnBasis::BgNbd];
    assert!(!rules.contains(&report.basis()) && !report.importances.is_empty());
    assert!(
        report.importances.iter().all(|one| !one.feature.contains("status")),
        "the status matters"
    );
}

/// A list of the past is the same whether the database goes on after it or ends there.
async fn what_came_after_changes_no_list(engine: Engine) {
    let records = everything();
    let past = Some(prost_types::Timestamp { seconds: AS_OF - 100 * 86_400, nanos: 0 });
    let request = TrainChurnModelRequest { as_of: past, ..picture() };
    let mut lists = Vec::new();
    for whole in [true, false] {
        let mut server = Server::start(engine).await;
        let until = as_of().days_before(100);
        let kept = records.iter().filter(|record| whole || record.occurred_at < until);
        live(&server, &kept.cloned().collect::<Vec<_>>()).await;
        tell_outcomes(&server, &records, as_of().days_before(700), true).await;
        if whole {
            tell_outcomes(&server, &records, as_of().days_before(1), false).await;
        }
        let model = train(&mut server, request.clone()).await;
        let all = ListChurnRisksRequest { page_size: 1000, ..Default::default() };
        let mut risks = list(&mut server, all).await;
        risks.iter_mut().for_each(|risk| risk.churn_model_id.clear());
        lists.push((model.report.unwrap().candidates, risks));
    }
    assert!(lists[0].1.len() > 300);
    assert!(lists[0] == lists[1], "what came after made a difference");
}

on_both_engines!(what_was_written_later_teaches_nothing, what_came_after_changes_no_list,);
