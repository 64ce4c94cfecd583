//! What only a server has: several machines, restarts, clocks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::Row;
use test_postgres::Server;
use virustotal::quota::{Ledger, Limits};
use virustotal::{Accept, Client, Clock, Database, Deadline, Journals, Notify, Submission, Tier, UrlId};

use crate::common::{Hand, Told, found, later, settings, simulator};
use crate::quota::addresses;

fn parsed(address: &str) -> Database {
    Database::parse(address).unwrap()
}

#[test]
fn an_address_that_is_none_is_told_and_a_password_is_never_shown() {
    for wrong in ["mysql://db/x", "db.example", "postgres://u:s3cr3t@h:port/x"] {
        let error = Database::parse(wrong).unwrap_err().to_string();
        assert!(error.contains("database") && !error.contains("s3cr3t"), "{error}");
    }
    let database = parsed("postgres://desk:s3cr3t@db.example:6432/vt?sslmode=require");
    let shown = format!("{database} {database:?}");
    assert!(
        shown.contains("db.example:6432/vt") && !shown.contains("s3cr3t"),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_loses_no_slot_and_lets_none_pass_uncounted() {
    let Some(server) = Server::start() else { return };
    let database = parsed(&server.database().await.address());
    let running = simulator()
        .latency(Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let told = Told::default();
    let client = |told: &Told| {
        let mut settings = settings(&running);
        settings.limits = Limits::of(Tier::Public).with(virustotal::quota::Window::Minute, Some(60));
        settings.ledger = Some(Arc::new(Ledger::shared(&database, hand.clock(), told.notify())));
        settings.max_in_flight = 2;
        Client::new(settings).unwrap()
    };
    let (one, other) = (client(&told), client(&Told::default()));
    let deadline = later();
    let restarts = async {
        tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(150));
            server.restart(Duration::from_millis(300));
            std::thread::sleep(Duration::from_millis(150));
            server.crash();
            server
        })
        .await
        .unwrap()
    };
    let (asked, more) = (addresses(1, 28), addresses(2, 28));
    let (a, b, server) = tokio::join!(
        one.ip_reports(&asked, Accept::Fresh, &deadline),
        other.ip_reports(&more, Accept::Fresh, &deadline),
        restarts
    );
    let failed: Vec<_> = a
        .iter()
        .chain(&b)
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(running.calls().len(), 56);
    // Whatever happened to the server: each call is in the ledger. A slot whose commit was not heard of is spent in vain.
    let known = Ledger::shared(&database, hand.clock(), Notify::default());
    let known = known.keys().await;
    assert!((56..=60).contains(&known[0].windows[0].used), "{known:?}");
    let soon = Deadline::after(Duration::from_secs(1));
    let late = client(&Told::default());
    let late = late.ip_reports(&addresses(3, 5), Accept::Fresh, &soon).await;
    assert!(late.iter().any(Result::is_err), "sixty a minute, and no more");
    let told = told.all();
    assert!(told.iter().all(|told| told.contains("waits for it")), "{told:?}");
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_no_call_is_made() {
    let Some(server) = Server::start() else { return };
    let database = parsed(&server.database().await.address());
    drop(server);
    let running = simulator().start().await.unwrap();
    let mut settings = settings(&running);
    let clock = Hand::at("2026-01-10T06:00:00Z").clock();
    settings.ledger = Some(Arc::new(Ledger::shared(&database, clock, Notify::default())));
    settings.limits = Limits::of(Tier::Public);
    let client = Client::new(settings).unwrap();
    let asked = addresses(1, 1);
    let soon = Deadline::after(Duration::from_secs(1));
    let waited = tokio::time::timeout(
        Duration::from_secs(2),
        client.ip_reports(&asked, Accept::Fresh, &soon),
    );
    // Either it still waits, or it says that there is none.
    let is_none = waited
        .await
        .map_or(true, |answers| answers.iter().all(Result::is_err));
    assert!(is_none, "nothing can have come");
    assert_eq!(running.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_whose_clocks_differ_share_one_minute() {
    let Some(test_database) = test_postgres::database().await else {
        return;
    };
    let database = parsed(&test_database.address());
    let running = simulator().start().await.unwrap();
    // The server's clock is what counts; each machine's own is compared with it, so that they agree here by being the same.
    let clock = Clock::new(system_now);
    let client = || {
        let mut settings = settings(&running);
        settings.ledger = Some(Arc::new(Ledger::shared(
            &database,
            clock.clone(),
            Notify::default(),
        )));
        settings.limits = Limits::of(Tier::Public);
        Client::new(settings).unwrap()
    };
    let soon = || Deadline::after(Duration::from_secs(5));
    let answers = client()
        .ip_reports(&addresses(0, 4), Accept::Fresh, &soon())
        .await;
    assert!(answers.iter().all(found), "{answers:?}");
    let answers = client()
        .ip_reports(&addresses(1, 1), Accept::Fresh, &soon())
        .await;
    assert!(answers[0].is_err(), "{answers:?}");
    let mut connection = test_database.connect().await;
    let row = sqlx::query("SELECT max(taken_at) - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM vtsecops_quota.call")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let off: i64 = row.get(0);
    assert!((-30_000..=1_000).contains(&off), "{off} ms");
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is a real one")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_machine_submitted_the_next_one_does_not() {
    let Some(test_database) = test_postgres::database().await else {
        return;
    };
    let database = parsed(&test_database.address());
    let running = simulator().start().await.unwrap();
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let urls = [UrlId::parse("http://unknown.example/a").unwrap()];
    let journals = || Journals::shared(&database, hand.clock(), Notify::default());
    let submit = async |journals: &Journals, run: &str| {
        let mut settings = settings(&running);
        settings.journal = Some(Arc::new(journals.of(run)));
        let client = Client::new(settings).unwrap();
        client.url_scans(&urls, &later()).await.remove(0).unwrap()
    };
    let Submission::Queued { scan_id, .. } = submit(&journals(), "7").await else {
        panic!("it is new");
    };
    let again = submit(&journals(), "7").await;
    assert!(matches!(again, Submission::Queued { scan_id: known, .. } if known == scan_id));
    let submissions = || {
        running
            .calls()
            .iter()
            .filter(|call| call.endpoint == "url/scan")
            .count()
    };
    assert_eq!(submissions(), 1, "another machine goes on with the run");
    submit(&journals(), "8").await;
    assert_eq!(submissions(), 2, "another run is another submission");
    let own = journals();
    assert_eq!(own.runs().await.len(), 2);
    own.forget("7");
    assert_eq!(own.runs().await, ["8"]);
    submit(&own, "7").await;
    assert_eq!(submissions(), 3, "a run that is over is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_written_down_is_not_submitted() {
    let Some(server) = Server::start() else { return };
    let database = parsed(&server.database().await.address());
    let running = simulator().start().await.unwrap();
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let journals = Journals::shared(&database, hand.clock(), Notify::default());
    let mut settings = settings(&running);
    settings.journal = Some(Arc::new(journals.of("1")));
    let client = Client::new(settings).unwrap();
    drop(server);
    let urls = [UrlId::parse("http://unknown.example/a").unwrap()];
    let begun = Instant::now();
    let answers = client.url_scans(&urls, &later()).await;
    let words = answers[0].as_ref().unwrap_err().to_string();
    assert!(words.contains("nothing was submitted"), "{words}");
    assert!(begun.elapsed() < Duration::from_secs(90), "it ends in time");
    assert_eq!(running.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_the_version_before_is_brought_forward_while_it_is_used() {
    let Some(server) = Server::start() else { return };
    let address = server.database().await.address();
    let database = parsed(&address);
    let running = simulator().start().await.unwrap();
    let hand = Hand::at("2026-01-10T06:00:00Z");
    let client = || {
        let mut settings = settings(&running);
        settings.limits = Limits::of(Tier::Public);
        settings.ledger = Some(Arc::new(Ledger::shared(
            &database,
            hand.clock(),
            Notify::default(),
        )));
        Client::new(settings).unwrap()
    };
    let ask = async |first, count| {
        let (client, soon) = (client(), Deadline::after(Duration::from_secs(2)));
        let answers = client
            .ip_reports(&addresses(first, count), Accept::Fresh, &soon)
            .await;
        answers.iter().filter(|answer| answer.is_ok()).count()
    };
    assert_eq!(ask(0, 3).await, 3);
    let pool = sqlx::PgPool::connect(&address).await.unwrap();
    let older = "SET search_path TO vtsecops_quota; ALTER TABLE call DROP COLUMN environment;
        ALTER TABLE waiting DROP COLUMN environment; DROP TABLE used_by; DROP TABLE share; UPDATE version SET number = 1";
    sqlx::raw_sql(older).execute(&pool).await.unwrap();
    // Two machines are upgraded at once.
    let (one, other) = tokio::join!(ask(1, 3), ask(2, 3));
    assert_eq!(one + other, 1, "three of the minute's four are not forgotten");
    // What a process of the version before says, which knows no environments, is still understood.
    let older =
        "INSERT INTO vtsecops_quota.call (key, run, taken_at, ends_at) SELECT key, 'older', taken_at, ends_at
        FROM vtsecops_quota.call LIMIT 1";
    sqlx::raw_sql(older).execute(&pool).await.unwrap();
    let later_version = "INSERT INTO vtsecops_quota.version VALUES (3)";
    sqlx::raw_sql(later_version).execute(&pool).await.unwrap();
    let ledger = Ledger::shared(&database, hand.clock(), Notify::default());
    assert_eq!(
        ledger.keys().await[0].windows[0].used,
        5,
        "a version ahead is borne"
    );
    sqlx::raw_sql("INSERT INTO vtsecops_quota.version VALUES (4)")
        .execute(&pool)
        .await
        .unwrap();
    let ledger = Ledger::shared(&database, hand.clock(), Notify::default());
    assert!(ledger.keys().await.is_empty(), "and no more");
}
