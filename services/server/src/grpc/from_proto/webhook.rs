//! What a webhook shall be, and what it shall send again.

use super::Violations;
use crate::proto::{self, replay_webhook_deliveries_request::What};
use crate::webhooks::{MAX_URL, Target};
use cx_datastore::webhooks::{NewWebhook, Replay, Secret, Subscription, WebhookChange};
use std::collections::BTreeSet;

/// Longest description, in bytes.
const MAX_DESCRIPTION: usize = 1024;
/// Most personas of a webhook.
const MAX_PERSONAS: usize = 50;

/// Converts a webhook to be made with this id and secret. Rules that are broken are noted in `v`.
pub fn new_webhook(
    v: &mut Violations,
    wire: proto::CreateWebhookRequest,
    id: String,
    secret: Secret,
    allow_insecure: bool,
) -> NewWebhook {
    NewWebhook {
        id,
        request_id: v.optional_id("request_id", wire.request_id),
        url: url(v, wire.url, allow_insecure),
        subscription: subscription(v, &wire.events, wire.persona_ids),
        description: v.text("description", wire.description, MAX_DESCRIPTION).unwrap_or_default(),
        secret,
    }
}

/// Converts a change of a webhook.
pub fn webhook_change(
    v: &mut Violations,
    wire: proto::UpdateWebhookRequest,
    allow_insecure: bool,
) -> WebhookChange {
    WebhookChange {
        url: wire.url.map(|text| url(v, text, allow_insecure)),
        events: wire.events.map(|wanted| {
            if wanted.events.is_empty() {
                v.at("events.events", "is empty; at least one is needed");
            }
            events(v, "events.events", &wanted.events)
        }),
        personas: wire.filter.map(|filter| personas(v, "filter.persona_ids", filter.persona_ids)),
        description: wire
            .description
            .map(|text| v.text("description", text, MAX_DESCRIPTION).unwrap_or_default()),
        enabled: wire.enabled,
    }
}

/// Converts which deliveries to list: all, or only dead ones (true) or those that will be sent again (false).
pub fn webhook_deliveries(v: &mut Violations, state: i32) -> Option<bool> {
    use proto::webhook_delivery::State;
    match State::try_from(state) {
        Ok(State::Unspecified) => None,
        Ok(State::Pending) => Some(false),
        Ok(State::Dead) => Some(true),
        Err(_) => {
            v.at("state", format!("{state} is not one of its values"));
            None
        }
    }
}

/// Converts what to send again. None where a rule is broken, of which `v` then knows.
pub fn webhook_replay(v: &mut Violations, what: Option<What>) -> Option<Replay> {
    match what {
        None => v.at("what", "is required"),
        Some(What::DeadLetters(true)) => return Some(Replay::DeadLetters),
        Some(What::DeadLetters(false)) => v.at("dead_letters", "is false"),
        Some(What::DeliveryId(id)) => return Some(Replay::Delivery(v.id("delivery_id", id))),
        Some(What::AfterPosition(position)) => {
            return Some(Replay::After(v.within("after_position", position, 0..=i64::MAX)));
        }
        Some(What::SinceTime(instant)) => {
            return v.timestamp("since_time", Some(instant)).map(Replay::Since);
        }
    }
    None
}

fn url(v: &mut Violations, text: String, allow_insecure: bool) -> String {
    if text.is_empty() {
        v.at("url", "is required");
        return text;
    }
    let text = v.text("url", text, MAX_URL).unwrap_or_default();
    if let Err(rule) = Target::parse(&text, allow_insecure) {
        v.at("url", rule);
    }
    text
}

fn subscription(v: &mut Violations, wanted: &[i32], ids: Vec<String>) -> Subscription {
    let personas = personas(v, "persona_ids", ids);
    if wanted.is_empty() {
        return Subscription { personas, ..Subscription::default() };
    }
    let (membership, alerts) = events(v, "events", wanted);
    Subscription { membership, alerts, personas }
}

/// Whether changes of membership, and whether those of alerts are wanted.
fn events(v: &mut Violations, field: &str, wanted: &[i32]) -> (bool, bool) {
    let (mut membership, mut alerts) = (false, false);
    for (place, number) in wanted.iter().enumerate() {
        let path = format!("{field}[{place}]");
        let there = match proto::WebhookEvent::try_from(*number) {
            Ok(proto::WebhookEvent::MembershipChanged) => std::mem::replace(&mut membership, true),
            Ok(proto::WebhookEvent::AlertChanged) => std::mem::replace(&mut alerts, true),
            Ok(proto::WebhookEvent::Unspecified) => {
                v.at(path.as_str(), "is required");
                false
            }
            Err(_) => {
                v.at(path.as_str(), format!("{number} is not one of its values"));
                false
            }
        };
        if there {
            v.at(path, "is there twice");
        }
    }
    (membership, alerts)
}

fn personas(v: &mut Violations, field: &str, ids: Vec<String>) -> Vec<String> {
    if ids.len() > MAX_PERSONAS {
        v.at(field, format!("has {} ids; at most {MAX_PERSONAS} are taken", ids.len()));
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    let mut checked = Vec::with_capacity(ids.len());
    for (place, id) in ids.into_iter().enumerate() {
        let path = format!("{field}[{place}]");
        let id = v.id(&path, id);
        if !seen.insert(id.clone()) {
            v.at(path, "is there twice");
        }
        checked.push(id);
    }
    checked
}
