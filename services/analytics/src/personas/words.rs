//! The words that a feature puts into a name. Plain and neutral: they say what is much or little, never what the
//! customers are worth. One topic gives one word to a name: "frequent" and "many orders" would be the same twice.

use super::PersonaFeature;
use crate::features::Attribute;
use std::borrow::Cow;

/// What a word speaks of. Of several features on one topic the strongest speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Topic<'a> {
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
    /// An attribute, or a feature that has no words, by what it is of.
    Other(Cow<'a, str>),
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
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    pub(super) topic: Topic<'a>,
    pub(super) slot: Slot,
    pub(super) text: Cow<'static, str>,
}

/// What a feature speaks of, whichever way it differs.
pub(super) fn topic(name: &str) -> Topic<'_> {
    match name {
        "order_value" => Topic::Spend,
        "average_order_value" => Topic::Basket,
        "orders" => Topic::Frequency,
        "engagements" => Topic::Engagement,
        "days_since_order" | "days_since_interaction" => Topic::Recency,
        "tenure" | "days_since_sign_up" => Topic::Tenure,
        "order_trend" | "interaction_trend" => Topic::Trend,
        "web_share" | "app_share" | "email_share" | "phone_share" | "chat_share"
        | "store_share" => Topic::Place,
        "discovery_share" | "usage_share" | "support_share" | "loyalty_share" => Topic::Stage,
        "nps" | "csat" | "rating" | "ces" => Topic::Mood,
        "contacts" | "cases_opened" | "cases_reopened" => Topic::Service,
        "queue_wait" => Topic::Wait,
        "complaints" => Topic::Complaint,
        "return_share" => Topic::Return,
        name => Topic::Other(match Attribute::parse(name) {
            Ok(Some(attribute)) => Cow::Owned(attribute.subject().to_owned()),
            _ => Cow::Borrowed(name),
        }),
    }
}

/// What a feature is called in a text: "order value", "gender FEMALE", "newsletter weekly".
pub(super) fn label(name: &str) -> String {
    match Attribute::parse(name) {
        Ok(Some(Attribute::Is(field, value))) => format!("{} {value}", field.name()),
        Ok(Some(Attribute::EntryIs(key, value))) => format!("{key} {value}"),
        Ok(Some(Attribute::Entry(key))) => key,
        _ => name.replace('_', " "),
    }
}

/// The word for how `feature` differs; none where that end is not worth one ("few interactions by telephone").
pub(super) fn word(feature: &PersonaFeature) -> Option<Word<'_>> {
    use Slot::{Adjective, Noun, Tail};
    let high = feature.effect_size > 0.0;
    let at = |slot, up: &'static str, down: &'static str| {
        let text = Cow::Borrowed(if high { up } else { down });
        (!text.is_empty()).then(|| Word { topic: topic(&feature.name), slot, text })
    };
    match feature.name.as_str() {
        "order_value" => at(Noun, "high spenders", "low spenders"),
        "average_order_value" => at(Tail, "large orders", "small orders"),
        "orders" => match feature.median {
            Some(median) if !high && median < 0.5 => at(Noun, "", "non-buyers"),
            Some(median) if !high && median < 1.5 => at(Noun, "", "one-time buyers"),
            _ => at(Adjective, "frequent", "occasional"),
        },
        "engagements" => at(Adjective, "engaged", "rarely engaged"),
        "days_since_order" | "days_since_interaction" => at(Adjective, "lapsed", "recent"),
        "tenure" | "days_since_sign_up" => at(Adjective, "long-standing", "new"),
        "order_trend" | "interaction_trend" => at(Adjective, "growing", "fading"),
        "web_share" => at(Adjective, "web-first", ""),
        "app_share" => at(Adjective, "app-first", ""),
        "email_share" => at(Adjective, "e-mail-heavy", ""),
        "phone_share" => at(Adjective, "phone-heavy", ""),
        "chat_share" => at(Adjective, "chat-heavy", ""),
        "store_share" => at(Adjective, "in-store", ""),
        "discovery_share" => at(Adjective, "browsing", ""),
        "usage_share" => at(Tail, "busy with use", ""),
        "support_share" => at(Tail, "much support", ""),
        "loyalty_share" => at(Adjective, "loyal", ""),
        "nps" => at(Tail, "likely to recommend", "unlikely to recommend"),
        "csat" | "rating" => at(Tail, "high satisfaction", "low satisfaction"),
        "ces" => at(Tail, "low effort", "high effort"),
        "contacts" | "cases_opened" => at(Tail, "many contacts", "few contacts"),
        "queue_wait" => at(Tail, "long waits", "short waits"),
        "complaints" => at(Tail, "many complaints", ""),
        "return_share" => at(Tail, "many returns", "few returns"),
        "cases_reopened" => at(Tail, "reopened cases", ""),
        "age" => at(Adjective, "older", "younger"),
        name => told(name, high).map(|text| Word { topic: topic(name), slot: Tail, text }),
    }
}

/// Of attributes that were asked for, the value that many have; that few have it says little.
fn told(name: &str, high: bool) -> Option<Cow<'static, str>> {
    let text = match Attribute::parse(name) {
        Ok(Some(Attribute::Is(..) | Attribute::EntryIs(..))) if high => label(name),
        Ok(Some(Attribute::Entry(key))) => format!("{} {key}", if high { "high" } else { "low" }),
        _ => return None,
    };
    Some(Cow::Owned(text))
}
