//! An HTTP proxy that remembers for whom it asked.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A proxy on a free loopback port, for `CONNECT` and for plain requests; one connection to the server for each.
pub struct ForwardProxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
}

/// Request line and credentials.
type Seen = (String, Option<String>);

impl ForwardProxy {
    /// Starts it.
    ///
    /// # Errors
    /// The system's.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (seen, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (seeing, stopping) = (Arc::clone(&seen), Arc::clone(&stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let seeing = Arc::clone(&seeing);
                // A connection that breaks is its client's trouble.
                std::thread::spawn(move || stream.and_then(|stream| forward(&stream, &seeing)));
            }
        });
        Ok(Self {
            address,
            seen,
            stopped,
        })
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Request lines so far, in order.
    #[must_use]
    pub fn request_lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|(line, _)| line).collect()
    }

    /// Values of `Proxy-Authorization` so far, in order.
    #[must_use]
    pub fn credentials(&self) -> Vec<Option<String>> {
        self.seen()
            .into_iter()
            .map(|(_, credentials)| credentials)
            .collect()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees.
        let _ = TcpStream::connect(self.address);
    }
}

fn forward(client: &TcpStream, seen: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    let mut credentials = None;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "proxy-authorization" => credentials = Some(value.trim().to_owned()),
            "connection" | "proxy-connection" | "keep-alive" => {}
            _ => headers.push(header),
        }
    }
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((line.trim().to_owned(), credentials));
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let server = if method == "CONNECT" {
        let server = TcpStream::connect(target)?;
        (&*client).write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
        server
    } else {
        let rest = target.strip_prefix("http://").unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let mut server = TcpStream::connect(authority)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{}Connection: close\r\n\r\n",
            headers.concat()
        );
        server.write_all(head.as_bytes())?;
        server
    };
    let mut to_server = server.try_clone()?;
    std::thread::spawn(move || pour(&mut reader, &mut to_server));
    pour(&mut &server, &mut &*client)?;
    client.shutdown(std::net::Shutdown::Both)
}

fn pour(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    io::copy(from, to)?;
    to.flush()
}
