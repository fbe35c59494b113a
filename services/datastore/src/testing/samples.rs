//! Interactions at random, of every kind and with every combination of absent parts; equal seeds give equal records.

use cx_analytics::codes::{
    CaseAction, EngagementAction, FeedbackAction, Handler, Kind, ReturnKind, SubscriptionAction,
    SurveyAction, SurveyKind,
};
use cx_analytics::interaction::{Currency, Score};
use cx_analytics::{Channel, Interaction, Money, Payload, Stage, Timestamp};

/// SplitMix64: a small generator that needs no crate.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % end.unsigned_abs()).expect("small")
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(i64::try_from(all.len()).expect("small"))).expect("small")]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }

    fn text(&mut self) -> String {
        self.of(&["", "a", "reason", "Ärger 😡", "it's \"quoted\" \\ \t\n", "%_$1?"]).to_owned()
    }

    fn money(&mut self) -> Money {
        let code = self.of(&["EUR", "GBP", "JPY"]);
        Money {
            currency: Currency::parse(code).expect("a code"),
            amount_minor: self.below(100_000),
        }
    }

    fn score(&mut self) -> Score {
        let (min, max) = self.of(&[(0, 10), (1, 5), (1, 7), (-3, 3)]);
        let value = min + i32::try_from(self.below(i64::from(max - min + 1))).expect("small");
        Score { value, min, max, lower_is_better: self.below(4) == 0 }
    }
}

/// A record of one of `customers` customers. About one in three is older than 1970; instants repeat.
pub(crate) fn interaction(random: &mut Random, customers: i64) -> Interaction {
    let instant = match random.below(6) {
        0 => Timestamp::MIN.micros() + random.below(5),
        1 => -random.below(400 * 86_400) * 1_000_000 - random.below(3),
        _ => super::at(-random.below(500) * 86_400 + random.below(3)).micros(),
    };
    Interaction {
        customer_id: format!("c{}", random.below(customers)),
        interaction_id: format!("i{:016x}", random.next()),
        occurred_at: Timestamp::from_micros(instant).expect("in range"),
        channel: random.of(&Channel::ALL),
        stage: random.maybe(|r| r.of(&Stage::ALL)),
        payload: payload(random),
    }
}

pub(crate) fn interactions(seed: u64, count: usize, customers: i64) -> Vec<Interaction> {
    let mut random = Random(seed);
    (0..count).map(|_| interaction(&mut random, customers)).collect()
}

fn payload(r: &mut Random) -> Payload {
    match r.of(&Kind::ALL) {
        Kind::Engagement => Payload::Engagement {
            action: r.of(&EngagementAction::ALL),
            delivered: r.maybe(|r| r.below(2) == 0),
            duration: r.maybe(|r| r.below(9_999_999)),
            subject: r.maybe(Random::text),
        },
        Kind::Contact => Payload::Contact {
            handler: r.maybe(|r| r.of(&Handler::ALL)),
            abandoned: r.below(2) == 0,
            queue_wait: r.maybe(|r| r.below(9_999_999)),
            handling_time: r.maybe(|r| r.below(9_999_999)),
            reason: r.maybe(Random::text),
            case_id: r.maybe(Random::text),
        },
        Kind::Case => Payload::Case {
            case_id: r.text(),
            action: r.of(&CaseAction::ALL),
            handler: r.maybe(|r| r.of(&Handler::ALL)),
            reason: r.maybe(Random::text),
        },
        Kind::Survey => {
            let action = r.of(&SurveyAction::ALL);
            Payload::Survey {
                survey_id: r.maybe(Random::text),
                kind: r.of(&SurveyKind::ALL),
                action,
                score: (action == SurveyAction::Answered).then(|| r.score()),
                comment: r.maybe(Random::text),
            }
        }
        Kind::Review => Payload::Review {
            rating: r.maybe(Random::score),
            text: r.maybe(Random::text),
            subject: r.maybe(Random::text),
            public: r.maybe(|r| r.below(2) == 0),
        },
        Kind::Order => Payload::Order {
            order_id: r.text(),
            total: r.maybe(Random::money),
            items: r.maybe(|r| r.below(99)),
        },
        Kind::Return => Payload::Return {
            order_id: r.maybe(Random::text),
            kind: r.of(&ReturnKind::ALL),
            refund: r.maybe(Random::money),
            items: r.maybe(|r| r.below(99)),
            full: r.maybe(|r| r.below(2) == 0),
            reason: r.maybe(Random::text),
        },
        Kind::Subscription => Payload::Subscription {
            subscription_id: r.text(),
            action: r.of(&SubscriptionAction::ALL),
            plan: r.maybe(Random::text),
            recurring: r.maybe(Random::money),
        },
        other => feedback(r, other),
    }
}

fn feedback(r: &mut Random, kind: Kind) -> Payload {
    match kind {
        Kind::SelfService => Payload::SelfService {
            topic: r.maybe(Random::text),
            resolved: r.maybe(|r| r.below(2) == 0),
            duration: r.maybe(|r| r.below(9_999_999)),
        },
        Kind::Complaint => Payload::Complaint {
            complaint_id: r.maybe(Random::text),
            action: r.of(&FeedbackAction::ALL),
            topic: r.maybe(Random::text),
            text: r.maybe(Random::text),
        },
        Kind::FeatureRequest => Payload::FeatureRequest {
            request_id: r.maybe(Random::text),
            action: r.of(&FeedbackAction::ALL),
            topic: r.maybe(Random::text),
            text: r.maybe(Random::text),
        },
        Kind::Referral => Payload::Referral {
            referred_customer_id: r.maybe(Random::text),
            converted: r.maybe(|r| r.below(2) == 0),
        },
        _ => Payload::StaffNote {
            author_role: r.maybe(Random::text),
            topic: r.maybe(Random::text),
            text: r.text(),
        },
    }
}
