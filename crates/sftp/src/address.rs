//! Where a server is: a host and a port.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The port that an address without one means.
const SSH_PORT: u16 = 22;
/// Longest host name. Source: RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 253;
/// Longest part between two dots. Source: RFC 1035, section 2.3.4.
const LONGEST_LABEL: usize = 63;

/// A host and a port. What exists can be connected to and written to a `known_hosts` file as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    host: String,
    port: u16,
}

/// The text given is no address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing at all.
    #[error("the server's address is empty: give a host name or an IP address")]
    Empty,
    /// A blank or a line break inside or around.
    #[error(
        "the server's address has blanks in it: give one host, such as files.example.org or files.example.org:2222"
    )]
    Blank,
    /// A control character.
    #[error("the server's address has control characters in it")]
    Control,
    /// `ssh://` and the like.
    #[error("the server's address is a host, not a URL: leave out what ends with ://")]
    Scheme,
    /// `user@host`.
    #[error("the server's address has a user in it: give the host alone, and the user in its own place")]
    User,
    /// A port that is no number from 1 to 65535.
    #[error("the port in the server's address is no number from 1 to 65535")]
    Port,
    /// Brackets or colons, but no IPv6 address.
    #[error("the server's address is no IPv6 address: write it as ::1, [::1] or [::1]:2222")]
    Ipv6,
    /// Whatever else no host is called.
    #[error(
        "the server's address is no host name and no IP address: \
         names have letters, digits, hyphens and dots (write others in their xn-- form)"
    )]
    Host,
}

impl Address {
    /// Reads `host`, `host:port`, an IPv4 address with or without a port, `::1`, `[::1]` or `[::1]:port`.
    ///
    /// # Errors
    /// [`AddressError`] says what is wrong and how it is written.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.contains(char::is_whitespace) {
            return Err(AddressError::Blank);
        }
        if text.contains(char::is_control) {
            return Err(AddressError::Control);
        }
        if text.contains("://") {
            return Err(AddressError::Scheme);
        }
        if text.contains('@') {
            return Err(AddressError::User);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (inner, after) = rest.split_once(']').ok_or(AddressError::Ipv6)?;
            let port = match after.strip_prefix(':') {
                Some(port) => parse_port(port)?,
                None if after.is_empty() => SSH_PORT,
                None => return Err(AddressError::Ipv6),
            };
            return Ok(Self {
                host: parse_ipv6(inner)?,
                port,
            });
        }
        match text.split_once(':') {
            None => Ok(Self {
                host: parse_host(text)?,
                port: SSH_PORT,
            }),
            Some((_, rest)) if rest.contains(':') => Ok(Self {
                host: parse_ipv6(text)?,
                port: SSH_PORT,
            }),
            Some((host, port)) => Ok(Self {
                host: parse_host(host)?,
                port: parse_port(port)?,
            }),
        }
    }

    /// The host name in lower case, or the IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name under which a `known_hosts` file has it.
    pub(crate) fn known_as(&self) -> String {
        if self.port == SSH_PORT {
            self.host.clone()
        } else {
            format!("[{}]:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == SSH_PORT {
            f.write_str(&self.host)
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `parse` would take a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::Port);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(AddressError::Port),
        Ok(port) => Ok(port),
    }
}

fn parse_ipv6(text: &str) -> Result<String, AddressError> {
    let address: Ipv6Addr = text.parse().map_err(|_| AddressError::Ipv6)?;
    Ok(address.to_string())
}

fn parse_host(text: &str) -> Result<String, AddressError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.split('.').all(is_label) {
        return Err(AddressError::Host);
    }
    // The system's resolver reads 127.1 and 0x7f.1 as addresses; a host that ends in a number must be a whole one.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && (last.bytes().all(|byte| byte.is_ascii_digit())
            || last.starts_with("0x")
            || last.starts_with("0X"))
        && name.parse::<Ipv4Addr>().is_err()
    {
        return Err(AddressError::Host);
    }
    Ok(name.to_ascii_lowercase())
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= LONGEST_LABEL
        && !label.starts_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Address, AddressError};

    #[test]
    fn an_address_is_read_and_written_as_people_write_it() {
        for (text, host, port, shown, known_as) in [
            (
                "files.example.org",
                "files.example.org",
                22,
                "files.example.org",
                "files.example.org",
            ),
            (
                "Files.Example.ORG.",
                "files.example.org",
                22,
                "files.example.org",
                "files.example.org",
            ),
            ("files:22", "files", 22, "files", "files"),
            ("files:2222", "files", 2222, "files:2222", "[files]:2222"),
            ("1.2.3.4", "1.2.3.4", 22, "1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:22", "1.2.3.4", 22, "1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:2222", "1.2.3.4", 2222, "1.2.3.4:2222", "[1.2.3.4]:2222"),
            ("[::1]", "::1", 22, "::1", "::1"),
            ("[::1]:2222", "::1", 2222, "[::1]:2222", "[::1]:2222"),
            ("::1", "::1", 22, "::1", "::1"),
            ("2001:DB8:0::1", "2001:db8::1", 22, "2001:db8::1", "2001:db8::1"),
            ("web_1", "web_1", 22, "web_1", "web_1"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.to_string(), shown);
            assert_eq!(address.known_as(), known_as);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", AddressError::Empty),
            (" files", AddressError::Blank),
            ("files\n", AddressError::Blank),
            ("two hosts", AddressError::Blank),
            ("files\u{7f}", AddressError::Control),
            ("ssh://files", AddressError::Scheme),
            ("root@files", AddressError::User),
            ("files:0", AddressError::Port),
            ("files:", AddressError::Port),
            ("files:+22", AddressError::Port),
            ("files:65536", AddressError::Port),
            ("[::1]:0", AddressError::Port),
            ("[::1", AddressError::Ipv6),
            ("[::1]22", AddressError::Ipv6),
            ("[files]:22", AddressError::Ipv6),
            ("::1::", AddressError::Ipv6),
            ("-oProxyCommand=x", AddressError::Host),
            ("a,b", AddressError::Host),
            ("*", AddressError::Host),
            ("files/etc", AddressError::Host),
            ("a..b", AddressError::Host),
            (".", AddressError::Host),
            ("münchen.example", AddressError::Host),
            ("1.2.3", AddressError::Host),
            ("1.2.3.400", AddressError::Host),
            ("0x7f000001", AddressError::Host),
            (":22", AddressError::Host),
        ] {
            assert_eq!(Address::parse(text), Err(reason), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "\\PC{0,40}|[a-z0-9.:\\[\\]-]{1,30}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()));
                prop_assert!(!address.known_as().contains([',', ' ', '*', '?', '!', '|', '#', '@']));
            }
        }
    }
}
