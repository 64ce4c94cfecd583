//! A bad line: forwards to a server until something happens.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What happens on the line.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// It breaks when the server has sent so many bytes.
    After(u64),
    /// It stays up, but nothing comes from the server any more after so many bytes.
    StallAfter(u64),
}

/// A listener on a loopback port. Its threads end with the test's process.
pub struct Cutter {
    address: SocketAddr,
    connections: Arc<AtomicU64>,
}

impl Cutter {
    /// A line to `server`.
    ///
    /// # Errors
    /// The system's.
    pub fn before(server: SocketAddr, cut: Cut) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                if let Ok(server) = TcpStream::connect(server) {
                    join(client, server, cut);
                }
            }
        });
        Ok(Self { address, connections })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

fn join(client: TcpStream, server: TcpStream, cut: Cut) {
    let (Ok(mut to_client), Ok(mut from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    thread::spawn(move || {
        let (mut from_client, mut to_server) = (client, server);
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        let mut sent = 0;
        while let Ok(read @ 1..) = from_server.read(&mut buffer) {
            sent += read as u64;
            match cut {
                Cut::After(limit) if sent > limit => break,
                Cut::StallAfter(limit) if sent > limit => continue,
                _ => {}
            }
            let Some(part) = buffer.get(..read) else { break };
            if to_client.write_all(part).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
        let _ = from_server.shutdown(Shutdown::Both);
    });
}
