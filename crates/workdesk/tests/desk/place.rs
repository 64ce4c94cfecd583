//! Where the workdesks of these tests are: in files.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, SqliteConnection};
use virustotal::Clock;
use workdesk::{Sealer, Store};

pub(crate) async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Store {
    Store::open(path, clock, sealer).await.unwrap()
}

/// Changes something behind the store's back.
pub(crate) async fn execute(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

/// A number that the database tells.
pub(crate) async fn number(path: &Path, sql: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// A text that the database holds.
pub(crate) async fn text(path: &Path, sql: &'static str) -> String {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}
