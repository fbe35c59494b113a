//! What `FeedbackService` refuses, and how it says so.

use cx_server::proto::{FeedbackFilter, ListFeedbackRequest, ListThemesRequest, TimeBucket};
use tonic::Code;

use crate::support::{Engine, Server, reason_of, violations_of};
use crate::voice::{DAY, at, feedback, idle, review, said};

async fn every_rule_is_named(engine: Engine) {
    let server = idle(engine).await;
    let filter = FeedbackFilter {
        kinds: vec![9],
        languages: vec!["pt".to_owned(), "xx".to_owned()],
        sentiments: vec![0, 7],
        theme_ids: vec![String::new()],
        channels: vec![99],
        min_score: Some(1.5),
        max_score: Some(f64::NAN),
        ..FeedbackFilter::default()
    };
    let wrong = ListFeedbackRequest {
        start_time: at(DAY),
        end_time: at(0),
        filter: Some(filter.clone()),
        words: vec!["two words".to_owned(), String::new()],
        ..ListFeedbackRequest::default()
    };
    let refused = feedback(&server).list_feedback(wrong).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason_of(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    let fields: Vec<String> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let filtered = [
        "filter.kinds[0]",
        "filter.channels[0]",
        "filter.sentiments[0]",
        "filter.sentiments[1]",
        "filter.languages[1]",
        "filter.theme_ids[0]",
        "filter.min_score",
        "filter.max_score",
    ];
    for field in filtered.iter().chain(&["start_time", "words[0]", "words[1]"]) {
        assert!(fields.iter().any(|found| found == field), "{field} is not in {fields:?}");
    }

    let wrong = ListThemesRequest {
        filter: Some(filter),
        min_customers: -1,
        order_by: 9,
        bucket: 9,
        time_zone: "Mars".to_owned(),
        confidence: 2.0,
        quotes: Some(11),
        ..ListThemesRequest::default()
    };
    let refused = feedback(&server).list_themes(wrong).await.unwrap_err();
    let fields: Vec<String> = violations_of(&refused).into_iter().map(|(field, _)| field).collect();
    let own = ["min_customers", "order_by", "bucket", "time_zone", "confidence", "quotes"];
    for field in filtered.iter().chain(&own) {
        assert!(fields.iter().any(|found| found == field), "{field} is not in {fields:?}");
    }
    let many = ListThemesRequest {
        start_time: at(0),
        end_time: at(2000 * DAY),
        bucket: TimeBucket::Day.into(),
        ..ListThemesRequest::default()
    };
    let refused = feedback(&server).list_themes(many).await.unwrap_err();
    assert_eq!(violations_of(&refused)[0].0, "bucket");
}

async fn personas_need_a_segmentation(engine: Engine) {
    let server = idle(engine).await;
    let filter =
        Some(FeedbackFilter { persona_ids: vec!["p".to_owned()], ..FeedbackFilter::default() });
    let list = ListFeedbackRequest { filter: filter.clone(), ..ListFeedbackRequest::default() };
    let refused = feedback(&server).list_feedback(list).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_SEGMENTATION");
    let list = ListThemesRequest { filter, ..ListThemesRequest::default() };
    let refused = feedback(&server).list_themes(list).await.unwrap_err();
    assert_eq!(reason_of(&refused), "NO_ACTIVE_SEGMENTATION");
}

async fn a_token_is_of_its_request(engine: Engine) {
    let mut server: Server = idle(engine).await;
    let records =
        (0..3).map(|n| said("a", &format!("{n}"), n, review(None, "It is what it is"))).collect();
    crate::membership::ingest(&mut server, records).await;
    let first = ListFeedbackRequest { page_size: 2, ..ListFeedbackRequest::default() };
    let page = feedback(&server).list_feedback(first.clone()).await.unwrap().into_inner();
    assert_eq!(page.feedback.len(), 2);
    let next = ListFeedbackRequest {
        page_token: page.next_page_token.clone(),
        page_size: 1,
        ..first.clone()
    };
    assert_eq!(feedback(&server).list_feedback(next).await.unwrap().into_inner().feedback.len(), 1);
    let other = ListFeedbackRequest {
        page_token: page.next_page_token.clone(),
        words: vec!["what".to_owned()],
        ..first
    };
    let refused = feedback(&server).list_feedback(other).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
    let other =
        ListThemesRequest { page_token: page.next_page_token, ..ListThemesRequest::default() };
    let refused = feedback(&server).list_themes(other).await.unwrap_err();
    assert_eq!(reason_of(&refused), "INVALID_PAGE_TOKEN");
}

on_both_engines!(every_rule_is_named, personas_need_a_segmentation, a_token_is_of_its_request);
