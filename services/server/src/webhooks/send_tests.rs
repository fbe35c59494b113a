use super::*;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

// Made for these tests, trusted by nobody else, valid until 2120.
const ROOT: &str = "-----BEGIN CERTIFICATE-----
MIIBQDCB56ADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBHRlc3QwIBcN
MjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASpKZSAlbOtPjU03laMH5JzRchkjbfK
GeisqiSrnmn+SkugVSVWzKbkNOrKwj8fO9PlzpaHBZJpp+Ui9iVb9zfSozIwMDAP
BgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBT2ryUrhAGVCBrIEZXedq8r1iNkcDAK
BggqhkjOPQQDAgNIADBFAiEA4H2NIs+SIt2q4WJ6NjcPHC3Jm/N1bAFETy3UbIvt
uJQCIHi2LOsjA1dDOEmBVDhmTiwEmexRsLc4S6sBo0V3jdni
-----END CERTIFICATE-----";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR0ZXN0MCAX
DTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAlsb2Nh
bGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATiP7qvh29vBqpOosryLROk
QJBaWPJ122jo2MzgUDF7hqkX21GCtTqMgAZeV8ga8CMop4BFErcUiD97Jl63kjVg
o4GGMIGDMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAJBgNVHRMEAjAAMAsGA1UdDwQE
AwIHgDATBgNVHSUEDDAKBggrBgEFBQcDATAdBgNVHQ4EFgQU5RmhbEGMayuXFg8M
VdppCjkZZGowHwYDVR0jBBgwFoAU9q8lK4QBlQgayBGV3navK9YjZHAwCgYIKoZI
zj0EAwIDRwAwRAIgXeDBpTrb2D3rbcQH0H1NpJaW0Jg5Q9BNsTflQwBjTK8CIHHL
MMCMRyRZZKb0o7S949+YkJwEp2VYhPuW0Ej10Fso
-----END CERTIFICATE-----";
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTr5Ifs/Kz3Xqrpue
u1jLd614Oi4uajQ/3wIpm1Rq7z6hRANCAATiP7qvh29vBqpOosryLROkQJBaWPJ1
22jo2MzgUDF7hqkX21GCtTqMgAZeV8ga8CMop4BFErcUiD97Jl63kjVg
-----END PRIVATE KEY-----";

/// A server with a certificate for "localhost" that answers every connection with these bytes; its port.
async fn serve(answer: &'static str) -> u16 {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut socket = acceptor.accept(socket).await?;
                let mut seen = Vec::new();
                while !seen.ends_with(b"BODY") {
                    if socket.read_buf(&mut seen).await? == 0 {
                        break;
                    }
                }
                socket.write_all(answer.as_bytes()).await?;
                socket.shutdown().await
            });
        }
    });
    port
}

fn sender(allow_insecure: bool, trusted: bool) -> Sender {
    let mut roots = RootCertStore::empty();
    if trusted {
        roots.add(CertificateDer::from_pem_slice(ROOT.as_bytes()).expect("PEM")).expect("a root");
    }
    let timeout = Duration::from_millis(800);
    let options = Options { allow_insecure, timeout, ..Options::default() };
    Sender::trusting(roots, &options).expect("TLS")
}

async fn send(sender: &Sender, url: &str) -> Answer {
    let secrets = [signing::new_secret().expect("random")];
    sender.send(Post { url, id: "msg_1", secrets: &secrets, body: "BODY" }).await
}

#[tokio::test]
async fn https_is_spoken_and_certificates_are_checked() {
    let port = serve("HTTP/1.1 204 No Content\r\n\r\n").await;
    let url = format!("https://localhost:{port}/hook");
    let delivered = send(&sender(true, true), &url).await;
    assert_eq!((delivered.status, delivered.error), (Some(204), None));
    let unknown = send(&sender(true, false), &url).await.error.expect("an error");
    assert!(unknown.starts_with("TLS: ") && unknown.contains("certificate"), "{unknown}");
    let other = send(&sender(true, true), &format!("https://127.0.0.1:{port}/")).await;
    assert!(other.error.expect("an error").starts_with("TLS: "), "not the name of the certificate");
}

#[tokio::test]
async fn what_is_not_public_is_not_called() {
    let port = serve("HTTP/1.1 204 No Content\r\n\r\n").await;
    let refused = send(&sender(false, true), &format!("https://localhost:{port}/")).await;
    assert_eq!(refused.error.as_deref(), Some("the host has no public address"));
    let refused = send(&sender(false, true), "http://example.com").await;
    assert_eq!(refused.error.as_deref(), Some("the URL does not begin with https://"));
}

#[tokio::test]
async fn silence_nonsense_and_nobody_are_failures_in_words() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let answer = send(&sender(true, true), &url).await;
    assert_eq!(answer.error.as_deref(), Some("no answer within 0.8 s"));
    drop(silent);
    let answer = send(&sender(true, true), &url).await;
    assert_eq!(answer.error.as_deref(), Some("cannot connect: connection refused"));
    let port = serve("what?\r\n\r\n").await;
    let answer = send(&sender(true, true), &format!("https://localhost:{port}")).await;
    assert!(answer.error.expect("an error").starts_with("HTTP: "));
    let answer = send(&sender(true, true), "http://nowhere.invalid").await;
    assert_eq!(answer.error.as_deref(), Some("the host cannot be looked up"));
}

#[tokio::test]
async fn a_body_without_an_end_is_not_waited_for() {
    let port = serve("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx").await;
    let answer = send(&sender(true, true), &format!("https://localhost:{port}")).await;
    assert_eq!((answer.status, answer.error), (Some(200), None));
}
