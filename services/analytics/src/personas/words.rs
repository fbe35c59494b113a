//! The words that a feature puts into a name. Plain and neutral: they say what is much or little, never what the
//! customers are worth. One topic gives one word to a name: "frequent" and "many orders" would be the same twice.

use super::PersonaFeature;

/// What a word speaks of. Of several features on one topic the strongest speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Spend,
    Basket,
    Frequency,
    Recency,
    Tenure,
    Trend,
    Engagement,
    Place,
    Stage,
    Mood,
    Service,
    Wait,
    Complaint,
    Return,
}

/// Where in a name a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Before the noun.
    Adjective,
    /// The noun itself.
    Noun,
    /// After the noun and a comma.
    Tail,
}

/// A word for one end of a feature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    pub(super) topic: Topic,
    pub(super) slot: Slot,
    pub(super) text: &'static str,
}

/// The word for how `feature` differs; none where that end is not worth one ("few interactions by telephone").
pub(super) fn word(feature: &PersonaFeature) -> Option<Word> {
    use Slot::{Adjective, Noun, Tail};
    let high = feature.effect_size > 0.0;
    let at = |topic, slot, up: &'static str, down: &'static str| {
        let text = if high { up } else { down };
        (!text.is_empty()).then_some(Word { topic, slot, text })
    };
    match feature.name.as_str() {
        "order_value" => at(Topic::Spend, Noun, "high spenders", "low spenders"),
        "average_order_value" => at(Topic::Basket, Tail, "large orders", "small orders"),
        "orders" => match feature.median {
            Some(median) if !high && median < 0.5 => at(Topic::Frequency, Noun, "", "non-buyers"),
            Some(median) if !high && median < 1.5 => {
                at(Topic::Frequency, Noun, "", "one-time buyers")
            }
            _ => at(Topic::Frequency, Adjective, "frequent", "occasional"),
        },
        "engagements" => at(Topic::Engagement, Adjective, "engaged", "rarely engaged"),
        "days_since_order" | "days_since_interaction" => {
            at(Topic::Recency, Adjective, "lapsed", "recent")
        }
        "tenure" => at(Topic::Tenure, Adjective, "long-standing", "new"),
        "order_trend" | "interaction_trend" => at(Topic::Trend, Adjective, "growing", "fading"),
        "web_share" => at(Topic::Place, Adjective, "web-first", ""),
        "app_share" => at(Topic::Place, Adjective, "app-first", ""),
        "email_share" => at(Topic::Place, Adjective, "e-mail-heavy", ""),
        "phone_share" => at(Topic::Place, Adjective, "phone-heavy", ""),
        "chat_share" => at(Topic::Place, Adjective, "chat-heavy", ""),
        "store_share" => at(Topic::Place, Adjective, "in-store", ""),
        "discovery_share" => at(Topic::Stage, Adjective, "browsing", ""),
        "usage_share" => at(Topic::Stage, Tail, "busy with use", ""),
        "support_share" => at(Topic::Stage, Tail, "much support", ""),
        "loyalty_share" => at(Topic::Stage, Adjective, "loyal", ""),
        "nps" => at(Topic::Mood, Tail, "likely to recommend", "unlikely to recommend"),
        "csat" | "rating" => at(Topic::Mood, Tail, "high satisfaction", "low satisfaction"),
        "ces" => at(Topic::Mood, Tail, "low effort", "high effort"),
        "contacts" | "cases_opened" => at(Topic::Service, Tail, "many contacts", "few contacts"),
        "queue_wait" => at(Topic::Wait, Tail, "long waits", "short waits"),
        "complaints" => at(Topic::Complaint, Tail, "many complaints", ""),
        "return_share" => at(Topic::Return, Tail, "many returns", "few returns"),
        "cases_reopened" => at(Topic::Service, Tail, "reopened cases", ""),
        _ => None,
    }
}
