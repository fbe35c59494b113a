//! What customers say: read soon after arrival, counted exactly, the same in any order of arrival, gone with the customer.

mod themes;

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
use themes::{known, of_known, theme};

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
    what_scored_texts_teach_is_read_in_all_texts,
    any_order_of_arrival_gives_the_same,
    the_erased_leave_no_word,
    every_script_is_kept_and_read,
);
