//! Questions about journeys that are refused, with every rule that they break.

use cx_server::proto::{
    GetJourneyConversionRequest, GetJourneyMapRequest, JourneyCondition, JourneyFilter,
    ListCustomerJourneyRequest, ListJourneyPathsRequest,
};

use crate::journeys::{days, hundred_days, map, wire};
use crate::support::{Engine, Server, reason_of, violations_of};

async fn every_rule_broken_is_named_by_its_field(engine: Engine) {
    let mut server = Server::start(engine).await;
    let bad = || JourneyFilter {
        persona_ids: vec![String::new()],
        kinds: vec![6, 6, 0, 99],
        customer_actions_only: true,
    };
    let fields = |refused: tonic::Status| {
        let mut fields: Vec<String> =
            violations_of(&refused).into_iter().map(|(field, _)| field).collect();
        fields.sort();
        fields
    };
    let filter = ["filter.kinds[1]", "filter.kinds[2]", "filter.kinds[3]", "filter.persona_ids[0]"];
    let with = |own: &[&'static str]| {
        let mut all = [own, &filter].concat();
        all.sort_unstable();
        all
    };

    let request = GetJourneyMapRequest {
        start_time: wire(5),
        end_time: wire(5),
        as_of: Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 }),
        filter: Some(bad()),
        drop_off_after: days(367),
        next_limit: Some(21),
        confidence: 1.0,
        low_sample_floor: -1,
        ..GetJourneyMapRequest::default()
    };
    let refused = server.journeys.get_journey_map(request).await.unwrap_err();
    let own =
        ["as_of", "confidence", "drop_off_after", "low_sample_floor", "next_limit", "start_time"];
    assert_eq!(fields(refused), with(&own));

    let request = ListJourneyPathsRequest {
        start_time: wire(5),
        as_of: wire(5),
        filter: Some(bad()),
        touchpoint: 9,
        max_length: 8,
        new_journey_after: days(0),
        ..ListJourneyPathsRequest::default()
    };
    let refused = server.journeys.list_journey_paths(request).await.unwrap_err();
    let own = ["max_length", "new_journey_after", "start_time", "touchpoint"];
    assert_eq!(fields(refused), with(&own));

    let twice = JourneyCondition { kinds: vec![1, 1], channels: vec![13], stages: vec![0] };
    let request = GetJourneyConversionRequest {
        to: Some(twice),
        within: days(-1),
        filter: Some(bad()),
        ..GetJourneyConversionRequest::default()
    };
    let refused = server.journeys.get_journey_conversion(request).await.unwrap_err();
    let own = ["from", "to.channels[0]", "to.kinds[1]", "to.stages[0]", "within"];
    assert_eq!(fields(refused), with(&own));

    let request = ListCustomerJourneyRequest {
        new_journey_after: days(367),
        ..ListCustomerJourneyRequest::default()
    };
    let refused = server.journeys.list_customer_journey(request).await.unwrap_err();
    assert_eq!(fields(refused), ["customer_id", "new_journey_after"]);

    let apart = GetJourneyMapRequest { by_persona: true, ..hundred_days() };
    let refused = server.journeys.get_journey_map(apart).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_SEGMENTATION");
    // Nothing stored, nothing said: nothing found.
    assert!(map(&mut server, GetJourneyMapRequest::default()).await.is_empty());
    server.stop().await;
}

on_both_engines!(every_rule_broken_is_named_by_its_field);
