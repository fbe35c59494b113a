//! Which audience is asked for.

use super::{super::status::Refusal, Violations};
use crate::proto::ExportAudienceRequest;
use cx_analytics::audience::Platform;

/// Members in a message where nothing else is said.
const CHUNK: i32 = 1000;
/// Most members in a message: some 1.5 MB.
const MAX_CHUNK: i32 = 10_000;

/// A persona for a platform.
pub struct AudienceAsked {
    /// The persona.
    pub persona_id: String,
    /// For whom.
    pub platform: Platform,
    /// Members in a message, 1 to 10,000.
    pub chunk_size: usize,
}

/// Checks a request for an audience.
///
/// # Errors
/// The fields that break a rule.
pub fn audience(request: ExportAudienceRequest) -> Result<AudienceAsked, Refusal> {
    let mut v = Violations::new();
    let persona_id = v.id("persona_id", request.persona_id);
    let platform = v.code("platform", request.platform, Platform::from_code);
    let chunk_size = match request.chunk_size {
        0 => CHUNK,
        size => v.within("chunk_size", size, 1..=MAX_CHUNK),
    };
    match platform {
        Some(platform) if v.is_empty() => Ok(AudienceAsked {
            persona_id,
            platform,
            chunk_size: chunk_size.unsigned_abs() as usize,
        }),
        _ => Err(Refusal::InvalidField(v.into_inner())),
    }
}
