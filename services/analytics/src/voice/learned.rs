//! Sentiment learned from a company's own scored texts: naive Bayes on words and pairs of words, calibrated out of fold.
//!
//! What is kept are counts of texts, so that the model does not depend on the order of the texts, and only of words that several
//! customers use: nobody's name or number is in it.

use super::words::{Vocabulary, Word};
use super::{Polarity, Sentiment};
use crate::churn::{Logistic, Matrix, sigmoid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Texts of each sign from which on is learned.
pub(super) const LEAST: usize = 50;
/// Customers who must have used a word.
const LEAST_CUSTOMERS: u32 = 3;
/// Parts into which customers are divided: the texts of each are judged by what the others' say.
const FOLDS: usize = 5;
/// Added to each count, so that a word that was never seen with a sign is no proof.
const SMOOTHING: f64 = 0.5;
/// Probabilities of praise nearer to one half than this say neither.
const UNDECIDED: f64 = 0.15;

/// A text whose score says how it is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored<'a> {
    pub customer_id: &'a str,
    pub text: &'a str,
    pub positive: bool,
}

/// What a company's texts in one language say of words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Learned {
    /// Texts with each word or pair of words: negative and positive ones.
    words: BTreeMap<String, [u32; 2]>,
    /// Sums over all words.
    totals: [u64; 2],
    /// From log-odds to calibrated log-odds.
    intercept: f64,
    slope: f64,
}

/// How often a judgement was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Right {
    /// Texts judged.
    pub texts: i64,
    /// Those judged rightly.
    pub right: i64,
}

/// Counts of a word: texts by fold and sign, and customers.
#[derive(Default)]
struct Counted {
    by_fold: [[u32; 2]; FOLDS],
    customers: u32,
}

impl Counted {
    fn of(&self, sign: usize, without: Option<usize>) -> u32 {
        let kept = (0..FOLDS).filter(|fold| Some(*fold) != without);
        kept.map(|fold| self.by_fold[fold][sign]).sum()
    }
}

impl Learned {
    /// Learns from texts that are sorted by customer; none where there are too few. Gives how often the others' words judge a
    /// text rightly as well.
    pub fn train(vocabulary: &Vocabulary, texts: &[Scored<'_>]) -> Option<(Self, Right)> {
        let positive = texts.iter().filter(|text| text.positive).count();
        if positive < LEAST || texts.len() - positive < LEAST {
            return None;
        }
        let features: Vec<Vec<String>> =
            texts.iter().map(|text| features(vocabulary, text.text)).collect();
        let counted = count(texts, &features);
        let parts: Vec<Self> = (0..FOLDS).map(|fold| Self::of(&counted, Some(fold))).collect();
        let odds: Vec<f64> = (texts.iter().zip(&features))
            .map(|(text, features)| parts[fold_of(text.customer_id)].log_odds(features))
            .collect();
        let signs: Vec<bool> = texts.iter().map(|text| text.positive).collect();
        let fitted = Logistic::fit(&Matrix { values: odds.clone(), width: 1 }, &signs, 1e6);
        let right = (odds.iter().zip(&signs))
            .filter(|(odds, sign)| (fitted.log_odds(&[**odds]) > 0.0) == **sign)
            .count();
        let slope = fitted.weights.first().copied().unwrap_or_default();
        let model = Self { intercept: fitted.intercept, slope, ..Self::of(&counted, None) };
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        Some((model, Right { texts: count(texts.len()), right: count(right) }))
    }

    fn of(counted: &HashMap<&str, Counted>, without: Option<usize>) -> Self {
        let mut model = Self { words: BTreeMap::new(), totals: [0; 2], intercept: 0.0, slope: 1.0 };
        for (word, count) in counted.iter().filter(|(_, c)| c.customers >= LEAST_CUSTOMERS) {
            let counts = [count.of(0, without), count.of(1, without)];
            for (total, count) in model.totals.iter_mut().zip(counts) {
                *total += u64::from(count);
            }
            model.words.insert((*word).to_owned(), counts);
        }
        model
    }

    /// Log-odds of praise against complaint, as they would be if words did not depend on each other. In the order of the
    /// features, which is that of their names.
    fn log_odds(&self, features: &[String]) -> f64 {
        let room = self.words.len() as f64 * SMOOTHING;
        let share =
            |count: u32, total: u64| ((f64::from(count) + SMOOTHING) / (total as f64 + room)).ln();
        let odds = |[negative, positive]: &[u32; 2]| {
            share(*positive, self.totals[1]) - share(*negative, self.totals[0])
        };
        features.iter().filter_map(|feature| self.words.get(feature)).map(odds).sum()
    }

    /// How a text sounds; none where it has no word that is known.
    pub fn sentiment(&self, vocabulary: &Vocabulary, text: &str) -> Option<Sentiment> {
        let features = features(vocabulary, text);
        if !features.iter().any(|feature| self.words.contains_key(feature)) {
            return None;
        }
        let praise = sigmoid(self.intercept + self.slope * self.log_odds(&features));
        let polarity = match praise - 0.5 {
            lean if lean <= -UNDECIDED => Polarity::Negative,
            lean if lean >= UNDECIDED => Polarity::Positive,
            _ => Polarity::Neutral,
        };
        let percent = |share: f64| (share * 100.0).round() as i16;
        Some(Sentiment {
            polarity,
            score: percent(2.0 * praise - 1.0),
            confidence: percent(praise.max(1.0 - praise)),
        })
    }
}

fn count<'a>(texts: &[Scored<'_>], features: &'a [Vec<String>]) -> HashMap<&'a str, Counted> {
    let mut counted: HashMap<&str, Counted> = HashMap::new();
    let mut said: HashSet<&str> = HashSet::new();
    let mut who = None;
    for (text, features) in texts.iter().zip(features) {
        if who != Some(text.customer_id) {
            who = Some(text.customer_id);
            said.clear();
        }
        let fold = fold_of(text.customer_id);
        for feature in features {
            let counts = counted.entry(feature).or_default();
            counts.by_fold[fold][usize::from(text.positive)] += 1;
            counts.customers += u32::from(said.insert(feature));
        }
    }
    counted
}

/// All of a customer's texts are in one part.
fn fold_of(customer_id: &str) -> usize {
    usize::from(blake3::hash(customer_id.as_bytes()).as_bytes()[0]) % FOLDS
}

/// The stems of a text and those that follow one another, each once, by name.
fn features(vocabulary: &Vocabulary, text: &str) -> Vec<String> {
    let words = vocabulary.words(text);
    let pair = |pair: &[Word]| format!("{} {}", pair[0].stem, pair[1].stem);
    let mut features: Vec<String> = words.iter().map(|word| word.stem.clone()).collect();
    features.extend(words.windows(2).map(pair));
    features.sort_unstable();
    features.dedup();
    features
}
