//! Page tokens: where a list goes on, opaque to the caller, bound to the request they were given for.
//!
//! A token is base64url of `[tag, key]` in JSON: the key of the last row, and a hash of it together
//! with the scope, which is the RPC, every other field of the request, and the version that is read.
//! It hides nothing and grants nothing; the tag tells a foreign or damaged token from one of ours.

use super::status::Refusal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

/// Rows a page where the request does not say.
const DEFAULT_PAGE: u64 = 50;
/// Most rows a page.
const MAX_PAGE: u64 = 1000;
/// Most bytes of rows a page, but that one row always fits.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The token of the page after the row with this key.
pub fn issue<K: Serialize>(scope: &[&str], key: &K) -> String {
    // Keys are tuples of numbers and texts, which JSON always takes; an empty token would end the list.
    let key = serde_json::to_value(key).unwrap_or_default();
    let body = serde_json::json!([tag(scope, &key), key]);
    URL_SAFE_NO_PAD.encode(body.to_string())
}

/// The key in a token; none where the token is empty, as on the first page.
pub fn read<K: DeserializeOwned>(token: &str, scope: &[&str]) -> Result<Option<K>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refusal::InvalidPageToken)?;
    let (told, key): (String, serde_json::Value) =
        serde_json::from_slice(&bytes).map_err(|_| Refusal::InvalidPageToken)?;
    if told != tag(scope, &key) {
        return Err(Refusal::InvalidPageToken);
    }
    serde_json::from_value(key).map(Some).map_err(|_| Refusal::InvalidPageToken)
}

/// The rows of a page: 0 means 50, more than 1000 means 1000.
pub fn page_size(asked: i32) -> Result<u64, Refusal> {
    match u64::try_from(asked) {
        Ok(0) => Ok(DEFAULT_PAGE),
        Ok(size) => Ok(size.min(MAX_PAGE)),
        Err(_) => Err(Refusal::field("page_size", format!("{asked} is negative"))),
    }
}

/// The page of so many rows that also stays smaller than what clients take in one message (often 4 MiB),
/// with the last of them where there are more. Give it one row more than the page has.
pub fn page<T: Message + Clone>(rows: impl Iterator<Item = T>, size: u64) -> (Vec<T>, Option<T>) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for row in rows {
        bytes += row.encoded_len();
        if page.len() as u64 == size || (bytes > MAX_BYTES && !page.is_empty()) {
            let last = page.last().cloned();
            return (page, last);
        }
        page.push(row);
    }
    (page, None)
}

fn tag(scope: &[&str], key: &serde_json::Value) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("cx.v1 page token");
    for part in scope {
        // The length keeps ["ab", "c"] apart from ["a", "bc"].
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(key.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(&hasher.finalize().as_bytes()[..12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_its_key() {
        let key = (-5_i64, "käse\"1".to_owned());
        let token = issue(&["ListInteractions", "c1"], &key);
        assert_eq!(
            read::<(i64, String)>(&token, &["ListInteractions", "c1"]).expect("ours"),
            Some(key)
        );
        assert_eq!(read::<(i64, String)>("", &["ListInteractions", "c1"]).expect("empty"), None);
    }

    #[test]
    fn a_token_of_another_request_is_refused() {
        let token = issue(&["ListInteractions", "c1"], &1_i64);
        for scope in
            [&["ListInteractions", "c2"][..], &["ListInteractionsc", "1"], &["ListInteractions"]]
        {
            assert!(matches!(read::<i64>(&token, scope), Err(Refusal::InvalidPageToken)));
        }
    }

    #[test]
    fn a_damaged_token_is_refused() {
        let token = issue(&["r"], &123_456_i64);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).expect("ascii");
            assert!(read::<i64>(&damaged, &["r"]).is_err(), "byte {at} of {token}");
        }
        for foreign in ["!", "e30", "bm90IGpzb24", &URL_SAFE_NO_PAD.encode("[\"x\",1]")] {
            assert!(matches!(read::<i64>(foreign, &["r"]), Err(Refusal::InvalidPageToken)));
        }
    }

    #[test]
    fn pages_end_with_their_size_or_their_bytes() {
        let rows = |n: usize, text: usize| (0..n).map(move |_| "x".repeat(text));
        assert_eq!(page(rows(3, 1), 3).1, None);
        let (taken, last) = page(rows(4, 1), 3);
        assert_eq!((taken.len(), last.is_some()), (3, true));
        let (taken, last) = page(rows(3, MAX_BYTES / 2 - 10), 3);
        assert_eq!((taken.len(), last.is_some()), (2, true));
        let (taken, last) = page(rows(2, MAX_BYTES * 2), 3);
        assert_eq!((taken.len(), last.is_some()), (1, true));
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(page_size(0).ok(), Some(50));
        assert_eq!(page_size(7).ok(), Some(7));
        assert_eq!(page_size(5000).ok(), Some(1000));
        assert!(matches!(page_size(-1), Err(Refusal::InvalidField(_))));
    }
}
