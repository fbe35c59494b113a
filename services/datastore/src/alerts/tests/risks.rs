//! Customers of high value at risk.

use super::*;

/// A model that gives these customers these probabilities becomes the active one.
pub(super) async fn activate(store: &Store, id: &str, risks: &[(&str, f64)], second: i64) {
    let write = async |tx: &sea_orm::DatabaseTransaction| {
        for (customer, probability) in risks {
            let band = if *probability < 0.7 { 2 } else { 3 };
            crate::sql::execute(
                tx,
                "INSERT INTO churn_risk (customer_id, churn_model_id, as_of, probability, band, urgency, value_at_risk,
                     last_activity_at, detail)
                 VALUES ($1, $2, 0, $3, $4, $4, -1, 0, '')",
                vec![(*customer).into(), id.into(), (*probability).into(), band.into()],
            )
            .await?;
        }
        crate::churn::activate(tx, crate::churn::DEFAULT_DEFINITION, (id, at(second)), at(second))
            .await
    };
    store.write(write).await.expect("a model");
}

pub(super) async fn at_risk(store: &Store, rule: &Rule, second: i64, raise: bool) -> usize {
    let Condition::HighValueAtRisk(of) = &rule.condition else { panic!("another kind") };
    let found = store.customers_at_risk(rule, of, at(second)).await.expect("read");
    let found = found.expect("a model");
    store.risks_note("me", rule, (&found, raise), at(second)).await.expect("noted")
}

#[tokio::test]
async fn who_comes_to_be_at_risk_is_raised_and_who_stays_so_is_not() {
    on_every_engine(async |store| {
        let condition = Condition::HighValueAtRisk(AtRisk {
            min_probability: 0.6,
            min_band: None,
            min_value: euros(10_000),
        });
        let rule = rule(&store, condition, 0).await;
        let orders = vec![
            order("a", "1", 1, 9_000),
            order("a", "2", 2, 1_000),
            order("b", "1", 1, 9_999),
            order("c", "1", 1, 50_000),
            order("d", "1", 1, 50_000),
            order("before", "1", 1, 50_000),
        ];
        put(&store, orders, 5).await;
        activate(&store, "m1", &[("before", 0.9)], 6).await;
        assert_eq!(at_risk(&store, &rule, 7, false).await, 0, "noted, not raised");
        let second = [("before", 0.9), ("a", 0.6), ("b", 0.9), ("c", 0.59), ("d", 0.95)];
        activate(&store, "m2", &second, 8).await;
        assert_eq!(at_risk(&store, &rule, 9, true).await, 2, "a and d");
        assert_eq!(at_risk(&store, &rule, 10, true).await, 0);
        put(&store, vec![order("b", "2", 11, 1)], 11).await;
        assert_eq!(at_risk(&store, &rule, 12, true).await, 1, "b has bought enough by now");
        // A new model: d stays at risk, a does not, c comes.
        activate(&store, "m3", &[("a", 0.1), ("before", 0.8), ("c", 0.7), ("d", 0.9)], 13).await;
        assert_eq!(at_risk(&store, &rule, 14, true).await, 1, "c");
        // Rolled back, a is at risk again, as that model had said before; so no news, as little as what c is now.
        activate(&store, "m2", &[], 15).await;
        assert_eq!(at_risk(&store, &rule, 16, true).await, 0);
        activate(&store, "m4", &[("a", 0.1)], 17).await;
        assert_eq!(at_risk(&store, &rule, 18, true).await, 0);
        activate(&store, "m5", &[("a", 0.8)], 19).await;
        assert_eq!(at_risk(&store, &rule, 20, true).await, 1, "a, another time");
        let alerts = all(&store).await;
        let found: Vec<(&str, &str)> = (alerts.iter())
            .map(|alert| match &alert.facts {
                Facts::Risk(risk) => (alert.customer_id.as_str(), risk.model_id.as_str()),
                other => panic!("{other:?}"),
            })
            .collect();
        let mut first = found[..2].to_vec();
        first.sort_unstable();
        assert_eq!(first, [("a", "m2"), ("d", "m2")]);
        assert_eq!(found[2..], [("b", "m2"), ("c", "m3"), ("a", "m5")]);
        let Facts::Risk(risk) = &alerts[4].facts else { panic!("{alerts:?}") };
        assert_eq!((risk.probability, risk.value), (0.8, euros(10_000)));
    })
    .await;
}
