//! What customers say: read soon after arrival, counted exactly, the same in any order of arrival, gone with the customer.

use std::time::{Duration, Instant};

use cx_datastore::Store;
use cx_server::proto::{
    self, CaseEvent, Channel, Complaint, FeatureRequest, Feedback, FeedbackAction, FeedbackFilter,
    FeedbackKind, FeedbackReading, FeedbackSentiment, GetFeedbackAnalyserRequest, Interaction,
    ListFeedbackRequest, ListThemesRequest, ListThemesResponse, Review, StaffNote, Survey, Theme,
    ThemeOrder, TimeBucket, case_event, interaction::Payload, survey,
};
use cx_server::serve::Options;
use cx_server::work::{refresh::Freshness, voice};

use crate::membership::{fresh, ingest, run};
use crate::support::records::two_kinds;
use crate::support::{Engine, Server};

/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200;
pub const DAY: i64 = 86_400;

pub fn at(second: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: START + second, nanos: 0 })
}

/// A server that leaves texts to others: a test says when they are read.
pub async fn idle(engine: Engine) -> Server {
    let freshness = Freshness { interval: Duration::ZERO, ..Freshness::default() };
    Server::start_with(engine, Options { freshness, ..Options::default() }).await
}

pub fn said(customer: &str, id: &str, second: i64, payload: Payload) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: at(second),
        channel: Channel::Email.into(),
        payload: Some(payload),
        ..Interaction::default()
    }
}

pub fn nps(score: i32, comment: &str) -> Payload {
    Payload::Survey(Survey {
        kind: survey::Kind::NpsRelational.into(),
        score: Some(score),
        comment: comment.to_owned(),
        ..Survey::default()
    })
}

pub fn review(rating: Option<i32>, text: &str) -> Payload {
    Payload::Review(Review { rating, text: text.to_owned(), ..Review::default() })
}

fn complaint(topic: &str, text: &str, action: FeedbackAction) -> Payload {
    Payload::Complaint(Complaint {
        complaint_id: "1".to_owned(),
        action: action.into(),
        topic: topic.to_owned(),
        text: text.to_owned(),
    })
}

/// One text of each kind, and what is no feedback.
fn of_each_kind() -> Vec<Interaction> {
    let request = FeatureRequest {
        text: "Please add a dark mode to the app".to_owned(),
        ..FeatureRequest::default()
    };
    let note = StaffNote {
        text: "The customer was happy with the new agent".to_owned(),
        ..StaffNote::default()
    };
    let case = |action: case_event::Action| {
        let (case_id, reason) = ("k".to_owned(), "damaged parcel".to_owned());
        Payload::CaseEvent(CaseEvent {
            case_id,
            action: action.into(),
            reason,
            ..CaseEvent::default()
        })
    };
    let mut staff = said("e", "note", 50, Payload::StaffNote(note));
    staff.channel = Channel::Phone.into();
    vec![
        said(
            "a",
            "comment",
            10,
            nps(2, "The delivery was late and nobody answered, this is terrible"),
        ),
        said(
            "b",
            "review",
            20,
            review(Some(5), "O produto é ótimo, chegou antes do prazo e recomendo para todos"),
        ),
        said(
            "c",
            "raised",
            30,
            complaint("billing", "I was charged twice and that is wrong", FeedbackAction::Raised),
        ),
        said("c", "topic", 31, complaint("billing", "", FeedbackAction::Raised)),
        said(
            "c",
            "answered",
            32,
            complaint("billing", "We are sorry for this error", FeedbackAction::Answered),
        ),
        said("d", "request", 40, Payload::FeatureRequest(request)),
        staff,
        said("f", "opened", 60, case(case_event::Action::Opened)),
        said("f", "solved", 61, case(case_event::Action::Solved)),
        said("g", "silent", 70, nps(9, "")),
        said("g", "rated", 71, review(Some(1), "")),
    ]
}

pub async fn list(server: &mut Server, filter: FeedbackFilter) -> Vec<Feedback> {
    pages(server, ListFeedbackRequest { filter: Some(filter), ..ListFeedbackRequest::default() })
        .await
}

/// All pages of a list.
async fn pages(server: &Server, mut request: ListFeedbackRequest) -> Vec<Feedback> {
    let mut client = feedback(server);
    let mut all = Vec::new();
    loop {
        let page = client.list_feedback(request.clone()).await.unwrap().into_inner();
        all.extend(page.feedback);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

pub type Client = proto::feedback_service_client::FeedbackServiceClient<tonic::transport::Channel>;

pub fn feedback(server: &Server) -> Client {
    Client::new(server.channel.clone())
}

pub async fn themes(server: &Server, request: ListThemesRequest) -> ListThemesResponse {
    feedback(server).list_themes(request).await.unwrap().into_inner()
}

fn ids(found: &[Feedback]) -> Vec<&str> {
    found.iter().map(|one| one.interaction.as_ref().unwrap().interaction_id.as_str()).collect()
}

async fn a_text_is_read_soon_after_its_arrival_and_found_by_what_it_is(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    ingest(&mut server, of_each_kind()).await;
    let all = FeedbackFilter::default;
    let begun = Instant::now();
    let found = loop {
        let found = list(&mut server, all()).await;
        // Nothing that was acknowledged is missing, read or not.
        assert_eq!(
            ids(&found),
            ["opened", "note", "request", "topic", "raised", "review", "comment"]
        );
        if found.iter().all(|one| !one.analyser_id.is_empty()) {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "never read");
    };
    let kinds: Vec<FeedbackKind> = found.iter().map(Feedback::kind).collect();
    let [case, note, request, complaint, comment] = [
        FeedbackKind::Case,
        FeedbackKind::StaffNote,
        FeedbackKind::FeatureRequest,
        FeedbackKind::Complaint,
        FeedbackKind::Comment,
    ];
    assert_eq!(kinds, [case, note, request, complaint, complaint, FeedbackKind::Review, comment]);
    assert_eq!((found[0].text.as_str(), found[3].text.as_str()), ("damaged parcel", "billing"));
    let last = &found[6];
    assert_eq!((last.language.as_str(), last.sentiment()), ("en", FeedbackSentiment::Negative));
    assert!(last.sentiment_score.unwrap() < 0.0 && last.sentiment_confidence.unwrap() > 0.5);
    assert!(last.theme_ids.contains(&"en:deliveri".to_owned()), "{:?}", last.theme_ids);
    // The program itself knows no word of Portuguese, and says so.
    assert_eq!(
        (found[5].language.as_str(), found[5].sentiment()),
        ("pt", FeedbackSentiment::Unknown)
    );
    assert_eq!(found[5].sentiment_score, None);

    let mut only = async |filter: FeedbackFilter| -> String {
        let found = list(&mut server, filter).await;
        ids(&found).join(" ")
    };
    let kinds = vec![complaint.into(), note.into()];
    assert_eq!(only(FeedbackFilter { kinds, ..all() }).await, "note topic raised");
    assert_eq!(only(FeedbackFilter { languages: vec!["pt".to_owned()], ..all() }).await, "review");
    assert_eq!(
        only(FeedbackFilter { languages: vec!["und".to_owned()], ..all() }).await,
        "opened topic"
    );
    let of = |sentiment: FeedbackSentiment| FeedbackFilter {
        sentiments: vec![sentiment.into()],
        ..all()
    };
    assert_eq!(only(of(FeedbackSentiment::Unknown)).await, "opened topic review");
    assert_eq!(only(of(FeedbackSentiment::Negative)).await, "raised comment");
    assert_eq!(
        only(FeedbackFilter { channels: vec![Channel::Phone.into()], ..all() }).await,
        "note"
    );
    let theme_ids = vec!["en:deliveri".to_owned(), "en:charg".to_owned()];
    assert_eq!(only(FeedbackFilter { theme_ids, ..all() }).await, "raised comment");
    assert_eq!(only(FeedbackFilter { max_score: Some(0.2), ..all() }).await, "comment");
    assert_eq!(only(FeedbackFilter { max_score: Some(0.1999), ..all() }).await, "");
    assert_eq!(only(FeedbackFilter { min_score: Some(1.0), ..all() }).await, "review");

    let words = |words: &[&str]| ListFeedbackRequest {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..ListFeedbackRequest::default()
    };
    assert_eq!(ids(&pages(&server, words(&["OTIMO", "prazo"])).await), ["review"]);
    assert!(pages(&server, words(&["deliver"])).await.is_empty(), "whole words");
    let range = ListFeedbackRequest {
        start_time: at(20),
        end_time: at(31),
        page_size: 1,
        ..Default::default()
    };
    assert_eq!(ids(&pages(&server, range).await), ["raised", "review"]);
}

/// 40 customers in the range, of whom 10 speak of late deliveries with low scores, one of them three times; and 20 before, of whom 1 does.
async fn known(server: &mut Server) {
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

fn of_known() -> ListThemesRequest {
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

/// Reviews in Portuguese of 240 customers, of whom the odd ones complain.
fn scored() -> Vec<Interaction> {
    let good = [
        "Produto ótimo, recomendo muito",
        "Chegou antes do prazo e é ótimo",
        "Adorei o produto, é lindo",
    ];
    let bad = [
        "Produto ruim e não recomendo",
        "Não chegou no prazo e é péssimo",
        "Não gostei do produto, é feio",
    ];
    (0..240)
        .map(|number: i64| {
            let texts = if number % 2 == 0 { good } else { bad };
            let rating = if number % 2 == 0 { 5 } else { 1 };
            said(
                &format!("c{number:03}"),
                "r",
                number,
                review(Some(rating), texts[number as usize / 2 % 3]),
            )
        })
        .collect()
}

async fn what_scored_texts_teach_is_read_in_all_texts(engine: Engine) {
    let mut server = Server::start_with(engine, fresh()).await;
    let mut records = scored();
    records.push(said("z", "unscored", 900, review(None, "Não recomendo")));
    ingest(&mut server, records).await;
    let begun = Instant::now();
    let read = loop {
        let found = list(&mut server, FeedbackFilter::default()).await;
        let ids: std::collections::BTreeSet<_> =
            found.iter().map(|one| one.analyser_id.clone()).collect();
        if ids.len() == 1 && ids.first().unwrap().contains('-') {
            break found;
        }
        assert!(begun.elapsed() < Duration::from_secs(150), "never read anew: {ids:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!((read[0].text.as_str(), read[0].language.as_str()), ("Não recomendo", "pt"));
    assert_eq!(read[0].sentiment(), FeedbackSentiment::Negative);
    let analyser = feedback(&server)
        .get_feedback_analyser(GetFeedbackAnalyserRequest {})
        .await
        .unwrap()
        .into_inner();
    let analyser = analyser.analyser.unwrap();
    assert_eq!((&analyser.analyser_id, analyser.texts), (&read[0].analyser_id, 241));
    let report = &analyser.languages[0];
    assert_eq!((report.language.as_str(), report.reading()), ("pt", FeedbackReading::Learned));
    assert_eq!((report.negative, report.positive), (120, 120));
    assert!(report.accuracy > 0.99 && report.interval.as_ref().unwrap().lower > 0.95);
}

/// Everything that is told, as text.
async fn everything(server: &mut Server) -> String {
    let mut found = list(server, FeedbackFilter::default()).await;
    for one in &mut found {
        one.interaction.as_mut().unwrap().received_at = None;
    }
    let request = ListThemesRequest {
        start_time: at(-DAY),
        end_time: at(90 * DAY),
        min_customers: 1,
        ..ListThemesRequest::default()
    };
    format!("{found:?}{:?}", themes(server, request).await)
}

async fn any_order_of_arrival_gives_the_same(engine: Engine) {
    let mut wanted = None;
    for turn in 0..4usize {
        let mut server = idle(engine).await;
        let mut records = scored();
        records.extend(of_each_kind());
        let count = records.len();
        records.rotate_left(turn * 67 % count);
        if turn % 2 == 1 {
            records.reverse();
        }
        for part in records.chunks(50 + turn * 13) {
            ingest(&mut server, part.to_vec()).await;
            ingest(&mut server, part[..1].to_vec()).await;
        }
        voice::to_end(&server.store).await.unwrap();
        let found = everything(&mut server).await;
        assert!(found.contains("1-"), "learned");
        assert!(wanted.get_or_insert_with(|| found.clone()) == &found, "turn {turn} differs");
    }
}

async fn the_erased_leave_no_word(engine: Engine) {
    let mut server = idle(engine).await;
    known(&mut server).await;
    let count = async |store: &Store| store.feedback_count().await.unwrap();
    assert_eq!(count(&server.store).await, 63);
    let erase =
        proto::EraseCustomerRequest { customer_id: "c03".to_owned(), confirm: "c03".to_owned() };
    server.customers.erase_customer(erase).await.unwrap();
    assert_eq!(count(&server.store).await, 59);
    assert_eq!(server.store.feedback_theme_count("c03").await.unwrap(), 0);
    assert!(server.store.feedback_theme_count("c02").await.unwrap() > 0);
    let found = themes(&server, of_known()).await;
    assert_eq!(
        (theme(&found, "en:late+deliveri").texts, theme(&found, "en:late+deliveri").customers),
        (9, 9)
    );
    // Who read a text before the erasure writes nothing of it after.
    let texts = list(&mut server, FeedbackFilter::default()).await;
    assert!(texts.iter().all(|one| one.interaction.as_ref().unwrap().customer_id != "c03"));
}

async fn every_script_is_kept_and_read(engine: Engine) {
    let mut server = idle(engine).await;
    let texts = [
        "配送很慢，客服不回复我的邮件",
        "🙂🙂🙂",
        "배송이 늦었어요 정말 실망했습니다",
        "e\u{301} ótimo — não!",
        "ﷺ العربية",
        "<b>it's \"100%\" \\ _'; --</b>",
        "a\tb\nc",
        "नमस्ते दुनिया",
    ];
    let records: Vec<Interaction> = (0i64..)
        .zip(texts)
        .flat_map(|(n, text)| {
            (0..6).map(move |c| said(&format!("c{c}"), &format!("{n}"), n, review(None, text)))
        })
        .collect();
    ingest(&mut server, records).await;
    assert_eq!(voice::to_end(&server.store).await.unwrap(), 48);
    let found = list(&mut server, FeedbackFilter::default()).await;
    let kept: Vec<&str> = found.iter().rev().step_by(6).map(|one| one.text.as_str()).collect();
    assert_eq!(kept, texts);
    let request = ListThemesRequest {
        start_time: at(-DAY),
        end_time: at(DAY),
        min_customers: 2,
        ..ListThemesRequest::default()
    };
    let found = themes(&server, request).await;
    assert_eq!(theme(&found, "zh:客+服").label, "客服");
    assert_eq!(voice::to_end(&server.store).await.unwrap(), 0, "each once");
}

on_both_engines!(
    a_text_is_read_soon_after_its_arrival_and_found_by_what_it_is,
    themes_are_counted_exactly,
    themes_are_told_by_persona,
    what_scored_texts_teach_is_read_in_all_texts,
    any_order_of_arrival_gives_the_same,
    the_erased_leave_no_word,
    every_script_is_kept_and_read,
);
