//! On what a probability rests.

use crate::codes::coded;
use serde::{Deserialize, Serialize};

coded! {
    /// On what a probability rests.
    Basis {
        /// A logistic regression.
        LogisticRegression = 1,
        /// The churn share of customers who have been silent for about as long, in days or against their own rhythm.
        RecencyRule = 2,
        /// BG/NBD: how often and how lately they bought.
        BgNbd = 3,
        /// Boosted trees of one question each.
        BoostedStumps = 4,
        /// Boosted trees.
        BoostedTrees = 5,
        /// The rank of silence: nothing has been observed.
        RecencyRank = 6,
    }
}

impl Basis {
    /// In words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::LogisticRegression => "logistic regression",
            Self::RecencyRule => "recency rule",
            Self::BgNbd => "BG/NBD",
            Self::BoostedStumps => "boosted stumps",
            Self::BoostedTrees => "boosted trees",
            Self::RecencyRank => "recency rank, uncalibrated",
        }
    }
}
