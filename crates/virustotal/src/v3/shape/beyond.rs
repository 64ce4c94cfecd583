//! What API v3 knows and API v2 has no place for. Source: API v3, sections 2 and 3; the mapping, section 9.

mod rule;
mod threat;
mod trust;

use jiff::civil::DateTime;
use serde_json::Value;

use super::engines::Tally;
use super::{attribute, dates};
pub use rule::Severities;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use threat::techniques;
pub use threat::{Family, SandboxVerdict};
pub use trust::{Certificate, Rank, Signature};

/// What the community voted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Users that call it harmless.
    pub harmless: u64,
    /// Users that call it malicious.
    pub malicious: u64,
}

/// Facts of a file, URL, domain or address that API v2's reports have no place for.
///
/// `None` means that VirusTotal did not say, an empty list that it knows none. Dates are UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beyond {
    /// The community's score; below zero is bad.
    pub reputation: Option<i64>,
    /// The community's votes.
    pub votes: Option<Votes>,
    /// Engines that call the object itself malicious. Not an address's `positives` of API v2, which are of what was
    /// found on it.
    pub malicious: Option<u64>,
    /// Engines that suspect it.
    pub suspicious: Option<u64>,
    /// Engines that gave a verdict on it.
    pub total: Option<u64>,
    /// What the threat is called, such as `trojan.emotet/autoit`.
    pub threat_label: Option<String>,
    /// Families that engines name, most often named first.
    pub threat_families: Option<Vec<Family>>,
    /// What sandboxes think, in VirusTotal's order.
    pub sandbox_verdicts: Option<Vec<SandboxVerdict>>,
    /// Sigma rules that match the file's behaviour.
    pub sigma: Option<Severities>,
    /// Network rules that match the file's traffic.
    pub ids: Option<Severities>,
    /// Names of those network rules, each once.
    pub ids_rules: Option<Vec<String>>,
    /// ATT&CK techniques, such as `T1059.001`, each once; from the object, where it has them.
    pub techniques: Option<Vec<String>>,
    /// VirusTotal's tags.
    pub tags: Option<Vec<String>>,
    /// First time that it was submitted, or that the domain was seen.
    pub first_seen: Option<DateTime>,
    /// Last time that it was submitted.
    pub last_seen: Option<DateTime>,
    /// When the domain was registered, or when the file says that it was built, which can be a lie.
    pub created: Option<DateTime>,
    /// Kind of file, such as `Win32 EXE`.
    pub type_description: Option<String>,
    /// The file's signature.
    pub signature: Option<Signature>,
    /// Where the domain is registered.
    pub registrar: Option<String>,
    /// The last TLS certificate.
    pub certificate: Option<Certificate>,
    /// Number of the network.
    pub asn: Option<u64>,
    /// Whose network it is.
    pub as_owner: Option<String>,
    /// The address's range, such as `198.51.100.0/24`.
    pub network: Option<String>,
    /// Two letters.
    pub country: Option<String>,
    /// Places in lists of popular domains, in VirusTotal's order.
    pub ranks: Option<Vec<Rank>>,
    /// Title of the page.
    pub title: Option<String>,
    /// Where the URL led in the end.
    pub final_url: Option<String>,
}

impl Beyond {
    /// Engines that call the object malicious, and engines that gave a verdict; `None` where none did.
    #[must_use]
    pub fn engines(&self) -> Option<(u64, u64)> {
        Some((self.malicious?, self.total.filter(|total| *total > 0)?))
    }

    /// Reads what an object has, of whichever kind; the object is the value of `data`.
    #[must_use]
    pub fn read(object: &Value) -> Self {
        let nothing = Value::Null;
        let attributes = object.get("attributes").unwrap_or(&nothing);
        let text = |name| attribute::text(attributes, name).map(str::to_owned);
        let date = |name| dates::civil(dates::epoch(attributes, name)?);
        let tally = Tally::of_last_analysis(attributes);
        Self {
            reputation: attributes.get("reputation").and_then(Value::as_i64),
            votes: votes(attributes),
            malicious: tally.map(|tally| tally.malicious),
            suspicious: tally.map(|tally| tally.suspicious),
            total: tally.map(Tally::total),
            threat_label: threat::label(attributes),
            threat_families: threat::families(attributes),
            sandbox_verdicts: threat::sandbox_verdicts(attributes),
            sigma: rule::sigma(attributes),
            ids: rule::ids(attributes),
            ids_rules: rule::ids_rules(attributes),
            techniques: threat::techniques_of(attributes),
            tags: attribute::texts(attributes, "tags"),
            first_seen: date("first_submission_date").or_else(|| date("first_seen_date")),
            last_seen: date("last_submission_date"),
            created: date("creation_date"),
            type_description: text("type_description"),
            signature: trust::signature(attributes),
            registrar: text("registrar"),
            certificate: trust::certificate(attributes),
            asn: attribute::count(attributes, "asn"),
            as_owner: text("as_owner"),
            network: text("network"),
            country: text("country"),
            ranks: trust::ranks(attributes),
            title: text("title"),
            final_url: text("last_final_url"),
        }
    }
}

fn votes(attributes: &Value) -> Option<Votes> {
    let votes = attributes.get("total_votes")?;
    let (harmless, malicious) = (
        attribute::count(votes, "harmless"),
        attribute::count(votes, "malicious"),
    );
    harmless.or(malicious)?;
    Some(Votes {
        harmless: harmless.unwrap_or_default(),
        malicious: malicious.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Beyond, Certificate, Family, Rank, SandboxVerdict, Severities, Signature, Votes};
    use crate::v3::shape::golden::sample;

    fn read(name: &str) -> Beyond {
        Beyond::read(&sample(name)["data"])
    }

    fn texts(texts: &[&str]) -> Option<Vec<String>> {
        Some(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn a_sample_file_tells_its_threat() {
        let beyond = read("v3_file_eicar");
        assert_eq!(beyond.threat_label.as_deref(), Some("virus.eicar/test"));
        let family = |name: &str, count| Family {
            name: name.to_owned(),
            count,
        };
        assert_eq!(
            beyond.threat_families,
            Some(vec![family("eicar", Some(8)), family("test", Some(6))])
        );
        assert_eq!(
            (beyond.malicious, beyond.suspicious, beyond.total),
            (Some(10), Some(0), Some(12))
        );
        assert_eq!(beyond.first_seen.unwrap().to_string(), "2006-05-22T12:42:02");
        assert_eq!(beyond.last_seen.unwrap().to_string(), "2019-02-05T15:41:52");
        assert_eq!(beyond.type_description.as_deref(), Some("Powershell"));
        assert_eq!((beyond.sigma, beyond.sandbox_verdicts), (None, None));
    }

    #[test]
    fn a_sample_domain_tells_its_registration() {
        let beyond = read("v3_domain");
        assert_eq!(beyond.registrar.as_deref(), Some("Example Registrar"));
        assert_eq!(beyond.created.unwrap().to_string(), "2003-06-23T14:02:33");
        assert_eq!(
            beyond.ranks,
            Some(vec![Rank {
                list: "Alexa".to_owned(),
                rank: 100
            }])
        );
        assert_eq!(
            beyond.votes,
            Some(Votes {
                harmless: 1,
                malicious: 0
            })
        );
        assert_eq!(beyond.tags, texts(&[]));
    }

    #[test]
    fn a_sample_address_tells_its_network() {
        let beyond = read("v3_ip");
        assert_eq!((beyond.reputation, beyond.asn), (Some(-4), Some(64500)));
        assert_eq!(beyond.as_owner.as_deref(), Some("Example, Inc."));
        assert_eq!(beyond.network.as_deref(), Some("198.51.100.0/24"));
        assert_eq!(beyond.country.as_deref(), Some("US"));
        assert_eq!((beyond.malicious, beyond.total), (Some(2), Some(12)));
    }

    #[test]
    fn a_sample_url_tells_its_page() {
        let beyond = read("v3_url_malicious");
        assert_eq!(beyond.title.as_deref(), Some("Example page"));
        assert_eq!(
            beyond.final_url.as_deref(),
            Some("http://malicious.example/payload.php")
        );
        assert_eq!(beyond.suspicious, Some(1));
    }

    #[test]
    fn everything_else_is_read_too() {
        let beyond = Beyond::read(&json!({"attributes": {
            "sandbox_verdicts": {
                "Zenbox": {"sandbox_name": "Zenbox", "category": "malicious", "malware_names": ["Emotet"], "malware_classification": ["TROJAN"]},
                "Other": {},
            },
            "sigma_analysis_stats": {"critical": 0, "high": 1, "medium": 2, "low": 3},
            "crowdsourced_ids_results": [
                {"rule_msg": "ET MALWARE x", "alert_severity": "high"},
                {"rule_msg": "ET MALWARE x", "alert_severity": "high"},
                {"rule_msg": "ET INFO y", "alert_severity": "info"},
            ],
            "behaviour_mitre_trees": {"Zenbox": {"tactics": [{"id": "TA0002", "techniques": [{"id": "T1059"}]}]}},
            "signature_info": {"verified": "Signed", "signers": "Example Corp; Example CA"},
            "last_https_certificate": {
                "issuer": {"CN": "R3", "O": "Let's Encrypt"}, "subject": {"CN": "a.example"},
                "validity": {"not_after": "2026-01-02 03:04:05"}, "serial_number": "04ab",
            },
        }}));
        assert_eq!(
            beyond.sandbox_verdicts,
            Some(vec![
                SandboxVerdict {
                    sandbox: "Zenbox".to_owned(),
                    category: Some("malicious".to_owned()),
                    malware_names: vec!["Emotet".to_owned()],
                    classification: vec!["TROJAN".to_owned()],
                },
                SandboxVerdict {
                    sandbox: "Other".to_owned(),
                    category: None,
                    malware_names: Vec::new(),
                    classification: Vec::new(),
                },
            ])
        );
        let sigma = Severities {
            high: 1,
            medium: 2,
            low: 3,
            ..Severities::default()
        };
        assert_eq!((beyond.sigma, sigma.total()), (Some(sigma), 6));
        assert_eq!(
            beyond.ids,
            Some(Severities {
                high: 2,
                info: 1,
                ..Severities::default()
            })
        );
        assert_eq!(beyond.ids_rules, texts(&["ET MALWARE x", "ET INFO y"]));
        assert_eq!(beyond.techniques, texts(&["T1059"]));
        assert_eq!(
            beyond.signature,
            Some(Signature {
                signers: vec!["Example Corp".to_owned(), "Example CA".to_owned()],
                status: Some("Signed".to_owned()),
            })
        );
        assert_eq!(
            beyond.certificate,
            Some(Certificate {
                issuer: Some("R3".to_owned()),
                subject: Some("a.example".to_owned()),
                valid_until: crate::report::date_time("2026-01-02 03:04:05"),
                serial: Some("04ab".to_owned()),
            })
        );
    }

    #[test]
    fn nothing_known_is_nothing_said() {
        for object in [
            Value::Null,
            json!([]),
            json!({"attributes": {"asn": null, "reputation": "bad"}}),
        ] {
            assert_eq!(Beyond::read(&object), Beyond::default());
        }
    }
}
