//! Both versions on the same objects, field by field: what the mapping calls exact is equal.
//!
//! The table is printed: `cargo test -p virustotal --test client agreement -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Map, Value, json};
use simulator::{KeyKind, Running, Simulator, synthetic_domain, synthetic_file, synthetic_ip, synthetic_url};
use virustotal::{
    Accept, Answer, Api, ApiKey, Client, Deadline, DomainName, Error, FileHash, ProxyChoice, Related,
    Settings, Tier, UrlId,
};

const KEY: &str = "0123456789abcdef-of-the-agreement-tests";
/// Made-up objects of each of four kinds.
const EACH: u64 = 125;
/// Exact fields that none of these objects has.
const NEVER_MET: &[&str] = &["vhash", "authentihash"];
/// What the mapping allows to differ: a field, and what its value in API v2 holds. Each must be met.
const ALLOWED: &[(&str, &str)] = &[
    // The samples' hashes of URLs are not those of their text.
    (
        "undetected_urls",
        "2a1b402420ef46577471cdc7409b0fa2c6a204db316e59ade2d805435489a067",
    ),
    (
        "undetected_urls",
        "daed97b2c77f0f72c9e4ee45506e3e1bc4e34d7b8846246877a02779bb85dd5b",
    ),
    // Samples of an address that API v2 gives no date.
    (
        "detected_referrer_samples",
        "ac050ba5b39bce8c1bf5324859c95a67af387495d2c1154dc85644adf51298dd",
    ),
    (
        "undetected_referrer_samples",
        "88f90fce198d32c7e3f016efd6cc536b691ec68cd8461aba623f078abdf94b9c",
    ),
];
/// Objects of the reference's samples and of the seed's, but for those whose report counts engines that it does not name
/// and has placeholders for hashes: there the mapping trusts the results.
const FILE_SAMPLES: &[&str] = &[
    "44d88612fea8a8f36de82e1278abb02f",
    "e04378820e3ef89a2c064ef7a315581c",
];
const URL_SAMPLES: &[&str] = &["http://malicious.example/payload.php", "https://clean.example/"];
const DOMAIN_SAMPLES: &[&str] = &["example.co.in", "sparse.example"];
const IP_SAMPLES: &[Ipv4Addr] = &[Ipv4Addr::new(198, 51, 100, 7)];

/// Fields of which the mapping says that API v3 has the same. Each may still be absent in either. Of a file's and an
/// address's remark API v2 has two wordings.
const FILE: &[&str] = &[
    "response_code",
    "resource",
    "md5",
    "sha1",
    "sha256",
    "scan_id",
    "scan_date",
    "positives",
    "total",
    "scans",
    "first_seen",
    "last_seen",
    "size",
    "tags",
    "ssdeep",
    "vhash",
    "authentihash",
    "times_submitted",
    "unique_sources",
    "harmless_votes",
    "malicious_votes",
    "community_reputation",
];
const URL: &[&str] = &[
    "response_code",
    "verbose_msg",
    "resource",
    "url",
    "scan_id",
    "scan_date",
    "positives",
    "total",
    "filescan_id",
    "scans",
];
const DOMAIN: &[&str] = &[
    "response_code",
    "verbose_msg",
    "categories",
    "Alexa rank",
    "whois",
    "whois_timestamp",
    "subdomains",
    "domain_siblings",
    "resolutions",
    "detected_communicating_samples",
    "undetected_communicating_samples",
    "detected_referrer_samples",
    "undetected_referrer_samples",
    "detected_downloaded_samples",
    "undetected_downloaded_samples",
    "detected_urls",
    "undetected_urls",
];
const IP: &[&str] = &[
    "response_code",
    "asn",
    "as_owner",
    "country",
    "continent",
    "network",
    "resolutions",
    "detected_communicating_samples",
    "undetected_communicating_samples",
    "detected_referrer_samples",
    "undetected_referrer_samples",
    "detected_downloaded_samples",
    "undetected_downloaded_samples",
    "detected_urls",
    "undetected_urls",
];

fn client(running: &Running, api: Api) -> Client {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.tier = Tier::Private;
    settings.api = api;
    settings.related = Some(Related::Full);
    Client::new(settings).unwrap()
}

/// How often a field was equal, different, or in one report alone.
#[derive(Default)]
struct Row {
    agree: usize,
    differ: usize,
    only_v2: usize,
    only_v3: usize,
}

#[derive(Default)]
struct Table {
    rows: BTreeMap<String, Row>,
    reports: usize,
    differing: Vec<String>,
    allowed: BTreeSet<&'static str>,
}

type Answers = Vec<Result<Answer, Error>>;

impl Table {
    fn compare(&mut self, exact: &[&str], older: Answers, newer: Answers) {
        assert_eq!(older.len(), newer.len());
        for (older, newer) in older.into_iter().zip(newer) {
            match (older.unwrap(), newer.unwrap()) {
                (Answer::Found(older), Answer::Found(newer)) => {
                    self.reports += 1;
                    let fields = |value: Value| value.as_object().cloned().unwrap();
                    self.fields(exact, &fields(older.value()), &fields(newer.value()));
                }
                (older, newer) => assert_eq!(
                    std::mem::discriminant(&older),
                    std::mem::discriminant(&newer),
                    "{older:?} {newer:?}"
                ),
            }
        }
    }

    fn fields(&mut self, exact: &[&str], older: &Map<String, Value>, newer: &Map<String, Value>) {
        let names = older
            .keys()
            .chain(newer.keys().filter(|name| !older.contains_key(*name)));
        for name in names {
            let row = self.rows.entry(name.clone()).or_default();
            match (older.get(name), newer.get(name)) {
                (Some(older), Some(newer)) if exactly(name, older) == exactly(name, newer) => row.agree += 1,
                (Some(older), Some(newer)) => {
                    row.differ += 1;
                    let text = older.to_string();
                    let allowed = ALLOWED
                        .iter()
                        .find(|(field, part)| field == name && text.contains(part));
                    if let Some((_, part)) = allowed {
                        self.allowed.insert(part);
                    } else if exact.contains(&name.as_str()) && self.differing.len() < 10 {
                        self.differing.push(format!("{name}: {older} / {newer}"));
                    }
                }
                // That nothing is known is said by null or by no field.
                (Some(Value::Null), None) => {}
                (Some(older), None) => {
                    row.only_v2 += 1;
                    if exact.contains(&name.as_str()) && self.differing.len() < 10 {
                        self.differing.push(format!("{name}: {older} / nothing"));
                    }
                }
                (None, _) => row.only_v3 += 1,
            }
        }
    }

    fn show(&self, kind: &str, exact: &[&str]) {
        println!(
            "{kind}: {} reports\n  {:34} {:>6} {:>7} {:>8} {:>8}",
            self.reports, "field", "agree", "differ", "only v2", "only v3"
        );
        for (name, row) in &self.rows {
            let mark = if exact.contains(&name.as_str()) { "=" } else { " " };
            println!(
                "{mark} {name:34} {:>6} {:>7} {:>8} {:>8}",
                row.agree, row.differ, row.only_v2, row.only_v3
            );
        }
        assert_eq!(self.differing, Vec::<String>::new(), "{kind}");
        let unmet: Vec<_> = exact
            .iter()
            .filter(|name| {
                !NEVER_MET.contains(name) && self.rows.get(**name).is_none_or(|row| row.agree == 0)
            })
            .collect();
        assert!(unmet.is_empty(), "{kind}: never compared: {unmet:?}");
    }
}

/// A field's value without what the mapping leaves open: the order of engines, keys and entries, an engine's details, whether
/// nothing is said by null or by no key, and fractions of a second.
fn exactly(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| match name {
                "scans" => (
                    key,
                    json!([
                        value["detected"],
                        value["result"],
                        value["version"],
                        value["update"]
                    ]),
                ),
                _ => (key, exactly("", value)),
            })
            .map(|(key, value)| (key.clone(), value))
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| exactly("", item)).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Number(number) => {
            let text = number.to_string();
            json!(text.split_once('.').map_or(text.as_str(), |(whole, _)| whole))
        }
        other => other.clone(),
    }
}

#[tokio::test]
async fn every_exact_field_is_the_same_in_both_versions() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .clock(|| "2026-11-24T12:00:00Z".parse().unwrap())
        .start()
        .await
        .unwrap();
    let deadline = Deadline::after(Duration::from_secs(120));
    let (v2, v3) = (client(&running, Api::V2), client(&running, Api::V3));
    let numbers = || 0..EACH;

    let mut table = Table::default();
    let samples = FILE_SAMPLES.iter().map(|text| (*text).to_owned());
    let files: Vec<FileHash> = samples
        .chain(numbers().map(|n| synthetic_file(n).sha256))
        .map(|text| FileHash::parse(&text).unwrap())
        .collect();
    let asked = async |client: &Client| client.file_reports(&files, Accept::Fresh, &deadline).await;
    table.compare(FILE, asked(&v2).await, asked(&v3).await);
    assert!(table.reports > 50, "{}", table.reports);
    table.show("files", FILE);

    let mut table = Table::default();
    let samples = URL_SAMPLES.iter().map(|text| (*text).to_owned());
    let urls: Vec<UrlId> = samples
        .chain(numbers().map(synthetic_url))
        .map(|text| UrlId::parse(&text).unwrap())
        .collect();
    let asked = async |client: &Client| client.url_reports(&urls, Accept::Fresh, &deadline).await;
    table.compare(URL, asked(&v2).await, asked(&v3).await);
    assert!(table.reports > 50, "{}", table.reports);
    table.show("urls", URL);

    let mut table = Table::default();
    let samples = DOMAIN_SAMPLES.iter().map(|text| (*text).to_owned());
    let domains: Vec<DomainName> = samples
        .chain(numbers().map(synthetic_domain))
        .map(|text| DomainName::parse(&text).unwrap())
        .collect();
    let asked = async |client: &Client| client.domain_reports(&domains, Accept::Fresh, &deadline).await;
    table.compare(DOMAIN, asked(&v2).await, asked(&v3).await);
    assert!(table.reports > 50, "{}", table.reports);
    table.show("domains", DOMAIN);
    let mut allowed = table.allowed;

    let mut table = Table::default();
    let addresses: Vec<Ipv4Addr> = IP_SAMPLES
        .iter()
        .copied()
        .chain(numbers().map(synthetic_ip))
        .collect();
    let asked = async |client: &Client| client.ip_reports(&addresses, Accept::Fresh, &deadline).await;
    table.compare(IP, asked(&v2).await, asked(&v3).await);
    assert!(table.reports > 50, "{}", table.reports);
    table.show("addresses", IP);
    allowed.extend(table.allowed);
    assert_eq!(allowed.len(), ALLOWED.len(), "{allowed:?}");
}
