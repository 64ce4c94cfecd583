//! A VirusTotal that says the same to everybody, whatever it is: for reports that no simulator would make up.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

/// Lives as long as the test's process.
pub(crate) struct Oracle {
    address: String,
}

impl Oracle {
    pub(crate) fn saying(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                say(&stream.unwrap(), &answer);
            }
        });
        Self { address }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/vtapi/v2/", self.address)
    }
}

fn say(stream: &TcpStream, answer: &str) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let _ = reader.take(length).read_to_end(&mut Vec::new());
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    // A client that goes away is no error here.
    let _ = (&*stream)
        .write_all(head.as_bytes())
        .and_then(|()| (&*stream).write_all(answer.as_bytes()));
}

/// A report of a file, with 5 of 60 positives and no engines.
pub(crate) fn report(hashes: &simulator::FileHashes) -> Value {
    json!({
        "response_code": 1, "verbose_msg": "Scan finished, information embedded", "resource": hashes.sha256,
        "scan_id": format!("{}-1700000000", hashes.sha256), "md5": hashes.md5, "sha1": hashes.sha1, "sha256": hashes.sha256,
        "scan_date": "2025-01-01 00:00:00", "positives": 5, "total": 60,
        "permalink": format!("https://www.virustotal.com/file/{}/analysis/1700000000/", hashes.sha256), "scans": {},
    })
}
