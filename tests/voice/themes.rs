//! Themes: counted exactly, by period and persona.

use super::*;

/// 40 customers in the range, of whom 10 speak of late deliveries with low scores, one of them three times; and 20 before, of whom 1 does.
pub async fn known(server: &mut Server) {
    let mut records = Vec::new();
    for number in 0..40 {
        let name = format!("c{number:02}");
        let late = number < 10;
        let comment = if late {
            "A late delivery again and again"
        } else {
            "The colour of the shirt is what I wanted"
        };
        let day = 30 + if number % 2 == 0 { 0 } else { 1 };
        records.push(said(
            &name,
            "now",
            day * DAY + number,
            nps(if late { number as i32 % 4 } else { 8 + number as i32 % 3 }, comment),
        ));
        if number < 20 {
            let before = if number == 0 {
                "There was a late delivery"
            } else {
                "The colour of the shirt is what I wanted"
            };
            records.push(said(&name, "before", 10 * DAY + number, nps(9, before)));
        }
    }
    for more in ["x", "y"] {
        records.push(said(
            "c03",
            more,
            31 * DAY + 500,
            review(Some(1), "Late deliveries are what I get, LATE delivery!"),
        ));
    }
    records.push(said(
        "other",
        "german",
        30 * DAY,
        review(None, "Die Lieferung war wieder viel zu spät und niemand hat geantwortet"),
    ));
    ingest(server, records).await;
    voice::to_end(&server.store).await.unwrap();
}

pub fn of_known() -> ListThemesRequest {
    ListThemesRequest {
        start_time: at(30 * DAY),
        end_time: at(60 * DAY),
        bucket: TimeBucket::Day.into(),
        ..ListThemesRequest::default()
    }
}

pub fn theme<'a>(found: &'a ListThemesResponse, id: &str) -> &'a Theme {
    let named = |one: &&Theme| one.theme_id == id;
    found.themes.iter().find(named).unwrap_or_else(|| {
        panic!(
            "{id} is not among {:?}",
            found.themes.iter().map(|t| &t.theme_id).collect::<Vec<_>>()
        )
    })
}

async fn themes_are_counted_exactly(engine: Engine) {
    let mut server = idle(engine).await;
    known(&mut server).await;
    let found = themes(&server, of_known()).await;
    let late = theme(&found, "en:late+deliveri");
    assert_eq!((late.label.as_str(), late.language.as_str()), ("late delivery", "en"));
    assert_eq!((late.texts, late.customers, late.of_texts), (12, 10, 42));
    assert_eq!((late.texts_before, late.of_texts_before), (1, 20));
    let change = late.change.as_ref().unwrap();
    assert!((change.value - 12.0 / 42.0).abs() < 1e-12 && (change.other - 0.05).abs() < 1e-12);
    assert!(change.interval.as_ref().unwrap().lower > 0.0 && change.q_value < 0.05);
    // 10 NPS of 0 1 2 3 0 1 2 3 0 1 and two worst reviews, against 30 of 8, 9 and 10.
    let score = late.score.as_ref().unwrap();
    assert!(
        (score.value - 1.3 / 12.0).abs() < 1e-12 && (score.other - 0.9).abs() < 1e-12,
        "{score:?}"
    );
    assert!(score.interval.as_ref().unwrap().upper < -0.7 && score.p_value < 1e-6);
    let nps = late.nps_relational.as_ref().unwrap();
    assert!((nps.value + 100.0).abs() < 1e-9 && (nps.other - 200.0 / 3.0).abs() < 1e-9, "{nps:?}");
    assert_eq!(late.nps_transactional, None);
    let trend: Vec<(i64, i64)> =
        late.trend.iter().map(|point| (point.texts, point.of_texts)).collect();
    assert_eq!((trend.len(), &trend[..3]), (30, &[(5, 20), (7, 22), (0, 0)][..]));
    assert_eq!(late.trend[2].share, None);
    let quoted: Vec<&str> = late.quotes.iter().map(|quote| quote.customer_id.as_str()).collect();
    assert_eq!(quoted, ["c03", "c09", "c07"], "the newest of each");
    assert!(late.quotes[0].text.starts_with("Late deliveries"));
    assert!(found.themes.iter().all(|one| !one.theme_id.ends_with(":late")), "it is in the pair");
    // No German theme: one customer.
    let languages: Vec<_> = found
        .languages
        .iter()
        .map(|l| (l.language.as_str(), l.texts, l.customers, l.texts_before))
        .collect();
    assert!(
        languages.contains(&("en", 42, 40, 20)) && languages.contains(&("de", 1, 1, 0)),
        "{languages:?}"
    );

    // In order, page by page, the same as at once.
    for order in [ThemeOrder::Texts, ThemeOrder::Rising, ThemeOrder::Harmful] {
        let all = themes(&server, ListThemesRequest { order_by: order.into(), ..of_known() }).await;
        let mut request = ListThemesRequest { order_by: order.into(), page_size: 1, ..of_known() };
        let mut one_by_one = Vec::new();
        loop {
            let page = themes(&server, request.clone()).await;
            assert_eq!(page.total_size, all.themes.len() as i64);
            one_by_one.extend(page.themes);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(one_by_one, all.themes);
        if order != ThemeOrder::Texts {
            assert!(all.themes[0].theme_id.contains("late"), "{}", all.themes[0].theme_id);
        }
    }
    // A filter by score leaves only what goes with it; drilling down gives as many texts as were counted.
    let filter = FeedbackFilter { max_score: Some(0.5), ..FeedbackFilter::default() };
    let low = themes(&server, ListThemesRequest { filter: Some(filter), ..of_known() }).await;
    assert!(low.themes.iter().all(|one| one.theme_id.contains("deliveri") && one.of_texts == 12));
    let filter = FeedbackFilter {
        theme_ids: vec!["en:late+deliveri".to_owned()],
        ..FeedbackFilter::default()
    };
    let request = ListFeedbackRequest {
        filter: Some(filter),
        start_time: at(30 * DAY),
        ..ListFeedbackRequest::default()
    };
    assert_eq!(pages(&server, request).await.len(), 12);
}

async fn themes_are_told_by_persona(engine: Engine) {
    let mut server = idle(engine).await;
    let mut records = two_kinds(60);
    for (number, record) in records.iter_mut().enumerate() {
        if let Some(Payload::Complaint(complaint)) = &mut record.payload {
            complaint.text = "The delivery was late and I am not amused".to_owned();
        }
        // Of those who are content, every second one has something else to say.
        if let Some(Payload::Survey(survey)) = &mut record.payload
            && survey.score == Some(9)
            && number % 2 == 0
        {
            survey.comment = "The delivery was what I wanted and fast".to_owned();
        }
    }
    ingest(&mut server, records).await;
    voice::to_end(&server.store).await.unwrap();
    let quiet = themes(&server, ListThemesRequest::default()).await;
    assert!(
        quiet.segmentation_id.is_empty() && quiet.themes.iter().all(|one| one.personas.is_empty())
    );
    run(&mut server, 2, true).await;
    let start_time = Some(prost_types::Timestamp { seconds: START, nanos: 0 });
    let request = ListThemesRequest { start_time, ..ListThemesRequest::default() };
    let found = themes(&server, request.clone()).await;
    let (late, total) = (
        theme(&found, "en:deliveri+late"),
        found.languages.iter().find(|l| l.language == "en").unwrap(),
    );
    assert_eq!((late.texts, late.of_texts), (30, total.texts));
    assert_eq!(
        late.personas
            .iter()
            .map(|p| (p.texts, p.of_texts))
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1)),
        (30, total.texts)
    );
    let most = late.personas.iter().max_by_key(|p| p.texts).unwrap();
    let share = most.share.as_ref().unwrap();
    assert!(
        most.texts == 30 && share.value > 0.99 && share.other < 0.01 && share.q_value < 1e-6,
        "{most:?}"
    );
    assert!(!most.persona_name.is_empty());
    // Only of that persona: the others' texts are in no count.
    let filter =
        FeedbackFilter { persona_ids: vec![most.persona_id.clone()], ..FeedbackFilter::default() };
    let found =
        themes(&server, ListThemesRequest { filter: Some(filter.clone()), ..request }).await;
    assert_eq!(theme(&found, "en:deliveri+late").of_texts, 30);
    let listed = list(&mut server, filter).await;
    assert!(listed.len() >= 30 && listed.iter().all(|one| one.persona_id == most.persona_id));
}

on_both_engines!(themes_are_counted_exactly, themes_are_told_by_persona,);
