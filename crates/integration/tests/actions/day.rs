//! A day with a public key, in virtual time: six cases, more entities than the day has calls.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use integration::{Action, Run};
use secops::{ActionResult, Entity, EntityType, OutcomeKind};
use simulator::{KeyKind, Quota, Running, Simulator, synthetic_domain, synthetic_ip};
use virustotal::quota::{Ledger, Limits, Priority};
use virustotal::{ApiKey, Cache, Client, Clock, Deadline, Notify, ProxyChoice, Settings, Tier};

use crate::common::{KEY, context, impatient, threshold};

/// Virtual seconds a second: two hours of pacing take four seconds.
const RATE: u32 = 2_000;
const CASES: u64 = 6;
/// Distinct objects that each case brings.
const ADDRESSES: u64 = 100;
const DOMAINS: u64 = 40;

/// The entities of a case: its own, and some of the next one's. 1,400 in all, 560 of them repeats.
fn case(number: u64) -> Vec<Entity> {
    let (addresses, domains) = (own(number, ADDRESSES), own(number, DOMAINS));
    let next = (number + 1) % CASES;
    let repeated_addresses = own(next, ADDRESSES).take(60);
    let repeated_domains = own(next, DOMAINS).take(if number < 2 { 34 } else { 33 });
    let address = |n| Entity::new(synthetic_ip(n).to_string(), EntityType::Address);
    let domain = |n| Entity::new(synthetic_domain(n), EntityType::Domain);
    let addresses = addresses.chain(repeated_addresses).map(address);
    addresses
        .chain(domains.chain(repeated_domains).map(domain))
        .collect()
}

fn own(case: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| case * 1_000 + n)
}

fn priority(case: u64) -> Priority {
    match case {
        0 | 1 => Priority::Person,
        2 | 3 => Priority::Playbook,
        _ => Priority::Background,
    }
}

fn client(running: &Running, clock: &Clock, folder: &Path) -> Client {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    settings.limits = Limits::of(Tier::Public);
    // Whoever has to wait for the next day is told at once.
    settings.retry.longest_quota_wait = Duration::from_secs(12 * 3600);
    let ledger = Ledger::open(Some(folder.join("quota.db")), clock.clone(), Notify::default());
    settings.ledger = Some(Arc::new(ledger));
    let freshness = "ip=7d,domain=7d,missing=7d".parse().unwrap();
    let path = Some(folder.join("reports.db"));
    settings.cache = Some(Arc::new(Cache::open(
        path,
        freshness,
        1 << 30,
        clock.clone(),
        Notify::default(),
    )));
    Client::new(settings).unwrap()
}

/// Every case at once; each asks about its addresses, then about its domains.
async fn all_cases(client: &Client) -> Vec<ActionResult> {
    let deadline = Deadline::none();
    let run = |number| {
        let client = client.for_run(priority(number), "");
        let deadline = &deadline;
        async move {
            let context = context(case(number), threshold("3"));
            let mut results = Vec::new();
            for action in [Action::ScanIp, Action::GetDomainReport] {
                let run = Run::new(&client, &context, deadline);
                results.push(integration::drive(action, run, impatient()).await);
            }
            results
        }
    };
    let (a, b, c, d, e, f) = tokio::join!(run(0), run(1), run(2), run(3), run(4), run(5));
    [a, b, c, d, e, f].into_iter().flatten().collect()
}

fn count(results: &[ActionResult], outcome: OutcomeKind) -> usize {
    let entities = results.iter().flat_map(|result| &result.entities);
    entities.filter(|entity| entity.outcome == outcome).count()
}

#[tokio::test]
async fn every_call_of_the_day_is_used_none_is_refused_and_nothing_is_lost() {
    let day = |text: &str| Clock::fast(text.parse().unwrap(), RATE);
    let clock = Arc::new(Mutex::new(day("2026-01-10T06:00:00Z")));
    let of_server = Arc::clone(&clock);
    let quota = Quota {
        per_minute: Some(4),
        per_day: Some(500),
        ..Quota::default()
    };
    let running = Simulator::builder()
        .key(KEY, KeyKind::Public)
        .quota(quota)
        .clock(move || of_server.lock().unwrap().now())
        .start()
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!((0..CASES).map(|number| case(number).len()).sum::<usize>(), 1_400);

    let today = clock.lock().unwrap().clone();
    let results = Box::pin(all_cases(&client(&running, &today, folder.path()))).await;
    let calls = running.calls();
    assert_eq!(
        calls.iter().filter(|call| call.status == 204).count(),
        0,
        "no call is refused"
    );
    assert_eq!(calls.len(), 500, "no call of the day is wasted");
    let (found, quota) = (
        count(&results, OutcomeKind::Found),
        count(&results, OutcomeKind::Quota),
    );
    assert_eq!(found + quota, 1_400, "every entity is told of");
    let asked: Vec<&String> = calls.iter().flat_map(|call| &call.resources).collect();
    assert_eq!(
        asked.iter().collect::<HashSet<_>>().len(),
        500,
        "nothing is asked twice"
    );

    // What persons want comes first, then what playbooks want.
    assert_eq!(
        count(&results[..4], OutcomeKind::Quota),
        0,
        "a person gets everything"
    );
    let wanted = |cases: std::ops::Range<u64>| -> HashSet<String> {
        cases.flat_map(case).map(|entity| entity.identifier).collect()
    };
    let persons = wanted(0..2);
    let last = asked
        .iter()
        .rposition(|object| persons.contains(*object))
        .unwrap();
    let before = asked[..last]
        .iter()
        .filter(|object| !persons.contains(**object))
        .count();
    // The slots that are free before anybody waits go to whoever comes first, and the last calls of a person are
    // under way together with the first ones of a playbook.
    assert!(
        before <= 8,
        "{before} calls of others before the last of a person's"
    );
    let playbooks = wanted(2..4);
    let others = asked
        .iter()
        .filter(|object| !persons.contains(**object) && !playbooks.contains(**object));
    assert!(others.count() <= 4, "nothing is left for the background");

    // The next day the same cases get the rest.
    *clock.lock().unwrap() = day("2026-01-11T00:00:01Z");
    let tomorrow = clock.lock().unwrap().clone();
    let results = Box::pin(all_cases(&client(&running, &tomorrow, folder.path()))).await;
    assert_eq!(count(&results, OutcomeKind::Found), 1_400);
    let calls = running.calls();
    assert_eq!(calls.iter().filter(|call| call.status == 204).count(), 0);
    assert_eq!(calls.len(), 840, "each object has cost one call");
}
