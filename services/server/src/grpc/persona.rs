//! `PersonaService`: reads and names personas.

use super::Api;
use tonic::service::Routes;

/// Adds the service: `routes.add_service(configured!(PersonaServiceServer, Handler))`.
pub(super) fn add(routes: Routes, _api: &Api) -> Routes {
    routes
}
