//! `ChurnService`: trains churn models and lists risks.

use super::Api;
use tonic::service::Routes;

/// Adds the service: `routes.add_service(configured!(ChurnServiceServer, Handler))`.
pub(super) fn add(routes: Routes, _api: &Api) -> Routes {
    routes
}
