//! Fields that only API v3 has the facts for. They are added; a field of API v2's report is never replaced.

use serde_json::{Map, Value};
use virustotal::Report;
use virustotal::report::{Beyond, Severities, format_date};

/// Adds what the v3 object behind a report tells; nothing for a report of API v2.
pub(crate) fn add(fields: &mut Map<String, Value>, report: &Report) {
    let Some(object) = report.object() else {
        return;
    };
    for (name, value) in of(&Beyond::read(&object)) {
        if !fields.contains_key(name) {
            fields.insert(name.to_owned(), value);
        }
    }
}

fn of(beyond: &Beyond) -> Vec<(&'static str, Value)> {
    let number = |number: Option<u64>| number.map(Value::from);
    let votes = beyond.votes;
    let certificate = beyond.certificate.as_ref();
    let signature = beyond.signature.as_ref();
    let fields = [
        ("Reputation", beyond.reputation.map(Value::from)),
        ("Harmless Votes", number(votes.map(|votes| votes.harmless))),
        ("Malicious Votes", number(votes.map(|votes| votes.malicious))),
        ("Malicious Engines", number(beyond.malicious)),
        ("Suspicious Engines", number(beyond.suspicious)),
        ("Threat Label", text(beyond.threat_label.as_deref())),
        (
            "Threat Families",
            list(beyond.threat_families.as_deref(), |family| family.name.clone()),
        ),
        (
            "Sandbox Verdicts",
            list(beyond.sandbox_verdicts.as_deref(), |verdict| {
                let found = [
                    verdict.classification.as_slice(),
                    verdict.malware_names.as_slice(),
                ]
                .concat();
                let category = verdict.category.iter().cloned().chain(found);
                format!("{}: {}", verdict.sandbox, category.collect::<Vec<_>>().join(" "))
            }),
        ),
        ("Sigma Hits", severities(beyond.sigma.as_ref())),
        ("IDS Hits", severities(beyond.ids.as_ref())),
        ("IDS Rules", list(beyond.ids_rules.as_deref(), Clone::clone)),
        (
            "ATT&CK Techniques",
            list(beyond.techniques.as_deref(), Clone::clone),
        ),
        ("Tags", list(beyond.tags.as_deref(), Clone::clone)),
        ("First Seen", date(beyond.first_seen)),
        ("Last Seen", date(beyond.last_seen)),
        ("Creation Date", date(beyond.created)),
        ("File Type", text(beyond.type_description.as_deref())),
        (
            "Signers",
            list(
                signature.map(|signature| signature.signers.as_slice()),
                Clone::clone,
            ),
        ),
        (
            "Signature Status",
            text(signature.and_then(|signature| signature.status.as_deref())),
        ),
        ("Registrar", text(beyond.registrar.as_deref())),
        (
            "Certificate Issuer",
            text(certificate.and_then(|certificate| certificate.issuer.as_deref())),
        ),
        (
            "Certificate Subject",
            text(certificate.and_then(|certificate| certificate.subject.as_deref())),
        ),
        (
            "Certificate Valid Until",
            date(certificate.and_then(|certificate| certificate.valid_until)),
        ),
        ("ASN", number(beyond.asn)),
        ("AS Owner", text(beyond.as_owner.as_deref())),
        ("Network", text(beyond.network.as_deref())),
        ("Country", text(beyond.country.as_deref())),
        (
            "Popularity Ranks",
            list(beyond.ranks.as_deref(), |rank| {
                format!("{} {}", rank.list, rank.rank)
            }),
        ),
        ("Title", text(beyond.title.as_deref())),
        ("Final URL", text(beyond.final_url.as_deref())),
    ];
    let there = fields.into_iter();
    there.filter_map(|(name, value)| Some((name, value?))).collect()
}

fn text(text: Option<&str>) -> Option<Value> {
    text.filter(|text| !text.is_empty()).map(Value::from)
}

fn list<T>(items: Option<&[T]>, show: impl Fn(&T) -> String) -> Option<Value> {
    let shown: Vec<String> = items?.iter().map(show).collect();
    text(Some(&shown.join(", ")))
}

fn date(date: Option<jiff::civil::DateTime>) -> Option<Value> {
    date.map(|date| Value::from(format_date(date)))
}

/// `1 critical, 2 high`, the grave ones first.
fn severities(hits: Option<&Severities>) -> Option<Value> {
    let hits = hits?;
    let counts = [
        (hits.critical, "critical"),
        (hits.high, "high"),
        (hits.medium, "medium"),
        (hits.low, "low"),
        (hits.info, "info"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let shown: Vec<String> = counts.map(|(count, name)| format!("{count} {name}")).collect();
    text(Some(&shown.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};
    use virustotal::Report;

    use super::add;

    fn fields_of(attributes: &Value, mut fields: Map<String, Value>) -> Value {
        let stored =
            json!({"$v2": {"positives": 1}, "v3": {"type": "file", "id": "x", "attributes": attributes}});
        add(&mut fields, &Report::from_stored(stored.to_string()).unwrap());
        Value::Object(fields)
    }

    #[test]
    fn what_v3_knows_is_added_and_what_v2_said_stays() {
        let attributes = json!({
            "reputation": -12,
            "total_votes": {"harmless": 1, "malicious": 9},
            "popular_threat_classification": {"suggested_threat_label": "trojan.emotet"},
            "tags": ["peexe", "overlay"],
            "first_submission_date": 1_600_000_000,
            "type_description": "Win32 EXE",
        });
        let before = Map::from_iter([("Tags".to_owned(), Value::from("of v2"))]);
        let fields = fields_of(&attributes, before);
        assert_eq!(fields["Tags"], "of v2");
        assert_eq!(fields["Reputation"], -12);
        assert_eq!(
            (&fields["Harmless Votes"], &fields["Malicious Votes"]),
            (&json!(1), &json!(9))
        );
        assert_eq!(fields["Threat Label"], "trojan.emotet");
        assert_eq!(fields["First Seen"], "2020-09-13 12:26:40");
        // Never null, never empty.
        assert!(
            fields
                .as_object()
                .unwrap()
                .values()
                .all(|value| !value.is_null() && value != "")
        );
    }

    #[test]
    fn a_report_of_v2_gains_nothing() {
        let mut fields = Map::new();
        add(
            &mut fields,
            &Report::from_stored(r#"{"positives": 1}"#.to_owned()).unwrap(),
        );
        assert!(fields.is_empty());
    }
}
