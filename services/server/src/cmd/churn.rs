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
    churn::{Band, Definition, Quality},
    codes::Kind,
    interaction::Currency,
};
use cx_datastore::{
    JobKind, Store,
    churn::{ChurnModel, ChurnReport, StoredRisk},
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

/// Trains a model and makes it the active one.
///
/// A customer who was active in the look-back has churned when no qualifying activity follows in the horizon. Where a
/// model does not beat the recency rule on a later cut-off, the rule is used, and says so.
#[derive(Debug, Args)]
struct Train {
    /// Days before a cut-off in which a customer must have been active to count, 1 to 3650 [default: 180]
    #[arg(long, env = "CX_CHURN_LOOK_BACK_DAYS", value_name = "DAYS")]
    look_back_days: Option<i64>,
    /// Days after a cut-off in which no activity means churn, 1 to 730 [default: 90]
    #[arg(long, env = "CX_CHURN_HORIZON_DAYS", value_name = "DAYS")]
    horizon_days: Option<i64>,
    /// Kinds of interaction that count as activity, such as order,subscription,engagement [default: order]
    #[arg(long, env = "CX_CHURN_KINDS", value_delimiter = ',', value_parser = kind, value_name = "KIND,…")]
    kinds: Vec<Kind>,
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

fn currency(code: &str) -> Result<Currency, String> {
    Currency::parse(code).ok_or_else(|| "is not three upper-case letters".to_owned())
}

fn kind(name: &str) -> Result<Kind, String> {
    let known = serde_json::from_value(serde_json::Value::String(name.to_uppercase()));
    known.map_err(|_| {
        let names = Kind::ALL.map(|kind| format!("{:?}", serde_json::json!(kind)).to_lowercase());
        format!(
            "is none of {}",
            names.join(", ").replace(['"', '(', ')'], "").replace("string ", "")
        )
    })
}

impl Churn {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let What::Train(train) = self.what;
        let activate = !train.no_activate;
        let parameters = train.parameters()?;
        let store = cmd::open(global).await?;
        let done = train_and_print(&store, &parameters, activate).await;
        store.close().await;
        done
    }
}

impl Train {
    fn parameters(self) -> Result<Parameters, Invalid> {
        let definition = Definition::new(self.look_back_days, self.horizon_days, self.kinds);
        let definition = definition.map_err(|violations| {
            let told = violations.iter().map(|one| format!("{}: {}", one.field, one.rule));
            Invalid { key: "cx churn train", reason: told.collect::<Vec<_>>().join("; ") }
        })?;
        let now = clock::now();
        let as_of = self.as_of.unwrap_or(now);
        if as_of > now {
            let reason = "is in the future: its past is not complete".to_owned();
            return Err(Invalid { key: "--as-of (CX_CHURN_AS_OF)", reason });
        }
        Ok(Parameters { definition, as_of, currency: self.currency })
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
    eprintln!("churn model {id}, {}", if activate { "active now" } else { "not activated" });
    Ok(())
}

/// How good a model is, as tables for people: none where there was no test.
pub fn tables(report: &ChurnReport) -> Vec<Table> {
    let training = &report.training;
    let (Some(model), Some(rule)) = (&training.model, &training.rule) else { return Vec::new() };
    let mut tables = vec![qualities(model, rule), calibration(model)];
    if !training.coefficients.is_empty() {
        let mut table = plain(["Feature", "Coefficient"]);
        for one in training.coefficients.iter().take(10) {
            table.add_row([one.feature.clone(), format!("{:+.3}", one.coefficient)]);
        }
        right(&mut table, 1..2);
        tables.push(table);
    }
    tables
}

fn qualities(model: &Quality, rule: &Quality) -> Table {
    let mut table = plain(["On the later cut-off", "Model", "Recency rule"]);
    let figures = |quality: &Quality| {
        [
            quality.auc,
            quality.brier,
            quality.log_loss,
            quality.calibration_error,
            quality.lift_top_decile,
        ]
    };
    let names = [
        "AUC (1 is best, 0.5 is chance)",
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
    let mut table = plain(["Customer", "Churn", "Band", "At risk", "Why (+ raises, − lowers)"]);
    for stored in risks {
        let band = match stored.risk.band {
            Band::Low => "low",
            Band::Medium => "medium",
            Band::High => "high",
            Band::InsufficientData => "too little data",
        };
        let reason = |reason: &cx_analytics::churn::Reason| {
            format!("{} {}", if reason.contribution < 0.0 { '−' } else { '+' }, reason.text)
        };
        let value = stored.value_at_risk;
        table.add_row([
            stored.risk.customer_id.clone(),
            percent(stored.risk.probability),
            band.to_owned(),
            value.map(cx_analytics::churn::in_words).unwrap_or_default(),
            stored.risk.reasons.iter().map(reason).collect::<Vec<_>>().join("\n"),
        ]);
    }
    right(&mut table, 1..2);
    right(&mut table, 3..4);
    table
}

/// What one should know of a model besides its figures.
pub fn notes(model: &ChurnModel) -> String {
    let (definition, training) = (&model.definition, &model.report.training);
    let mut notes = format!(
        "left: no {} in the {} days after having been active in the {} days before\n{}\n",
        definition.kinds_in_words(),
        definition.horizon_days(),
        definition.look_back_days(),
        training.basis_reason,
    );
    if let Some(cutoff) = training.test_cutoff {
        notes += &format!(
            "trained on {} outcomes at {} earlier cut-offs, tested on {} customers at {} ({} of them churned)\n",
            training.train_rows,
            training.train_cutoffs.len(),
            training.test_rows,
            cmd::instant::shown(cutoff),
            training.test_churned,
        );
    }
    notes + &format!("{} customers scored\n", model.report.customers_scored)
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
