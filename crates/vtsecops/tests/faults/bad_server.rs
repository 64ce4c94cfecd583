//! Servers that do not behave. Their threads end with the test's process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a server does with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Reads a request, writes these bytes, and hangs up.
    Says(Vec<u8>),
    /// Writes these bytes, one at a time with a pause between them.
    Drips(Vec<u8>, Duration),
    /// Takes the connection, and does nothing more.
    Silent,
    /// Hangs up at once.
    HangsUp,
    /// Hangs up once something came.
    HangsUpWhenSpokenTo,
}

/// A server on a loopback port.
pub(crate) struct BadServer {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl BadServer {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().flatten() {
                if let Manner::Silent = manner {
                    kept.push(stream);
                    continue;
                }
                let (manner, noted) = (manner.clone(), Arc::clone(&noted));
                // Whoever hangs up first is no trouble here.
                std::thread::spawn(move || answer(&stream, &manner, &noted));
            }
        });
        Self { address, heads }
    }

    /// With a status line, this type and this body.
    pub(crate) fn answering(status: &str, kind: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Self::start(Manner::Says([head.as_bytes(), body].concat()))
    }

    /// What it was sent, body included.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, manner: &Manner, noted: &Mutex<Vec<String>>) -> std::io::Result<()> {
    match manner {
        Manner::HangsUp | Manner::Silent => {}
        Manner::HangsUpWhenSpokenTo => {
            let mut first = [0];
            (&*stream).read_exact(&mut first)?;
        }
        Manner::Says(bytes) => {
            noted.lock().unwrap().push(request(stream)?);
            (&*stream).write_all(bytes)?;
        }
        Manner::Drips(bytes, pause) => {
            noted.lock().unwrap().push(request(stream)?);
            for byte in bytes {
                (&*stream).write_all(&[*byte])?;
                std::thread::sleep(*pause);
            }
        }
    }
    stream.shutdown(std::net::Shutdown::Both)
}

fn request(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        let is_over = reader.read_line(&mut line)? == 0 || line.trim().is_empty();
        // What does not begin as a request has no end to wait for.
        if is_over || head.is_empty() && !line.contains("HTTP/") {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(head + &String::from_utf8_lossy(&body))
}
