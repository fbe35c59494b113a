//! Risks: probabilities with their intervals, bands, and the reasons for and against.

use super::{
    Definition, Matrix,
    basis::Basis,
    bgnbd::BgNbd,
    calibrate::Calibration,
    columns::{About, Columns},
    definition::Counted,
    drift::{Drift, Reference},
    features::{Subject, Unit},
    likeness::Likeness,
    recipe::Scorer,
    report::Importance,
    sample::Sample,
    sigmoid,
    typical::Typical,
    value::{Spending, Worth},
};
use crate::{Timestamp, codes::coded, interaction::Currency, stats};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

coded! {
    /// How urgent a risk is.
    Band {
        /// Probability below where MEDIUM begins.
        Low = 1,
        /// From where MEDIUM begins.
        Medium = 2,
        /// From where HIGH begins.
        High = 3,
        /// The probability is not calibrated: too little was observed.
        InsufficientData = 4,
        /// Has left already, by the definition.
        Gone = 5,
    }
}

/// Where the bands begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// From this probability on a risk is MEDIUM.
    pub medium_from: f64,
    /// From this probability on a risk is HIGH.
    pub high_from: f64,
}

impl Default for Bands {
    fn default() -> Self {
        Self { medium_from: 0.4, high_from: 0.7 }
    }
}

impl Bands {
    /// The band of a calibrated probability.
    pub fn of(&self, probability: f64) -> Band {
        match probability {
            p if p >= self.high_from => Band::High,
            p if p >= self.medium_from => Band::Medium,
            _ => Band::Low,
        }
    }
}

/// What scores customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(super) columns: Columns,
    pub(super) rhythm: Option<BgNbd>,
    pub(super) basis: Basis,
    pub(super) calibrated: bool,
    /// None: by the rank of silence.
    pub(super) scorer: Option<Scorer>,
    pub(super) ranks: Ranks,
    pub(super) calibration: Calibration,
    pub(super) likeness: Option<Likeness>,
    pub(super) typical: Typical,
    /// What those who stay will spend; none where too little was seen.
    pub(super) worth: Option<Worth>,
    /// How each column was distributed among those learned of.
    pub(super) references: Vec<Reference>,
}

/// What moves a probability away from the average customer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The feature.
    pub feature: String,
    /// In words.
    pub text: String,
    /// Share in the log-odds against the average customer; 0 with a rule.
    pub contribution: f64,
    /// The customer's value in the feature's unit, where there is one.
    pub value: Option<f64>,
    /// Whether the company can do something about it.
    pub actionable: bool,
}

/// A customer's risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// The customer.
    pub customer_id: String,
    /// Probability of leaving in the horizon.
    pub probability: f64,
    /// What became of customers of like probability whom the model had not seen, at 95 %; none where it is not calibrated.
    pub interval: Option<(f64, f64)>,
    /// How urgent it is.
    pub band: Band,
    /// What raises it, strongest first.
    pub reasons: Vec<Reason>,
    /// What lowers it, strongest first.
    pub counter_reasons: Vec<Reason>,
    /// The latest qualifying activity.
    pub last_activity_at: Timestamp,
    /// What it is worth to the company, where an amount is known.
    pub value: Option<Value>,
    /// What raises it that the company can do something about, in the order of columns.
    pub drivers: Vec<Driver>,
}

/// Something that raises a risk and that the company can do something about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// The feature.
    pub feature: String,
    /// What it adds to the log-odds.
    pub contribution: f64,
    /// The customer's value in the feature's unit, where there is one.
    pub value: Option<f64>,
}

/// What a customer is worth, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Orders so far, less refunds.
    pub to_date: i64,
    /// Expected spend over the horizon of one who stays.
    pub if_stays: i64,
    /// The same times the probability of leaving: what is at risk.
    pub at_risk: i64,
    /// The same times the probability of staying: what is to be expected.
    pub predicted: i64,
}

/// Reasons given for and against.
const REASONS: usize = 3;
/// A contribution below this says nothing.
const NEGLIGIBLE: f64 = 0.005;

impl Model {
    /// What the columns of a row are.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// On what probabilities rest.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// A customer's risk.
    pub fn risk(&self, subject: &Subject<'_>, currency: Option<Currency>) -> Risk {
        let subject = &self.heard(subject);
        let row = self.columns.row(subject);
        let probability = self.probability_of(&row);
        let shares = self.shares(&row);
        let (reasons, counter_reasons) = self.reasons(subject, (&row, &shares), currency);
        Risk {
            customer_id: subject.activity.customer_id.clone(),
            probability,
            interval: self.likeness.as_ref().map(|likeness| likeness.interval(probability)),
            band: self.band(probability, subject),
            reasons,
            counter_reasons,
            last_activity_at: subject.standing.last_at,
            value: self.value(&row, subject, probability),
            drivers: self.drivers(&row, &shares),
        }
    }

    fn drivers(&self, row: &[f64], shares: &[f64]) -> Vec<Driver> {
        let raises = |(column, share): &(usize, &f64)| {
            **share > NEGLIGIBLE && self.columns.actionable(*column)
        };
        let driver = |(column, &contribution): (usize, &f64)| Driver {
            feature: self.columns.name(column),
            contribution,
            value: row[column].is_finite().then_some(row[column]),
        };
        shares.iter().enumerate().filter(raises).map(driver).collect()
    }

    /// The unit of a feature, and its median among those learned of, where anybody had a value.
    pub fn typical_of(&self, feature: &str) -> Option<(Unit, Option<f64>)> {
        let column = (0..self.columns.width()).find(|&one| self.columns.name(one) == feature)?;
        let median = self.typical.median(column);
        Some((self.columns.unit(column), median.is_finite().then_some(median)))
    }

    fn value(&self, row: &[f64], subject: &Subject<'_>, probability: f64) -> Option<Value> {
        let expected = self.worth.as_ref()?.expected(row, &Spending::of(subject)?);
        let activity = subject.activity;
        let rounded = |amount: f64| amount.round() as i64;
        Some(Value {
            to_date: activity.order_value - activity.refund_value,
            if_stays: rounded(expected),
            at_risk: rounded(probability * expected),
            predicted: rounded((1.0 - probability) * expected),
        })
    }

    /// The risks of many, in their order.
    pub fn risks(&self, subjects: &[Subject<'_>], currency: Option<Currency>) -> Vec<Risk> {
        subjects.par_iter().map(|subject| self.risk(subject, currency)).collect()
    }

    /// The probabilities alone.
    pub fn probabilities(&self, subjects: &[Subject<'_>]) -> Vec<f64> {
        subjects.par_iter().map(|subject| self.probability(subject)).collect()
    }

    /// The probability alone.
    pub fn probability(&self, subject: &Subject<'_>) -> f64 {
        self.probability_of(&self.row(subject))
    }

    /// The subject as this model knows its rhythm.
    fn heard<'a>(&'a self, subject: &Subject<'a>) -> Subject<'a> {
        Subject { rhythm: self.rhythm.as_ref(), ..*subject }
    }

    fn row(&self, subject: &Subject<'_>) -> Vec<f64> {
        self.columns.row(&self.heard(subject))
    }

    fn probability_of(&self, row: &[f64]) -> f64 {
        match self.log_odds_of(row) {
            Some(odds) => sigmoid(odds),
            None => self.ranks.share_below(row[0]),
        }
    }

    fn log_odds_of(&self, row: &[f64]) -> Option<f64> {
        Some(self.calibration.apply(self.scorer.as_ref()?.log_odds(row)))
    }

    fn band(&self, probability: f64, subject: &Subject<'_>) -> Band {
        let definition: &Definition = subject.definition;
        match definition.counted(&subject.standing, subject.customer, subject.as_of) {
            Counted::Gone => Band::Gone,
            _ if !self.calibrated => Band::InsufficientData,
            _ => definition.bands().of(probability),
        }
    }

    /// Log-odds of a customer, calibrated; none of a rank.
    pub fn log_odds(&self, subject: &Subject<'_>) -> Option<f64> {
        self.log_odds_of(&self.row(subject))
    }

    /// Log-odds of the average customer of the training; none where the score is no sum of features.
    pub fn average_log_odds(&self) -> Option<f64> {
        Some(self.calibration.apply(self.scorer.as_ref()?.average()?))
    }

    /// What each feature adds to the average customer's log-odds; they sum to the difference. Empty where the score is no sum.
    pub fn contributions(&self, subject: &Subject<'_>) -> Vec<(String, f64)> {
        let shares = self.shares(&self.row(subject));
        shares
            .into_iter()
            .enumerate()
            .map(|(column, share)| (self.columns.name(column), share))
            .collect()
    }

    fn shares(&self, row: &[f64]) -> Vec<f64> {
        match &self.scorer {
            Some(scorer) if scorer.average().is_some() => {
                let shares = scorer.contributions(row);
                shares.into_iter().map(|share| share * self.calibration.slope).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What raises the probability and what lowers it.
    fn reasons(
        &self,
        subject: &Subject<'_>,
        (row, shares): (&[f64], &[f64]),
        currency: Option<Currency>,
    ) -> (Vec<Reason>, Vec<Reason>) {
        let reason = |column: usize, contribution: f64| {
            let value = row[column];
            Reason {
                feature: self.columns.name(column),
                text: self.columns.say(
                    column,
                    subject,
                    (value, self.typical.median(column)),
                    currency,
                ),
                contribution,
                value: value.is_finite().then_some(value),
                actionable: self.columns.actionable(column),
            }
        };
        if shares.is_empty() {
            return (vec![reason(0, 0.0)], Vec::new());
        }
        let topics = self.strongest_topics(shares, &self.typical.telling(row));
        let of_sign = |sign: f64| {
            let topics = topics.iter().filter(|(_, sum)| sum * sign > NEGLIGIBLE).take(REASONS);
            topics.map(|&(column, sum)| reason(column, sum)).collect()
        };
        (of_sign(1.0), of_sign(-1.0))
    }

    /// Contributions summed by topic, strongest first, each with the column that tells it best. Columns of one topic share a weight,
    /// so that alone their contributions may contradict each other and what everybody knows of them: what is told is the column
    /// whose value most goes with the topic's direction when nothing else is known.
    fn strongest_topics(&self, shares: &[f64], telling: &[f64]) -> Vec<(usize, f64)> {
        let mut topics: Vec<(About<'_>, usize, f64)> = Vec::new();
        for (column, share) in shares.iter().enumerate() {
            let about = self.columns.about(column);
            match topics.iter_mut().find(|(known, ..)| *known == about) {
                Some((_, _, sum)) => *sum += share,
                None => topics.push((about, column, *share)),
            }
        }
        for (about, lead, sum) in &mut topics {
            let of_topic = (0..shares.len()).filter(|&column| self.columns.about(column) == *about);
            let towards = |column: &usize| telling[*column] * sum.signum();
            *lead = of_topic.max_by(|i, j| towards(i).total_cmp(&towards(j))).unwrap_or(*lead);
        }
        topics.sort_by(|one, other| other.2.abs().total_cmp(&one.2.abs()));
        topics.into_iter().map(|(_, lead, sum)| (lead, sum)).collect()
    }

    /// How much each column matters, most first.
    pub(super) fn importances(&self, learned: &Sample<'_>) -> Vec<Importance> {
        const LOOKED_AT: usize = 2_000;
        let step = learned.rows.len().div_ceil(LOOKED_AT).max(1);
        let rows: Vec<&[f64]> = learned.rows.iter().step_by(step).copied().collect();
        let shares: Vec<Vec<f64>> = rows.iter().map(|row| self.shares(row)).collect();
        let width = shares.first().map_or(0, Vec::len);
        let mut importances: Vec<Importance> = (0..width)
            .filter_map(|column| {
                let adds: Vec<f32> = shares.iter().map(|shares| shares[column] as f32).collect();
                let values: Vec<f32> = rows.iter().map(|row| row[column] as f32).collect();
                let sum: f64 = shares.iter().map(|shares| shares[column].abs()).sum();
                let direction = stats::correlation(&values, &adds, 0.0)?;
                let mean_contribution = sum / rows.len() as f64;
                Some(Importance {
                    feature: self.columns.name(column),
                    mean_contribution,
                    direction,
                })
            })
            .filter(|one| one.mean_contribution > 0.0)
            .collect();
        importances.sort_by(|one, other| other.mean_contribution.total_cmp(&one.mean_contribution));
        importances
    }

    /// How far rows of today have moved from those learned of, the farthest first.
    pub fn drift(&self, now: &Matrix) -> Vec<Drift> {
        let now: Vec<&[f64]> = now.rows().collect();
        Drift::since(&self.columns, &self.references, &now)
    }
}

/// Silences, to be ranked among.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Ranks(Vec<f64>);

impl Ranks {
    /// A thousand of them at most, which tell every rank to a thousandth.
    pub(super) fn of(rows: &Matrix) -> Self {
        let mut silences: Vec<f64> =
            if rows.is_empty() { Vec::new() } else { rows.column(0).collect() };
        silences.sort_by(f64::total_cmp);
        let step = silences.len().div_ceil(1000).max(1);
        Self(silences.into_iter().skip(step / 2).step_by(step).collect())
    }

    /// The share of customers who are silent for a shorter time (ties half).
    fn share_below(&self, silence: f64) -> f64 {
        let below = self.0.partition_point(|&other| other < silence);
        let to = self.0.partition_point(|&other| other <= silence);
        if self.0.is_empty() { 0.5 } else { (below + to) as f64 / (2 * self.0.len()) as f64 }
    }
}
