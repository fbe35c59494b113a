//! Changes of membership.

use super::timestamp;
use crate::proto::{self, membership_change::Kind};
use cx_analytics::membership::Change;

/// Converts a change.
pub fn membership_change(change: Change) -> proto::MembershipChange {
    let kind = match (&change.from, &change.to) {
        (None, _) => Kind::Entered,
        (Some(_), None) => Kind::Left,
        (Some(_), Some(_)) => Kind::Moved,
    };
    proto::MembershipChange {
        position: change.position,
        customer_id: change.customer_id,
        kind: kind.into(),
        from_persona_id: change.from.unwrap_or_default(),
        to_persona_id: change.to.unwrap_or_default(),
        cause: change.cause.code().into(),
        segmentation_id: change.segmentation_id,
        change_time: Some(timestamp(change.at)),
    }
}
