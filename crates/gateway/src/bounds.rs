//! What the gateway takes of anybody.

use std::time::Duration;

/// What the gateway takes of anybody, known or not.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at the same time.
    pub connections: usize,
    /// Of these, those of one address.
    pub connections_of_one: usize,
    /// How long a connection may take until a request's head is there, and stay idle.
    pub head: Duration,
    /// Requests without a token that counts in a minute, from one address; more are refused before they are read.
    pub refused_a_minute: u32,
    /// Requests without a token that counts are told together, once in this time.
    pub quiet: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_of_one: 256,
            head: Duration::from_secs(30),
            refused_a_minute: 60,
            quiet: Duration::from_secs(10),
        }
    }
}

impl Bounds {
    /// Those of connections.
    pub(crate) fn of_connections(&self) -> entrance::Bounds {
        entrance::Bounds {
            connections: self.connections,
            connections_of_one: self.connections_of_one,
            head: self.head,
        }
    }
}
