//! `cx segment`: finds the personas, in this process, and prints them.

use crate::{
    clock, cmd,
    config::{Global, Invalid},
    work,
};
use anyhow::Context;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use cx_analytics::{
    Timestamp,
    features::FeatureSet,
    interaction::Currency,
    segmentation::{Asked, Parameters, Policy, Report, Structure},
};
use cx_datastore::{JobKind, Store, StoredPersona};

/// Finds the personas among all customers and makes them the active ones, where there is structure and not too many move.
///
/// Equal data, equal arguments and the same active version give equal personas, byte for byte. The table goes to stdout.
#[derive(Debug, Args)]
pub struct Segment {
    /// Number of personas, 2 to 50 [default: chosen between --min-k and --max-k]
    #[arg(long, env = "CX_SEGMENT_K", value_name = "NUMBER")]
    k: Option<i64>,
    /// Least number of personas when choosing
    #[arg(long, env = "CX_SEGMENT_MIN_K", default_value_t = 3, value_name = "NUMBER")]
    min_k: i64,
    /// Greatest number of personas when choosing, at most 50
    #[arg(long, env = "CX_SEGMENT_MAX_K", default_value_t = 10, value_name = "NUMBER")]
    max_k: i64,
    /// Seed of everything random
    #[arg(long, env = "CX_SEGMENT_SEED", default_value_t = 0, value_name = "NUMBER")]
    seed: u64,
    /// Count only interactions before this instant: a date, or as in 2011-12-10T00:00:00Z [default: now]
    #[arg(long, env = "CX_SEGMENT_AS_OF", value_parser = cmd::instant::parse, value_name = "INSTANT")]
    as_of: Option<Timestamp>,
    /// Independent starts of k-means, 1 to 100
    #[arg(long, env = "CX_SEGMENT_RESTARTS", default_value_t = 10, value_name = "NUMBER")]
    restarts: i64,
    /// Currency whose amounts count as value [default: the one with most orders]
    #[arg(long, env = "CX_SEGMENT_CURRENCY", value_parser = currency, value_name = "CODE")]
    currency: Option<Currency>,
    /// How fine the choice of the number is, above 0 to 1; lower gives more and smaller personas
    #[arg(long, env = "CX_SEGMENT_GRANULARITY", default_value_t = 0.95, value_name = "SHARE")]
    granularity: f64,
    /// Features to use, by name [default: all that say something of their own]
    #[arg(long, env = "CX_SEGMENT_FEATURES", value_delimiter = ',', value_name = "NAME,…")]
    features: Vec<String>,
    /// Which features to use, where none are named
    #[arg(
        long,
        env = "CX_SEGMENT_FEATURE_SET",
        default_value = "full",
        value_enum,
        conflicts_with = "features"
    )]
    feature_set: Set,
    /// Factor on the weight of a feature or of a block, 0 to 10; may be given several times
    #[arg(long = "weight", env = "CX_SEGMENT_WEIGHTS", value_delimiter = ',', value_parser = weight, value_name = "NAME=FACTOR")]
    weights: Vec<(String, f64)>,
    /// Become the active ones only if at most this share of the customers changes persona by that
    #[arg(long, env = "CX_SEGMENT_MAX_MOVED_SHARE", default_value_t = 0.5, value_name = "SHARE")]
    max_moved_share: f64,
    /// Become the active ones only if every persona is at least this stable
    #[arg(long, env = "CX_SEGMENT_MIN_STABILITY", default_value_t = 0.0, value_name = "NUMBER")]
    min_stability: f64,
    /// Leave the active segmentation as it is
    #[arg(long, env = "CX_SEGMENT_NO_ACTIVATE")]
    no_activate: bool,
}

/// The sets of features.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Set {
    /// What customers spend, how often and how recently
    Value,
    /// What customers do, and where
    Behaviour,
    /// What customers go through
    Experience,
    /// All but attributes
    Full,
}

impl From<Set> for FeatureSet {
    fn from(set: Set) -> Self {
        match set {
            Set::Value => Self::Value,
            Set::Behaviour => Self::Behaviour,
            Set::Experience => Self::Experience,
            Set::Full => Self::Full,
        }
    }
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::parse(code).ok_or_else(|| "is not three upper-case letters".to_owned())
}

impl Segment {
    /// Does it.
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        let activate = !self.no_activate;
        let asked = serde_json::to_string(&self.asked()?)?;
        let store = cmd::open(global).await?;
        let done = segment(&store, &asked, activate).await;
        store.close().await;
        done
    }

    fn asked(self) -> Result<Asked, Invalid> {
        let live = self.as_of.is_none();
        let parameters = Parameters {
            as_of: self.as_of.unwrap_or_else(clock::now),
            seed: self.seed,
            k: self.k,
            min_k: self.min_k,
            max_k: self.max_k,
            restarts: self.restarts,
            currency: self.currency,
            feature_set: self.feature_set.into(),
            feature_weights: self.weights.into_iter().collect(),
            features: self.features,
            granularity: self.granularity,
        };
        let policy =
            Policy { max_moved_share: self.max_moved_share, min_stability: self.min_stability };
        let mut problems = policy.check();
        problems.extend(parameters.clone().check().err().unwrap_or_default());
        if problems.is_empty() {
            return Ok(Asked { parameters, policy, live });
        }
        let told: Vec<String> = problems
            .into_iter()
            .map(|problem| format!("{}: {}", problem.field, problem.rule))
            .collect();
        Err(Invalid { key: "cx segment", reason: told.join("; ") })
    }
}

/// A factor on a weight, as NAME=FACTOR.
fn weight(text: &str) -> Result<(String, f64), String> {
    let (name, factor) = text.split_once('=').ok_or("is not of the form NAME=FACTOR")?;
    let factor = factor.parse().map_err(|_| format!("{factor:?} is not a number"))?;
    Ok((name.to_owned(), factor))
}

async fn segment(store: &Store, parameters: &str, activate: bool) -> anyhow::Result<()> {
    work::voice::to_end(store).await?;
    let id = work::run_to_end(store, JobKind::Segmentation, parameters, activate).await?;
    let report = store.segmentation_report(&id).await?.context("the report is gone")?;
    println!("{}", table(&store.personas_list(&id).await?));
    eprint!("{}", notes(&id, &report));
    Ok(())
}

/// The personas as a table for people.
pub fn table(personas: &[StoredPersona]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(120);
    table.set_header(["Persona", "Customers", "Share", "What sets it apart", "Typical"]);
    for stored in personas {
        let persona = &stored.persona;
        let name = stored.label.name.as_ref().unwrap_or(&persona.name);
        let description = stored.label.description.as_ref().unwrap_or(&persona.description);
        // Customers and share have columns of their own.
        let apart = match persona.distinctions.as_slice() {
            [] => description.clone(),
            found => found.iter().map(|d| d.text.as_str()).collect::<Vec<_>>().join("; "),
        };
        table.add_row([
            name.clone(),
            persona.customers.to_string(),
            format!("{:.1} %", persona.share * 100.0),
            apart.to_owned(),
            persona.typical_customer_ids.first().cloned().unwrap_or_default(),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// What one should know of a segmentation besides its personas.
pub fn notes(id: &str, report: &Report) -> String {
    let used: Vec<&str> =
        report.features.iter().filter(|f| f.used).map(|f| f.name.as_str()).collect();
    let mut notes = format!(
        "{} customers in {} personas by {} features: {}\nk: {}\nstructure: {} ({})\nsilhouette {:.3} on {} customers, inertia {:.1}\n",
        report.customers,
        report.k,
        used.len(),
        used.join(", "),
        report.k_rule,
        structure(report.structure),
        report.structure_reason,
        report.silhouette,
        report.silhouette_customers,
        report.inertia,
    );
    if report.customers_excluded > 0 {
        notes += &format!(
            "{} customers objected to profiling and are left out\n",
            report.customers_excluded
        );
    }
    if report.orders_unvalued > 0 {
        let currency = report.currency.map_or_else(|| "any currency".to_owned(), |c| c.to_string());
        notes += &format!(
            "{} orders have no amount in {currency} and count without value\n",
            report.orders_unvalued
        );
    }
    match &report.activation {
        None => {
            notes += &format!(
                "segmentation {id}, a candidate: `cx activate {id}` makes it the active one\n"
            )
        }
        Some(decision) if decision.activated => {
            notes += &format!("segmentation {id}, active now: {}\n", decision.reasons.join("; "));
        }
        Some(decision) => {
            notes += &format!(
                "segmentation {id}, not activated by itself: {}\n`cx activate {id}` makes it the active one all the same\n",
                decision.reasons.join("; ")
            );
        }
    }
    notes
}

fn structure(structure: Structure) -> &'static str {
    match structure {
        Structure::Separated => "separated groups",
        Structure::Continuum => "slices of a continuum",
        Structure::None => "none",
    }
}
