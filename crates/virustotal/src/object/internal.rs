//! Which addresses and names belong to the own network, so that nothing about them leaves it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Name endings that are only used inside networks: RFC 6762, 8375, 9476 and long-standing habits.
const INTERNAL_SUFFIXES: [&str; 14] = [
    "local",
    "localhost",
    "localdomain",
    "lan",
    "internal",
    "intranet",
    "intra",
    "corp",
    "home",
    "home.arpa",
    "private",
    "test",
    "invalid",
    "alt",
];

/// Reserved for documents (RFC 2606): belongs to nobody's network, so asking about it tells nothing. As an ending,
/// or as the name before a single ending, which is how the seed's own samples are called (`example.php`).
const DOCUMENTATION_NAME: &str = "example";

/// Why an address must not be asked about; `None` when it may.
///
/// The documentation blocks (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24) may: no network uses them, and
/// the seed's own sample is one of them.
#[must_use]
pub fn internal_address(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => internal_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => internal_v4(v4),
            None => internal_v6(v6),
        },
    }
}

fn internal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    if address.is_private() {
        Some("it is a private address")
    } else if address.is_loopback() {
        Some("it is a loopback address")
    } else if address.is_link_local() {
        Some("it is a link-local address")
    } else if a == 100 && (64..128).contains(&b) {
        Some("it is a carrier-grade NAT address")
    } else if a == 0 || a >= 240 || (a, b, c) == (192, 0, 0) || (a == 198 && (b & 0xfe) == 18) {
        Some("it is a reserved address")
    } else if address.is_multicast() {
        Some("it is a multicast address")
    } else {
        None
    }
}

fn internal_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() || address.is_unspecified() {
        Some("it is a loopback address")
    } else if address.is_unique_local() {
        Some("it is a private address")
    } else if address.is_unicast_link_local() {
        Some("it is a link-local address")
    } else if address.is_multicast() {
        Some("it is a multicast address")
    } else {
        None
    }
}

/// Why a host name (lower case, no dot at the end) must not be asked about; `None` when it may.
///
/// A name whose ending is on no public list counts as internal: `srv01.contoso` is somebody's directory domain.
#[must_use]
pub fn internal_host(name: &str) -> Option<&'static str> {
    if !name.contains('.') {
        return Some("it is a host name without a domain");
    }
    if INTERNAL_SUFFIXES
        .iter()
        .any(|suffix| ends_with_label(name, suffix))
    {
        return Some("it is an internal host name");
    }
    let known = psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known());
    if known || is_documentation(name) {
        return None;
    }
    Some("its ending is on no public list, so it looks like an internal host name")
}

fn is_documentation(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    labels.next() == Some(DOCUMENTATION_NAME) || labels.next() == Some(DOCUMENTATION_NAME)
}

fn ends_with_label(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::{internal_address, internal_host};

    #[test]
    fn addresses_of_the_own_network_are_withheld_and_public_ones_are_not() {
        for text in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "ff02::1",
        ] {
            assert!(internal_address(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "100.128.0.1",
            "2606:4700::1",
        ] {
            assert!(internal_address(text.parse().unwrap()).is_none(), "{text}");
        }
    }

    #[test]
    fn internal_host_names_are_withheld_and_public_ones_are_not() {
        for name in [
            "srv01",
            "printer.local",
            "db.corp",
            "x.home.arpa",
            "srv01.contoso",
            "a.b.internal",
            "test",
            "x.test",
        ] {
            assert!(internal_host(name).is_some(), "{name}");
        }
        for name in [
            "example.com",
            "example.co.in",
            "malicious.example",
            "xn--bcher-kva.de",
            "a.onion",
            "thecorp.com",
        ] {
            assert!(internal_host(name).is_none(), "{name}");
        }
    }
}
