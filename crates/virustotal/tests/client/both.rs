//! The promises on trouble and quota that hold whichever version is asked: one suite, run for both.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use simulator::{
    Fault, FaultKind, KeyKind, Quota, Running, Simulator, synthetic_domain, synthetic_file, synthetic_url,
};
use virustotal::quota::{Ledger, Limits};
use virustotal::{
    Accept, Answer, Api, ApiKey, Client, Clock, Deadline, DomainName, Error, FileHash, Notify, Related,
    Settings, Stop, Tier, UrlId,
};

use crate::common::{KEY, found, later, settings, simulator};

const VERSIONS: [Api; 2] = [Api::V2, Api::V3];

fn settings_of(running: &Running, api: Api) -> Settings {
    let mut settings = settings(running);
    (settings.api, settings.related) = (api, Some(Related::Lean));
    settings
}

fn client(running: &Running, api: Api) -> Client {
    Client::new(settings_of(running, api)).unwrap()
}

fn hashes(count: u64) -> Vec<FileHash> {
    (0..count)
        .map(|n| FileHash::parse(&synthetic_file(n).sha256).unwrap())
        .collect()
}

fn addresses(count: u8) -> Vec<Ipv4Addr> {
    (0..count).map(|n| Ipv4Addr::new(8, 8, 4, n)).collect()
}

/// One question of each kind.
async fn one_of_each(client: &Client) -> Vec<Result<Answer, Error>> {
    let deadline = later();
    let domain = DomainName::parse(&synthetic_domain(1)).unwrap();
    let url = UrlId::parse(&synthetic_url(1)).unwrap();
    let mut answers = client.file_reports(&hashes(1), Accept::Fresh, &deadline).await;
    answers.extend(client.url_reports(&[url], Accept::Fresh, &deadline).await);
    answers.extend(client.domain_reports(&[domain], Accept::Fresh, &deadline).await);
    answers.extend(client.ip_reports(&addresses(1), Accept::Fresh, &deadline).await);
    answers
}

/// Not of the quota, which counts for itself.
const TROUBLES: [&str; 9] = [
    "500",
    "503",
    "504",
    "reset",
    "truncated",
    "not-json",
    "empty",
    "null",
    "slow",
];

#[tokio::test]
async fn trouble_that_passes_is_not_noticed() {
    for api in VERSIONS {
        for trouble in TROUBLES.into_iter().chain(["quota", "retry-after=1"]) {
            let running = simulator().start().await.unwrap();
            running.add_fault(trouble.parse::<Fault>().unwrap().times(1));
            let answers = one_of_each(&client(&running, api)).await;
            assert!(answers.iter().all(found), "{api:?} {trouble} {answers:?}");
        }
    }
}

#[tokio::test]
async fn trouble_that_stays_is_told_without_the_key_and_does_not_storm_the_server() {
    for api in VERSIONS {
        for trouble in TROUBLES.into_iter().filter(|trouble| *trouble != "slow") {
            let running = simulator().start().await.unwrap();
            running.add_fault(trouble.parse::<Fault>().unwrap());
            let answers = one_of_each(&client(&running, api)).await;
            for answer in &answers {
                let error = answer.as_ref().unwrap_err();
                assert!(
                    matches!(error, Error::Transient { .. }),
                    "{api:?} {trouble} {error:?}"
                );
                assert!(!error.to_string().contains(KEY) && !error.to_string().is_empty());
            }
            assert!(running.calls().len() <= 4 * 3, "{api:?} {trouble}");
        }
    }
}

#[tokio::test]
async fn a_wrong_key_costs_one_call_and_stops_every_other() {
    for api in VERSIONS {
        let running = Simulator::builder()
            .key("another", KeyKind::Private)
            .start()
            .await
            .unwrap();
        let answers = client(&running, api)
            .ip_reports(&addresses(30), Accept::Fresh, &later())
            .await;
        assert!(
            answers.iter().all(|answer| matches!(answer, Err(Error::Key))),
            "{api:?}"
        );
        assert_eq!(running.calls().len(), 1, "{api:?}");
    }
}

#[tokio::test]
async fn calls_are_paced_so_that_none_is_refused() {
    for api in VERSIONS {
        let clock = Clock::fast("2026-01-10T06:00:00Z".parse().unwrap(), 1_000);
        let now = clock.clone();
        let quota = Quota {
            per_minute: Some(4),
            ..Quota::default()
        };
        let builder = Simulator::builder().key(KEY, KeyKind::Private).quota(quota);
        let running = builder.clock(move || now.now()).start().await.unwrap();
        let mut settings = settings_of(&running, api);
        settings.limits = Limits::of(Tier::Public);
        settings.ledger = Some(Arc::new(Ledger::open(None, clock.clone(), Notify::default())));
        settings.retry.longest_quota_wait = Duration::from_secs(3600);
        let answers = Client::new(settings)
            .unwrap()
            .ip_reports(&addresses(14), Accept::Fresh, &Deadline::none())
            .await;
        assert!(answers.iter().all(Result::is_ok), "{api:?}");
        let refused = running
            .calls()
            .iter()
            .filter(|call| [204, 429].contains(&call.status))
            .count();
        assert_eq!((running.calls().len(), refused), (14, 0), "{api:?}");
    }
}

#[tokio::test]
async fn a_quota_that_stays_used_up_is_told_and_not_hammered() {
    for api in VERSIONS {
        let running = simulator()
            .fault(Fault::new(FaultKind::Quota))
            .start()
            .await
            .unwrap();
        let mut settings = settings_of(&running, api);
        settings.retry = virustotal::retry::RetryPolicy::default();
        let deadline = Deadline::after(Duration::from_secs(5));
        let answers = Client::new(settings)
            .unwrap()
            .file_reports(&hashes(60), Accept::Fresh, &deadline)
            .await;
        assert!(
            answers
                .iter()
                .all(|answer| matches!(answer, Err(Error::Quota { .. }))),
            "{api:?}"
        );
        assert_eq!(running.calls().len(), 1, "{api:?}");
    }
}

#[tokio::test]
async fn the_deadline_ends_a_wait_and_keeps_what_is_there() {
    for api in VERSIONS {
        let running = simulator().start().await.unwrap();
        // The first call proves the key; the others hang.
        running.add_fault("hang+1".parse::<Fault>().unwrap());
        let deadline = Deadline::after(Duration::from_millis(400));
        let answers = client(&running, api)
            .ip_reports(&addresses(6), Accept::Fresh, &deadline)
            .await;
        assert_eq!(
            answers.iter().filter(|answer| found(answer)).count(),
            1,
            "{api:?} {answers:?}"
        );
        let stopped = |answer: &&Result<Answer, Error>| matches!(answer, Err(Error::Stopped(Stop::Deadline)));
        assert_eq!(answers.iter().filter(stopped).count(), 5, "{api:?} {answers:?}");
    }
}

#[tokio::test]
async fn the_key_is_in_no_address_where_the_api_takes_it_elsewhere() {
    let running = simulator().start().await.unwrap();
    let settings = Settings {
        key: ApiKey::parse(KEY).unwrap(),
        ..settings_of(&running, Api::V3)
    };
    one_of_each(&Client::new(settings).unwrap()).await;
    assert!(
        running
            .calls()
            .iter()
            .all(|call| call.key_ok && !call.key_in_query)
    );
}
