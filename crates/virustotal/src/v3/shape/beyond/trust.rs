//! Who vouches for an object: signers, certificates, lists of popular domains. Source: API v3, sections 2 and 3.2;
//! VirusTotal's reference, `signature_info` and the SSL certificate's attributes.

use jiff::civil::DateTime;
use serde_json::Value;

use crate::v3::shape::attribute::{count, fields, list, text};

/// A file's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who signed, the file's own signer first, then those who vouch for it.
    pub signers: Vec<String>,
    /// Whether it is good, in VirusTotal's words, such as `Signed`.
    pub status: Option<String>,
}

/// A TLS certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Who issued it: the common name, else the organisation.
    pub issuer: Option<String>,
    /// For whom it is, likewise.
    pub subject: Option<String>,
    /// Its last moment, UTC.
    pub valid_until: Option<DateTime>,
    /// Serial number, as written.
    pub serial: Option<String>,
}

/// A place in a list of popular domains; 1 is the most popular.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// The list, such as `Cisco Umbrella`.
    pub list: String,
    /// The place.
    pub rank: u64,
}

/// `None` for an unsigned file, whose attribute can hold its version's texts all the same.
pub(super) fn signature(attributes: &Value) -> Option<Signature> {
    let info = attributes.get("signature_info")?;
    let signature = Signature {
        signers: signers(info),
        status: text(info, "verified").map(str::to_owned),
    };
    (!signature.signers.is_empty() || signature.status.is_some()).then_some(signature)
}

/// Names joined by `;`, else those of the details.
fn signers(info: &Value) -> Vec<String> {
    if let Some(names) = text(info, "signers") {
        let names = names.split(';').map(str::trim).filter(|name| !name.is_empty());
        return names.map(str::to_owned).collect();
    }
    let details = list(info, "signers details").unwrap_or_default().iter();
    details
        .filter_map(|signer| text(signer, "name").map(str::to_owned))
        .collect()
}

pub(super) fn certificate(attributes: &Value) -> Option<Certificate> {
    let certificate = attributes.get("last_https_certificate")?;
    let valid_until = certificate
        .get("validity")
        .and_then(|validity| crate::report::date_time(text(validity, "not_after")?));
    let certificate = Certificate {
        issuer: name(certificate, "issuer"),
        subject: name(certificate, "subject"),
        valid_until,
        serial: text(certificate, "serial_number").map(str::to_owned),
    };
    let says_something = certificate.issuer.is_some()
        || certificate.subject.is_some()
        || certificate.valid_until.is_some()
        || certificate.serial.is_some();
    says_something.then_some(certificate)
}

fn name(certificate: &Value, whose: &str) -> Option<String> {
    let parts = certificate.get(whose)?;
    text(parts, "CN").or_else(|| text(parts, "O")).map(str::to_owned)
}

pub(super) fn ranks(attributes: &Value) -> Option<Vec<Rank>> {
    let ranks = fields(attributes, "popularity_ranks")?.iter();
    let rank = |(list, entry): (&String, &Value)| {
        Some(Rank {
            list: list.clone(),
            rank: count(entry, "rank")?,
        })
    };
    Some(ranks.filter_map(rank).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{certificate, signature};

    #[test]
    fn texts_of_an_unsigned_file_are_no_signature() {
        assert_eq!(signature(&json!({"signature_info": {"product": "Setup"}})), None);
        let details = json!({"signature_info": {"signers details": [{"name": "A", "status": "Valid"}, {}]}});
        assert_eq!(signature(&details).unwrap().signers, ["A"]);
    }

    #[test]
    fn an_organisation_stands_in_for_the_common_name() {
        let attributes = json!({"last_https_certificate": {"issuer": {"O": "Example"}, "validity": {"not_after": "soon"}}});
        let certificate = certificate(&attributes).unwrap();
        assert_eq!(certificate.issuer.as_deref(), Some("Example"));
        assert_eq!((certificate.subject, certificate.valid_until), (None, None));
        assert_eq!(super::certificate(&json!({"last_https_certificate": {}})), None);
    }
}
