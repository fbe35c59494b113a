//! The enums of an interaction, with the codes that are stored and stand on the wire. It knows no payload's fields.

use serde::{Deserialize, Serialize};

/// Declares a field-less enum whose codes are stored and never change.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        #[repr(i16)]
        pub enum $name { $($(#[$vdoc])* $variant = $code),+ }

        impl $name {
            /// All values, in the order of their codes.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// The code: what is stored, and the number on the wire.
            pub const fn code(self) -> i16 {
                self as i16
            }

            /// The value with this code.
            pub fn from_code(code: i16) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.code() == code)
            }
        }
    };
}
pub(crate) use coded;

coded! {
    /// Where a touchpoint took place.
    Channel {
        /// A website.
        Web = 1,
        /// A mobile application.
        MobileApp = 2,
        /// E-mail.
        Email = 3,
        /// Live chat on the company's own surface.
        Chat = 4,
        /// A telephone call.
        Phone = 5,
        /// A text message.
        Sms = 6,
        /// A messenger run by somebody else.
        Messaging = 7,
        /// A social network.
        Social = 8,
        /// A shop or branch.
        InStore = 9,
        /// A help centre, kiosk or other self-service.
        SelfService = 10,
        /// A visit by field staff.
        Field = 11,
        /// None of the others.
        Other = 12,
    }
}

coded! {
    /// Where in the customer's journey a touchpoint took place.
    Stage {
        /// Learns that the company exists.
        Awareness = 1,
        /// Compares and considers.
        Consideration = 2,
        /// Buys.
        Purchase = 3,
        /// Gets started.
        Onboarding = 4,
        /// Uses what was bought.
        Usage = 5,
        /// Needs help.
        Support = 6,
        /// Stays, renews, buys again.
        Loyalty = 7,
        /// Recommends.
        Advocacy = 8,
    }
}

coded! {
    /// What happened in an engagement.
    EngagementAction {
        /// A message was sent to the customer.
        Sent = 1,
        /// A page or screen was viewed.
        View = 2,
        /// A message was opened.
        Open = 3,
        /// A link was clicked.
        Click = 4,
        /// A session on a web site or in an application.
        Session = 5,
        /// An advertisement was shown.
        Ad = 6,
    }
}

coded! {
    /// Who served the customer.
    Handler {
        /// A person.
        Human = 1,
        /// A bot or other automaton.
        Bot = 2,
    }
}

coded! {
    /// What happened to a support case.
    CaseAction {
        /// It was opened.
        Opened = 1,
        /// It was answered for the first time, visibly to the customer.
        FirstResponse = 2,
        /// It was solved.
        Solved = 3,
        /// It was opened again.
        Reopened = 4,
    }
}

coded! {
    /// What a survey question measures.
    SurveyKind {
        /// Likelihood to recommend, about the relationship as a whole: integers 0–10.
        NpsRelational = 1,
        /// Likelihood to recommend, asked after a touchpoint: integers 0–10.
        NpsTransactional = 2,
        /// Satisfaction.
        Csat = 3,
        /// Effort.
        Ces = 4,
        /// Any other question.
        Other = 5,
    }
}

coded! {
    /// What became of a survey.
    SurveyAction {
        /// The customer answered.
        Answered = 1,
        /// The survey reached the customer.
        Delivered = 2,
        /// The customer closed it without an answer.
        Dismissed = 3,
    }
}

coded! {
    /// What was taken back.
    ReturnKind {
        /// Goods came back.
        Returned = 1,
        /// The order was cancelled before it was fulfilled.
        Cancelled = 2,
    }
}

coded! {
    /// What happened to a subscription.
    SubscriptionAction {
        /// It started.
        Started = 1,
        /// It was renewed.
        Renewed = 2,
        /// It went to another plan.
        PlanChanged = 3,
        /// It was paused.
        Paused = 4,
        /// It was cancelled or lapsed.
        Cancelled = 5,
    }
}

coded! {
    /// Where a complaint or feature request stands.
    FeedbackAction {
        /// The customer raised it.
        Raised = 1,
        /// The company answered it.
        Answered = 2,
    }
}

coded! {
    /// The payload's kind, as stored.
    Kind {
        /// [`crate::Payload::Engagement`].
        Engagement = 1,
        /// [`crate::Payload::Contact`].
        Contact = 2,
        /// [`crate::Payload::Case`].
        Case = 3,
        /// [`crate::Payload::Survey`].
        Survey = 4,
        /// [`crate::Payload::Review`].
        Review = 5,
        /// [`crate::Payload::Order`].
        Order = 6,
        /// [`crate::Payload::Return`].
        Return = 7,
        /// [`crate::Payload::Subscription`].
        Subscription = 8,
        /// [`crate::Payload::SelfService`].
        SelfService = 9,
        /// [`crate::Payload::Complaint`].
        Complaint = 10,
        /// [`crate::Payload::FeatureRequest`].
        FeatureRequest = 11,
        /// [`crate::Payload::Referral`].
        Referral = 12,
        /// [`crate::Payload::StaffNote`].
        StaffNote = 13,
    }
}
