//! Webhooks, and what they could not deliver.

use super::timestamp;
use crate::proto::{self, webhook as wire};
use cx_datastore::webhooks::{Delivery, Disabled, Failed, Webhook};

/// Converts a webhook.
pub fn webhook(webhook: Webhook) -> proto::Webhook {
    let state =
        if webhook.disabled.is_some() { wire::State::Disabled } else { wire::State::Enabled };
    let reason = match webhook.disabled {
        None => wire::DisabledReason::Unspecified,
        Some(Disabled::Requested) => wire::DisabledReason::Requested,
        Some(Disabled::Gone) => wire::DisabledReason::Gone,
        Some(Disabled::Failing) => wire::DisabledReason::Failing,
    };
    let all = [
        (webhook.subscription.membership, proto::WebhookEvent::MembershipChanged),
        (webhook.subscription.alerts, proto::WebhookEvent::AlertChanged),
    ];
    let events = all.into_iter().filter(|(told, _)| *told).map(|(_, event)| event);
    proto::Webhook {
        webhook_id: webhook.id,
        url: webhook.url,
        persona_ids: webhook.subscription.personas,
        description: webhook.description,
        state: state.into(),
        disabled_reason: reason.into(),
        create_time: Some(timestamp(webhook.created_at)),
        position: webhook.position,
        pending_changes: webhook.pending_changes,
        pending_deliveries: webhook.pending_deliveries,
        dead_deliveries: webhook.dead_deliveries,
        last_success_time: webhook.last_success_at.map(timestamp),
        last_failure: webhook.last_failure.map(failure),
        failing_since_time: webhook.failing_since.map(timestamp),
        etag: webhook.etag,
        events: events.map(i32::from).collect(),
    }
}

/// Converts a message that failed.
pub fn webhook_delivery(delivery: Delivery) -> proto::WebhookDelivery {
    use proto::webhook_delivery::State;
    let state = if delivery.again_at.is_some() { State::Pending } else { State::Dead };
    proto::WebhookDelivery {
        delivery_id: delivery.id,
        first_position: delivery.after + 1,
        last_position: delivery.until,
        state: state.into(),
        attempts: delivery.attempts,
        next_attempt_time: delivery.again_at.map(timestamp),
        last_failure: Some(failure(delivery.last_failure)),
        create_time: Some(timestamp(delivery.created_at)),
    }
}

fn failure(failed: Failed) -> proto::WebhookFailure {
    proto::WebhookFailure {
        time: Some(timestamp(failed.at)),
        status_code: failed.status.map_or(0, i32::from),
        error: failed.error,
    }
}
