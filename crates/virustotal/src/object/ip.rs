//! IP addresses: API v2 reports on IPv4 only.

use std::net::{IpAddr, Ipv4Addr};

use super::{ObjectError, internal_address, refang};

/// Reads an IPv4 address that may be asked about; defanged forms are understood.
///
/// # Errors
/// Tells malformed text, IPv6 (no reports in API v2) and addresses of the own network apart.
pub fn parse_ip(text: &str) -> Result<Ipv4Addr, ObjectError> {
    let text = refang(text);
    if text.is_empty() {
        return Err(ObjectError::Empty);
    }
    let address: IpAddr = text
        .trim_matches(['[', ']'])
        .parse()
        .map_err(|_| ObjectError::NotAnIp)?;
    if let Some(reason) = internal_address(address) {
        return Err(ObjectError::Internal(reason));
    }
    match address {
        IpAddr::V4(v4) => Ok(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().ok_or(ObjectError::Ipv6),
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectError, parse_ip};

    #[test]
    fn defanged_private_and_malformed_addresses_are_told_apart() {
        assert_eq!(parse_ip("8[.]8.8[.]8").unwrap().to_string(), "8.8.8.8");
        assert_eq!(parse_ip("::ffff:8.8.8.8").unwrap().to_string(), "8.8.8.8");
        assert!(parse_ip("192.168.0.1").unwrap_err().is_internal());
        assert_eq!(parse_ip("999.1.1.1").unwrap_err(), ObjectError::NotAnIp);
        assert_eq!(parse_ip("1.2.3").unwrap_err(), ObjectError::NotAnIp);
        assert_eq!(parse_ip("2606:4700::1111").unwrap_err(), ObjectError::Ipv6);
        assert_eq!(parse_ip(" ").unwrap_err(), ObjectError::Empty);
    }
}
