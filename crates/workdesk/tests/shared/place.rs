//! Where the workdesks of these tests are: on a real PostgreSQL.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use test_postgres::TestDatabase;
use virustotal::{Clock, Database};
use workdesk::{Sealer, Store};

static KNOWN: OnceLock<Mutex<HashMap<PathBuf, TestDatabase>>> = OnceLock::new();

fn known(path: &Path) -> Option<TestDatabase> {
    let known = KNOWN.get_or_init(Mutex::default);
    known.lock().unwrap().get(path).cloned()
}

/// The same one for the same path. Without a PostgreSQL, which is told, it is a file.
pub(crate) async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Store {
    let found = match known(path) {
        Some(found) => found,
        None => {
            let Some(made) = test_postgres::database().await else {
                return Store::open(path, clock, sealer).await.unwrap();
            };
            let known = KNOWN.get_or_init(Mutex::default);
            known.lock().unwrap().insert(path.to_owned(), made.clone());
            made
        }
    };
    let database = Database::parse(&found.address()).unwrap();
    Store::open_shared(&database, clock, sealer).await.unwrap()
}

/// A connection behind the store's back; `None` where it is a file.
pub(crate) async fn connect(path: &Path) -> Option<PgConnection> {
    let mut connection = known(path)?.connect().await;
    connection
        .execute("SET search_path TO vtsecops_desk")
        .await
        .unwrap();
    Some(connection)
}

/// Changes something behind the store's back.
pub(crate) async fn execute(path: &Path, sql: &'static str) {
    match connect(path).await {
        Some(mut connection) => drop(connection.execute(sql).await.unwrap()),
        None => drop(file(path).await.execute(sql).await.unwrap()),
    }
}

/// A number that the database tells.
pub(crate) async fn number(path: &Path, sql: &'static str) -> i64 {
    match connect(path).await {
        Some(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap(),
        None => sqlx::query_scalar(sql)
            .fetch_one(&mut file(path).await)
            .await
            .unwrap(),
    }
}

/// A text that the database holds.
pub(crate) async fn text(path: &Path, sql: &'static str) -> String {
    match connect(path).await {
        Some(mut connection) => sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap(),
        None => sqlx::query_scalar(sql)
            .fetch_one(&mut file(path).await)
            .await
            .unwrap(),
    }
}

async fn file(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path);
    SqliteConnection::connect_with(&options).await.unwrap()
}
