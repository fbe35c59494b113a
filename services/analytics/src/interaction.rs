//! The interaction: one immutable record of a touchpoint, and its fingerprint.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::codes::{
    CaseAction, Channel, EngagementAction, FeedbackAction, Handler, Kind, ReturnKind, Stage,
    SubscriptionAction, SurveyAction, SurveyKind,
};

/// An amount of money in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217 code.
    pub currency: Currency,
    /// Minor units (cents where the currency has two decimals).
    pub amount_minor: i64,
}

/// An ISO 4217 alphabetic code: three upper-case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency with this code, if it has the form of one.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::parse(&code).ok_or_else(|| format!("{code:?} is not three upper-case letters"))
    }
}

/// An answer with the scale it was given on. `min ≤ value ≤ max` and `min < max` always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Score {
    /// The answer.
    pub value: i32,
    /// Lowest answer of the scale.
    pub min: i32,
    /// Highest answer of the scale.
    pub max: i32,
    /// True where a low answer is the good one (CES 1.0 asked for effort).
    pub lower_is_better: bool,
}

/// What happened, with what belongs to it. Durations are microseconds, not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The customer met something the company shows.
    Engagement {
        /// What happened.
        action: EngagementAction,
        /// Whether a message or advertisement arrived, where that is known.
        delivered: Option<bool>,
        /// How long it lasted.
        duration: Option<i64>,
        /// Campaign, page or item it was about.
        subject: Option<String>,
    },
    /// The customer wanted to be served, in person or by a bot.
    Contact {
        /// Who served; none where nobody did.
        handler: Option<Handler>,
        /// The customer gave up before being served.
        abandoned: bool,
        /// From joining the queue to the answer, or to giving up.
        queue_wait: Option<i64>,
        /// From the answer to the end.
        handling_time: Option<i64>,
        /// What it was about.
        reason: Option<String>,
        /// The case it belongs to.
        case_id: Option<String>,
    },
    /// Something happened to a support case.
    Case {
        /// The case.
        case_id: String,
        /// What happened.
        action: CaseAction,
        /// Who did it, where that matters: answers by bots are not first responses.
        handler: Option<Handler>,
        /// What the case is about.
        reason: Option<String>,
    },
    /// A survey was delivered, answered or dismissed.
    Survey {
        /// The survey.
        survey_id: Option<String>,
        /// What its question measures.
        kind: SurveyKind,
        /// What became of it.
        action: SurveyAction,
        /// The answer; there exactly where `action` is `Answered`.
        score: Option<Score>,
        /// What the customer wrote.
        comment: Option<String>,
    },
    /// The customer reviewed something.
    Review {
        /// The rating.
        rating: Option<Score>,
        /// What the customer wrote.
        text: Option<String>,
        /// Product or place reviewed.
        subject: Option<String>,
        /// Whether everybody can read it.
        public: Option<bool>,
    },
    /// The customer bought.
    Order {
        /// The order.
        order_id: String,
        /// What it cost; not negative.
        total: Option<Money>,
        /// Number of items.
        items: Option<i64>,
    },
    /// The customer took a purchase back.
    Return {
        /// The order, where known.
        order_id: Option<String>,
        /// Returned or cancelled.
        kind: ReturnKind,
        /// What was paid back; not negative.
        refund: Option<Money>,
        /// Number of items.
        items: Option<i64>,
        /// Whether the whole order was taken back.
        full: Option<bool>,
        /// Why.
        reason: Option<String>,
    },
    /// Something happened to a subscription.
    Subscription {
        /// The subscription.
        subscription_id: String,
        /// What happened.
        action: SubscriptionAction,
        /// The plan it has afterwards.
        plan: Option<String>,
        /// What it costs for each period.
        recurring: Option<Money>,
    },
    /// The customer tried to help themselves.
    SelfService {
        /// What it was about.
        topic: Option<String>,
        /// Whether that worked, where known.
        resolved: Option<bool>,
        /// How long it lasted.
        duration: Option<i64>,
    },
    /// A complaint was raised or answered.
    Complaint {
        /// The complaint's own id, by which an answer finds it.
        complaint_id: Option<String>,
        /// Raised or answered.
        action: FeedbackAction,
        /// What it is about.
        topic: Option<String>,
        /// What was written.
        text: Option<String>,
    },
    /// A feature was asked for, or the request answered.
    FeatureRequest {
        /// The request's own id, by which an answer finds it.
        request_id: Option<String>,
        /// Raised or answered.
        action: FeedbackAction,
        /// What it is about.
        topic: Option<String>,
        /// What was written.
        text: Option<String>,
    },
    /// The customer recommended the company to somebody.
    Referral {
        /// Whom, where that person is a customer too.
        referred_customer_id: Option<String>,
        /// Whether the other one bought.
        converted: Option<bool>,
    },
    /// What customer-facing staff report.
    StaffNote {
        /// Role or team of the author.
        author_role: Option<String>,
        /// What it is about.
        topic: Option<String>,
        /// The note.
        text: String,
    },
}

impl Payload {
    /// The kind, as stored.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Engagement { .. } => Kind::Engagement,
            Self::Contact { .. } => Kind::Contact,
            Self::Case { .. } => Kind::Case,
            Self::Survey { .. } => Kind::Survey,
            Self::Review { .. } => Kind::Review,
            Self::Order { .. } => Kind::Order,
            Self::Return { .. } => Kind::Return,
            Self::Subscription { .. } => Kind::Subscription,
            Self::SelfService { .. } => Kind::SelfService,
            Self::Complaint { .. } => Kind::Complaint,
            Self::FeatureRequest { .. } => Kind::FeatureRequest,
            Self::Referral { .. } => Kind::Referral,
            Self::StaffNote { .. } => Kind::StaffNote,
        }
    }
}

/// One immutable record of a touchpoint. (`customer_id`, `interaction_id`) names it for ever.
/// Ids are 1 to [`crate::Customer::MAX_ID`] bytes; no text holds NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Whom it is about.
    pub customer_id: String,
    /// The client's own id for the record.
    pub interaction_id: String,
    /// When it took place.
    pub occurred_at: Timestamp,
    /// Where it took place.
    pub channel: Channel,
    /// Where in the journey, where known.
    pub stage: Option<Stage>,
    /// What happened.
    pub payload: Payload,
}

impl Interaction {
    /// Longest comment, text or note, in bytes.
    pub const MAX_TEXT: usize = 16_384;
    /// Longest reason, topic, plan, subject or role, in bytes.
    pub const MAX_LABEL: usize = 256;
    /// Largest amount in minor units, number of items or span in microseconds (115 days): the sum of 900,000 of them still
    /// fits into 64 bits.
    pub const MAX_NUMBER: i64 = 10_000_000_000_000;
}
