//! Alerts: what rules look for, what they found, and what came of it. Values and judgements only: where answers, cases and
//! risks come from, and that each is raised once, is the store's.

mod facts;
mod moved;
mod recovery;
mod rule;

pub use facts::{Answer, Facts, OpenCase, Risk};
pub use moved::{Direction, Every, Moved, Movement, movements};
pub use recovery::{After, FollowedUp, Pair, Recovery, Tally, recovery};
pub use rule::{AtRisk, CaseOpen, Condition, Detractor, Scale, Scope};

use crate::codes::coded;
use serde::{Deserialize, Serialize};

coded! {
    /// What an alert is about.
    Kind {
        /// A bad answer.
        Detractor = 1,
        /// A case that has been open for too long.
        CaseOpenTooLong = 2,
        /// A customer of high value who is likely to leave.
        HighValueAtRisk = 3,
        /// A metric that moved by more than chance.
        MetricMoved = 4,
    }
}

coded! {
    /// Where an alert stands.
    State {
        /// Nobody has seen it.
        Open = 1,
        /// Somebody has.
        Acknowledged = 2,
        /// It is over.
        Resolved = 3,
    }
}

coded! {
    /// What came of an alert.
    Outcome {
        /// The customer was won back, the case settled.
        Recovered = 1,
        /// It was tried, without success.
        NotRecovered = 2,
        /// Nothing was done.
        NoAction = 3,
        /// There was nothing the matter.
        FalseAlarm = 4,
    }
}

coded! {
    /// What happened to an alert.
    Action {
        /// It was raised.
        Raised = 1,
        /// Somebody acknowledged it.
        Acknowledged = 2,
        /// It was given to somebody, or to nobody.
        Assigned = 3,
        /// It was resolved.
        Resolved = 4,
        /// Its customer was erased.
        Erased = 5,
    }
}

coded! {
    /// What an answer answers.
    Measure {
        /// A relational NPS survey.
        NpsRelational = 1,
        /// A transactional NPS survey.
        NpsTransactional = 2,
        /// A satisfaction survey.
        Csat = 3,
        /// An effort survey.
        Ces = 4,
        /// The rating of a review.
        Review = 5,
    }
}

impl Measure {
    /// Whether it is likelihood to recommend.
    pub const fn is_nps(self) -> bool {
        matches!(self, Self::NpsRelational | Self::NpsTransactional)
    }
}
