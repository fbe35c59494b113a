//! Reflection, from which grpcurl and others learn the API: v1, and v1alpha, which Python's client wants.

use crate::FILE_DESCRIPTOR_SET;
use tonic::service::Routes;
use tonic_reflection::server::Builder;

/// Adds both versions.
pub(super) fn add(routes: Routes) -> Routes {
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // The details of refusals, so that tools can show them rather than their bytes.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes.add_service(v1).add_service(v1alpha),
        // Our own descriptors, made with the binary: a test calls both, so this does not happen unseen.
        (v1, v1alpha) => {
            tracing::error!(
                v1 = v1.is_ok(),
                v1alpha = v1alpha.is_ok(),
                "no reflection: descriptors do not fit"
            );
            routes
        }
    }
}
