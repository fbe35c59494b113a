//! Risks kept fresh, and the log of who crosses a band.

use super::*;
use crate::duties::Duty;
use crate::error::Error;

async fn changes(store: &Store, after: i64, bands: &[Band]) -> Vec<BandChange> {
    let of = ChangesOf { definition_id: DEFAULT_DEFINITION.to_owned(), bands: bands.to_vec() };
    store.churn_changes_after(after, &of, 100).await.expect("read")
}

/// Customer, from, to.
fn told(changes: &[BandChange]) -> Vec<(&str, Option<Band>, Option<Band>)> {
    changes.iter().map(|one| (one.customer_id.as_str(), one.from, one.to)).collect()
}

async fn refresh(
    store: &Store,
    model: &LiveModel,
    risks: &[Scored],
    none: &[String],
    second: i64,
) -> Result<usize> {
    let of = Rescored { model, as_of: at(second), risks, none };
    store.churn_risks_refresh(of, ("me", ChangeCause::NewData), at(second)).await
}

#[tokio::test]
async fn who_crosses_a_band_is_told_once_and_who_is_erased_or_objects_never() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let first = changes(&store, 0, &[]).await;
        assert_eq!(first.len(), 6, "everybody came to the list");
        assert!(first.iter().all(|one| one.cause == ChangeCause::NewModel && one.from.is_none()));
        let high = changes(&store, 0, &[Band::High]).await;
        assert_eq!(told(&high), [("b", None, Some(Band::High))]);
        assert_eq!(store.churn_live().await.expect("read"), [("m".to_owned(), at(0))]);
        let model = store.churn_live_get("m").await.expect("read").expect("live");

        let lost = refresh(&store, &model, &[], &[], 10).await;
        assert!(matches!(lost, Err(Error::LeaseLost)), "nobody has the duty: {lost:?}");
        store.duty_hold(Duty::Churn, "me", at(10), 1_000_000_000).await.expect("held");
        let consent = cx_analytics::Consent { profiling: Some(false), ..Default::default() };
        let objector =
            cx_analytics::Customer { customer_id: "b".to_owned(), consent, ..Default::default() };
        store.customers_upsert(vec![objector], at(9)).await.expect("upserted");
        store.customer_erase("Z", at(9)).await.expect("erased");
        let head = store.membership_head().await.expect("read");
        let found = [
            risk("c", 0.9, Some(1)),
            risk("é", 0.06, None),
            risk("new", 0.2, None),
            risk("b", 0.1, None),
            risk("Z", 0.9, None),
        ];
        let gone = ["a".to_owned(), "nobody".to_owned()];
        assert_eq!(refresh(&store, &model, &found, &gone, 11).await.expect("written"), 4);
        let after = changes(&store, head, &[]).await;
        let wanted = [
            ("c", Some(Band::Low), Some(Band::High)),
            ("new", None, Some(Band::Low)),
            ("a", Some(Band::Low), None),
        ];
        assert_eq!(told(&after), wanted, "that the objector is on no list is nobody's news");
        assert_eq!((after[0].cause, after[0].probability), (ChangeCause::NewData, Some(0.9)));
        let listed = walk(&store, RiskOrder::Probability, RiskFilter::default()).await;
        assert_eq!(listed, ["c", "new", "é"]);
        let moved = store.churn_risk_get("m", None, "é").await.expect("read").expect("a risk");
        assert_eq!((moved.risk.probability, moved.as_of), (0.06, at(11)));

        // Somebody looked later already.
        let late = [risk("c", 0.1, None)];
        assert_eq!(refresh(&store, &model, &late, &[], 11).await.expect("written"), 0);
        publish(&store, "other").await.expect("published");
        let lost = refresh(&store, &model, &late, &[], 20).await;
        assert!(matches!(lost, Err(Error::LeaseLost)), "another model is active: {lost:?}");
    })
    .await;
}

#[tokio::test]
async fn an_activation_tells_who_crosses_by_it_and_sets_the_duty_back() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let head = store.membership_head().await.expect("read");
        store.duty_hold(Duty::Churn, "me", at(10), 1_000_000_000).await.expect("held");
        let done = store.duty_done(Duty::Churn, "me", at(0), at(50)).await.expect("done");
        assert!(done, "done until the model's instant");
        store
            .write(async |tx| {
                sql::execute(tx, "UPDATE churn_risk SET band = 1 WHERE customer_id = 'b'", vec![])
                    .await
            })
            .await
            .expect("written");
        publish(&store, "next").await.expect("published");
        let after = changes(&store, head, &[]).await;
        assert_eq!(told(&after), [("b", Some(Band::Low), Some(Band::High))]);
        assert_eq!((after[0].cause, &*after[0].model_id), (ChangeCause::NewModel, "next"));
        let until = store.duty_hold(Duty::Churn, "me", at(11), 1_000_000_000).await.expect("held");
        assert_eq!(until, Some(at(0)), "what arrived since the model's instant is looked at again");
    })
    .await;
}

#[tokio::test]
async fn a_list_is_judged_by_what_became_of_its_customers() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let kept = store.churn_backtests(DEFAULT_DEFINITION, 9).await.expect("read");
        let [list] = &kept[..] else { panic!("{kept:?}") };
        let end = at(90 * 86_400);
        assert_eq!((list.as_of, list.ends_at, &list.quality), (at(0), end, &None));
        let due = |second: i64| store.churn_backtest_due(at(second));
        assert_eq!(due(90 * 86_400 - 1).await.expect("read"), None, "the horizon is not over");
        assert_eq!(due(90 * 86_400).await.expect("read"), Some(("m".to_owned(), at(0))));
        // Of a, b, c, Z and é, a and b come back in time, c a day too late; the one who had left is not asked about.
        let mut orders: Vec<_> = crate::testing::samples::interactions(20, 200, 1)
            .into_iter()
            .filter(|record| record.payload.kind() == cx_analytics::codes::Kind::Order)
            .take(4)
            .collect();
        for (order, (id, day)) in
            orders.iter_mut().zip([("a", 5), ("b", 89), ("c", 91), ("gone", 5)])
        {
            order.customer_id = id.to_owned();
            order.occurred_at = at(day * 86_400);
        }
        store.interactions_record(orders, at(0)).await.expect("record");
        let quality = store.churn_backtest_judge("m", at(0)).await.expect("judged");
        let quality = quality.expect("a list");
        assert_eq!((quality.customers, quality.churned), (5, 3));
        let said = [(THIRD, 0.0), (0.9, 0.0), (THIRD, 1.0), (THIRD, 1.0), (0.05, 1.0)];
        let brier =
            said.iter().map(|(said, left): &(f64, f64)| (said - left).powi(2)).sum::<f64>() / 5.0;
        assert!((quality.brier - brier).abs() < 1e-12, "{quality:?}");
        let kept = store.churn_backtests(DEFAULT_DEFINITION, 9).await.expect("read");
        assert_eq!(kept[0].quality.as_ref(), Some(&quality));
        assert_eq!(due(100 * 86_400).await.expect("read"), None, "once");
        assert!(
            !store.churn_list_keep("m", 90, at(6 * 86_400)).await.expect("read"),
            "this week's"
        );
        assert!(store.churn_list_keep("m", 90, at(8 * 86_400)).await.expect("kept"));
        assert_eq!(store.churn_backtests(DEFAULT_DEFINITION, 9).await.expect("read").len(), 2);
    })
    .await;
}

/// Old models go with their lists; the active one stays, however old, and so does what became of lists.
#[tokio::test]
async fn old_models_go_and_what_became_of_their_lists_stays() {
    on_every_engine(async |store| {
        for id in ["m1", "m2", "m3", "m4"] {
            publish(&store, id).await.expect("published");
        }
        let oldest = "UPDATE churn_definition SET churn_model_id = 'm1'";
        store.write(async |tx| sql::execute(tx, oldest, vec![]).await).await.expect("written");
        store
            .job_create(JobKind::ChurnTraining, "{}", true, None, "running".to_owned(), at(0))
            .await
            .expect("a job");
        assert_eq!(store.churn_models_prune(2, at(9)).await.expect("prune"), 1);
        assert_eq!(store.churn_models_prune(2, at(9)).await.expect("prune"), 0);
        let left = async || {
            let text = "SELECT DISTINCT churn_model_id FROM churn_risk ORDER BY churn_model_id";
            let rows = sql::query_all(store.read(), text, vec![]).await.expect("read");
            rows.iter()
                .map(|row| sql::Columns::of(row).take().expect("an id"))
                .collect::<Vec<String>>()
        };
        assert_eq!(left().await, ["m1", "m3", "m4"]);
        // A removal that was cut off is ended.
        let cut_off = "DELETE FROM churn_model WHERE churn_model_id = 'm4'";
        store.write(async |tx| sql::execute(tx, cut_off, vec![]).await).await.expect("written");
        assert_eq!(store.churn_models_prune(2, at(9)).await.expect("prune"), 1);
        assert_eq!(left().await, ["m1", "m3"]);
        assert!(store.job_get("m4").await.expect("read").is_none());
        assert!(store.job_get("running").await.expect("read").is_some());
        assert_eq!(store.churn_backtests(DEFAULT_DEFINITION, 9).await.expect("read").len(), 4);
        let judged = store.churn_backtest_judge("m2", at(0)).await.expect("judged");
        assert_eq!(judged.expect("a list").customers, 5);
    })
    .await;
}

/// A training that nobody asked for takes the place of the model that it was made for, and of no other.
#[tokio::test]
async fn who_was_made_active_meanwhile_stays() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        publish_in_place_of(&store, "next", Some("m")).await.expect("published");
        let active = async || {
            let definition = store.churn_definition_get(DEFAULT_DEFINITION).await.expect("read");
            definition.expect("a definition").model_id
        };
        assert_eq!(active().await.as_deref(), Some("next"));
        publish_in_place_of(&store, "late", Some("m")).await.expect("published");
        assert_eq!(active().await.as_deref(), Some("next"));
        assert!(store.churn_model_get("late").await.expect("read").is_some());
    })
    .await;
}
