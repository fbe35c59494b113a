//! The analyser: a version of everything that decides how a text is read.

use super::learned::{Learned, Right, Scored};
use super::words::Vocabulary;
use super::{Polarity, Term, language, lexicon, terms};
use crate::interaction::Score;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names how this program reads texts; another one reads them anew.
const PROGRAM: &str = "1";
/// A language is usual from this share of the company's texts on …
const USUAL_SHARE: f64 = 0.05;
/// … and so many of them.
const USUAL_TEXTS: i64 = 20;

/// How a text sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentiment {
    /// In a word.
    pub polarity: Polarity,
    /// From -100 (complains) to 100 (praises).
    pub score: i16,
    /// Probability that the sign of the score is the right one, in per cent.
    pub confidence: i16,
}

/// What is said about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// ISO 639-1 code; none where it cannot be told.
    pub language: Option<&'static str>,
    /// How it sounds; none where nothing says.
    pub sentiment: Option<Sentiment>,
    /// What may become themes.
    pub terms: Vec<Term>,
}

/// How sentiment is read in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reading {
    /// By a lexicon of the language.
    Lexicon,
    /// By what the company's scored texts say of words.
    Learned,
}

/// How well a language is read, measured on the company's own scored texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageReport {
    /// The language.
    pub language: String,
    /// The way that was taken.
    pub reading: Reading,
    /// Scored texts that complain.
    pub negative: i64,
    /// Scored texts that praise.
    pub positive: i64,
    /// Scored texts judged, each by what other customers' texts say, and those judged rightly.
    pub texts: i64,
    /// Those judged rightly.
    pub right: i64,
}

/// A text to learn from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// Who wrote it.
    pub customer_id: String,
    /// Its id.
    pub interaction_id: String,
    /// The text.
    pub text: String,
    /// Whether its score praises (true) or complains (false); none where it has no score, or one in the middle.
    pub positive: Option<bool>,
}

/// Whether a score praises (true) or complains (false); none for one in the middle. On the scale of NPS as promoters and
/// detractors are told, else the upper and the lower third of the scale.
pub fn verdict(score: &Score, nps: bool) -> Option<bool> {
    let room = score.max - score.min;
    let good =
        if score.lower_is_better { score.max - score.value } else { score.value - score.min };
    let (low, high) =
        if nps { (good <= 6, good >= 9) } else { (3 * good <= room, 3 * good >= 2 * room) };
    (low || high).then_some(high)
}

/// Everything that decides how a text is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Analyser {
    usual: Vec<String>,
    learned: BTreeMap<String, Learned>,
    report: Vec<LanguageReport>,
}

impl Analyser {
    /// A name made of the content: equal analysers have equal names.
    pub fn id(&self) -> String {
        if *self == Self::default() {
            return PROGRAM.to_owned();
        }
        let content = serde_json::to_vec(self).unwrap_or_default();
        format!("{PROGRAM}-{}", &blake3::hash(&content).to_hex()[..16])
    }

    /// Whether a name is that of an analyser of this program.
    pub fn is_current(id: &str) -> bool {
        id.split('-').next() == Some(PROGRAM)
    }

    /// How well each language is read, so far as the company's scored texts tell.
    pub fn report(&self) -> &[LanguageReport] {
        &self.report
    }

    /// The languages among which short texts are told.
    pub fn usual(&self) -> &[String] {
        &self.usual
    }

    /// Reads a text.
    pub fn annotate(&self, text: &str) -> Annotation {
        let usual: Vec<&'static str> =
            self.usual.iter().filter_map(|code| language::code_known(code)).collect();
        let language = language::detect(text, &usual);
        Annotation {
            language,
            sentiment: language.and_then(|language| self.sentiment(text, language)),
            terms: language.map(|language| terms(text, language)).unwrap_or_default(),
        }
    }

    fn sentiment(&self, text: &str, language: &str) -> Option<Sentiment> {
        match self.learned.get(language) {
            Some(learned) => learned.sentiment(Vocabulary::of(language)?, text),
            None => (language == lexicon::LANGUAGE).then(|| lexicon::sentiment(text)),
        }
    }
}

/// Learns from a company's texts in any order.
pub fn train(mut samples: Vec<Sample>) -> Analyser {
    samples.sort_unstable();
    let usual = usual(&samples);
    let mut by_language: BTreeMap<&'static str, Vec<Scored<'_>>> = BTreeMap::new();
    for sample in &samples {
        let Sample { customer_id, text, positive, .. } = sample;
        let Some(positive) = *positive else { continue };
        if let Some(language) = language::detect(text, &usual) {
            by_language.entry(language).or_default().push(Scored { customer_id, text, positive });
        }
    }
    let mut analyser = Analyser {
        usual: usual.iter().map(|code| (*code).to_owned()).collect(),
        ..Analyser::default()
    };
    for (language, texts) in by_language {
        analyser.learn(language, &texts);
    }
    analyser
}

impl Analyser {
    /// Learns a language, and takes the lexicon all the same where it judges the same texts better.
    fn learn(&mut self, language: &'static str, texts: &[Scored<'_>]) {
        let learned = Vocabulary::of(language).and_then(|words| Learned::train(words, texts));
        let lexicon = (language == lexicon::LANGUAGE).then(|| by_lexicon(texts));
        let (reading, right) = match (learned, lexicon) {
            (Some((_, learned)), Some(lexicon)) if lexicon.right >= learned.right => {
                (Reading::Lexicon, lexicon)
            }
            (Some((model, right)), _) => {
                self.learned.insert(language.to_owned(), model);
                (Reading::Learned, right)
            }
            (None, Some(lexicon)) => (Reading::Lexicon, lexicon),
            (None, None) => return,
        };
        let positive = texts.iter().filter(|text| text.positive).count();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.report.push(LanguageReport {
            language: language.to_owned(),
            reading,
            negative: count(texts.len() - positive),
            positive: count(positive),
            texts: right.texts,
            right: right.right,
        });
    }
}

/// How often the lexicon's sign is that of the score; no sign is wrong.
fn by_lexicon(texts: &[Scored<'_>]) -> Right {
    let is_right = |text: &&Scored<'_>| {
        let score = lexicon::compound(text.text);
        if text.positive { score > 0 } else { score < 0 }
    };
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    Right { texts: count(texts.len()), right: count(texts.iter().filter(is_right).count()) }
}

/// The languages that many texts are certainly in.
fn usual(samples: &[Sample]) -> Vec<&'static str> {
    let mut counts: BTreeMap<&'static str, i64> = BTreeMap::new();
    for sample in samples {
        if let Some(language) = language::detect(&sample.text, &[]) {
            *counts.entry(language).or_default() += 1;
        }
    }
    let least = counts.values().sum::<i64>() as f64 * USUAL_SHARE;
    let often = |count: i64| count >= USUAL_TEXTS && count as f64 >= least;
    counts.into_iter().filter(|(_, count)| often(*count)).map(|(language, _)| language).collect()
}
