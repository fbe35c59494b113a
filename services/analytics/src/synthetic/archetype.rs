//! The known personas: what sets each kind of customer apart.

use crate::Channel::{self, Chat, Email, InStore, Messaging, MobileApp, Phone, Social, Web};

/// A kind of customer, known by construction. Nothing stored tells it: segmentation has to find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archetype {
    /// Orders often and dearly, recommends, seldom needs help.
    LoyalSpender,
    /// Lives in the app, waits for offers, orders small, sends things back.
    BargainHunter,
    /// Came a few weeks ago, tries everything, asks for more.
    NewEnthusiast,
    /// Much goes wrong: calls, waits, complains, and often leaves over it.
    Struggler,
    /// Bought once or twice and is only reached by advertising since.
    OneTimer,
    /// Pays for a subscription, orders now and then, says nothing.
    SilentSubscriber,
}

impl Archetype {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::LoyalSpender,
        Self::BargainHunter,
        Self::NewEnthusiast,
        Self::Struggler,
        Self::OneTimer,
        Self::SilentSubscriber,
    ];

    /// A name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoyalSpender => "loyal high spender",
            Self::BargainHunter => "bargain app shopper",
            Self::NewEnthusiast => "new enthusiast",
            Self::Struggler => "support-heavy struggler",
            Self::OneTimer => "lapsing one-timer",
            Self::SilentSubscriber => "silent subscriber",
        }
    }
}

/// What an archetype does, on average; customers differ around it.
pub(super) struct Traits {
    /// Share of the population.
    pub(super) share: f64,
    /// Days before the end at which they joined: from, to. More than a year: they were there before the records begin.
    pub(super) joined: (f64, f64),
    /// Days between orders.
    pub(super) order_gap: f64,
    /// Median order in minor units.
    pub(super) order_value: f64,
    /// Mean items of an order.
    pub(super) items: f64,
    /// Sessions, views and clicks before each order.
    pub(super) visits: f64,
    /// Messages from the company a year.
    pub(super) messages: f64,
    /// Probability that an order brings a problem.
    pub(super) problem: f64,
    /// Median wait in a queue, in seconds.
    pub(super) wait: f64,
    /// Probability that an order is sent back, at least in part.
    pub(super) returned: f64,
    /// Satisfaction at first, in [0, 1].
    pub(super) satisfaction: f64,
    /// Probability of leaving after an order, when as satisfied as at first.
    pub(super) leaving: f64,
    /// Probability of answering a survey.
    pub(super) answers: f64,
    /// Probability that an order is followed by a recommendation, a review or a wish.
    pub(super) voice: f64,
    /// Whether they pay for a subscription.
    pub(super) subscribes: bool,
    /// Where they browse and order.
    pub(super) channels: &'static [(Channel, f64)],
    /// Where they ask for help.
    pub(super) help: &'static [(Channel, f64)],
    /// Year of birth: mean and spread.
    pub(super) born: (f64, f64),
    /// Plans.
    pub(super) plans: &'static [(&'static str, f64)],
}

impl Archetype {
    pub(super) const fn traits(self) -> &'static Traits {
        match self {
            Self::LoyalSpender => &LOYAL_SPENDER,
            Self::BargainHunter => &BARGAIN_HUNTER,
            Self::NewEnthusiast => &NEW_ENTHUSIAST,
            Self::Struggler => &STRUGGLER,
            Self::OneTimer => &ONE_TIMER,
            Self::SilentSubscriber => &SILENT_SUBSCRIBER,
        }
    }
}

const LOYAL_SPENDER: Traits = Traits {
    share: 0.15,
    joined: (330.0, 1500.0),
    order_gap: 26.0,
    order_value: 14_500.0,
    items: 5.0,
    visits: 0.5,
    messages: 2.0,
    problem: 0.03,
    wait: 45.0,
    returned: 0.03,
    satisfaction: 0.90,
    leaving: 0.015,
    answers: 0.7,
    voice: 0.16,
    subscribes: false,
    channels: &[(Web, 0.6), (InStore, 0.3), (MobileApp, 0.1)],
    help: &[(Phone, 0.7), (InStore, 0.3)],
    born: (1972.0, 9.0),
    plans: &[("premium", 0.8), ("standard", 0.2)],
};

const BARGAIN_HUNTER: Traits = Traits {
    share: 0.22,
    joined: (200.0, 900.0),
    order_gap: 42.0,
    order_value: 2_400.0,
    items: 2.0,
    visits: 1.3,
    messages: 4.0,
    problem: 0.06,
    wait: 90.0,
    returned: 0.18,
    satisfaction: 0.72,
    leaving: 0.05,
    answers: 0.25,
    voice: 0.04,
    subscribes: false,
    channels: &[(MobileApp, 0.88), (Social, 0.08), (Web, 0.04)],
    help: &[(Chat, 0.6), (Messaging, 0.4)],
    born: (1993.0, 6.0),
    plans: &[("free", 0.9), ("standard", 0.1)],
};

const NEW_ENTHUSIAST: Traits = Traits {
    share: 0.13,
    joined: (15.0, 110.0),
    order_gap: 24.0,
    order_value: 6_200.0,
    items: 3.0,
    visits: 2.2,
    messages: 6.0,
    problem: 0.08,
    wait: 50.0,
    returned: 0.05,
    satisfaction: 0.84,
    leaving: 0.06,
    answers: 0.6,
    voice: 0.22,
    subscribes: false,
    channels: &[(Web, 0.45), (MobileApp, 0.35), (Social, 0.2)],
    help: &[(Chat, 0.8), (Email, 0.2)],
    born: (1988.0, 8.0),
    plans: &[("trial", 0.5), ("standard", 0.5)],
};

const STRUGGLER: Traits = Traits {
    share: 0.13,
    joined: (150.0, 1000.0),
    order_gap: 40.0,
    order_value: 5_200.0,
    items: 2.5,
    visits: 0.3,
    messages: 1.0,
    problem: 0.75,
    wait: 540.0,
    returned: 0.25,
    satisfaction: 0.52,
    leaving: 0.03,
    answers: 0.5,
    voice: 0.03,
    subscribes: false,
    channels: &[(Web, 0.7), (Phone, 0.2), (InStore, 0.1)],
    help: &[(Phone, 0.65), (Email, 0.2), (Chat, 0.15)],
    born: (1965.0, 12.0),
    plans: &[("standard", 0.8), ("premium", 0.2)],
};

const ONE_TIMER: Traits = Traits {
    share: 0.21,
    joined: (40.0, 364.0),
    order_gap: 55.0,
    order_value: 3_600.0,
    items: 1.4,
    visits: 0.4,
    messages: 7.0,
    problem: 0.06,
    wait: 120.0,
    returned: 0.08,
    satisfaction: 0.60,
    leaving: 0.68,
    answers: 0.08,
    voice: 0.01,
    subscribes: false,
    channels: &[(Web, 0.75), (Social, 0.2), (InStore, 0.05)],
    help: &[(Email, 1.0)],
    born: (1982.0, 12.0),
    plans: &[("free", 1.0)],
};

const SILENT_SUBSCRIBER: Traits = Traits {
    share: 0.16,
    joined: (260.0, 1400.0),
    order_gap: 70.0,
    order_value: 4_200.0,
    items: 2.0,
    visits: 0.1,
    messages: 2.0,
    problem: 0.05,
    wait: 60.0,
    returned: 0.02,
    satisfaction: 0.74,
    leaving: 0.03,
    answers: 0.05,
    voice: 0.01,
    subscribes: true,
    channels: &[(Email, 0.6), (Web, 0.4)],
    help: &[(Email, 0.6), (Phone, 0.4)],
    born: (1976.0, 11.0),
    plans: &[("subscription", 0.85), ("premium", 0.15)],
};
