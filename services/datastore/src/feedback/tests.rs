//! Which texts are to be read, who may write what was read, and what is never written.

use super::*;
use crate::Error;
use crate::testing::{at, on_every_engine, samples};
use cx_analytics::codes::FeedbackAction;
use cx_analytics::{Channel, Interaction, Payload};

const LEASE: i64 = 10_000_000;

fn note(customer: &str, id: &str, text: &str) -> Interaction {
    Interaction {
        customer_id: customer.to_owned(),
        interaction_id: id.to_owned(),
        occurred_at: at(0),
        channel: Channel::Phone,
        stage: None,
        payload: Payload::StaffNote { author_role: None, topic: None, text: text.to_owned() },
    }
}

async fn unread(store: &Store, analyser: &str) -> Vec<Unread> {
    let range = (Timestamp::MIN, Timestamp::MAX);
    store.feedback_unread(analyser, range, None, 1_000).await.expect("an answer")
}

fn read(unread: Vec<Unread>) -> Vec<(Unread, Annotation)> {
    let analyser = Analyser::default();
    unread.into_iter().map(|one| (one.clone(), analyser.annotate(&one.text))).collect()
}

#[tokio::test]
async fn a_text_is_unread_until_this_analyser_read_it() {
    on_every_engine(async |store| {
        let records =
            [note("a", "2", "late again"), note("a", "1", "late"), note("b", "1", "fine")];
        store.interactions_record(records[..2].to_vec(), at(10)).await.expect("stored");
        store.interactions_record(records[2..].to_vec(), at(5)).await.expect("stored");
        let key = |one: &Unread| format!("{}{}", one.customer_id, one.interaction_id);
        let keys = |all: &[Unread]| all.iter().map(key).collect::<Vec<_>>();
        let all = unread(&store, "x").await;
        assert_eq!(keys(&all), ["b1", "a1", "a2"], "by arrival");
        let within = store.feedback_unread("x", (at(5), at(10)), None, 9).await.expect("an answer");
        assert_eq!(keys(&within), ["b1"]);
        let range = (at(5), at(11));
        let page = store.feedback_unread("x", range, None, 2).await.expect("an answer");
        assert_eq!(keys(&page), ["b1", "a1"]);
        let page = store.feedback_unread("x", range, page.last(), 2).await.expect("an answer");
        assert_eq!(keys(&page), ["a2"]);

        store.duty_hold(Duty::Voice, "me", at(20), LEASE).await.expect("held");
        store.feedback_annotate(("x", "me"), &read(all[..2].to_vec())).await.expect("written");
        assert_eq!(keys(&unread(&store, "x").await), ["a2"]);
        assert_eq!(keys(&unread(&store, "y").await), ["b1", "a1", "a2"], "another reads them anew");
        assert!(store.feedback_outdated("y").await.expect("an answer"));
        assert!(!store.feedback_outdated("x").await.expect("an answer"));

        // Read anew, in another language: nothing of before is left.
        let mut again = read(all[1..2].to_vec());
        again[0].1 = Annotation { language: None, sentiment: None, terms: Vec::new() };
        store.feedback_annotate(("y", "me"), &again).await.expect("written");
        assert_eq!(store.feedback_theme_count("a").await.expect("an answer"), 0);
        assert_eq!(store.feedback_count().await.expect("an answer"), 2);
    })
    .await;
}

#[tokio::test]
async fn only_who_has_the_duty_writes_and_nothing_of_the_erased() {
    on_every_engine(async |store| {
        let records =
            vec![note("a", "1", "The parcel is late"), note("b", "1", "The parcel is late")];
        store.interactions_record(records, at(0)).await.expect("stored");
        let found = read(unread(&store, "x").await);
        let refused = store.feedback_annotate(("x", "me"), &found).await;
        assert!(matches!(refused, Err(Error::LeaseLost)), "nobody has it");
        store.duty_hold(Duty::Voice, "me", at(1), LEASE).await.expect("held");
        store.customer_erase("a", at(2)).await.expect("erased");
        store.feedback_annotate(("x", "me"), &found).await.expect("written");
        assert_eq!(store.feedback_count().await.expect("an answer"), 1);
        assert_eq!(store.feedback_theme_count("a").await.expect("an answer"), 0);
        assert_eq!(store.feedback_theme_count("b").await.expect("an answer"), 3);
        store.customer_erase("b", at(3)).await.expect("erased");
        assert_eq!(store.feedback_count().await.expect("an answer"), 0);
        assert_eq!(store.feedback_theme_count("b").await.expect("an answer"), 0);
        let put = store.feedback_analyser_put((&Analyser::default(), 1), "other", at(4)).await;
        assert!(matches!(put, Err(Error::LeaseLost)));
    })
    .await;
}

/// Of records of every kind, what is feedback is told by a slow count.
#[tokio::test]
async fn what_is_feedback_is_what_a_slow_count_says() {
    on_every_engine(async |store| {
        let records = samples::interactions(11, 2_000, 20);
        let said = |payload: &Payload| {
            let raised = |action: &FeedbackAction| *action == FeedbackAction::Raised;
            let text = match payload {
                Payload::Survey { comment: text, .. } | Payload::Review { text, .. } => {
                    text.clone()
                }
                Payload::Complaint { action, text, topic, .. }
                | Payload::FeatureRequest { action, text, topic, .. } => {
                    text.clone().or(topic.clone()).filter(|_| raised(action))
                }
                Payload::StaffNote { text, .. } => Some(text.clone()),
                Payload::Case { action, reason, .. } => {
                    reason.clone().filter(|_| *action == cx_analytics::codes::CaseAction::Opened)
                }
                _ => None,
            };
            text.filter(|text| !text.is_empty())
        };
        let mut wanted: Vec<(String, String)> = records
            .iter()
            .filter_map(|record| Some((record.interaction_id.clone(), said(&record.payload)?)))
            .collect();
        wanted.sort();
        store.interactions_record(records, at(0)).await.expect("stored");
        let all = unread(&store, "x").await;
        let mut found: Vec<_> =
            all.iter().map(|one| (one.interaction_id.clone(), one.text.clone())).collect();
        found.sort();
        assert!(found.len() > 100);
        assert_eq!(found, wanted);
        // The list has the same, page by page, newest first.
        let filter = FeedbackFilter::default();
        let (mut after, mut listed) = (None, Vec::new());
        loop {
            let range = Timestamp::MIN..Timestamp::MAX;
            let page =
                FeedbackPage { segmentation_id: None, range, filter: &filter, after, limit: 7 };
            let rows = store.feedback_list(&page).await.expect("a page");
            let Some(last) = rows.last() else { break };
            let last = &last.stored.interaction;
            after = Some(FeedbackKey {
                occurred_at: last.occurred_at,
                customer_id: last.customer_id.clone(),
                interaction_id: last.interaction_id.clone(),
            });
            listed.extend(rows.into_iter().map(|row| row.stored.interaction));
        }
        assert!(listed.is_sorted_by(|a, b| {
            (a.occurred_at, &a.customer_id, &a.interaction_id)
                > (b.occurred_at, &b.customer_id, &b.interaction_id)
        }));
        let mut ids: Vec<String> = listed.into_iter().map(|one| one.interaction_id).collect();
        ids.sort();
        assert_eq!(ids, wanted.into_iter().map(|(id, _)| id).collect::<Vec<_>>());
    })
    .await;
}
