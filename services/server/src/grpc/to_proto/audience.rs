//! Audiences for advertising platforms.

use super::timestamp;
use crate::{audience::Part, proto};
use cx_analytics::{Timestamp, audience::Member};

/// Converts a part of an audience.
pub fn audience(
    part: Part,
    segmentation_id: &str,
    as_of: Timestamp,
) -> proto::ExportAudienceResponse {
    proto::ExportAudienceResponse {
        segmentation_id: segmentation_id.to_owned(),
        members: part.members.into_iter().map(member).collect(),
        without_consent: part.without_consent,
        without_identifier: part.without_identifier,
        as_of: Some(timestamp(as_of)),
    }
}

fn member(member: Member) -> proto::AudienceMember {
    proto::AudienceMember {
        email_sha256: member.email_sha256.unwrap_or_default(),
        phone_sha256: member.phone_sha256.unwrap_or_default(),
        country: member.country.unwrap_or_default(),
    }
}
