//! Where the workdesks of these tests are: on a real PostgreSQL.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use test_postgres::TestDatabase;
use virustotal::{Clock, Database};
use workdesk::{Sealer, Store};

/// The same one for the same path. Without a PostgreSQL, which is told, it is a file.
pub(crate) async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Store {
    static KNOWN: OnceLock<Mutex<HashMap<PathBuf, TestDatabase>>> = OnceLock::new();
    let known = KNOWN.get_or_init(Mutex::default);
    let found = known.lock().unwrap().get(path).cloned();
    let found = match found {
        Some(found) => found,
        None => {
            let Some(made) = test_postgres::database().await else {
                return Store::open(path, clock, sealer).await.unwrap();
            };
            known.lock().unwrap().insert(path.to_owned(), made.clone());
            made
        }
    };
    let database = Database::parse(&found.address()).unwrap();
    Store::open_shared(&database, clock, sealer).await.unwrap()
}
