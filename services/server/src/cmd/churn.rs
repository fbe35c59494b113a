//! `cx churn train`: trains a churn model in this process, and prints how good it is.

use crate::{
    clock, cmd,
    config::{Global, Invalid},
    work::{self, churn::Parameters},
};
use anyhow::Context;
use clap::{Args, Subcommand};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use cx_analytics::{
    Timestamp,
    churn::{Band, Definition, Draft, Quality, Risk},
    codes::Kind,
    interaction::Currency,
};
use cx_datastore::{
    JobKind, Store,
    churn::{ChurnDefinition, ChurnModel, ChurnReport, DEFAULT_DEFINITION, StoredRisk},
};

/// Trains churn models.
#[derive(Debug, Args)]
pub struct Churn {
    /// What to do.
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Train a model on past cut-offs, test it on a later one, and score everybody
    Train(Train),
}

/// Trains a model and makes it the active one of its definition.
///
/// A customer who was active in the look-back has churned when no qualifying activity follows in the horizon; of a contract, when no
/// subscription is left. Where no model beats the recency rule on a later cut-off, the rule is used, and says so. Terms that are given here
/// become a new version of the definition where they differ from what it says, those that are not given with their defaults, whether or not the
/// model is activated; without any it is used as it is.
#[derive(Debug, Args)]
struct Train {
    /// Which definition of churn; several stand side by side
    #[arg(long, env = "CX_CHURN_DEFINITION", value_name = "ID", default_value = DEFAULT_DEFINITION)]
    definition: String,
    #[command(flatten)]
    terms: Terms,
    /// Count only interactions before this instant: a date, or as in 2011-12-10T00:00:00Z [default: now]
    #[arg(long, env = "CX_CHURN_AS_OF", value_parser = cmd::instant::parse, value_name = "INSTANT")]
    as_of: Option<Timestamp>,
    /// Currency whose amounts count as value [default: the one with most orders]
    #[arg(long, env = "CX_CHURN_CURRENCY", value_parser = currency, value_name = "CODE")]
    currency: Option<Currency>,
    /// Leave the active model as it is
    #[arg(long, env = "CX_CHURN_NO_ACTIVATE")]
    no_activate: bool,
}

/// What "left" means.
#[derive(Debug, Args)]
struct Terms {
    /// Days before a cut-off in which a customer must have been active to count, 1 to 3650 [default: 180]
    #[arg(long, env = "CX_CHURN_LOOK_BACK_DAYS", value_name = "DAYS")]
    look_back_days: Option<i64>,
    /// Days after a cut-off to look ahead, 1 to 730 [default: 90]
    #[arg(long, env = "CX_CHURN_HORIZON_DAYS", value_name = "DAYS")]
    horizon_days: Option<i64>,
    /// Kinds of interaction that count as activity, such as order,subscription,engagement [default: order]
    #[arg(long, env = "CX_CHURN_KINDS", value_delimiter = ',', value_parser = kind, value_name = "KIND,…")]
    kinds: Vec<Kind>,
    /// Leaving is the end of the last subscription
    #[arg(long, env = "CX_CHURN_CONTRACTUAL")]
    contractual: bool,
    /// A subscription of which nothing was heard for so many days has lapsed [default: only a cancellation ends one]
    #[arg(long, env = "CX_CHURN_LAPSE_DAYS", value_name = "DAYS")]
    lapse_days: Option<i64>,
    /// Ask only of customers with so many days of activity [default: 1]
    #[arg(long, env = "CX_CHURN_MIN_ACTIVE_DAYS", value_name = "DAYS")]
    min_active_days: Option<i64>,
    /// Ask only of customers known for so many days [default: 0]
    #[arg(long, env = "CX_CHURN_MIN_TENURE_DAYS", value_name = "DAYS")]
    min_tenure_days: Option<i64>,
    /// Ask only of customers with these attributes, such as country=DE,plan=pro,attribute:KEY=VALUE
    #[arg(long, env = "CX_CHURN_AMONG", value_delimiter = ',', value_name = "ATTRIBUTE,…")]
    among: Vec<String>,
    /// From this probability on a risk is medium [default: 0.4]
    #[arg(long, env = "CX_CHURN_MEDIUM_FROM", value_name = "P")]
    medium_from: Option<f64>,
    /// From this probability on a risk is high [default: 0.7]
    #[arg(long, env = "CX_CHURN_HIGH_FROM", value_name = "P")]
    high_from: Option<f64>,
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::parse(code).ok_or_else(|| "is not three upper-case letters".to_owned())
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = serde_json::from_value(serde_json::Value::String(name.to_uppercase()));
    known.map_err(|_| {
        let names = Kind::ALL.map(|kind| serde_json::json!(kind).as_str().map(str::to_lowercase));
        format!("is none of {}", names.map(Option::unwrap_or_default).join(", "))
    })
}

impl Churn {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let What::Train(train) = self.what;
        let (now, definition) = (clock::now(), train.terms.definition()?);
        let as_of = train.as_of.unwrap_or(now);
        if as_of > now {
            let reason = "is in the future: its past is not complete".to_owned();
            return Err(Invalid { key: "--as-of (CX_CHURN_AS_OF)", reason }.into());
        }
        let store = cmd::open(global).await?;
        let done = async {
            let of = definition_put(&store, &train.definition, definition).await?;
            let parameters = Parameters {
                definition_id: of.id,
                version: of.version,
                definition: of.definition,
                as_of,
                currency: train.currency,
                live: train.as_of.is_none(),
                in_place_of: None,
            };
            train_and_print(&store, &parameters, !train.no_activate).await
        }
        .await;
        store.close().await;
        done
    }
}

/// The definition as it is now, with new terms where they are given.
pub async fn definition_put(
    store: &Store,
    id: &str,
    given: Option<Definition>,
) -> anyhow::Result<ChurnDefinition> {
    let found = store.churn_definition_get(id).await?;
    let found_version = found.as_ref().map(|found| found.version);
    let (name, definition) = match (found, given) {
        (Some(found), None) => return Ok(found),
        (Some(found), Some(given)) => (found.display_name, given),
        (None, given) => (String::new(), given.unwrap_or_default()),
    };
    let put = store.churn_definition_put(id, &name, &definition, clock::now()).await?;
    if found_version.is_some_and(|before| before != put.version) {
        // The other terms are the defaults', whatever they were.
        eprintln!(
            "definition {id:?} is version {} now: {}",
            put.version,
            put.definition.in_words()
        );
    }
    Ok(put)
}

impl Terms {
    /// None where nothing is given.
    fn definition(self) -> Result<Option<Definition>, Invalid> {
        let draft = Draft {
            contractual: self.contractual,
            look_back_days: self.look_back_days,
            horizon_days: self.horizon_days,
            kinds: self.kinds,
            lapse_days: self.lapse_days,
            min_active_days: self.min_active_days,
            min_tenure_days: self.min_tenure_days,
            among: self.among,
            medium_from: self.medium_from,
            high_from: self.high_from,
        };
        if draft == Draft::default() {
            return Ok(None);
        }
        Definition::new(draft).map(Some).map_err(|violations| {
            let told = violations.iter().map(|one| format!("{}: {}", one.field, one.rule));
            Invalid { key: "cx churn train", reason: told.collect::<Vec<_>>().join("; ") }
        })
    }
}

async fn train_and_print(
    store: &Store,
    parameters: &Parameters,
    activate: bool,
) -> anyhow::Result<()> {
    let json = serde_json::to_string(parameters)?;
    let id = work::run_to_end(store, JobKind::ChurnTraining, &json, activate).await?;
    let model = store.churn_model_get(&id).await?.context("the model is gone")?;
    for table in tables(&model.report) {
        println!("{table}");
    }
    eprint!("{}", notes(&model));
    let state = if activate { "active now" } else { "not activated" };
    eprintln!("churn model {id} of definition {:?}, {state}", parameters.definition_id);
    Ok(())
}

/// How good a model is, as tables for people: none where there was no test.
pub fn tables(report: &ChurnReport) -> Vec<Table> {
    let training = &report.training;
    let (Some(model), Some(rule)) = (training.model(), training.rule()) else { return Vec::new() };
    let mut tables = vec![qualities(model, rule), calibration(model)];
    if !training.importances.is_empty() {
        let mut table = plain(["Feature", "Weighs (log-odds)", "More of it goes with"]);
        for one in training.importances.iter().take(10) {
            let with = if one.direction < 0.0 { "staying" } else { "leaving" };
            table.add_row([
                one.feature.clone(),
                format!("{:.3}", one.mean_contribution),
                with.to_owned(),
            ]);
        }
        right(&mut table, 1..2);
        tables.push(table);
    }
    tables
}

fn qualities(model: &Quality, rule: &Quality) -> Table {
    let mut table = plain(["In the test", "Model", "Recency rule"]);
    let figures = |quality: &Quality| {
        [
            quality.auc,
            quality.average_precision,
            quality.brier,
            quality.log_loss,
            quality.calibration_error,
            quality.lift_top_decile,
        ]
    };
    let names = [
        "AUC (1 is best, 0.5 is chance)",
        "Average precision",
        "Brier score (less is better)",
        "Log loss (less is better)",
        "Calibration error",
        "Lift of the top tenth",
    ];
    for ((name, model), rule) in names.into_iter().zip(figures(model)).zip(figures(rule)) {
        table.add_row([name.to_owned(), format!("{model:.3}"), format!("{rule:.3}")]);
    }
    right(&mut table, 1..3);
    table
}

fn calibration(quality: &Quality) -> Table {
    let mut table = plain(["Tenth of customers", "Customers", "Said", "Churned"]);
    for (place, bin) in quality.bins.iter().enumerate() {
        table.add_row([
            (place + 1).to_string(),
            bin.customers.to_string(),
            percent(bin.mean_probability),
            percent(bin.churned_share),
        ]);
    }
    right(&mut table, 1..4);
    table
}

/// A churn list as a table for people.
pub fn list(risks: &[StoredRisk]) -> Table {
    let mut table = plain(["Customer", "Leaves", "Band", "At risk", "Why (+ raises, − lowers)"]);
    for stored in risks {
        let band = match stored.risk.band {
            Band::Low => "low",
            Band::Medium => "medium",
            Band::High => "high",
            Band::InsufficientData => "too little data",
            Band::Gone => "has left",
        };
        let reason = |reason: &cx_analytics::churn::Reason| {
            format!("{} {}", if reason.contribution < 0.0 { '−' } else { '+' }, reason.text)
        };
        let value = stored.money(|value| value.at_risk);
        let why = stored.risk.reasons.iter().chain(&stored.risk.counter_reasons);
        table.add_row([
            stored.risk.customer_id.clone(),
            chance(&stored.risk),
            band.to_owned(),
            value.map(cx_analytics::churn::in_words).unwrap_or_default(),
            why.map(reason).collect::<Vec<_>>().join("\n"),
        ]);
    }
    right(&mut table, 1..2);
    right(&mut table, 3..4);
    table
}

/// "62 % (55–69)"
fn chance(risk: &Risk) -> String {
    let interval = risk.interval.map_or_else(String::new, |(low, high)| {
        format!(" ({:.0}–{:.0})", low * 100.0, high * 100.0)
    });
    percent(risk.probability) + &interval
}

/// What one should know of a model besides its figures.
pub fn notes(model: &ChurnModel) -> String {
    work::churn::in_words(model)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A table in the style of all verbs.
pub fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(120)
        .set_header(header);
    table
}

/// Aligns columns of numbers.
pub fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
