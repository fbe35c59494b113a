//! `CustomerService`: reads and writes customers.

use super::Api;
use tonic::service::Routes;

/// Adds the service: `routes.add_service(configured!(CustomerServiceServer, Handler))`.
pub(super) fn add(routes: Routes, _api: &Api) -> Routes {
    routes
}
