//! The stores of these tests: databases on a real PostgreSQL.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use test_postgres::TestDatabase;
use virustotal::quota::Ledger;
use virustotal::{Cache, Clock, Database, Freshness, Notify};

/// Minutes that pass in 300 ms: a question takes longer than one to a file.
pub(crate) const RATE: u32 = 200;

/// The ledger of a name; without one, of its own.
pub(crate) fn ledger(name: Option<&Path>, clock: Clock, notify: Notify) -> Ledger {
    match database(name) {
        Some(database) => Ledger::shared(&database, clock, notify),
        None => Ledger::open(None, clock, notify),
    }
}

pub(crate) fn cache(name: &Path, most_bytes: u64, clock: Clock, notify: Notify) -> Cache {
    let freshness = Freshness::default();
    match database(Some(name)) {
        Some(database) => Cache::shared(&database, freshness, most_bytes, clock, notify),
        None => Cache::open(Some(name.to_owned()), freshness, most_bytes, clock, notify),
    }
}

/// The same one for the same name.
fn database(name: Option<&Path>) -> Option<Database> {
    static KNOWN: OnceLock<Mutex<HashMap<PathBuf, TestDatabase>>> = OnceLock::new();
    let made = match name {
        None => make(),
        Some(name) => {
            let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
            match known.get(name) {
                Some(database) => Some(database.clone()),
                None => make().inspect(|database| {
                    known.insert(name.to_owned(), database.clone());
                }),
            }
        }
    };
    Some(Database::parse(&made?.address()).unwrap())
}

/// On a thread of its own, as the test's is busy with us.
fn make() -> Option<TestDatabase> {
    let made = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test_postgres::database())
    });
    made.join().unwrap()
}
