//! Metrics: what each one is, and how a figure with its interval is made from counts.
//!
//! The datastore counts, this module divides. It knows neither SQL nor the wire. Groups are combined
//! by adding [`Counts`], never by averaging rates or scores.

pub mod buckets;
pub mod catalogue;
mod clustered;
pub mod compare;
pub mod counts;
pub mod evaluate;
pub mod intervals;
pub(crate) mod quantiles;

pub use buckets::{BucketLength, Buckets, WeekStart};
pub use catalogue::{Definition, definition};
pub use compare::{Difference, Test, benjamini_hochberg, compare};
pub use counts::{Amounts, Answers, Counts, Groups, Incidence, Share, Spans, Total};
pub use evaluate::{Figure, Further, Interval, Status, Terms, evaluate};

use crate::{
    codes::{Channel, Stage, coded},
    interaction::Currency,
    time::{DAY, SECOND},
};
use serde::{Deserialize, Serialize};

/// After so many microseconds nearly everything has come back that will.
pub const RETURNS_LAG: i64 = 30 * DAY;

coded! {
    /// A metric. [`definition`] says what each is.
    Metric {
        /// Net Promoter Score of relational surveys.
        NpsRelational = 1,
        /// Net Promoter Score of transactional surveys.
        NpsTransactional = 2,
        /// Share of satisfaction answers in the two best boxes.
        CsatTop2Box = 3,
        /// Mean satisfaction on 1–5.
        CsatMean = 4,
        /// Share of CES 2.0 answers from 5.
        CesEasyShare = 5,
        /// Mean of CES 2.0 answers.
        CesMean = 6,
        /// Answered surveys over delivered ones.
        SurveyResponseRate = 7,
        /// Case opened to first human answer.
        FirstResponseTime = 8,
        /// Case opened to first solved.
        FirstResolutionTime = 9,
        /// Case opened to last solved.
        FullResolutionTime = 10,
        /// Contact queued to answered.
        QueueWait = 11,
        /// Abandoned contacts over queued ones.
        AbandonmentRate = 12,
        /// Customers without qualifying activity in the horizon, of those active before it.
        ChurnRate = 13,
        /// Interactions.
        Interactions = 14,
        /// Customers with an interaction.
        ActiveCustomers = 15,
        /// Orders.
        Orders = 16,
        /// Sum of order totals for each currency.
        Revenue = 17,
        /// Complaints raised per 100 active customers.
        ComplaintsPer100Customers = 18,
        /// Feature requests raised per 100 active customers.
        FeatureRequestsPer100Customers = 19,
        /// Customers with two orders and more, of those with one.
        RepeatPurchaseRate = 20,
        /// Orders of which something came back.
        ReturnRate = 21,
        /// Orders less refunds for each currency.
        CustomerValue = 22,
        /// Contacts answered in time, of those that queued.
        ServiceLevel = 23,
        /// Contacts after which the same customer did not come again for the same reason.
        FirstContactResolution = 24,
        /// Issues that customers settled by themselves.
        SelfServiceShare = 25,
        /// Case opened, and each time reopened, to solved.
        CycleResolutionTime = 26,
        /// Orders of each customer who ordered.
        PurchaseFrequency = 27,
        /// What an order costs, for each currency.
        AverageOrderValue = 28,
        /// Who clicked, of those whom a message reached.
        ClickRate = 29,
        /// Who clicked, of those who opened.
        ClickToOpenRate = 30,
        /// Customers with a subscription who have none at the end of a period.
        SubscriptionChurnRate = 31,
        /// Customers of a cohort who are active so many periods later.
        RetentionRate = 32,
        /// Customers of a group, of all active ones.
        CustomerShare = 33,
        /// Interactions of a group, of all.
        InteractionShare = 34,
        /// What is at stake with customers who may leave, for each currency.
        ValueAtRisk = 35,
    }
}

/// Which answers of a person who gave several count, within each group and bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponsePolicy {
    /// The latest.
    LatestPerCustomer,
    /// The first.
    FirstPerCustomer,
    /// All; intervals are then clustered by customer.
    All,
}

impl ResponsePolicy {
    /// What is taken where the question does not say: the latest answer for NPS, all for other surveys.
    pub const fn default_of(metric: Metric) -> Self {
        match metric {
            Metric::NpsRelational | Metric::NpsTransactional => Self::LatestPerCustomer,
            _ => Self::All,
        }
    }
}

/// How long is waited for what makes a contact a good one, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Until when a contact must be answered, for [`Metric::ServiceLevel`].
    pub answer: i64,
    /// Within what time another contact says that the one before settled nothing.
    pub repeat: i64,
}

impl Default for Waits {
    /// Twenty seconds, as in "80 % within 20 seconds", and a week.
    fn default() -> Self {
        Self { answer: 20 * SECOND, repeat: 7 * DAY }
    }
}

/// Which instant files a case under a range or bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaseClock {
    /// Its opening.
    #[default]
    Opened,
    /// The end of the measured span. Open cases are then in no bucket.
    Ended,
}

/// What beside channel and stage tells the observations of some metrics apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The survey that was asked.
    Survey,
    /// Why the customer came; of a case, why it was opened.
    Reason,
    /// What a message was about.
    Campaign,
}

impl Metric {
    /// What its observations can be told apart by, if anything.
    pub const fn detail(self) -> Option<Detail> {
        match self {
            Self::NpsRelational
            | Self::NpsTransactional
            | Self::CsatTop2Box
            | Self::CsatMean
            | Self::CesEasyShare
            | Self::CesMean
            | Self::SurveyResponseRate => Some(Detail::Survey),
            Self::FirstResponseTime
            | Self::FirstResolutionTime
            | Self::FullResolutionTime
            | Self::CycleResolutionTime
            | Self::QueueWait
            | Self::AbandonmentRate
            | Self::ServiceLevel
            | Self::FirstContactResolution => Some(Detail::Reason),
            Self::ClickRate | Self::ClickToOpenRate => Some(Detail::Campaign),
            _ => None,
        }
    }
}

/// A group and bucket. What a question does not group by is `None`, as is the group without it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupKey {
    /// Number of the bucket, from 0.
    pub bucket: usize,
    /// Ordinal of the persona in its segmentation.
    pub persona: Option<i16>,
    /// The channel.
    pub channel: Option<Channel>,
    /// The stage.
    pub stage: Option<Stage>,
    /// The customer's value of an attribute.
    pub attribute: Option<String>,
    /// The survey, reason or campaign, as [`Metric::detail`] says.
    pub detail: Option<String>,
    /// The currency of a sum of money.
    pub currency: Option<Currency>,
    /// How many buckets after that of the cohort, for [`Metric::RetentionRate`].
    pub period: Option<usize>,
}
