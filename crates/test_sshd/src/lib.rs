//! For tests: a real OpenSSH server on a loopback port, an SSH agent, and a line between client and server that breaks
//! when it is told to. Each is stopped, by its own process id, when it is dropped.

mod agent;
mod cutter;
mod sshd;

pub use agent::Agent;
pub use cutter::{Cut, Cutter};
pub use sshd::{Account, Sshd, available};
