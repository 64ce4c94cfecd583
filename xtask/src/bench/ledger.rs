//! What it costs to count a call. The reference is the same calls without a ledger, in the same run.

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simulator::{KeyKind, Running, Simulator};
use test_postgres::Server;
use virustotal::quota::{Ledger, Limits, Window};
use virustotal::{Accept, ApiKey, Client, Clock, Database, Deadline, Notify, ProxyChoice, Settings, Tier};

use super::Size;

const KEY: &str = "5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5eb5";
/// Calls at once: one shows what a call waits, many how many a second go through.
const AT_ONCE: [usize; 2] = [1, 16];

pub(super) async fn ledger(server: &Server, size: Size) -> Result<(), Box<dyn Error>> {
    let calls: u16 = match size {
        Size::Full => 1000,
        Size::Quick => 50,
    };
    let running = Simulator::builder().key(KEY, KeyKind::Private).start().await?;
    let folder = tempfile::tempdir()?;
    let database = server.database().await;
    let database = Database::parse(&database.address())?;
    let clock = || Clock::fast(START.parse().unwrap_or_default(), 1);
    println!();
    println!(
        "| {calls} calls of 0 ms, {} or {} at once | a call, one at a time | more than without | calls a second, many at once |",
        AT_ONCE[0], AT_ONCE[1]
    );
    println!("|---|---|---|---|");
    let mut without = None;
    for name in [
        "without a ledger",
        "ledger in a file (SQLite)",
        "ledger on PostgreSQL",
    ] {
        let ledger = || {
            Some(Arc::new(match name {
                "ledger in a file (SQLite)" => {
                    Ledger::open(Some(folder.path().join("quota.db")), clock(), Notify::default())
                }
                "ledger on PostgreSQL" => Ledger::shared(&database, clock(), Notify::default()),
                _ => return None,
            }))
        };
        let alone = measure(&running, ledger(), AT_ONCE[0], calls).await?;
        let together = measure(&running, ledger(), AT_ONCE[1], calls).await?;
        let each = alone.as_secs_f64() * 1e3 / f64::from(calls);
        let without = *without.get_or_insert(each);
        println!(
            "| {name} | {each:.2} ms | {:.2} ms | {:.0} |",
            each - without,
            f64::from(calls) / together.as_secs_f64()
        );
    }
    Ok(())
}

/// A moment in the middle of a day.
const START: &str = "2026-01-10T12:00:00Z";

async fn measure(
    running: &Running,
    ledger: Option<Arc<Ledger>>,
    at_once: usize,
    calls: u16,
) -> Result<Duration, Box<dyn Error>> {
    let mut settings = Settings::new(ApiKey::parse(KEY)?);
    settings.base_url = running.base_url();
    settings.tier = Tier::Private;
    settings.proxy = ProxyChoice::Direct;
    settings.max_in_flight = at_once;
    // So that nothing waits, and every call is counted as where it is scarce.
    settings.limits = Limits::default()
        .with(Window::Minute, Some(1_000_000))
        .with(Window::Day, Some(1_000_000));
    settings.ledger = ledger;
    let client = Client::new(settings)?;
    let address = |number: u16| Ipv4Addr::from(0x0808_0000 + u32::from(number));
    // The first call opens the connections.
    let first = [address(calls)];
    client.ip_reports(&first, Accept::Fresh, &Deadline::none()).await;
    let asked: Vec<Ipv4Addr> = (0..calls).map(address).collect();
    let begun = Instant::now();
    let answers = client.ip_reports(&asked, Accept::Fresh, &Deadline::none()).await;
    let took = begun.elapsed();
    match answers.into_iter().find_map(Result::err) {
        Some(error) => Err(error.into()),
        None => Ok(took),
    }
}
