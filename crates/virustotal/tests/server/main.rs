//! Ledger, cache and journals on a PostgreSQL that many machines share: what holds for files, and what a server adds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

#[path = "../client/cache.rs"]
mod cache;
#[allow(dead_code, reason = "some of it is for files only")]
#[path = "../client/common.rs"]
mod common;
#[path = "../client/quota.rs"]
mod quota;
mod shared;
mod stores;
