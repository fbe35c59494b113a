//! A year in the life of one customer: visits, orders, what follows from them, and whether they leave.
//!
//! Satisfaction is the hidden cause. Problems lower it; the less of it there is, the longer the gaps
//! between orders, the worse the answers to surveys, and the sooner the customer leaves. So churn can
//! be learned from what is recorded, though never perfectly.

use super::{
    DAYS,
    archetype::{Archetype, Traits},
    random::Random,
};
use crate::{
    Channel, Interaction, Money, Payload, Stage, Timestamp,
    interaction::{Currency, EngagementAction, ReturnKind, SubscriptionAction},
    time::{DAY, SECOND},
};

/// The customer as they live. Days count from the start of the records.
pub(super) struct Life {
    pub(super) random: Random,
    pub(super) traits: &'static Traits,
    pub(super) archetype: Archetype,
    pub(super) satisfaction: f64,
    pub(super) orders: usize,
    pub(super) cases: usize,
    currency: Option<Currency>,
    customer_id: String,
    start: Timestamp,
    records: Vec<(f64, Channel, Option<Stage>, Payload)>,
}

/// The interactions of one customer in time order, named by their place in it.
pub(super) fn live(
    mut random: Random,
    archetype: Archetype,
    customer_id: String,
    joined_days_ago: f64,
    until: Timestamp,
) -> Vec<Interaction> {
    let traits = archetype.traits();
    let satisfaction = (traits.satisfaction + 0.08 * random.normal()).clamp(0.05, 1.0);
    let mut life = Life {
        satisfaction,
        random,
        traits,
        archetype,
        orders: 0,
        cases: 0,
        currency: Currency::parse("EUR"),
        customer_id,
        start: until.days_before(DAYS),
        records: Vec::new(),
    };
    let joined = DAYS as f64 - joined_days_ago;
    if joined > 0.0 {
        life.arrive(joined);
    }
    let left = life.order_until_leaving(joined);
    life.subscribe(joined, left);
    life.receive_messages(joined.max(0.0), left);
    life.finish()
}

impl Life {
    /// Notes something that happened on `day`, at an hour when people are awake.
    pub(super) fn note(&mut self, day: f64, channel: Channel, stage: Stage, payload: Payload) {
        let awake = day.floor() + self.random.between(7.0, 22.0) / 24.0;
        self.note_at(awake, channel, Some(stage), payload);
    }

    /// Notes something that happened exactly at `day`, if the records cover it.
    pub(super) fn note_at(
        &mut self,
        day: f64,
        channel: Channel,
        stage: Option<Stage>,
        payload: Payload,
    ) {
        if (0.0..DAYS as f64).contains(&day) {
            self.records.push((day, channel, stage, payload));
        }
    }

    /// An amount in the population's one currency.
    fn money(&self, amount_minor: i64) -> Option<Money> {
        self.currency.map(|currency| Money { currency, amount_minor })
    }

    fn engage(&mut self, day: f64, at: (Channel, Stage), action: EngagementAction, subject: &str) {
        let lasting = matches!(action, EngagementAction::Session | EngagementAction::View);
        let duration = lasting.then(|| self.random.log_normal(150.0, 0.7) as i64 * SECOND);
        let delivered = matches!(action, EngagementAction::Sent | EngagementAction::Ad)
            .then(|| self.random.chance(0.97));
        let subject = Some(subject.to_owned());
        let payload = Payload::Engagement { action, delivered, duration, subject };
        self.note(day, at.0, at.1, payload);
    }

    /// First sight and first steps.
    fn arrive(&mut self, day: f64) {
        if self.random.chance(0.6) {
            let at = (Channel::Social, Stage::Awareness);
            self.engage(day - 2.0, at, EngagementAction::Ad, "spring campaign");
        }
        if self.archetype == Archetype::NewEnthusiast {
            let at = |channel| (channel, Stage::Onboarding);
            self.engage(day, at(Channel::MobileApp), EngagementAction::Session, "first steps");
            self.engage(day + 1.0, at(Channel::Email), EngagementAction::Open, "welcome");
            self.engage(day + 2.0, at(Channel::Web), EngagementAction::View, "how-to");
        }
    }

    /// Orders with what leads to them and follows from them. Returns the day on which the customer left.
    fn order_until_leaving(&mut self, joined: f64) -> f64 {
        // People differ within their kind, and each keeps a rhythm of their own.
        let gap = self.random.log_normal(self.traits.order_gap, 0.3);
        let mut day = joined.max(-1.0);
        if joined < 0.0 {
            day += self.random.exponential(gap);
        }
        loop {
            if day >= DAYS as f64 {
                return day;
            }
            self.order(day);
            let unhappy = self.traits.satisfaction - self.satisfaction;
            if self.random.chance((self.traits.leaving * (7.0 * unhappy).exp()).min(0.9)) {
                return day;
            }
            let slower = (1.6 * unhappy).exp().clamp(0.6, 3.0);
            day += gap * slower * (0.35 + 0.65 * self.random.exponential(1.0));
        }
    }

    fn order(&mut self, day: f64) {
        self.browse(day);
        self.orders += 1;
        let order_id = format!("order-{}", self.orders);
        let total = self.random.log_normal(self.traits.order_value, 0.45) as i64;
        let items = 1 + self.random.poisson(self.traits.items - 1.0) as i64;
        let channel = self.random.choose(self.traits.channels).unwrap_or(Channel::Web);
        let stage = if self.orders > 3 { Stage::Loyalty } else { Stage::Purchase };
        let payload = Payload::Order {
            order_id: order_id.clone(),
            total: self.money(total),
            items: Some(items),
        };
        self.note(day, channel, stage, payload);
        self.satisfaction = (self.satisfaction + 0.02).min(1.0);

        if self.random.chance(self.traits.returned) {
            let full = items == 1 || self.random.chance(0.4);
            let refund = if full { total } else { total / 2 };
            let reason = self.random.text(&["too small", "damaged", "not as described", "late"]);
            let kind =
                if self.random.chance(0.15) { ReturnKind::Cancelled } else { ReturnKind::Returned };
            let payload = Payload::Return {
                order_id: Some(order_id),
                kind,
                refund: self.money(refund),
                items: Some(if full { items } else { 1 }),
                full: Some(full),
                reason: Some(reason),
            };
            let later = day + self.random.between(2.0, 14.0);
            self.note(later, channel, Stage::Usage, payload);
            self.satisfaction = (self.satisfaction - 0.04).max(0.02);
        }
        if self.random.chance(self.traits.problem) {
            let later = day + self.random.between(1.0, 9.0);
            self.problem(later);
        }
        let later = day + self.random.between(5.0, 15.0);
        self.speak(later);
    }

    fn browse(&mut self, day: f64) {
        for _ in 0..self.random.poisson(self.traits.visits) {
            let before = day - self.random.exponential(4.0);
            let channel = self.random.choose(self.traits.channels).unwrap_or(Channel::Web);
            let action = self.random.choose(&[
                (EngagementAction::Session, 0.5),
                (EngagementAction::View, 0.25),
                (EngagementAction::Click, 0.25),
            ]);
            let subject = self.random.text(&["new arrivals", "offers", "garden", "kitchen"]);
            let action = action.unwrap_or(EngagementAction::View);
            self.engage(before, (channel, Stage::Consideration), action, &subject);
        }
    }

    fn subscribe(&mut self, joined: f64, left: f64) {
        if !self.traits.subscribes {
            return;
        }
        let mut day = joined;
        let mut action = SubscriptionAction::Started;
        while day < left.min(DAYS as f64) {
            self.subscription(day, action);
            action = SubscriptionAction::Renewed;
            day += 91.0;
        }
        if left < DAYS as f64 && self.random.chance(0.8) {
            let day = left + self.random.exponential(15.0);
            self.subscription(day, SubscriptionAction::Cancelled);
        } else if self.random.chance(0.1) {
            let day = self.random.between(0.0, DAYS as f64);
            let action = if self.random.chance(0.3) {
                SubscriptionAction::Paused
            } else {
                SubscriptionAction::PlanChanged
            };
            self.subscription(day, action);
        }
    }

    fn subscription(&mut self, day: f64, action: SubscriptionAction) {
        let stage =
            if action == SubscriptionAction::Started { Stage::Purchase } else { Stage::Loyalty };
        let payload = Payload::Subscription {
            subscription_id: "subscription-1".to_owned(),
            action,
            plan: Some("quarterly".to_owned()),
            recurring: self.money(2_900),
        };
        self.note(day, Channel::Email, stage, payload);
    }

    /// Newsletters, texts and advertisements, to those who left as well.
    fn receive_messages(&mut self, from: f64, left: f64) {
        let days = DAYS as f64 - from;
        for _ in 0..self.random.poisson(self.traits.messages * days / DAYS as f64) {
            let day = from + days * self.random.unit();
            let channel = self.random.choose(&[
                (Channel::Email, 0.65),
                (Channel::Sms, 0.15),
                (Channel::Social, 0.2),
            ]);
            let channel = channel.unwrap_or(Channel::Email);
            let action = if channel == Channel::Social {
                EngagementAction::Ad
            } else {
                EngagementAction::Sent
            };
            self.engage(day, (channel, Stage::Awareness), action, "offers of the week");
            let interest = if day < left { 0.35 * self.satisfaction } else { 0.03 };
            if channel == Channel::Email && self.random.chance(interest) {
                let at = (channel, Stage::Awareness);
                self.engage(day + 0.5, at, EngagementAction::Open, "offers of the week");
            }
        }
    }

    fn finish(mut self) -> Vec<Interaction> {
        // A stable sort by an instant that is never NaN: equal runs give equal order.
        self.records.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (customer_id, start) = (self.customer_id, self.start);
        let named = self.records.into_iter().enumerate();
        named
            .map(|(place, (day, channel, stage, payload))| Interaction {
                customer_id: customer_id.clone(),
                interaction_id: format!("{customer_id}-{:03}", place + 1),
                occurred_at: start.plus((day * DAY as f64) as i64 / SECOND * SECOND),
                channel,
                stage,
                payload,
            })
            .collect()
    }
}
