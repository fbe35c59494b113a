//! Whose touchpoints, and which interactions are one.

use super::*;
use crate::sql;
use cx_analytics::codes::{CaseAction, EngagementAction, FeedbackAction, SurveyAction, SurveyKind};

async fn assign(store: &Store, customer: &str, persona: i16) {
    store
        .write(async |tx| {
            let text = "INSERT INTO assignment (customer_id, segmentation_id, persona, distance, runner_up, runner_up_distance, outlier)
                        VALUES ($1, 's1', $2, 0, 0, 0, 0)";
            sql::execute(tx, text, vec![customer.into(), persona.into()]).await
        })
        .await
        .expect("assigned");
}

#[tokio::test]
async fn personas_are_told_apart_and_filtered_by() {
    on_every_engine(async |store| {
        record(&store, known()).await;
        for (customer, persona) in [("a", 0), ("b", 1), ("d", 1)] {
            assign(&store, customer, persona).await;
        }
        let apart = Touchpoints { by_persona: true, segmentation_id: Some("s1"), ..fifty_days() };
        let one = Touchpoints { personas: &[1], ..apart.clone() };
        let (cells, _) = store.journey_map(&apart, 10 * DAY).await.expect("the map");
        let of = |persona: Option<i16>| -> i64 {
            let cells = cells.iter().filter(|(cell, _)| cell.persona == persona);
            cells.map(|(_, counts)| counts.interactions).sum()
        };
        assert_eq!((of(None), of(Some(0)), of(Some(1))), (5, 3, 5));
        let (only, steps) = store.journey_map(&one, 10 * DAY).await.expect("the map");
        let filtered = cells.into_iter().filter(|(cell, _)| cell.persona == Some(1));
        assert_eq!(only, filtered.collect());

        assert!(steps.len() == 2 && steps.iter().all(|step| step.from.persona == Some(1)));

        let other = Touchpoints { by_persona: false, personas: &[0], ..apart.clone() };
        let (found, known, open) = paths(&store, &other, RULES).await;
        assert_eq!((found, known, open), (vec!["1/2 1/3 5/6: 1 1 1 3 3".to_owned()], 1, 0));

        let from = Condition { stages: vec![Stage::Consideration], ..Condition::default() };
        let to = Condition { stages: vec![Stage::Purchase], ..Condition::default() };
        let found = store.journey_conversions(&apart, (&from, &to), 10 * DAY).await.expect("some");
        let shares: Vec<_> = found.iter().map(|(persona, one)| (*persona, one.share)).collect();
        let share = |hits, of, excluded| Share { hits, of, excluded };
        assert_eq!(
            shares,
            [(None, share(0, 1, 0)), (Some(0), share(1, 1, 0)), (Some(1), share(1, 1, 1))]
        );
    })
    .await;
}

/// What the company does, one of each, and beside it what the customer does.
fn both_sides() -> Vec<Interaction> {
    let engagement =
        |action| Payload::Engagement { action, delivered: None, duration: None, subject: None };
    let case = |action| Payload::Case { case_id: "k".into(), action, handler: None, reason: None };
    let survey = |action| Payload::Survey {
        survey_id: None,
        kind: SurveyKind::Csat,
        action,
        score: None,
        comment: None,
    };
    let complaint = |action| Payload::Complaint {
        complaint_id: Some("c".into()),
        action,
        topic: None,
        text: None,
    };
    let wish = |action| Payload::FeatureRequest {
        request_id: Some("f".into()),
        action,
        topic: None,
        text: None,
    };
    let note = Payload::StaffNote { author_role: None, topic: None, text: "n".into() };
    let payloads = [
        engagement(EngagementAction::Open),
        case(CaseAction::Opened),
        case(CaseAction::Reopened),
        survey(SurveyAction::Dismissed),
        complaint(FeedbackAction::Raised),
        wish(FeedbackAction::Raised),
        engagement(EngagementAction::Sent),
        engagement(EngagementAction::Ad),
        case(CaseAction::FirstResponse),
        case(CaseAction::Solved),
        survey(SurveyAction::Delivered),
        complaint(FeedbackAction::Answered),
        wish(FeedbackAction::Answered),
        note,
    ];
    let one = |(day, payload)| Interaction {
        payload,
        ..touch("a", &format!("{day:02}"), day, WEB, None)
    };
    (0..).zip(payloads).map(one).collect()
}

#[tokio::test]
async fn what_the_company_does_and_other_kinds_are_no_touchpoints_where_asked() {
    on_every_engine(async |store| {
        record(&store, both_sides()).await;
        let count = async |of: &Touchpoints<'_>| {
            let (cells, _) = store.journey_map(of, DAY).await.expect("the map");
            cells.values().map(|counts| counts.interactions).sum::<i64>()
        };
        let all = fifty_days();
        assert_eq!(count(&all).await, 14);
        assert_eq!(count(&Touchpoints { customer_actions: true, ..all.clone() }).await, 6);
        let cases = Touchpoints { kinds: &[Kind::Case, Kind::Order], ..all.clone() };
        assert_eq!(count(&cases).await, 4);
        assert_eq!(count(&Touchpoints { customer_actions: true, ..cases }).await, 2);
        // The last thing the customer did was on day 5, whatever the company sent afterwards.
        let own = Touchpoints { customer_actions: true, ..all };
        let (cells, _) = store.journey_map(&own, DAY).await.expect("the map");
        let ended: Vec<i64> = cells.values().map(|counts| counts.customers_ended).collect();
        assert_eq!(ended, [1]);
    })
    .await;
}
