//! `IngestService`: takes interactions in.

use super::Api;
use tonic::service::Routes;

/// Adds the service: `routes.add_service(configured!(IngestServiceServer, Handler))`.
pub(super) fn add(routes: Routes, _api: &Api) -> Routes {
    routes
}
