//! One interaction: its name, time and place. Its payload is in `payload`.

use super::{Violation, Violations, payload::payload};
use crate::proto;
use cx_analytics::{Channel, Interaction, Stage};

/// Converts one interaction, or says every rule it breaks, with paths within the interaction.
pub fn interaction(wire: proto::Interaction) -> Result<Interaction, Vec<Violation>> {
    let mut v = Violations::new();
    let customer_id = v.id("customer_id", wire.customer_id);
    let interaction_id = v.id("interaction_id", wire.interaction_id);
    if wire.occurred_at.is_none() {
        v.at("occurred_at", "is required");
    }
    let occurred_at = v.timestamp("occurred_at", wire.occurred_at);
    let channel = v.code("channel", wire.channel, Channel::from_code);
    let stage = v.optional_code("stage", wire.stage, Stage::from_code);
    if wire.payload.is_none() {
        v.at("payload", "one of its kinds is required");
    }
    let payload = wire.payload.and_then(|wire| payload(&mut v, wire));
    match (occurred_at, channel, payload) {
        (Some(occurred_at), Some(channel), Some(payload)) if v.is_empty() => {
            Ok(Interaction { customer_id, interaction_id, occurred_at, channel, stage, payload })
        }
        _ => Err(v.into_inner()),
    }
}
