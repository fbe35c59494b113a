//! Alerts: rules, what they raised, and the log of its changes.
//!
//! An alert is raised once: its id is made of the rule, the customer and what raised it, so that whoever finds the same thing again
//! finds its row. Its changes have positions of the same feed as membership changes: one order for all that is followed.

mod answers;
mod cases;
mod change;
mod log;
mod raise;
mod recovery;
mod risks;
mod rows;
mod rules;
#[cfg(test)]
mod tests;

pub use answers::{Opinion, OpinionKey};
pub use cases::Window;
pub use change::{Act, Changed};
pub(crate) use log::forget;
pub use log::{AlertFilter, AlertKey, ChangeFilter};
pub use raise::Found;
pub use recovery::RecoveryFilter;
pub use risks::AtRiskNow;
pub use rules::{NewRule, Rule, RuleChange};

use cx_analytics::alerts::{Action, Facts, Outcome, State};
use cx_analytics::{Channel, Stage, Timestamp};

/// Most changes of an alert that are told with it.
const TOLD_WITH_ALERT: i64 = 1000;

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// The rule that raised it.
    pub rule_id: String,
    /// The name that the rule had.
    pub rule_name: String,
    /// The customer; empty where it is about none.
    pub customer_id: String,
    /// The persona that the customer had.
    pub persona_id: Option<String>,
    /// The channel of what raised it, where that has one.
    pub channel: Option<Channel>,
    /// The stage of what raised it, where that has one.
    pub stage: Option<Stage>,
    /// What raised it.
    pub facts: Facts,
    /// When that happened.
    pub event_at: Timestamp,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Who looks after it.
    pub assignee: Option<String>,
    /// When it was acknowledged, and by whom.
    pub acknowledged: Option<(Timestamp, String)>,
    /// How it was resolved.
    pub resolution: Option<Resolution>,
    /// Changes with every change.
    pub etag: String,
}

/// How an alert was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What there is to say; may be empty.
    pub note: String,
}

/// A change of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    /// Its place in the order of all changes.
    pub position: i64,
    /// The alert.
    pub alert_id: String,
    /// What happened.
    pub action: Action,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Option<String>,
    /// Who looks after it since, where it was assigned.
    pub assignee: Option<String>,
    /// What came of it, where it was resolved.
    pub outcome: Option<Outcome>,
    /// What there is to say, where it was resolved.
    pub note: Option<String>,
    /// The alert as it is now; none where its customer was erased, or where it is not asked for.
    pub alert: Option<Alert>,
}
