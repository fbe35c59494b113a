//! Activity: the aggregates of one customer's interactions before an instant `as_of`.
//!
//! Integers only, so that any order of arrival gives the same bytes. The datastore fills it with one
//! query (`activity`), the same for a full segmentation, for the refresh of a few customers and for
//! the past snapshots on which churn is trained.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Scores of one kind, each mapped to 0…1000 of its own scale (1000 is the best experience, whatever
/// the direction of the scale): `(score − min) · 1000 / (max − min)`, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScoreActivity {
    /// Number of answers.
    pub answers: i64,
    /// Sum of the mapped scores.
    pub permille_sum: i64,
    /// The latest mapped score (the best of several at the same instant).
    pub permille_last: Option<i64>,
}

/// Everything the models may know of a customer, as counted in `[−∞, as_of)`. Windows are the last
/// N × 24 hours before `as_of`. Money is in minor units of the one currency that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Whose activity it is.
    pub customer_id: String,

    /// Interactions of every kind.
    pub interactions: i64,
    /// Earliest `occurred_at`.
    pub first_at: Timestamp,
    /// Latest `occurred_at`.
    pub last_at: Timestamp,
    /// Distinct UTC days with an interaction.
    pub active_days: i64,
    /// Interactions in the last 30 days.
    pub interactions_30d: i64,
    /// Interactions in the last 90 days.
    pub interactions_90d: i64,
    /// Interactions between 180 and 90 days ago.
    pub interactions_prior_90d: i64,
    /// Interactions in the last 365 days.
    pub interactions_365d: i64,
    /// Interactions by channel, in the order of [`crate::Channel::ALL`].
    pub by_channel: [i64; 12],
    /// Interactions by journey stage, in the order of [`crate::Stage::ALL`]. Those without one count nowhere.
    pub by_stage: [i64; 8],

    /// Orders.
    pub orders: i64,
    /// Earliest order.
    pub order_first_at: Option<Timestamp>,
    /// Latest order.
    pub order_last_at: Option<Timestamp>,
    /// Distinct UTC days with an order.
    pub order_days: i64,
    /// Orders in the last 30 days.
    pub orders_30d: i64,
    /// Orders in the last 90 days.
    pub orders_90d: i64,
    /// Orders between 180 and 90 days ago.
    pub orders_prior_90d: i64,
    /// Orders in the last 365 days.
    pub orders_365d: i64,
    /// Items ordered.
    pub order_items: i64,
    /// Orders in the currency asked for: those on which the money below rests.
    pub orders_valued: i64,
    /// Sum of order totals.
    pub order_value: i64,
    /// Sum of order totals in the last 90 days.
    pub order_value_90d: i64,
    /// Sum of order totals between 180 and 90 days ago.
    pub order_value_prior_90d: i64,
    /// Sum of order totals in the last 365 days.
    pub order_value_365d: i64,
    /// Largest order total.
    pub order_value_max: i64,
    /// Returns and cancellations of orders.
    pub returns: i64,
    /// Sum of refunds, positive.
    pub refund_value: i64,

    /// Contacts (calls, chats, messages to be handled).
    pub contacts: i64,
    /// Contacts in the last 90 days.
    pub contacts_90d: i64,
    /// Contacts handled by a bot.
    pub contacts_by_bot: i64,
    /// Contacts the customer gave up before they were answered.
    pub contacts_abandoned: i64,
    /// Contacts with a known queue wait.
    pub waits: i64,
    /// Sum of those waits, in microseconds.
    pub wait_sum: i64,
    /// Longest wait, in microseconds.
    pub wait_max: i64,
    /// Support cases opened.
    pub cases_opened: i64,
    /// Times a case was solved.
    pub cases_solved: i64,
    /// Times a case was reopened.
    pub cases_reopened: i64,
    /// Self-service sessions.
    pub self_service: i64,
    /// Self-service sessions that resolved the matter.
    pub self_service_resolved: i64,
    /// Complaints raised.
    pub complaints: i64,
    /// Complaints raised in the last 90 days.
    pub complaints_90d: i64,
    /// Feature requests raised.
    pub feature_requests: i64,
    /// Referrals made.
    pub referrals: i64,

    /// Surveys that reached the customer, answered or not.
    pub surveys: i64,
    /// Answers to "how likely are you to recommend us", 0–10.
    pub nps: ScoreActivity,
    /// Satisfaction answers.
    pub csat: ScoreActivity,
    /// Effort answers.
    pub ces: ScoreActivity,
    /// Ratings in reviews.
    pub rating: ScoreActivity,

    /// Engagements: views, clicks, opens, sessions, ads seen.
    pub engagements: i64,
    /// Engagements in the last 90 days.
    pub engagements_90d: i64,
    /// Clicks.
    pub clicks: i64,
    /// Latest engagement.
    pub engagement_last_at: Option<Timestamp>,

    /// Subscriptions started.
    pub subscriptions_started: i64,
    /// Subscriptions cancelled.
    pub subscriptions_cancelled: i64,
    /// Latest subscription event other than a cancellation.
    pub subscription_last_at: Option<Timestamp>,
    /// Latest cancellation.
    pub cancelled_last_at: Option<Timestamp>,
}

impl Activity {
    /// Nothing yet: what counting starts from, with an instant that stands for the first and the last interaction.
    pub fn empty(customer_id: impl Into<String>, at: Timestamp) -> Self {
        let none = ScoreActivity::default();
        Self {
            customer_id: customer_id.into(),
            interactions: 0,
            first_at: at,
            last_at: at,
            active_days: 0,
            interactions_30d: 0,
            interactions_90d: 0,
            interactions_prior_90d: 0,
            interactions_365d: 0,
            by_channel: [0; 12],
            by_stage: [0; 8],
            orders: 0,
            order_first_at: None,
            order_last_at: None,
            order_days: 0,
            orders_30d: 0,
            orders_90d: 0,
            orders_prior_90d: 0,
            orders_365d: 0,
            order_items: 0,
            orders_valued: 0,
            order_value: 0,
            order_value_90d: 0,
            order_value_prior_90d: 0,
            order_value_365d: 0,
            order_value_max: 0,
            returns: 0,
            refund_value: 0,
            contacts: 0,
            contacts_90d: 0,
            contacts_by_bot: 0,
            contacts_abandoned: 0,
            waits: 0,
            wait_sum: 0,
            wait_max: 0,
            cases_opened: 0,
            cases_solved: 0,
            cases_reopened: 0,
            self_service: 0,
            self_service_resolved: 0,
            complaints: 0,
            complaints_90d: 0,
            feature_requests: 0,
            referrals: 0,
            surveys: 0,
            nps: none,
            csat: none,
            ces: none,
            rating: none,
            engagements: 0,
            engagements_90d: 0,
            clicks: 0,
            engagement_last_at: None,
            subscriptions_started: 0,
            subscriptions_cancelled: 0,
            subscription_last_at: None,
            cancelled_last_at: None,
        }
    }
}
