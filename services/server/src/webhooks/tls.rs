//! TLS as a client speaks it: versions 1.2 and 1.3, and the roots that browsers trust, which are compiled in.

use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What certificates are checked against.
pub(super) fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// A client that trusts these roots and speaks HTTP/1.1.
pub(super) fn client(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
