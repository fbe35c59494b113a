mod rescore;
mod standing;

use super::*;
use crate::jobs::JobKind;
use crate::testing::{at, on_every_engine};
use cx_analytics::churn::{Band, Columns, Draft, Driver, Reason, Snapshot, Training, Value, train};
use cx_analytics::features::Attribute;
use cx_analytics::interaction::Money;

fn reason(feature: &str, contribution: f64) -> Reason {
    Reason {
        feature: feature.to_owned(),
        text: "last order 142 days ago".to_owned(),
        contribution,
        value: None,
        actionable: false,
    }
}

fn risk(id: &str, probability: f64, at_risk: Option<i64>) -> Scored {
    let band = if probability < 0.4 { Band::Low } else { Band::High };
    let risk = Risk {
        customer_id: id.to_owned(),
        probability,
        interval: Some((probability / 2.0, 0.95)),
        band,
        reasons: vec![reason("recency_days", 0.25)],
        counter_reasons: vec![reason("orders_90d", -0.5)],
        last_activity_at: at(-5),
        value: at_risk.map(|at_risk| Value { to_date: 9, if_stays: 8, at_risk, predicted: 7 }),
        drivers: vec![Driver {
            feature: "wait_mean".to_owned(),
            contribution: 0.5,
            value: Some(9.0),
        }],
    };
    Scored { risk, week_before: Some(0.125) }
}

/// A third and its neighbours: pages must go on exactly where they ended.
const THIRD: f64 = 1.0 / 3.0;

fn risks() -> Vec<Scored> {
    vec![
        risk("a", THIRD, Some(5)),
        risk("b", 0.9, None),
        risk("Z", THIRD, Some(5)),
        risk("c", THIRD, Some(700)),
        risk("é", 0.05, None),
        Scored {
            risk: Risk { band: Band::Gone, ..risk("gone", 0.99, Some(9)).risk },
            ..risk("", 0.0, None)
        },
    ]
}

async fn publish(store: &Store, id: &str) -> Result<()> {
    publish_in_place_of(store, id, None).await
}

async fn publish_in_place_of(store: &Store, id: &str, in_place_of: Option<&str>) -> Result<()> {
    let definition = Definition::default();
    let columns = Columns::default();
    let present = Snapshot::of(at(0), &columns, &[]);
    let training =
        Training { definition: &definition, columns: &columns, past: &[], present: &present };
    let (scorer, training) = train(training);
    let report = ChurnReport { training, customers_scored: 6, currency: Currency::parse("EUR") };
    let definition_id = DEFAULT_DEFINITION.to_owned();
    let model =
        ChurnModel { definition_id, version: 1, as_of: at(0), definition, report, live: true };
    store.job_create(JobKind::ChurnTraining, "{}", true, None, id.to_owned(), at(1)).await?;
    let job = store.job_claim("w", at(2), 1_000_000).await?.expect("a job");
    let (owner, risks) = ("w", risks());
    let of = ChurnPublication {
        job: &job,
        owner,
        model: &model,
        scorer: &scorer,
        risks: &risks,
        in_place_of,
    };
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
        page.after = Some(last.key());
        ids.push(last.risk.customer_id);
    }
    ids
}

#[tokio::test]
async fn a_model_is_published_with_its_risks_and_becomes_active() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let definition = store.churn_definition_get(DEFAULT_DEFINITION).await.expect("read");
        assert_eq!(definition.and_then(|of| of.model_id).as_deref(), Some("m"));
        assert_eq!(store.churn_model_get("other").await.expect("read"), None);
        let found = store.churn_risk_get("m", None, "c").await.expect("read").expect("a risk");
        assert_eq!(found.risk, risk("c", THIRD, Some(700)).risk);
        assert_eq!((found.as_of, found.week_before), (at(0), Some(0.125)));
        let euro = Currency::parse("EUR").expect("a currency");
        let money = |amount_minor| Some(Money { currency: euro, amount_minor });
        assert_eq!(found.money(|value| value.at_risk), money(700));
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
        let members = RiskFilter { persona: Some(0), ..everyone.clone() };
        assert!(walk(&store, RiskOrder::Probability, members).await.is_empty());
        let by_band = walk(&store, RiskOrder::BandThenValue, everyone.clone()).await;
        assert_eq!(
            by_band,
            ["b", "c", "a", "Z", "é"],
            "high first, though nothing is known at stake"
        );
        let gone = RiskFilter { band: Some(Band::Gone), ..everyone.clone() };
        assert_eq!(walk(&store, RiskOrder::Probability, gone).await, ["gone"]);
        let least = |code: &str, amount_minor| {
            let currency = Currency::parse(code).expect("a currency");
            RiskFilter { min_value: Some(Money { currency, amount_minor }), ..everyone.clone() }
        };
        let order = RiskOrder::Probability;
        assert_eq!(walk(&store, order, least("EUR", 6)).await, ["c"]);
        assert_eq!(walk(&store, order, least("EUR", 5)).await, ["c", "a", "Z"]);
        assert!(walk(&store, order, least("USD", 0)).await.is_empty());
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

#[tokio::test]
async fn only_customers_with_the_attribute_are_listed() {
    on_every_engine(async |store| {
        publish(&store, "m").await.expect("published");
        let customer = |id: &str, country: &str, team: &str| cx_analytics::Customer {
            customer_id: id.to_owned(),
            country: Some(country.to_owned()),
            attributes: [("te\"am".to_owned(), team.to_owned())].into(),
            ..Default::default()
        };
        let all =
            vec![customer("a", "DE", "x"), customer("b", "DE", "y"), customer("c", "FR", "x")];
        store.customers_upsert(all, at(9)).await.expect("upserted");
        let of = |name: &str| RiskFilter {
            attribute: Attribute::parse(name).expect("a form of one"),
            ..RiskFilter::default()
        };
        let order = RiskOrder::Probability;
        assert_eq!(walk(&store, order, of("country=DE")).await, ["b", "a"]);
        assert_eq!(walk(&store, order, of("attribute:te\"am=x")).await, ["c", "a"]);
        assert!(walk(&store, order, of("plan=pro")).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_definition_gets_a_new_version_where_its_terms_change_and_only_there() {
    on_every_engine(async |store| {
        let usual = Definition::default();
        let first = store.churn_definition_get(DEFAULT_DEFINITION).await.expect("read");
        assert_eq!(first.expect("always there").definition, usual);
        let draft = Draft { horizon_days: Some(30), ..Draft::default() };
        let shorter = Definition::new(draft).expect("valid");
        let put = async |name: &str, definition: &Definition, second| {
            store.churn_definition_put("b", name, definition, at(second)).await.expect("put")
        };
        let one = put("B", &usual, 1).await;
        assert_eq!((one.version, one.created_at, one.updated_at), (1, at(1), at(1)));
        let same = put("B", &usual, 2).await;
        assert_eq!(same, one, "nothing has changed");
        let named = put("C", &usual, 3).await;
        assert_eq!((named.version, named.updated_at), (1, at(3)));
        let next = put("C", &shorter, 4).await;
        assert_eq!((next.version, next.created_at, next.updated_at), (2, at(1), at(4)));
        assert_eq!(next.definition, shorter);
        let all = store.churn_definitions_list().await.expect("read");
        assert_eq!(all.iter().map(|of| of.id.as_str()).collect::<Vec<_>>(), ["b", "default"]);
    })
    .await;
}
