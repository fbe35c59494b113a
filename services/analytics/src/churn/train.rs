//! Training: several past cut-offs, a test on a later one, and the rule where the model is no better.

use super::{
    Definition,
    features::{FEATURES, Row},
    logistic::Logistic,
    quality::{Quality, auc},
    rule::Rule,
    scale::{Scaler, correlations},
};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Everyone who counted at a cut-off, and what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The cut-off.
    pub as_of: Timestamp,
    /// What was known of each customer then.
    pub rows: Vec<Row>,
    /// Whether no qualifying activity followed in the horizon.
    pub churned: Vec<bool>,
}

/// On what a probability rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Basis {
    /// A logistic regression that beat the rule in the test.
    LogisticRegression,
    /// The recency rule.
    RecencyRule,
}

/// A coefficient of the regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// The feature.
    pub feature: String,
    /// Change of the log-odds for one standard deviation of the transformed feature.
    pub coefficient: f64,
}

/// How well it did on customers and a time that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// On what probabilities rest.
    pub basis: Basis,
    /// Why, in words.
    pub basis_reason: String,
    /// Whether probabilities are calibrated against observed outcomes.
    pub calibrated: bool,
    /// Cut-offs whose outcomes the tested model was trained on.
    pub train_cutoffs: Vec<Timestamp>,
    /// The later cut-off of the test, where there was one.
    pub test_cutoff: Option<Timestamp>,
    /// Customer-cut-off pairs trained on.
    pub train_rows: i64,
    /// Those of them that churned.
    pub train_churned: i64,
    /// Customers tested on.
    pub test_rows: i64,
    /// Those of them that churned.
    pub test_churned: i64,
    /// How the model did in the test.
    pub model: Option<Quality>,
    /// How the rule did in the same test.
    pub rule: Option<Quality>,
    /// The coefficients of the model that scores, largest first; empty with the rule.
    pub coefficients: Vec<Coefficient>,
}

/// What scores customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(super) scorer: Scorer,
    /// Median recency of those trained on, in days: what is typical, for the rule's words.
    pub(super) typical_recency: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Scorer {
    Logistic {
        scaler: Scaler,
        logistic: Logistic,
        /// How each column goes with churn by itself.
        alone: Vec<f64>,
    },
    Rule(Rule),
    /// Nothing has been observed: rank of recency.
    Rank,
}

/// Fewest outcomes, and fewest of either kind, from which shares or a model are learned.
const FEWEST_ROWS: usize = 50;
const FEWEST_OF_A_KIND: usize = 10;
/// Up to here a model has the core features and stronger ridges only.
const FEW_ROWS: usize = 400;
/// A feature that orders outcomes better than this knows them.
const LEAK_AUC: f64 = 0.98;
const RIDGES: &[f64] = &[0.001, 0.01, 0.05, 0.3, 1.0];
const RIDGES_FEW: &[f64] = &[0.01, 0.05, 0.3];

/// Rows of one or several snapshots, with their outcomes.
struct Sample<'a> {
    rows: Vec<&'a Row>,
    churned: Vec<bool>,
}

impl<'a> Sample<'a> {
    fn of(snapshots: &'a [Snapshot]) -> Self {
        Self {
            rows: snapshots.iter().flat_map(|snapshot| &snapshot.rows).collect(),
            churned: snapshots.iter().flat_map(|snapshot| &snapshot.churned).copied().collect(),
        }
    }

    fn gone(&self) -> usize {
        self.churned.iter().filter(|&&churned| churned).count()
    }

    fn can_teach(&self) -> bool {
        let gone = self.gone();
        self.rows.len() >= FEWEST_ROWS && gone.min(self.rows.len() - gone) >= FEWEST_OF_A_KIND
    }

    fn recency(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row[0]).collect()
    }

    /// Rows whose place in five is, or is not, this one.
    fn fifth(&self, inside: bool) -> Self {
        let picked = |place: &usize| place.is_multiple_of(5) == inside;
        let places: Vec<usize> = (0..self.rows.len()).filter(picked).collect();
        Self {
            rows: places.iter().map(|&place| self.rows[place]).collect(),
            churned: places.iter().map(|&place| self.churned[place]).collect(),
        }
    }
}

/// Trains on snapshots (oldest first) and says how well. Equal arguments give equal bytes.
pub fn train(definition: &Definition, snapshots: &[Snapshot]) -> (Model, Report) {
    let (earlier, last) = snapshots.split_at(snapshots.len().saturating_sub(1));
    let (before, test, all) = (Sample::of(earlier), Sample::of(last), Sample::of(snapshots));
    let mut report = blank(&before, &test, earlier, last);
    let typical_recency = median(all.recency());
    if !all.can_teach() {
        let observed = all.rows.len();
        report.basis_reason = format!(
            "recency rank, uncalibrated: {} with a known outcome ({} churned), {FEWEST_ROWS} and {FEWEST_OF_A_KIND} of \
             either kind are needed",
            super::words::count(observed as i64, "customer"),
            all.gone(),
        );
        return (Model { scorer: Scorer::Rank, typical_recency }, report);
    }
    report.calibrated = true;
    let fallback = Scorer::Rule(Rule::fit(&all.recency(), &all.churned));
    if !(before.can_teach() && test.can_teach()) {
        report.basis_reason = format!(
            "recency rule: {} outcomes to train on and {} at a later cut-off to test on, with {FEWEST_OF_A_KIND} of either \
             kind, are not enough for a model (horizon {} days)",
            before.rows.len(),
            test.rows.len(),
            definition.horizon_days(),
        );
        return (Model { scorer: fallback, typical_recency }, report);
    }
    let rule = Rule::fit(&before.recency(), &before.churned);
    let ruled: Vec<f64> = test.recency().into_iter().map(|recency| rule.predict(recency)).collect();
    let rule = Quality::measure(&ruled, &test.churned);
    let leaking = leaking(&before);
    let c = choose_ridge(earlier, &before, &leaking);
    let tested = Fitted::new(&before, &leaking, c);
    let quality = Quality::measure(&tested.predict(&test.rows), &test.churned);
    let better = quality.log_loss < rule.log_loss && !tested.scaler.columns.is_empty();
    report.basis_reason = reason(better, &quality, &rule, c, &leaking);
    (report.model, report.rule) = (Some(quality), Some(rule));
    if !better {
        return (Model { scorer: fallback, typical_recency }, report);
    }
    report.basis = Basis::LogisticRegression;
    let Fitted { scaler, logistic } = Fitted::new(&all, &leaking, c);
    let alone = correlations(&scaler.apply(&all.rows), &all.churned);
    report.coefficients = coefficients(&scaler, &logistic);
    (Model { scorer: Scorer::Logistic { scaler, logistic, alone }, typical_recency }, report)
}

struct Fitted {
    scaler: Scaler,
    logistic: Logistic,
}

impl Fitted {
    fn new(sample: &Sample<'_>, leaking: &[usize], c: f64) -> Self {
        let few = sample.rows.len() < FEW_ROWS;
        let wanted =
            |feature: usize| !leaking.contains(&feature) && (FEATURES[feature].core || !few);
        let scaler = Scaler::fit(&sample.rows, wanted);
        let logistic = Logistic::fit(&scaler.apply(&sample.rows), &sample.churned, c);
        Self { scaler, logistic }
    }

    fn predict(&self, rows: &[&Row]) -> Vec<f64> {
        self.logistic.predict(&self.scaler.apply(rows))
    }
}

/// The ridge that predicts the newest training cut-off best from the older ones; with one cut-off only,
/// every fifth customer from the others.
fn choose_ridge(earlier: &[Snapshot], before: &Sample<'_>, leaking: &[usize]) -> f64 {
    let (older, newest) = earlier.split_at(earlier.len().saturating_sub(1));
    let (older, newest) = (Sample::of(older), Sample::of(newest));
    let (fit_on, check_on) = if older.can_teach() && newest.can_teach() {
        (older, newest)
    } else {
        (before.fifth(false), before.fifth(true))
    };
    let ridges = if before.rows.len() < FEW_ROWS { RIDGES_FEW } else { RIDGES };
    let loss = |c: f64| {
        let probabilities = Fitted::new(&fit_on, leaking, c).predict(&check_on.rows);
        Quality::measure(&probabilities, &check_on.churned).log_loss
    };
    let measured = ridges.iter().map(|&c| (c, loss(c)));
    measured.min_by(|one, other| one.1.total_cmp(&other.1)).map_or(ridges[0], |best| best.0)
}

/// Features that order outcomes too well to be true: they know what came after.
fn leaking(sample: &Sample<'_>) -> Vec<usize> {
    let knows = |&feature: &usize| {
        let values = sample.rows.iter().map(|row| row[feature]);
        let values: Vec<f64> =
            values.map(|value| if value.is_nan() { f64::MIN } else { value }).collect();
        let auc = auc(&values, &sample.churned);
        auc.max(1.0 - auc) > LEAK_AUC
    };
    (0..FEATURES.len()).filter(knows).collect()
}

fn coefficients(scaler: &Scaler, logistic: &Logistic) -> Vec<Coefficient> {
    let named = scaler.columns.iter().zip(&logistic.weights);
    let mut coefficients: Vec<Coefficient> = named
        .map(|(column, &coefficient)| Coefficient {
            feature: FEATURES[column.feature].name.to_owned(),
            coefficient,
        })
        .collect();
    coefficients.sort_by(|one, other| other.coefficient.abs().total_cmp(&one.coefficient.abs()));
    coefficients
}

fn blank(
    before: &Sample<'_>,
    test: &Sample<'_>,
    earlier: &[Snapshot],
    last: &[Snapshot],
) -> Report {
    Report {
        basis: Basis::RecencyRule,
        basis_reason: String::new(),
        calibrated: false,
        train_cutoffs: earlier.iter().map(|snapshot| snapshot.as_of).collect(),
        test_cutoff: last.first().map(|snapshot| snapshot.as_of),
        train_rows: before.rows.len() as i64,
        train_churned: before.gone() as i64,
        test_rows: test.rows.len() as i64,
        test_churned: test.gone() as i64,
        model: None,
        rule: None,
        coefficients: Vec::new(),
    }
}

fn reason(better: bool, model: &Quality, rule: &Quality, c: f64, leaking: &[usize]) -> String {
    let names: Vec<&str> = leaking.iter().map(|&feature| FEATURES[feature].name).collect();
    let refused = if names.is_empty() {
        String::new()
    } else {
        format!(
            "; left out, as alone they order outcomes too well to be true: {}",
            names.join(", ")
        )
    };
    let verdict = if better {
        format!("logistic regression (ridge C {c}): on the later cut-off its log loss")
    } else {
        "recency rule: on the later cut-off the model's log loss".to_owned()
    };
    let relation = if better { "is below" } else { "is not below" };
    format!(
        "{verdict} {:.4} {relation} the recency rule's {:.4}{refused}",
        model.log_loss, rule.log_loss
    )
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
