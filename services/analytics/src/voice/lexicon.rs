//! Sentiment of English by VADER's lexicon and rules (Hutto and Gilbert 2014), for companies without scored texts of their own.

use super::{Polarity, Sentiment};
use std::sync::LazyLock;
use vader_sentimental::SentimentIntensityAnalyzer;

/// The language of the lexicon.
pub(super) const LANGUAGE: &str = "en";

/// From this compound score on, in hundredths, a text is called positive or negative: the authors' threshold.
const THRESHOLD: i16 = 5;

/// How often the sign is right, in per cent, from such a strength on, in hundredths. Measured on 2,838 labelled sentences from
/// reviews (`benches/voice.rs`).
const RIGHT: [(i16, i16); 3] = [(70, 95), (30, 84), (THRESHOLD, 67)];

/// The compound score in hundredths. The grid is so coarse that the order in which the library adds up does not show.
pub(super) fn compound(text: &str) -> i16 {
    static VADER: LazyLock<SentimentIntensityAnalyzer<'static>> =
        LazyLock::new(SentimentIntensityAnalyzer::new);
    (VADER.polarity_scores(text).compound * 100.0).round().clamp(-100.0, 100.0) as i16
}

/// How a text sounds.
pub(super) fn sentiment(text: &str) -> Sentiment {
    let score = compound(text);
    let right = RIGHT.iter().find(|(from, _)| score.abs() >= *from);
    let polarity = match right {
        None => Polarity::Neutral,
        Some(_) if score < 0 => Polarity::Negative,
        Some(_) => Polarity::Positive,
    };
    Sentiment { polarity, score, confidence: right.map_or(50, |(_, percent)| *percent) }
}
