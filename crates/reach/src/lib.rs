//! Why a server could not be asked, in words for people: what happened, and with which server.
//!
//! The HTTP client's own words name no server, and what they say comes from four libraries below it.

use std::error::Error;
use std::io::{self, ErrorKind};

use rustls::CertificateError;

/// What kept a request from its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The server's certificate is not trusted: what is wrong with it.
    Certificate(String),
    /// No connection was made, so nothing has arrived: who did what.
    NoConnection(String),
    /// This process can open no more files, connections included.
    NoHandles,
    /// No whole answer in time.
    TimedOut,
    /// The connection broke before the answer was whole: how, as far as that is known.
    Broken(String),
}

impl Obstacle {
    /// What an error of the client is about. `proxy` is the one that calls go through, where one was chosen; of its address only host
    /// and port are shown, and of the request's.
    #[must_use]
    pub fn of(error: &reqwest::Error, proxy: Option<&str>) -> Self {
        if let Some(rustls::Error::InvalidCertificate(fault)) = cause(error) {
            return Self::Certificate(of_certificate(fault));
        }
        let server = error.url().map_or_else(
            || "the server".to_owned(),
            |url| place(url.host_str(), url.port_or_known_default()),
        );
        if causes(error).any(is_out_of_handles) {
            Self::NoHandles
        } else if error.is_connect() {
            Self::NoConnection(no_connection(error, &server, proxy.map(of_proxy).as_deref()))
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken(broken(error))
        }
    }
}

/// `host:port`.
fn place(host: Option<&str>, port: Option<u16>) -> String {
    let host = host.unwrap_or_default();
    port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A proxy's host and port: what stands before the `@` may be a password.
fn of_proxy(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("the proxy {host}")
}

fn no_connection(error: &reqwest::Error, server: &str, proxy: Option<&str>) -> String {
    // Whom the first connection is made to.
    let first = proxy.unwrap_or(server);
    if let Some(words) = causes(error).find_map(|cause| of_tunnel(&cause.to_string())) {
        return format!("{} {words}", proxy.unwrap_or("the proxy"));
    }
    if let Some(fault) = cause::<rustls::Error>(error) {
        return match fault {
            rustls::Error::InvalidMessage(_) => format!("what answers at {server} does not speak TLS"),
            other => format!("{server} and this program agree on no TLS connection ({other})"),
        };
    }
    if error.is_timeout() {
        return format!("{first} did not take the connection in time");
    }
    let innermost = innermost(error);
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        let host = first.rsplit_once(':').map_or(first, |(host, _)| host);
        return format!("the name of {host} can't be resolved ({innermost})");
    }
    match io_kind(error) {
        Some(ErrorKind::ConnectionRefused) => format!("{first} refused the connection"),
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            format!("there is no way to {first} in the network")
        }
        Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            format!("{first} hung up before there was a connection")
        }
        _ => format!("{first}: {innermost}"),
    }
}

/// What a proxy said that was asked for a way through; nothing where it is not about that.
fn of_tunnel(words: &str) -> Option<&'static str> {
    match words.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some("wants a user and a password"),
        "unsuccessful" => Some("does not let the call through"),
        "unexpected end of file" => Some("hung up instead of letting the call through"),
        _ => None,
    }
}

fn broken(error: &reqwest::Error) -> String {
    match io_kind(error) {
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => "it was reset".to_owned(),
        Some(ErrorKind::UnexpectedEof) => "it ended before the answer did".to_owned(),
        _ => innermost(error),
    }
}

/// A certificate's fault.
fn of_certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was issued for another host".to_owned()
        }
        // Another authority of the same name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its issuer is unknown".to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => format!("{other}"),
    }
}

/// Whether the system has no handle left, for this process or for all.
fn is_out_of_handles(cause: &(dyn Error + 'static)) -> bool {
    // EMFILE and ENFILE, which have no names in the standard library.
    const CODES: [i32; 2] = [24, 23];
    let code = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    cfg!(unix) && code.is_some_and(|code| CODES.contains(&code))
}

fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .last()
        .map(io::Error::kind)
}

fn innermost(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| "the connection failed".to_owned(), ToString::to_string)
}

/// An error of that type among the causes.
fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// All causes, the outermost first. An I/O error hides what it wraps from `source`, so both ways are followed.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&'a (dyn Error + 'static)| {
        let cause: &'a (dyn Error + 'static) = *cause;
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => cause.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{of_proxy, of_tunnel, place};

    #[test]
    fn a_proxys_password_is_not_shown() {
        for address in [
            "http://user:p@ss@proxy.example:3128/",
            "user:p@ss@proxy.example:3128?x",
        ] {
            assert_eq!(of_proxy(address), "the proxy proxy.example:3128");
        }
        assert_eq!(of_proxy("socks5://proxy.example:1"), "the proxy proxy.example:1");
    }

    #[test]
    fn a_server_is_named_with_its_port() {
        assert_eq!(place(Some("[::1]"), Some(443)), "[::1]:443");
        assert_eq!(place(Some("h"), None), "h");
    }

    #[test]
    fn only_what_a_proxy_said_is_taken_for_that() {
        assert_eq!(
            of_tunnel("tunnel error: unsuccessful"),
            Some("does not let the call through")
        );
        assert_eq!(
            of_tunnel("tunnel error: failed to create underlying connection"),
            None
        );
        assert_eq!(of_tunnel("unsuccessful"), None);
    }
}
