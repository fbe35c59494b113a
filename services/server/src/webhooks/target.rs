//! The URL of a webhook, taken apart and checked. What its host's addresses are is another question: see `address`.

use super::address::is_public;
use http::Uri;
use std::net::IpAddr;

/// Longest URL, in bytes.
pub const MAX_URL: usize = 2048;

/// Where to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// The host, an address of version 6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as they stand in the URL.
    pub authority: String,
    /// What follows the host.
    pub path: String,
}

impl Target {
    /// Takes a URL apart, or says which rule it breaks.
    pub fn parse(url: &str, allow_insecure: bool) -> Result<Self, &'static str> {
        if url.contains('#') {
            return Err("has a fragment, which is never sent");
        }
        let uri: Uri = url.parse().map_err(|_| "is not a URL")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if allow_insecure => false,
            _ => return Err("does not begin with https://"),
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("holds a user, which would be told to everybody who reads the webhook");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err("has no host");
        }
        let named = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err("has a port that is none"),
            None if named => return Err("has a port that is none"),
            port => port.unwrap_or(if tls { 443 } else { 80 }),
        };
        if !allow_insecure && host.parse::<IpAddr>().is_ok_and(|address| !is_public(address)) {
            return Err("is not at a public address");
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // A query may follow the host at once.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { tls, host, port, authority: authority.to_string(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let target = Target::parse("https://example.com/a?b=c", false).expect("a URL");
        assert_eq!((target.tls, target.host.as_str(), target.port), (true, "example.com", 443));
        assert_eq!((target.authority.as_str(), target.path.as_str()), ("example.com", "/a?b=c"));
        let target = Target::parse("https://example.com?b=c", false).expect("a URL");
        assert_eq!(target.path, "/?b=c");
        let target = Target::parse("http://[::1]:8080", true).expect("a URL");
        assert_eq!((target.tls, target.host.as_str(), target.port), (false, "::1", 8080));
        assert_eq!((target.authority.as_str(), target.path.as_str()), ("[::1]:8080", "/"));
    }

    #[test]
    fn what_is_not_safe_is_refused() {
        for url in [
            "",
            "/hook",
            "example.com",
            "ftp://example.com",
            "http://example.com",
            "https://",
            "https://u:p@example.com",
            "https://example.com:0",
            "https://example.com:99999",
            "https://example.com/#a",
            "https://exämple.com",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(Target::parse(url, false).is_err(), "{url}");
        }
        assert!(Target::parse("https://10.0.0.1", true).is_ok());
    }
}
