//! The voice of the customer: what comments, reviews, complaints, requests, staff notes and reasons of cases say, in which
//! language, how, and about what.
//!
//! Every annotation is a pure function of the text and of an [`Analyser`], so that equal texts are read alike in any order of
//! arrival. What is learned (which languages the company's texts are in, what its own scored texts say about words) is in the
//! analyser, a version that never changes. It must not know where texts are kept.

mod analyser;
mod language;
mod learned;
mod lexicon;
mod terms;
mod words;

pub use analyser::{Analyser, Annotation, LanguageReport, Reading, Sample, Sentiment, train};
pub use language::{code_known, supported};
pub use terms::{Term, language_of, terms};
pub use words::holds;

use crate::codes::coded;

coded! {
    /// How a text sounds.
    Polarity {
        /// It complains.
        Negative = 1,
        /// Neither, or both.
        Neutral = 2,
        /// It praises.
        Positive = 3,
    }
}

use serde::{Deserialize, Serialize};
