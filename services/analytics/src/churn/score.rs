//! Risks: probabilities with the reasons for them, and the value that is at stake.

use super::{
    features::{FEATURES, Subject, row},
    logistic::sigmoid,
    rule::ranks,
    scale::Scaler,
    train::{Model, Scorer},
    words,
};
use crate::{Timestamp, codes::coded, interaction::Currency};
use serde::{Deserialize, Serialize};

coded! {
    /// How urgent a risk is.
    Band {
        /// Probability below 0.4.
        Low = 1,
        /// From 0.4.
        Medium = 2,
        /// From 0.7.
        High = 3,
        /// The probability is a rank, not calibrated.
        InsufficientData = 4,
    }
}

/// What moves a probability away from the average customer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The feature.
    pub feature: String,
    /// In words.
    pub text: String,
    /// Share in the log-odds against the average customer; 0 with the rule.
    pub contribution: f64,
    /// The customer's value in the feature's unit, where there is one.
    pub value: Option<f64>,
}

/// A customer's risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// The customer.
    pub customer_id: String,
    /// Probability of no qualifying activity in the horizon.
    pub probability: f64,
    /// How urgent it is.
    pub band: Band,
    /// The strongest reasons, strongest first.
    pub reasons: Vec<Reason>,
    /// Probability × expected spend over the horizon, in minor units.
    pub value_at_risk: Option<i64>,
    /// The latest qualifying activity.
    pub last_activity_at: Timestamp,
}

/// Reasons given for each customer.
const REASONS: usize = 3;

impl Model {
    /// Scores customers, all together, in their order: an uncalibrated rank needs the others.
    pub fn score(&self, subjects: &[Subject<'_>], currency: Option<Currency>) -> Vec<Risk> {
        let probabilities: Vec<f64> = match &self.scorer {
            Scorer::Logistic { .. } => {
                subjects.iter().map(|subject| sigmoid(self.log_odds(subject))).collect()
            }
            Scorer::Rule(rule) => {
                subjects.iter().map(|subject| rule.predict(subject.recency())).collect()
            }
            Scorer::Rank => ranks(&subjects.iter().map(Subject::recency).collect::<Vec<_>>()),
        };
        let risk = |(subject, probability): (&Subject<'_>, f64)| Risk {
            customer_id: subject.activity.customer_id.clone(),
            probability,
            band: self.band(probability),
            reasons: self.reasons(subject, currency),
            value_at_risk: value_at_risk(subject, probability),
            last_activity_at: subject.last_qualifying,
        };
        subjects.iter().zip(probabilities).map(risk).collect()
    }

    fn band(&self, probability: f64) -> Band {
        match self.scorer {
            Scorer::Rank => Band::InsufficientData,
            _ if probability >= 0.7 => Band::High,
            _ if probability >= 0.4 => Band::Medium,
            _ => Band::Low,
        }
    }

    /// Log-odds of a customer under the regression; 0 with a rule, which has none.
    pub fn log_odds(&self, subject: &Subject<'_>) -> f64 {
        self.average_log_odds()
            + self.contributions(subject).iter().map(|(_, share)| share).sum::<f64>()
    }

    /// Log-odds of the average customer of the training: every scaled column is 0 there.
    pub fn average_log_odds(&self) -> f64 {
        if let Scorer::Logistic { logistic, .. } = &self.scorer { logistic.intercept } else { 0.0 }
    }

    /// What each feature adds to the average customer's log-odds; they sum to the difference. Empty with a rule.
    pub fn contributions(&self, subject: &Subject<'_>) -> Vec<(&'static str, f64)> {
        let Scorer::Logistic { scaler, logistic, .. } = &self.scorer else { return Vec::new() };
        let row = row(subject);
        let weighted =
            scaler.row(&row).zip(&logistic.weights).map(|(value, weight)| value * weight);
        let named = scaler.columns.iter().map(|column| FEATURES[column.feature].name);
        named.zip(weighted).collect()
    }

    fn reasons(&self, subject: &Subject<'_>, currency: Option<Currency>) -> Vec<Reason> {
        let row = row(subject);
        let reason = |place: usize, contribution: f64, median: f64| {
            let feature = &FEATURES[place];
            let said = (feature.say)(subject, currency);
            Reason {
                feature: feature.name.to_owned(),
                text: said + &words::typical(feature.unit, median, currency),
                contribution,
                value: row[place].is_finite().then_some(row[place]),
            }
        };
        let Scorer::Logistic { scaler, logistic, alone } = &self.scorer else {
            return vec![reason(0, 0.0, self.typical_recency.unwrap_or(f64::NAN))];
        };
        let values: Vec<f64> = scaler.row(&row).collect();
        let weighted: Vec<f64> = values.iter().zip(&logistic.weights).map(|(v, w)| v * w).collect();
        let telling: Vec<f64> = values.iter().zip(alone).map(|(v, r)| v * r).collect();
        let topics = strongest_topics(scaler, &weighted, &telling).into_iter().take(REASONS);
        let column = |place: usize| &scaler.columns[place];
        topics.map(|(lead, sum)| reason(column(lead).feature, sum, column(lead).median)).collect()
    }
}

/// Contributions summed by topic, strongest first, each with the column that tells it best. Features of one topic share
/// a weight, so that alone their contributions may contradict each other and what everybody knows of them: what is
/// told is the column whose value most goes with the topic's direction when nothing else is known.
fn strongest_topics(scaler: &Scaler, weighted: &[f64], telling: &[f64]) -> Vec<(usize, f64)> {
    let topic = |column: usize| FEATURES[scaler.columns[column].feature].topic;
    let mut topics: Vec<(usize, f64)> = Vec::new();
    for (column, share) in weighted.iter().enumerate() {
        match topics.iter_mut().find(|(lead, _)| topic(*lead) == topic(column)) {
            Some((_, sum)) => *sum += share,
            None => topics.push((column, *share)),
        }
    }
    for (lead, sum) in &mut topics {
        let of_topic = (0..weighted.len()).filter(|&column| topic(column) == topic(*lead));
        let towards = |column: &usize| telling[*column] * sum.signum();
        *lead = of_topic.max_by(|i, j| towards(i).total_cmp(&towards(j))).unwrap_or(*lead);
    }
    topics.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
    topics
}

/// Probability × expected spend over the horizon: the spend of the last 365 days (or since the first order,
/// where later, but at least a horizon) at the same daily rate. None without an order of a known amount.
pub fn value_at_risk(subject: &Subject<'_>, probability: f64) -> Option<i64> {
    const YEAR: f64 = 365.0;
    let activity = subject.activity;
    let horizon = subject.definition.horizon_days() as f64;
    let known = subject.days_since(activity.order_first_at?);
    let days = known.max(horizon).min(YEAR);
    let expected = activity.order_value_365d as f64 / days * horizon;
    (activity.orders_valued > 0).then_some((probability * expected).round() as i64)
}
