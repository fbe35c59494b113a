//! What a demonstration shows: tables that a person likes to read, and calls to try.

use super::churn::{plain, right};
use comfy_table::Table;
use cx_analytics::{
    Timestamp,
    metrics::{Buckets, CaseClock, Metric, ResponsePolicy, Terms, Waits, evaluate},
    synthetic::{Archetype, DAYS, adjusted_rand},
};
use cx_datastore::{
    JobKind, Store, StoredPersona,
    churn::{RiskFilter, RiskOrder, RiskPage, StoredRisk},
    metrics::{Churned, Dimensions, Filter, Question},
};
use std::{collections::BTreeMap, net::SocketAddr};

/// Rows read at once.
const PAGE: u64 = 5000;
/// Customers shown of the churn list.
const SHOWN: u64 = 10;

/// NPS in words, by the persona's place.
pub(super) type Nps = BTreeMap<i16, String>;

/// NPS of each persona over the year, with its interval.
pub(super) async fn nps(store: &Store, id: &str, until: Timestamp) -> anyhow::Result<Nps> {
    let buckets = Buckets::whole(until.days_before(DAYS), until);
    let churned = Churned { definition: Default::default(), cut_offs: Vec::new() };
    let question = Question {
        buckets: &buckets,
        as_of: until,
        known_until: until,
        by: Dimensions { persona: true, ..Dimensions::default() },
        filter: &Filter::default(),
        segmentation_id: Some(id),
        policy: ResponsePolicy::LatestPerCustomer,
        clock: CaseClock::Opened,
        churned: &churned,
        waits: Waits::default(),
    };
    let groups = store.metric_counts(Metric::NpsRelational, &question).await?;
    let terms = Terms { confidence: 0.95, low_sample_floor: 30, immature: false };
    let figure = |(key, counts): (&cx_analytics::metrics::GroupKey, &_)| {
        let figure = evaluate(Metric::NpsRelational, counts, &terms);
        let interval = figure.interval.map(|i| format!(" ({:.0} to {:.0})", i.lower, i.upper));
        let text = format!("{:+.0}{}, n {}", figure.value?, interval.unwrap_or_default(), figure.n);
        Some((key.persona?, text))
    };
    Ok(groups.iter().filter_map(figure).collect())
}

/// The personas with what sets them apart.
pub(super) fn personas(personas: &[StoredPersona], nps: &Nps) -> Table {
    let mut table = plain(["Persona", "Customers", "Share", "NPS (95 %)", "What sets it apart"]);
    for stored in personas {
        let persona = &stored.persona;
        // Customers and share have columns of their own.
        let whole = persona.description.as_str();
        let apart = whole.split_once(". Typical: ").map_or(whole, |(_, figures)| figures);
        let place = i16::try_from(stored.ordinal).unwrap_or(i16::MAX);
        table.add_row([
            persona.name.clone(),
            persona.customers.to_string(),
            format!("{:.0} %", persona.share * 100.0),
            nps.get(&place).cloned().unwrap_or_else(|| "no answer".to_owned()),
            apart.to_owned(),
        ]);
    }
    right(&mut table, 1..3);
    table
}

/// Where the customers of each known kind were found.
pub(super) async fn recovery(
    store: &Store,
    id: &str,
    truth: &[(String, Archetype)],
) -> anyhow::Result<String> {
    let known: BTreeMap<&str, Archetype> =
        truth.iter().map(|(id, kind)| (id.as_str(), *kind)).collect();
    let mut pairs: Vec<(Archetype, u16)> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.assignments_list(id, None, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.customer_id.clone());
        let found =
            page.iter().filter_map(|a| Some((*known.get(a.customer_id.as_str())?, a.persona)));
        pairs.extend(found);
    }
    let names = store.personas_list(id).await?;
    let name = |place: u16| {
        let found = names.iter().find(|stored| stored.ordinal == place);
        found.map(|stored| stored.persona.name.clone()).unwrap_or_default()
    };
    let mut table = plain(["Made up", "Customers", "Found mostly as", "Of them"]);
    for kind in Archetype::ALL {
        let mut places: BTreeMap<u16, usize> = BTreeMap::new();
        for (_, place) in pairs.iter().filter(|(of, _)| *of == kind) {
            *places.entry(*place).or_default() += 1;
        }
        let all: usize = places.values().sum();
        let Some((place, most)) = places.into_iter().max_by_key(|(_, customers)| *customers) else {
            continue;
        };
        let share = format!("{:.0} %", most as f64 / all as f64 * 100.0);
        table.add_row([kind.name().to_owned(), all.to_string(), name(place), share]);
    }
    right(&mut table, 1..2);
    right(&mut table, 3..4);
    let index = adjusted_rand(&pairs).map_or_else(String::new, |index| {
        format!("\nagreement (adjusted Rand index; 1 is perfect, 0 is chance): {index:.2}\n")
    });
    Ok(format!("{table}{index}"))
}

/// The head of the churn list by value at risk, of those who more likely leave than not.
pub(super) async fn at_stake(store: &Store, model_id: &str) -> anyhow::Result<Vec<StoredRisk>> {
    let segmentation = store.active_get(JobKind::Segmentation).await?;
    let page = RiskPage {
        model_id,
        segmentation_id: segmentation.as_deref(),
        filter: RiskFilter { min_probability: 0.5, ..RiskFilter::default() },
        order: RiskOrder::ValueAtRisk,
        after: None,
        limit: SHOWN,
    };
    Ok(store.churn_risks_list(&page).await?)
}

/// Calls to try, ready to paste.
pub(super) fn calls(listen: SocketAddr) -> String {
    let calls = [
        ("What is there", "list", ""),
        ("The personas", "cx.v1.PersonaService/ListPersonas", "{}"),
        ("One customer", "cx.v1.CustomerService/GetCustomer", r#"{"customer_id": "demo-000007"}"#),
        (
            "Their timeline",
            "cx.v1.CustomerService/ListInteractions",
            r#"{"customer_id": "demo-000007"}"#,
        ),
        (
            "NPS and waiting time by persona",
            "cx.v1.MetricsService/QueryMetrics",
            r#"{"metrics": ["METRIC_NPS_RELATIONAL", "METRIC_QUEUE_WAIT"], "group_by": ["METRIC_DIMENSION_PERSONA"]}"#,
        ),
        (
            "Who is about to leave with the most at stake",
            "cx.v1.ChurnService/ListChurnRisks",
            r#"{"order_by": "CHURN_RISK_ORDER_VALUE_AT_RISK", "min_probability": 0.5, "page_size": 5}"#,
        ),
        (
            "A record of your own",
            "cx.v1.IngestService/IngestInteractions",
            r#"{"interactions": [{"customer_id": "demo-000007", "interaction_id": "mine-1", "occurred_at": "2024-02-29T12:00:00Z", "channel": "CHANNEL_WEB", "survey": {"kind": "KIND_NPS_RELATIONAL", "score": 9}}]}"#,
        ),
    ];
    let mut text = String::from("\nTry it, in another terminal:\n\n");
    for (what, method, body) in calls {
        let body = if body.is_empty() { String::new() } else { format!("-d '{body}' ") };
        text += &format!("# {what}\ngrpcurl -plaintext {body}{listen} {method}\n");
    }
    text + "\nCtrl-C ends the server.\n"
}
