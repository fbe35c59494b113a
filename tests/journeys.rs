//! Journeys over the API: a map, paths and conversions known by construction, whatever the order of arrival; one customer's own journey;
//! what stays of an erased customer.

mod erased;

use std::collections::BTreeMap;

use cx_analytics::codes::{CaseAction, Channel, ReturnKind, Stage, SurveyAction, SurveyKind};
use cx_analytics::interaction::{Interaction, Payload, Score};
use cx_server::proto::{
    CustomerTouchpoint, EraseCustomerRequest, GetJourneyConversionRequest, GetJourneyMapRequest,
    InteractionKind, JourneyCell, JourneyCondition, JourneyRelation, JourneyTouchpoint,
    ListCustomerJourneyRequest, ListJourneyPathsRequest, Metric, MetricStatus,
};
use prost_types::Duration;
use tonic::Code;

use crate::metrics::{DAY, interaction, record};
use crate::support::{Engine, Server, reason_of};

/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200;

pub fn wire(second: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: START + second, nanos: 0 })
}

pub fn days(days: i64) -> Option<Duration> {
    Some(Duration { seconds: days * DAY, nanos: 0 })
}

fn order(customer: &str, second: i64) -> Interaction {
    let payload = Payload::Order { order_id: "o".to_owned(), total: None, items: None };
    interaction(customer, second, Channel::Web, Some(Stage::Purchase), payload)
}

fn look(customer: &str, second: i64) -> Interaction {
    let payload = Payload::SelfService { topic: None, resolved: None, duration: None };
    interaction(customer, second, Channel::Web, Some(Stage::Consideration), payload)
}

fn call(customer: &str, second: i64, wait: i64) -> Interaction {
    let payload = Payload::Contact {
        handler: None,
        abandoned: false,
        queue_wait: Some(wait * 1_000_000),
        handling_time: None,
        reason: Some("delivery".to_owned()),
        case_id: None,
    };
    interaction(customer, second, Channel::Phone, Some(Stage::Support), payload)
}

fn answer(customer: &str, second: i64, kind: SurveyKind, value: i32) -> Interaction {
    let max = if kind == SurveyKind::Csat { 5 } else { 10 };
    let min = i32::from(kind == SurveyKind::Csat);
    let score = Some(Score { value, min, max, lower_is_better: false });
    let action = SurveyAction::Answered;
    let payload = Payload::Survey { survey_id: None, kind, action, score, comment: None };
    interaction(customer, second, Channel::Phone, Some(Stage::Support), payload)
}

/// 40 customers look and 30 of them buy, the n-th n hours later; 10 of the buyers call a day after that, waiting n minutes, and of those 4
/// say how it was. One more looks at the end, when nothing is known yet.
fn known() -> Vec<Interaction> {
    let mut all = vec![look("late", 99 * DAY)];
    for number in 1..=40 {
        let customer = format!("c{number:02}");
        all.push(look(&customer, number));
        if number <= 30 {
            let bought = number * 3600 + number;
            all.push(order(&customer, bought));
            if number <= 10 {
                all.push(call(&customer, bought + DAY, number * 60));
                if number <= 4 {
                    let kind = SurveyKind::NpsTransactional;
                    let score = if number == 1 { 3 } else { 9 };
                    all.push(answer(&customer, bought + DAY + 60, kind, score));
                    all.push(answer(&customer, bought + DAY + 61, SurveyKind::Csat, 5));
                }
            }
        }
    }
    all
}

pub fn hundred_days() -> GetJourneyMapRequest {
    GetJourneyMapRequest {
        start_time: wire(0),
        as_of: wire(100 * DAY),
        drop_off_after: days(14),
        ..GetJourneyMapRequest::default()
    }
}

pub async fn map(server: &mut Server, request: GetJourneyMapRequest) -> Vec<JourneyCell> {
    server.journeys.get_journey_map(request).await.unwrap().into_inner().cells
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-6
}

async fn the_map_is_the_one_known_by_construction(engine: Engine) {
    let mut server = Server::start(engine).await;
    record(&server, known()).await;
    let cells = map(&mut server, hundred_days()).await;
    let [looks, buys, asks] = &cells[..] else { panic!("{cells:?}") };
    assert_eq!((looks.stage(), looks.channel()), (2.try_into().unwrap(), 1.try_into().unwrap()));

    let volume = looks.volume.as_ref().unwrap();
    assert_eq!((looks.interactions, looks.customers, volume.of), (41, 41, 89));
    // Wilson's formula, worked out apart from ours.
    let interval = volume.interval.as_ref().unwrap();
    assert!(
        close(interval.lower, 0.360_897_211) && close(interval.upper, 0.563_705_438),
        "{interval:?}"
    );
    assert_eq!((interval.method.as_str(), interval.confidence), ("Wilson", 0.95));

    let left = looks.drop_off.as_ref().unwrap();
    assert_eq!((left.count, left.of, left.immature), (10, 40, 1));
    assert_eq!((left.share, left.status()), (Some(0.25), MetricStatus::Ok));
    let next = looks.next.as_ref().unwrap();
    assert_eq!((next.followed, next.ended, next.immature), (30, 10, 1));
    let [step] = &next.steps[..] else { panic!("{next:?}") };
    assert_eq!((step.stage(), step.channel()), (buys.stage(), buys.channel()));
    assert_eq!(step.share.as_ref().unwrap().share, Some(0.75));
    assert_eq!(step.median_seconds, 15.5 * 3600.0);
    assert!(looks.metrics.is_empty() && buys.metrics.is_empty());

    // After the call some went on in the same cell.
    let next = asks.next.as_ref().unwrap();
    assert_eq!((asks.interactions, asks.customers, next.followed, next.ended), (18, 10, 8, 10));
    assert_eq!(next.steps[0].median_seconds, 30.5);
    assert_eq!(asks.drop_off.as_ref().unwrap().share, Some(1.0));
    let metrics: BTreeMap<Metric, (Option<f64>, i64)> =
        asks.metrics.iter().map(|one| (one.metric(), (one.value, one.n))).collect();
    let expected = [
        (Metric::NpsTransactional, (Some(50.0), 4)),
        (Metric::CsatTop2Box, (Some(1.0), 4)),
        (Metric::QueueWait, (Some(330.0), 10)),
    ];
    assert_eq!(metrics, expected.into());
    server.stop().await;
}

async fn arrival_in_any_order_gives_the_same_answer(engine: Engine) {
    let mut answers = Vec::new();
    for step in [1, 37, 64] {
        let mut server = Server::start(engine).await;
        let all = known();
        let shuffled = (0..all.len()).map(|place| all[place * step % all.len()].clone());
        for one in shuffled.collect::<Vec<_>>().chunks(20) {
            record(&server, one.to_vec()).await;
        }
        // Sent again.
        record(&server, all).await;
        let cells = map(&mut server, hundred_days()).await;
        let paths = paths(&server, asked_paths()).await;
        answers.push(format!("{cells:?} {paths:?}"));
        server.stop().await;
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

fn asked_paths() -> ListJourneyPathsRequest {
    ListJourneyPathsRequest {
        start_time: wire(0),
        as_of: wire(100 * DAY),
        page_size: 2,
        ..ListJourneyPathsRequest::default()
    }
}

/// Paths page by page, as `stages: journeys of known customers ended median`, and how many journeys are known and are not.
async fn paths(server: &Server, mut request: ListJourneyPathsRequest) -> (Vec<String>, i64, i64) {
    let mut found = Vec::new();
    loop {
        let page = server.journeys.clone().list_journey_paths(request.clone()).await.unwrap();
        let page = page.into_inner();
        assert!(page.paths.len() <= 2);
        found.extend(page.paths.iter().map(|path| {
            let stages: Vec<String> = path.steps.iter().map(|one| one.stage.to_string()).collect();
            let share = path.share.as_ref().unwrap();
            let (count, of) = (share.count, share.of);
            let stages = stages.join(" ");
            format!(
                "{stages}: {count} of {of} {} {} {}",
                path.customers, path.ended, path.median_seconds
            )
        }));
        if page.next_page_token.is_empty() {
            return (found, page.journeys, page.immature);
        }
        request.page_token = page.next_page_token;
    }
}

async fn paths_are_those_known_by_construction(engine: Engine) {
    let server = Server::start(engine).await;
    record(&server, known()).await;
    let expected =
        ["2 3: 20 of 40 20 20 73800", "2: 10 of 40 10 10 0", "2 3 6: 10 of 40 10 10 106200"];
    let (found, known, immature) = paths(&server, asked_paths()).await;
    assert_eq!((found, known, immature), (expected.map(String::from).to_vec(), 40, 1));
    // Told by their first touchpoint: that of the last one is known too.
    let first = ListJourneyPathsRequest {
        max_length: 1,
        touchpoint: JourneyTouchpoint::Channel.into(),
        ..asked_paths()
    };
    let (found, known, immature) = paths(&server, first).await;
    // All of the others are over: those who only used the web ended with their first touchpoint.
    assert_eq!((found, known, immature), (vec!["0: 41 of 41 41 30 0".to_owned()], 41, 0));
    // Half a journey each: whoever took more than 12 hours began again.
    let halves = ListJourneyPathsRequest {
        new_journey_after: Some(Duration { seconds: 12 * 3600, nanos: 0 }),
        ..asked_paths()
    };
    let (found, ..) = paths(&server, halves).await;
    let counts: Vec<&str> = found.iter().map(|path| path.split(' ').next().unwrap()).collect();
    assert_eq!(counts, ["2:", "3:", "2", "6:"]);

    // A token is good for its own question only.
    let page =
        server.journeys.clone().list_journey_paths(asked_paths()).await.unwrap().into_inner();
    let other = ListJourneyPathsRequest {
        page_token: page.next_page_token,
        keep_repeats: true,
        ..asked_paths()
    };
    let refused = server.journeys.clone().list_journey_paths(other).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
    server.stop().await;
}

fn looked_and_bought() -> GetJourneyConversionRequest {
    GetJourneyConversionRequest {
        from: Some(JourneyCondition { stages: vec![2], ..JourneyCondition::default() }),
        to: Some(JourneyCondition {
            kinds: vec![InteractionKind::Order.into()],
            channels: vec![1],
            ..JourneyCondition::default()
        }),
        within: Some(Duration { seconds: 20 * 3600, nanos: 0 }),
        start_time: wire(0),
        as_of: wire(99 * DAY + 1),
        ..GetJourneyConversionRequest::default()
    }
}

async fn a_conversion_is_the_one_known_by_construction(engine: Engine) {
    let server = Server::start(engine).await;
    record(&server, known()).await;
    let ask = async |request| {
        let answer = server.journeys.clone().get_journey_conversion(request).await.unwrap();
        answer.into_inner().conversions
    };
    let all = ask(looked_and_bought()).await;
    let [found] = &all[..] else { panic!("{all:?}") };
    let share = found.share.as_ref().unwrap();
    assert_eq!((found.reached, share.count, share.of, share.immature), (41, 20, 40, 1));
    assert_eq!((share.share, share.status()), (Some(0.5), MetricStatus::Ok));
    // Hours 1 to 20: ranks 6 and 15 bound the median, and nothing the 90th percentile.
    let median = found.median_time.as_ref().unwrap();
    let ends = median.interval.as_ref().unwrap();
    assert_eq!((median.seconds, ends.lower, ends.upper), (37_800.0, 21_600.0, 54_000.0));
    let p90 = found.p90_time.as_ref().unwrap();
    assert!(close(p90.seconds, 18.1 * 3600.0) && p90.interval.is_none());

    // The other way round nobody goes; and of nobody nothing is known.
    let GetJourneyConversionRequest { from, to, .. } = looked_and_bought();
    let back = GetJourneyConversionRequest { from: to, to: from, ..looked_and_bought() };
    let found = ask(back).await.remove(0);
    assert_eq!(
        (found.reached, found.share.unwrap().share, found.median_time),
        (30, Some(0.0), None)
    );
    let nobody = GetJourneyConversionRequest {
        from: Some(JourneyCondition { stages: vec![8], ..JourneyCondition::default() }),
        ..looked_and_bought()
    };
    let found = ask(nobody).await.remove(0);
    let share = found.share.unwrap();
    assert_eq!((share.of, share.share, share.status()), (0, None, MetricStatus::NoData));
    server.stop().await;
}

/// The touchpoints of a journey, page by page.
async fn journey(server: &Server, customer: &str) -> Vec<CustomerTouchpoint> {
    let mut request = ListCustomerJourneyRequest {
        customer_id: customer.to_owned(),
        page_size: 2,
        ..ListCustomerJourneyRequest::default()
    };
    let mut found = Vec::new();
    loop {
        let page = server.journeys.clone().list_customer_journey(request.clone()).await.unwrap();
        let page = page.into_inner();
        assert!(page.touchpoints.len() <= 2);
        found.extend(page.touchpoints);
        if page.next_page_token.is_empty() {
            return found;
        }
        request.page_token = page.next_page_token;
    }
}

async fn a_customers_journey_says_what_followed_from_what(engine: Engine) {
    let server = Server::start(engine).await;
    let returned = Payload::Return {
        order_id: Some("o".to_owned()),
        kind: ReturnKind::Returned,
        refund: None,
        items: None,
        full: None,
        reason: None,
    };
    let case = |action| Payload::Case { case_id: "k".into(), action, handler: None, reason: None };
    let asks = Some(Stage::Support);
    let all = vec![
        order("c", 0),
        call("c", DAY, 5),
        call("c", 2 * DAY, 5),
        interaction("c", 3 * DAY, Channel::Phone, asks, case(CaseAction::Solved)),
        interaction("c", 4 * DAY, Channel::Phone, asks, case(CaseAction::Reopened)),
        answer("c", 5 * DAY, SurveyKind::Csat, 2),
        interaction("c", 50 * DAY, Channel::InStore, None, returned),
        order("other", 1),
    ];
    record(&server, all).await;
    let found = journey(&server, "c").await;
    let told: Vec<_> = found
        .iter()
        .map(|one| (one.journey, one.place, one.since_previous.map(|since| since.seconds / DAY)))
        .collect();
    let expected = [
        (1, 1, None),
        (1, 2, Some(1)),
        (1, 3, Some(1)),
        (1, 4, Some(1)),
        (1, 5, Some(1)),
        (1, 6, Some(1)),
        (2, 1, Some(45)),
    ];
    assert_eq!(told, expected);
    let causes: Vec<Vec<(JourneyRelation, usize, bool)>> = found
        .iter()
        .map(|one| {
            let of = |cause: &cx_server::proto::JourneyCause| {
                let named =
                    |other: &CustomerTouchpoint| other.interaction_id == cause.interaction_id;
                (cause.relation(), found.iter().position(named).unwrap(), cause.inferred)
            };
            one.causes.iter().map(of).collect()
        })
        .collect();
    use JourneyRelation::{AskedAbout, Ordered, ReopenedAfter, SameCase, SameReason};
    assert_eq!(
        causes,
        [
            vec![],
            vec![],
            vec![(SameReason, 1, true)],
            vec![],
            vec![(SameCase, 3, false), (ReopenedAfter, 3, false)],
            vec![(AskedAbout, 4, true)],
            vec![(Ordered, 0, false)],
        ]
    );
    server.stop().await;
}

on_both_engines!(
    the_map_is_the_one_known_by_construction,
    arrival_in_any_order_gives_the_same_answer,
    paths_are_those_known_by_construction,
    a_conversion_is_the_one_known_by_construction,
    a_customers_journey_says_what_followed_from_what,
);
