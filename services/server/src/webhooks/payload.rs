//! What messages say: JSON, with changes in the form that proto3 gives `MembershipChange` and `AlertChange`.

use crate::grpc::to_proto;
use cx_analytics::Timestamp;
use cx_datastore::webhooks::Event;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// The two messages that are told, by which their JSON is written.
struct Messages {
    membership: MessageDescriptor,
    alert: MessageDescriptor,
}

static MESSAGES: LazyLock<Option<Messages>> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).ok()?;
    Some(Messages {
        membership: pool.get_message_by_name("cx.v1.MembershipChange")?,
        alert: pool.get_message_by_name("cx.v1.AlertChange")?,
    })
});

/// The body that tells events of one kind, of which there is at least one. None where they cannot be written, which a test rules out.
pub(super) fn changed(events: &[Event]) -> Option<String> {
    let last = events.last()?;
    let kind = match last {
        Event::Membership(_) => "membership.changed",
        Event::Alert(_) => "alert.changed",
    };
    let written: Option<Vec<Value>> = events.iter().cloned().map(written).collect();
    let body = json!({
        "type": kind,
        "timestamp": to_proto::timestamp(last.at()).to_string(),
        "data": { "changes": written? },
    });
    Some(body.to_string())
}

/// The body of a test.
pub fn ping(now: Timestamp) -> String {
    let at = to_proto::timestamp(now).to_string();
    json!({ "type": "ping", "timestamp": at, "data": {} }).to_string()
}

fn written(event: Event) -> Option<Value> {
    let messages = MESSAGES.as_ref()?;
    match event {
        Event::Membership(change) => {
            in_json(&messages.membership, &to_proto::membership_change(change))
        }
        Event::Alert(change) => in_json(&messages.alert, &to_proto::alert_change(*change)),
    }
}

fn in_json(descriptor: &MessageDescriptor, wire: &impl prost::Message) -> Option<Value> {
    let bytes = wire.encode_to_vec();
    let message = DynamicMessage::decode(descriptor.clone(), bytes.as_slice()).ok()?;
    serde_json::to_value(&message).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cx_analytics::membership::{Cause, Change};

    #[test]
    fn changes_are_told_in_the_json_of_proto3() {
        let change = Change {
            position: 7,
            customer_id: "c\"1".to_owned(),
            from: None,
            to: Some("p".to_owned()),
            cause: Cause::NewData,
            segmentation_id: "s".to_owned(),
            at: Timestamp::from_micros(1_704_067_200_500_000).expect("in range"),
        };
        let moved = Change { position: 8, from: Some("q".to_owned()), ..change.clone() };
        let left = Change { position: 9, to: None, ..moved.clone() };
        let events = [change, moved, left].map(Event::Membership);
        let body: Value = serde_json::from_str(&changed(&events).expect("written")).expect("JSON");
        assert_eq!(body["type"], "membership.changed");
        assert_eq!(body["timestamp"], "2024-01-01T00:00:00.500Z");
        let changes = &body["data"]["changes"];
        let first = json!({
            "position": "7",
            "customerId": "c\"1",
            "kind": "KIND_ENTERED",
            "toPersonaId": "p",
            "cause": "MEMBERSHIP_CAUSE_NEW_DATA",
            "segmentationId": "s",
            "changeTime": "2024-01-01T00:00:00.500Z",
        });
        assert_eq!(changes[0], first);
        assert_eq!(
            (&changes[1]["kind"], &changes[1]["fromPersonaId"]),
            (&json!("KIND_MOVED"), &json!("q"))
        );
        assert_eq!(
            (&changes[2]["kind"], &changes[2]["toPersonaId"]),
            (&json!("KIND_LEFT"), &Value::Null)
        );
        assert_eq!(changed(&[]), None);
    }
}
