//! The voice of the customer: what comments, reviews, complaints, requests, staff notes and reasons of cases say, in which
//! language, how, and about what.
//!
//! Every annotation is a pure function of the text and of an [`Analyser`], so that equal texts are read alike in any order of
//! arrival. What is learned (which languages the company's texts are in, what its own scored texts say about words) is in the
//! analyser, a version that never changes. It must not know where texts are kept.

mod analyser;
mod contrast;
mod language;
mod learned;
mod lexicon;
mod terms;
#[cfg(test)]
mod tests;
mod themes;
mod words;

pub use analyser::{
    Analyser, Annotation, LanguageReport, Reading, Sample, Sentiment, train, verdict,
};
pub use contrast::{Answers, Contrast, Moments};
pub use language::{code_known, supported};
pub use terms::{Term, language_of, terms};
pub use themes::{
    Asked, Counted, Order, PersonaShare, SCORE_STEPS, Tally, Theme, personas, themes,
};
pub use words::holds;

use crate::codes::{Kind, coded};
use serde::{Deserialize, Serialize};

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

coded! {
    /// Where words come from. The codes are the API's own; [`FeedbackKind::kind`] says which payload it is.
    FeedbackKind {
        /// The comment of a survey.
        Comment = 1,
        /// A review.
        Review = 2,
        /// A complaint that was raised.
        Complaint = 3,
        /// A feature that was asked for.
        FeatureRequest = 4,
        /// What staff report.
        StaffNote = 5,
        /// Why a support case was opened.
        Case = 6,
    }
}

impl FeedbackKind {
    /// The payload that has the words.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Comment => Kind::Survey,
            Self::Review => Kind::Review,
            Self::Complaint => Kind::Complaint,
            Self::FeatureRequest => Kind::FeatureRequest,
            Self::StaffNote => Kind::StaffNote,
            Self::Case => Kind::Case,
        }
    }
}
