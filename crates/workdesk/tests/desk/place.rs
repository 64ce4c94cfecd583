//! Where the workdesks of these tests are: in files.

use std::path::Path;

use virustotal::Clock;
use workdesk::{Sealer, Store};

pub(crate) async fn open(path: &Path, clock: Clock, sealer: Sealer) -> Store {
    Store::open(path, clock, sealer).await.unwrap()
}
