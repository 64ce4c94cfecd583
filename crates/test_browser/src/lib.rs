//! A real Chromium for tests of pages, driven by chromedriver.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
pub use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// One browser.
pub struct Browser {
    /// What drives it.
    pub client: Client,
    session: String,
    port: u16,
    driver: Driver,
    folder: TempDir,
}

/// Ends with its owner.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Browser {
    /// Where a test has stopped, nobody has closed it, and Chromium would outlive its driver.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else {
            return;
        };
        let request = format!(
            "DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            self.session
        );
        drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
        drop(stream.write_all(request.as_bytes()));
        // It answers when the browser has ended.
        drop(stream.read(&mut [0; 64]));
    }
}

impl Browser {
    /// `None` where the machine has none.
    pub async fn start() -> Option<Self> {
        if !Path::new(CHROMIUM).exists() || !Path::new(CHROMEDRIVER).exists() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (driver, port) = start_driver();
        let mut arguments = [
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ));
        if is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        let wanted = json!({"goog:chromeOptions": {"binary": CHROMIUM, "args": arguments}});
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        Some(Self {
            client,
            session,
            port,
            driver,
            folder,
        })
    }

    /// Ends the browser; the driver ends when dropped.
    pub async fn close(&self) {
        assert!(self.driver.0.id() > 0);
        self.client.clone().close().await.unwrap();
    }

    /// Opens a page of this text.
    pub async fn open(&self, html: &str) {
        let path = self.folder.path().join("page.html");
        File::create(&path).unwrap().write_all(html.as_bytes()).unwrap();
        self.client
            .goto(&format!("file://{}", path.display()))
            .await
            .unwrap();
    }

    /// Goes to an address.
    pub async fn goto(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// Where it is.
    pub async fn address(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// Waits until a script in the page returns true.
    ///
    /// # Panics
    /// After twenty seconds, with what the page says.
    pub async fn until(&self, script: &str) {
        for _ in 0..400 {
            // A page that is being left has no script for a moment.
            if matches!(
                self.client.execute(script, Vec::new()).await,
                Ok(Value::Bool(true))
            ) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let text = self.js("return document.body.innerText").await;
        assert!(script.is_empty(), "it never becomes true: {script}\n{text}");
    }

    /// Waits until an element's text holds these words.
    pub async fn until_text(&self, selector: &str, words: &str) {
        let (selector, words) = (json!(selector), json!(words));
        let script = format!(
            "return Array.from(document.querySelectorAll({selector})).some((element) => element.textContent.includes({words}))"
        );
        self.until(&script).await;
    }

    /// Presses keys where the focus is.
    pub async fn press(&self, keys: &str) {
        self.client
            .active_element()
            .await
            .unwrap()
            .send_keys(keys)
            .await
            .unwrap();
    }

    /// A picture of the whole page, as a PNG file.
    pub fn screenshot(&self, path: &Path) {
        let taken = self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        let bytes = BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// What a script in the page returns.
    pub async fn js(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The texts of all elements that the selector finds, as they are in the document.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            "return Array.from(document.querySelectorAll(arguments[0]), (element) => element.textContent)";
        let found = self.client.execute(script, vec![json!(selector)]).await.unwrap();
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    }

    /// How many elements the selector finds.
    pub async fn count(&self, selector: &str) -> usize {
        self.texts(selector).await.len()
    }

    /// Clicks on the first element that the selector finds.
    pub async fn click(&self, selector: &str) {
        self.click_on(Locator::Css(selector)).await;
    }

    /// Clicks on the first element of that kind with exactly this text.
    pub async fn click_text(&self, kind: &str, text: &str) {
        let path = format!("//{kind}[normalize-space(.)='{text}']");
        self.click_on(Locator::XPath(&path)).await;
    }

    /// A page that changes by itself may replace an element between finding it and clicking on it.
    async fn click_on(&self, what: Locator<'_>) {
        for _ in 0..20 {
            if let Ok(element) = self.client.find(what).await
                && element.click().await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.client.find(what).await.unwrap().click().await.unwrap();
    }

    /// Types into the first element that the selector finds.
    pub async fn type_into(&self, selector: &str, keys: &str) {
        self.client
            .find(Locator::Css(selector))
            .await
            .unwrap()
            .send_keys(keys)
            .await
            .unwrap();
    }

    /// Puts this text, and no other, into the first field that the selector finds.
    pub async fn fill(&self, selector: &str, text: &str) {
        let field = self.client.find(Locator::Css(selector)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// A command of Chromium's own protocol, which the driver hands on. A plain request does.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters}).to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            stream,
            "POST /session/{}/goog/cdp/execute HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.session,
            body.len()
        )
        .unwrap();
        // The driver may keep the connection open, so the body is as long as its head says.
        let mut answer = BufReader::new(stream);
        let (mut line, mut head) = (String::new(), String::new());
        while answer.read_line(&mut line).unwrap() > 2 {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        assert!(head.starts_with("http/1.1 200"), "{command}: {head}");
        let length = head
            .split_once("content-length:")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let mut body = vec![0; length];
        answer.read_exact(&mut body).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["value"].clone()
    }

    /// Makes the window this wide and high, below what a real window may be.
    pub fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What the system prefers: `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &media);
    }
}

/// The driver takes a free port and says on its output which.
fn start_driver() -> (Driver, u16) {
    let mut child = Command::new(CHROMEDRIVER)
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let driver = Driver(child);
    let port = lines
        .find_map(|line| {
            let line = line.unwrap();
            line.split_once("on port ")
                .and_then(|(_, rest)| rest.trim_end_matches('.').parse::<u16>().ok())
                .filter(|port| *port > 0)
        })
        .unwrap();
    // Nobody reads on, and a full pipe would stop the driver.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}

/// Chromium's sandbox refuses to run as root.
fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .any(|line| line.split_whitespace().take(2).eq(["Uid:", "0"]))
}
