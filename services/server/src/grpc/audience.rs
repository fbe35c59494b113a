//! `MembershipService.ExportAudience`: a persona for an advertising platform.

use super::{Api, from_proto, persona::names, segmentation::active, status::Refusal, to_proto};
use crate::{
    audience::Audience,
    clock,
    proto::{ExportAudienceRequest, ExportAudienceResponse},
};
use futures::stream::BoxStream;
use tonic::{Response, Status};

/// The parts of an audience, which is read as the caller takes them: memory does not grow, however slow the caller.
pub type AudienceStream = BoxStream<'static, Result<ExportAudienceResponse, Status>>;

/// Streams an audience. The last message has the final counts, and no members where none is left for it.
///
/// # Errors
/// INVALID_FIELD, NO_ACTIVE_SEGMENTATION, PERSONA_NOT_FOUND.
pub async fn export_audience(
    api: &Api,
    request: ExportAudienceRequest,
) -> Result<Response<AudienceStream>, Status> {
    let asked = from_proto::audience(request)?;
    let segmentation_id = active(api).await?;
    let place = names(api, &segmentation_id).await?.place(&asked.persona_id);
    let persona = place.ok_or(Refusal::PersonaNotFound(asked.persona_id))?;
    let as_of = clock::now();
    let id = segmentation_id.clone();
    let audience = Audience::new(api.store.clone(), segmentation_id, persona, asked.platform);
    let stream =
        futures::stream::try_unfold((audience, id), move |(mut audience, id)| async move {
            let part = audience.next(asked.chunk_size).await.map_err(Refusal::from)?;
            Ok(part.map(|part| (to_proto::audience(part, &id, as_of), (audience, id))))
        });
    Ok(Response::new(Box::pin(stream)))
}
