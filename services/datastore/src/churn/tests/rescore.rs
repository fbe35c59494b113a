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
        assert_eq!(store.churn_live().await.expect("read"), ["m"]);
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
