//! What a training came to, for people and programs.

use super::{
    basis::Basis,
    columns::Columns,
    drift::Drift,
    quality::Quality,
    recipe::{Recipe, Tuned},
    sample::Snapshot,
    value::ValueCandidate,
};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// A model that competed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// What it is.
    pub basis: Basis,
    /// What was chosen for it, in words.
    pub parameters: String,
    /// Log loss on customers held out at the training cut-offs, calibrated: by this the model is chosen.
    pub held_out_log_loss: f64,
    /// How it did in the test.
    pub quality: Quality,
    /// Whether it is the one that scores.
    pub chosen: bool,
}

/// On what models were tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// The cut-off.
    pub cutoff: Timestamp,
    /// Whether the test is of customers held out at the same cut-off that was trained on, for want of an earlier one; else it is
    /// later than what was trained on.
    pub held_out_customers: bool,
}

/// How much a column matters to the model that scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature.
    pub feature: String,
    /// Mean of what it adds to or takes from the log-odds, in absolute value.
    pub mean_contribution: f64,
    /// Correlation of what it adds with its value: above 0, more of it goes with more churn.
    pub direction: f64,
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
    /// Cut-offs whose outcomes the tested models were trained on.
    pub train_cutoffs: Vec<Timestamp>,
    /// The test, where there was one.
    pub test: Option<Test>,
    /// Customer-cut-off pairs trained on.
    pub train_rows: i64,
    /// Those of them that churned.
    pub train_churned: i64,
    /// The models that competed, the best first.
    pub candidates: Vec<Candidate>,
    /// What matters to the model that scores, most first; empty with a rule.
    pub importances: Vec<Importance>,
    /// How far those who are scored have moved from those that were learned of, the farthest first.
    pub drift: Vec<Drift>,
    /// How expected spend was found, where two cut-offs tell; empty where not.
    pub value_candidates: Vec<ValueCandidate>,
}

impl Report {
    pub(super) fn blank(past: &[Snapshot]) -> Self {
        let churned = || past.iter().flat_map(|one| &one.churned);
        Self {
            basis: Basis::RecencyRank,
            basis_reason: String::new(),
            calibrated: false,
            train_cutoffs: past.iter().map(|one| one.as_of).collect(),
            test: None,
            train_rows: churned().count() as i64,
            train_churned: churned().filter(|&&gone| gone).count() as i64,
            candidates: Vec::new(),
            importances: Vec::new(),
            drift: Vec::new(),
            value_candidates: Vec::new(),
        }
    }

    pub(super) fn tell<'a>(
        &mut self,
        tuned: &[Tuned],
        tested: impl Iterator<Item = &'a Quality>,
        chosen: usize,
    ) {
        self.calibrated = true;
        let candidate = |(place, (one, quality)): (usize, (&Tuned, &Quality))| Candidate {
            basis: one.recipe.basis(),
            parameters: one.recipe.in_words(),
            held_out_log_loss: one.log_loss,
            quality: quality.clone(),
            chosen: place == chosen,
        };
        self.candidates = tuned.iter().zip(tested).enumerate().map(candidate).collect();
        self.candidates
            .sort_by(|one, other| one.held_out_log_loss.total_cmp(&other.held_out_log_loss));
    }

    /// How the model that scores did in the test.
    pub fn model(&self) -> Option<&Quality> {
        self.candidates.iter().find(|one| one.chosen).map(|one| &one.quality)
    }

    /// How the better rule did in the same test.
    pub fn rule(&self) -> Option<&Quality> {
        let rule = self.candidates.iter().find(|one| one.basis == Basis::RecencyRule);
        rule.map(|one| &one.quality)
    }
}

impl Recipe {
    fn in_words(&self) -> String {
        match self {
            Self::Rule { column: 0 } => "days of silence".to_owned(),
            Self::Rule { .. } => "silence against the own rhythm".to_owned(),
            Self::BgNbd => "repeat activity, its latest day, and time known".to_owned(),
            Self::Logistic { c } => format!("ridge C {c}"),
            Self::Boosted(growth) => {
                format!("{} trees of {} leaves, rate {}", growth.rounds, growth.leaves, growth.rate)
            }
        }
    }
}

/// Why the model that scores does.
pub(super) fn reason(
    candidates: &[Candidate],
    where_: &str,
    refused: &[usize],
    columns: &Columns,
) -> String {
    let names: Vec<String> = refused.iter().map(|&column| columns.name(column)).collect();
    let refused = if names.is_empty() {
        String::new()
    } else {
        let names = names.join(", ");
        format!("; left out, as alone they order outcomes too well to be true: {names}")
    };
    let rule = candidates.iter().find(|one| one.basis == Basis::RecencyRule);
    let best = candidates.iter().find(|one| one.basis != Basis::RecencyRule);
    let (Some(rule), Some(best)) = (rule, best) else { return refused };
    let chosen = candidates.iter().find(|one| one.chosen && one.basis != Basis::RecencyRule);
    let name = |one: &Candidate| format!("{} ({})", one.basis.in_words(), one.parameters);
    let rule_loss = rule.quality.log_loss;
    let Some(model) = chosen else {
        return format!(
            "{}: {where_} the log loss {:.4} of the best model, {}, is not below the rule's {rule_loss:.4} by more than chance{refused}",
            name(rule),
            best.quality.log_loss,
            best.basis.in_words(),
        );
    };
    let which = if best.chosen {
        format!("best of {}", candidates.len())
    } else {
        format!(
            "as good as {}, the best of {}, and simpler",
            best.basis.in_words(),
            candidates.len()
        )
    };
    format!(
        "{}: {which} by log loss on customers held out; {where_} its log loss {:.4} is below the recency rule's {rule_loss:.4}{refused}",
        name(model),
        model.quality.log_loss,
    )
}
