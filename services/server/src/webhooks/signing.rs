//! Secrets and signatures of the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`.

use base64::{Engine, engine::general_purpose::STANDARD};
use cx_datastore::webhooks::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a new secret; the specification asks for 24 to 64.
const BYTES: usize = 32;

/// A secret that nobody can guess.
pub fn new_secret() -> Result<Secret, getrandom::Error> {
    let mut key = [0; BYTES];
    getrandom::fill(&mut key)?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(key))))
}

/// The header `webhook-signature`: one signature for each secret. None where no secret can be used.
pub(super) fn signatures(
    secrets: &[Secret],
    id: &str,
    timestamp: i64,
    body: &str,
) -> Option<String> {
    let signed: Vec<String> =
        secrets.iter().filter_map(|secret| signature(secret, id, timestamp, body)).collect();
    (!signed.is_empty()).then(|| signed.join(" "))
}

fn signature(secret: &Secret, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.reveal().strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_other_programs_compute() {
        // Computed with Python's hmac module.
        let expected = "v1,vYUpvSjY5ulGDkl3leRwnNsaI1bTvDEFcvmXWir28TI=";
        let secret = Secret::new("whsec_MfKQ9r8GKYqUTwjUPD8ILPZIo2LaLaSw");
        let sign = |secrets: &[Secret]| {
            let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
            signatures(secrets, id, 1_614_265_330, r#"{"test": 2432232314}"#)
        };
        assert_eq!(sign(std::slice::from_ref(&secret)).as_deref(), Some(expected));
        let both = sign(&[new_secret().expect("random"), secret]).expect("signed");
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.ends_with(expected));
        assert_eq!(sign(&[Secret::new("whsec_?")]), None);
    }

    #[test]
    fn secrets_have_the_form_that_libraries_want_and_differ() {
        let (one, two) = (new_secret().expect("random"), new_secret().expect("random"));
        assert_ne!(one, two);
        let key = one.reveal().strip_prefix("whsec_").expect("the prefix");
        assert_eq!(STANDARD.decode(key).expect("base64").len(), BYTES);
    }
}
