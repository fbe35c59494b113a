//! Webhooks, what they could not deliver, and the changes that they tell.

use super::timestamp;
use crate::proto::{self, membership_change::Kind, webhook as wire};
use cx_analytics::membership::Change;
use cx_datastore::webhooks::{Delivery, Disabled, Failed, Webhook};

/// Converts a membership change.
pub fn membership_change(change: &Change) -> proto::MembershipChange {
    let kind = match (&change.from, &change.to) {
        (None, _) => Kind::Entered,
        (Some(_), None) => Kind::Left,
        (Some(_), Some(_)) => Kind::Moved,
    };
    proto::MembershipChange {
        position: change.position,
        customer_id: change.customer_id.clone(),
        kind: kind.into(),
        from_persona_id: change.from.clone().unwrap_or_default(),
        to_persona_id: change.to.clone().unwrap_or_default(),
        cause: change.cause.code().into(),
        segmentation_id: change.segmentation_id.clone(),
        change_time: Some(timestamp(change.at)),
    }
}

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
    proto::Webhook {
        webhook_id: webhook.id,
        url: webhook.url,
        persona_ids: webhook.personas,
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
