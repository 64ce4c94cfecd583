//! API v3: the same questions, the same answers.

use std::time::Duration;

use serde_json::{Map, Value};
use simulator::{Fault, KeyKind, Simulator, synthetic_file, synthetic_ip};
use virustotal::{
    Accept, Answer, Api, ApiKey, Client, Deadline, DomainName, Error, FileHash, ProxyChoice, Related, Report,
    Settings, Submission, Tier, UrlId,
};

const KEY: &str = "0123456789abcdef-of-the-v3-tests";

async fn serve(kind: KeyKind) -> simulator::Running {
    Simulator::builder()
        .key(KEY, kind)
        .scan_for(Duration::ZERO)
        .start()
        .await
        .unwrap()
}

fn client(running: &simulator::Running, api: Api, related: Related) -> Client {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.tier = Tier::Private;
    settings.api = api;
    settings.related = Some(related);
    Client::new(settings).unwrap()
}

fn found(answer: Result<Answer, Error>) -> Option<Report> {
    match answer.unwrap() {
        Answer::Found(report) => Some(report),
        _ => None,
    }
}

/// Fields that differ, by name; addresses of pages are written otherwise, remarks and old fields have no source.
fn differing(v2: &Report, v3: &Report) -> Vec<String> {
    let fields = |report: &Report| -> Map<String, Value> { report.value().as_object().cloned().unwrap() };
    let (v2, v3) = (fields(v2), fields(v3));
    let exact = [
        "resource",
        "md5",
        "sha1",
        "sha256",
        "scan_id",
        "scan_date",
        "positives",
        "total",
        "response_code",
        "first_seen",
        "last_seen",
        "size",
        "ssdeep",
        "asn",
        "as_owner",
        "country",
        "url",
    ];
    let both = exact
        .iter()
        .filter(|name| v3.contains_key(**name) && v2.contains_key(**name));
    let differing = both.filter(|name| v2.get(**name) != v3.get(**name));
    let mut names: Vec<String> = differing
        .map(|name| format!("{name}: {} / {}", v2[*name], v3[*name]))
        .collect();
    let detected = |report: &Map<String, Value>| -> Vec<String> {
        let scans = report
            .get("scans")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut engines: Vec<String> = scans
            .iter()
            .map(|(name, entry)| format!("{name} {} {}", entry["detected"], entry["result"]))
            .collect();
        engines.sort();
        engines
    };
    if detected(&v2) != detected(&v3) {
        names.push("scans".to_owned());
    }
    names
}

#[tokio::test]
async fn both_versions_tell_the_same_of_files() {
    let running = serve(KeyKind::Private).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let hashes: Vec<FileHash> = (0..100)
        .map(|n| FileHash::parse(&synthetic_file(n).sha256).unwrap())
        .collect();
    let v2 = client(&running, Api::V2, Related::Full);
    let v3 = client(&running, Api::V3, Related::Full);
    let older = v2.file_reports(&hashes, Accept::Fresh, &deadline).await;
    let newer = v3.file_reports(&hashes, Accept::Fresh, &deadline).await;
    let mut compared = 0;
    for (older, newer) in older.into_iter().zip(newer) {
        let (older, newer) = (found(older), found(newer));
        assert_eq!(older.is_some(), newer.is_some());
        if let (Some(older), Some(newer)) = (older, newer) {
            assert_eq!(differing(&older, &newer), Vec::<String>::new());
            assert!(older.object().is_none() && newer.object().is_some());
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
    // One object a call.
    assert_eq!(v3.calls()["v3/files"], 100);
}

#[tokio::test]
async fn an_address_costs_one_call_lean_and_six_full() {
    let running = serve(KeyKind::Private).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let addresses = [synthetic_ip(1)];
    for (related, calls) in [(Related::Lean, 1), (Related::Full, 6)] {
        let client = client(&running, Api::V3, related);
        let report = found(
            client
                .ip_reports(&addresses, Accept::Fresh, &deadline)
                .await
                .remove(0),
        )
        .unwrap();
        assert_eq!(client.calls().values().sum::<u64>(), calls, "{related:?}");
        let has_samples = report.value().get("detected_communicating_samples").is_some();
        assert_eq!(has_samples, related == Related::Full);
    }
    let older = client(&running, Api::V2, Related::Full);
    let newer = client(&running, Api::V3, Related::Full);
    let v2 = found(
        older
            .ip_reports(&addresses, Accept::Fresh, &deadline)
            .await
            .remove(0),
    )
    .unwrap();
    let v3 = found(
        newer
            .ip_reports(&addresses, Accept::Fresh, &deadline)
            .await
            .remove(0),
    )
    .unwrap();
    assert_eq!(differing(&v2, &v3), Vec::<String>::new());
}

#[tokio::test]
async fn a_url_is_submitted_and_its_analysis_read() {
    let running = serve(KeyKind::Public).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let client = client(&running, Api::V3, Related::Lean);
    let url = UrlId::parse("http://never-seen.example/page?x=1").unwrap();
    let submission = client
        .url_scans(std::slice::from_ref(&url), &deadline)
        .await
        .remove(0)
        .unwrap();
    let Submission::Queued { scan_id, .. } = submission else {
        panic!("{submission:?}");
    };
    let answer = client
        .url_reports_by_scan_id(&[scan_id], &deadline)
        .await
        .remove(0);
    let report = found(answer).unwrap();
    assert_eq!(report.value()["url"], "http://never-seen.example/page?x=1");
}

#[tokio::test]
async fn a_wrong_key_costs_one_call_and_what_is_unknown_is_missing() {
    let running = serve(KeyKind::Public).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let mut settings = Settings::new(ApiKey::parse("another-key").unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.api = Api::V3;
    let stranger = Client::new(settings).unwrap();
    let domains = [1, 2, 3].map(|n| DomainName::parse(&format!("d{n}.example.com")).unwrap());
    let answers = stranger.domain_reports(&domains, Accept::Fresh, &deadline).await;
    assert!(
        answers.iter().all(|answer| matches!(answer, Err(Error::Key))),
        "{answers:?}"
    );
    assert_eq!(running.calls().len(), 1);

    let client = client(&running, Api::V3, Related::Lean);
    let unknown = FileHash::parse(&simulator::unknown_file(1).sha256).unwrap();
    let answer = client
        .file_reports(&[unknown], Accept::Fresh, &deadline)
        .await
        .remove(0);
    assert!(matches!(answer, Ok(Answer::Missing)), "{answer:?}");
}

#[tokio::test]
async fn auto_asks_v2_where_v3_refuses_the_key() {
    let running = serve(KeyKind::Private).await;
    running.add_fault("401@v3/files".parse::<Fault>().unwrap());
    let deadline = Deadline::after(Duration::from_secs(60));
    let client = client(&running, Api::Auto, Related::Lean);
    let hash = FileHash::parse(&synthetic_file(1).sha256).unwrap();
    let report = found(
        client
            .file_reports(&[hash], Accept::Fresh, &deadline)
            .await
            .remove(0),
    )
    .unwrap();
    assert!(report.object().is_none());
    assert_eq!(running.count("file/report"), 1);
}

#[tokio::test]
async fn trouble_of_v3_is_ridden_out_as_that_of_v2() {
    let running = serve(KeyKind::Private).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let hash = FileHash::parse(&synthetic_file(2).sha256).unwrap();
    for fault in [
        "503*2@v3/files",
        "reset@v3/files",
        "truncated@v3/files",
        "not-json@v3/files",
        "retry-after=1@v3/files",
    ] {
        running.clear_faults();
        running.add_fault(fault.parse::<Fault>().unwrap().times(1));
        let client = client(&running, Api::V3, Related::Lean);
        let answer = client
            .file_reports(std::slice::from_ref(&hash), Accept::Fresh, &deadline)
            .await
            .remove(0);
        assert!(found(answer).is_some(), "{fault}");
    }
}

/// A client whose key the simulator's API v3 refuses, or knows.
fn automatic(running: &simulator::Running, key: &str) -> Client {
    let mut settings = Settings::new(ApiKey::parse(key).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.tier = Tier::Private;
    settings.api = Api::Auto;
    Client::new(settings).unwrap()
}

#[tokio::test]
async fn one_refusal_sends_all_the_rest_to_v2_in_full_batches() {
    let running = serve(KeyKind::Private).await;
    running.add_fault("401@v3/files".parse::<Fault>().unwrap());
    running.add_fault("401@v3/domains".parse::<Fault>().unwrap());
    let deadline = Deadline::after(Duration::from_secs(60));
    let hashes: Vec<FileHash> = (0..51)
        .map(|n| FileHash::parse(&synthetic_file(n).sha256).unwrap())
        .collect();
    let client = automatic(&running, KEY);
    let answers = client.file_reports(&hashes, Accept::Fresh, &deadline).await;
    assert!(answers.iter().all(Result::is_ok));
    // The one that tried, and the other fifty in batches of 25.
    assert_eq!((running.count("v3/files"), running.count("file/report")), (1, 3));

    running.clear_calls();
    let domains: Vec<DomainName> = (0..20)
        .map(|n| DomainName::parse(&simulator::synthetic_domain(n)).unwrap())
        .collect();
    let answers = automatic(&running, KEY)
        .domain_reports(&domains, Accept::Fresh, &deadline)
        .await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(
        (running.count("v3/domains"), running.count("domain/report")),
        (1, 20)
    );
}

#[tokio::test]
async fn a_key_that_neither_version_knows_costs_two_calls() {
    let running = serve(KeyKind::Private).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let addresses: Vec<_> = (0..30).map(synthetic_ip).collect();
    let answers = automatic(&running, "unknown-to-both")
        .ip_reports(&addresses, Accept::Fresh, &deadline)
        .await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Key))));
    assert_eq!(running.calls().len(), 2);
}

#[tokio::test]
async fn a_rescan_begun_with_v2_is_finished_with_v3_when_its_report_is_there() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Private)
        .scan_for(Duration::from_millis(1500))
        .start()
        .await
        .unwrap();
    let deadline = Deadline::after(Duration::from_secs(60));
    let hash = FileHash::parse(&synthetic_file(3).sha256).unwrap();
    let begun = client(&running, Api::V2, Related::Lean)
        .file_rescans(&[hash], &deadline)
        .await
        .remove(0)
        .unwrap();
    let Submission::Queued { scan_id, .. } = begun else {
        panic!("{begun:?}");
    };
    let ids = [scan_id.clone()];
    let poll = async || {
        let client = client(&running, Api::V3, Related::Lean);
        client
            .file_reports_by_scan_id(&ids, &deadline)
            .await
            .remove(0)
            .unwrap()
    };
    let early = poll().await;
    assert!(
        matches!(&early, Answer::Queued { scan_id: Some(id) } if *id == scan_id),
        "{early:?}"
    );
    let report = loop {
        match poll().await {
            Answer::Found(report) => break report,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert_eq!(report.value()["resource"], scan_id.as_str());
}

#[tokio::test]
async fn a_list_of_what_is_related_takes_as_many_pages_as_were_asked_for() {
    let running = serve(KeyKind::Private).await;
    let deadline = Deadline::after(Duration::from_secs(60));
    let domain = [DomainName::parse("many-90.example").unwrap()];
    for (most, listed) in [(100, 90), (50, 50), (40, 40)] {
        let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
        settings.base_url = running.base_url();
        settings.proxy = ProxyChoice::Direct;
        (settings.api, settings.related, settings.related_most) = (Api::V3, Some(Related::Full), most);
        let client = Client::new(settings).unwrap();
        let answer = client
            .domain_reports(&domain, Accept::Fresh, &deadline)
            .await
            .remove(0);
        let report = found(answer).unwrap();
        assert_eq!(
            report.value()["subdomains"].as_array().map(Vec::len),
            Some(listed),
            "{most}"
        );
    }
}
