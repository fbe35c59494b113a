//! Which addresses may be called. A URL is the caller's, the network around the server is not: without this rule a webhook
//! could reach what only the server can, such as the metadata service of a cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::lookup_host;

/// The addresses of a host that may be called. Whoever calls must call one of these, and not look the host up again: the answer
/// may be another one then.
pub(super) async fn resolve(host: &str, port: u16, any: bool) -> Result<Vec<SocketAddr>, String> {
    let found =
        lookup_host((host, port)).await.map_err(|_| "the host cannot be looked up".to_owned())?;
    let allowed: Vec<SocketAddr> = found.filter(|address| any || is_public(address.ip())).collect();
    if allowed.is_empty() { Err("the host has no public address".to_owned()) } else { Ok(allowed) }
}

/// Whether an address is one of the public Internet, by the registries of special addresses (IANA, RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        // This network, private, loopback, multicast and reserved.
        (0 | 10 | 127 | 224.., _, _) => true,
        // Shared by carriers; link-local; private; private.
        (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocols, documentation, relays, benchmarks, documentation.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            true
        }
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    match (a, b) {
        // Addresses of IPv4 behind a translator.
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => {
            let [[g1, g2], [h1, h2]] = [g, h].map(u16::to_be_bytes);
            is_public_v4(Ipv4Addr::new(g1, g2, h1, h2))
        }
        // Protocols (tunnels among them), documentation, the tunnel 6to4, documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff) => false,
        // All that has been given out; loopback, unique local, link-local and multicast lie outside.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_called() {
        let public = |text: &str| is_public(text.parse().expect("an address"));
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "64:ff9b:1::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses() {
        let refused = resolve("localhost", 80, false).await.expect_err("loopback");
        assert_eq!(refused, "the host has no public address");
        assert!(!resolve("localhost", 80, true).await.expect("allowed").is_empty());
        // Another way to write 127.0.0.1, which resolvers understand.
        assert!(resolve("0x7f.1", 80, false).await.is_err());
    }
}
