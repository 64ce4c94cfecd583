//! The client against the simulator, over real HTTP and TLS.

mod common;
mod file_reports;
mod scans;
mod tls;
mod trouble;
