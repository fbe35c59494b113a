//! `SegmentationService`: fits and activates segmentations.

use super::Api;
use tonic::service::Routes;

/// Adds the service: `routes.add_service(configured!(SegmentationServiceServer, Handler))`.
pub(super) fn add(routes: Routes, _api: &Api) -> Routes {
    routes
}
