use super::*;
use crate::testing::{at, on_every_engine};
use cx_analytics::churn::{Band, Reason, train};

fn risk(id: &str, probability: f64, value_at_risk: Option<i64>) -> Risk {
    let reason = Reason {
        feature: "recency_days".to_owned(),
        text: "last order 142 days ago".to_owned(),
        contribution: 0.25,
        value: None,
    };
    let band = if probability < 0.4 { Band::Low } else { Band::High };
    let reasons = vec![reason];
    Risk {
        customer_id: id.to_owned(),
        probability,
        band,
        reasons,
        value_at_risk,
        last_activity_at: at(-5),
    }
}

/// A third and its neighbours: pages must go on exactly where they ended.
const THIRD: f64 = 1.0 / 3.0;

fn risks() -> Vec<Risk> {
    vec![
        risk("a", THIRD, Some(5)),
        risk("b", 0.9, None),
        risk("Z", THIRD, Some(5)),
        risk("c", THIRD, Some(700)),
        risk("é", 0.05, None),
    ]
}

async fn publish(store: &Store, id: &str) -> Result<()> {
    let definition = Definition::default();
    let (scorer, training) = train(&definition, &[]);
    let currency = Currency::parse("EUR");
    let report = ChurnReport { training, customers_scored: 5, currency };
    let model = ChurnModel { as_of: at(0), definition, report };
    store.job_create(JobKind::ChurnTraining, "{}", true, None, id.to_owned(), at(1)).await?;
    let job = store.job_claim("w", at(2), 1_000_000).await?.expect("a job");
    let (owner, risks) = ("w", risks());
    let of = ChurnPublication { job: &job, owner, model: &model, scorer: &scorer, risks: &risks };
    store.churn_publish(of, at(3)).await?;
    assert_eq!(store.churn_model_get(id).await?, Some(model));
    Ok(())
}

/// All pages of one risk each.
async fn walk(store: &Store, order: RiskOrder, filter: RiskFilter) -> Vec<String> {
    let mut page =
        RiskPage { model_id: "m", segmentation_id: None, filter, order, after: None, limit: 1 };
    let mut ids = Vec::new();
    while let Some(last) = store.churn_risks_list(&page).await.expect("a page").pop() {
        page.after = Some(last.key(order));
        ids.push(last.risk.customer_id);
    }
    ids
}

#[tokio::test]
async fn a_model_is_published_with_its_risks_and_becomes_active() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let active = store.active_get(JobKind::ChurnTraining).await.expect("active");
        assert_eq!(active.as_deref(), Some("m"));
        assert_eq!(store.churn_model_get("other").await.expect("read"), None);
        let found = store.churn_risk_get("m", None, "c").await.expect("read").expect("a risk");
        assert_eq!(found.risk, risk("c", THIRD, Some(700)));
        assert_eq!(found.value_at_risk.map(|money| money.amount_minor), Some(700));
        assert_eq!(found.persona_id, None);
        assert_eq!(store.churn_risk_get("m", None, "nobody").await.expect("read"), None);
    })
    .await;
}

#[tokio::test]
async fn pages_miss_nobody_and_repeat_nobody() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let everyone = RiskFilter::default();
        let by_probability = walk(&store, RiskOrder::Probability, everyone.clone()).await;
        assert_eq!(by_probability, ["b", "c", "a", "Z", "é"]);
        let by_value = walk(&store, RiskOrder::ValueAtRisk, everyone.clone()).await;
        assert_eq!(by_value, ["c", "a", "Z", "é", "b"]);
        let low = RiskFilter { band: Some(Band::Low), ..everyone.clone() };
        assert_eq!(walk(&store, RiskOrder::Probability, low).await, ["c", "a", "Z", "é"]);
        let likely = RiskFilter { min_probability: THIRD, ..everyone.clone() };
        assert_eq!(walk(&store, RiskOrder::ValueAtRisk, likely).await, ["c", "a", "Z", "b"]);
        let members = RiskFilter { persona: Some(0), ..everyone };
        assert!(walk(&store, RiskOrder::Probability, members).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_objects_is_on_no_list_at_once() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let consent = cx_analytics::Consent { profiling: Some(false), ..Default::default() };
        let objector =
            cx_analytics::Customer { customer_id: "c".to_owned(), consent, ..Default::default() };
        store.customers_upsert(vec![objector], at(9)).await.expect("upserted");
        let listed = walk(&store, RiskOrder::Probability, RiskFilter::default()).await;
        assert_eq!(listed, ["b", "a", "Z", "é"]);
        assert_eq!(store.churn_risk_get("m", None, "c").await.expect("read"), None);
    })
    .await;
}
