//! A workdesk in a process of its own, used as people and programs use it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::Agent;

use crate::process::{Process, Simulator, command};

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

/// A workdesk in a process of its own, and an analyst's cookie and token.
pub(crate) struct Desk {
    pub(crate) process: Process,
    /// Scheme, host and port.
    pub(crate) origin: String,
    pub(crate) agent: Agent,
    pub(crate) cookie: String,
    pub(crate) token: String,
    home: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn start(program: &Path, simulator: &Simulator) -> Result<Self, Box<dyn Error>> {
        Self::start_with(program, simulator, &[])
    }

    pub(crate) fn start_with(
        program: &Path,
        simulator: &Simulator,
        more: &[&str],
    ) -> Result<Self, Box<dyn Error>> {
        let home = tempfile::tempdir()?;
        let mut command = command(program, &simulator.address, home.path());
        command.stderr(Stdio::null());
        Self::start_as(&mut command, more, home)
    }

    /// `command` is the program with its settings; it keeps what it keeps in `home`.
    pub(crate) fn start_as(
        command: &mut Command,
        more: &[&str],
        home: tempfile::TempDir,
    ) -> Result<Self, Box<dyn Error>> {
        let mut child = command
            .args(["workdesk", "--listen", "127.0.0.1:0"])
            .args(more)
            .env("VTSECOPS_TIER", "private")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let process = Process(child);
        let mut lines = BufReader::new(stdout.ok_or("no output")?).lines();
        let word = |line: Option<std::io::Result<String>>| -> Result<String, Box<dyn Error>> {
            let line = line.ok_or("the workdesk did not start")??;
            let word = line.split_whitespace().find(|word| word.starts_with("http"));
            Ok(word.ok_or("no address")?.trim_end_matches(['/', ',']).to_owned())
        };
        let origin = word(lines.next())?;
        let setup = word(lines.next())?;
        let agent: Agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .build()
            .into();
        let mut desk = Self {
            process,
            origin,
            agent,
            cookie: String::new(),
            token: String::new(),
            home,
        };
        let form = format!("name=ann&password={PASSWORD}");
        let entered = desk.agent.post(&setup).header("Origin", &desk.origin);
        let entered = entered
            .content_type("application/x-www-form-urlencoded")
            .send(&form)?;
        let cookie = entered
            .headers()
            .get("set-cookie")
            .ok_or("no session")?
            .to_str()?;
        desk.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = desk.agent.post(format!("{}/tokens", desk.origin));
        let page = page.header("Origin", &desk.origin).header("Cookie", &desk.cookie);
        let mut page = page
            .content_type("application/x-www-form-urlencoded")
            .send("name=bench&scope=act&days=7")?;
        let page = page.body_mut().read_to_string()?;
        let (_, rest) = page.split_once("vtd_").ok_or("no token")?;
        desk.token = format!("vtd_{}", rest.get(..64).ok_or("no token")?);
        Ok(desk)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Box<dyn Error>> {
        let request = self.agent.post(format!("{}{path}", self.origin));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        let mut answer = request.content_type("application/json").send(&body.to_string())?;
        let text = answer.body_mut().read_to_string()?;
        if answer.status() != 201 {
            return Err(format!("{path}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Box<dyn Error>> {
        let request = self.agent.get(format!("{}{path}", self.origin));
        let request = request.header("Authorization", format!("Bearer {}", self.token));
        let mut answer = request.call()?;
        Ok(serde_json::from_str(
            &answer.body_mut().with_config().limit(1 << 30).read_to_string()?,
        )?)
    }

    /// Where it keeps what it keeps.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program's request: the status and the text of the answer, whatever they are.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<(u16, String), Box<dyn Error>> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.origin))
            .header("Authorization", format!("Bearer {}", self.token));
        let mut answer = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_owned())?)?
            }
            None => self.agent.run(request.body(())?)?,
        };
        text_of(&mut answer)
    }

    /// A browser's request for a page: status and text.
    pub(crate) fn look(&self, path: &str) -> Result<(u16, String), Box<dyn Error>> {
        let request = self.agent.get(format!("{}{path}", self.origin));
        text_of(&mut request.header("Cookie", &self.cookie).call()?)
    }

    /// A form that a browser sends from a page of the workdesk's: the status, and the cookie that is set.
    pub(crate) fn form(
        &self,
        path: &str,
        form: &str,
        cookie: Option<&str>,
    ) -> Result<(u16, Option<String>), Box<dyn Error>> {
        let mut request = self.agent.post(format!("{}{path}", self.origin));
        request = request.header("Origin", &self.origin);
        if let Some(cookie) = cookie {
            request = request.header("Cookie", cookie);
        }
        let request = request.content_type("application/x-www-form-urlencoded");
        let mut answer = request.send(form)?;
        let cookie = answer.headers().get("set-cookie");
        let cookie = cookie.and_then(|cookie| cookie.to_str().ok()?.split(';').next().map(str::to_owned));
        let (status, _) = text_of(&mut answer)?;
        Ok((status, cookie))
    }

    /// Time to the first byte and to the last.
    pub(crate) fn page(&self, path: &str) -> Result<(Duration, Duration), Box<dyn Error>> {
        let begun = Instant::now();
        let request = self.agent.get(format!("{}{path}", self.origin));
        let mut answer = request.header("Cookie", &self.cookie).call()?;
        let first = begun.elapsed();
        if answer.status() != 200 {
            return Err(format!("{path}: {}", answer.status()).into());
        }
        answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
        Ok((first, begun.elapsed()))
    }

    /// How long the run takes from now on.
    pub(crate) fn wait(&self, run: &Value) -> Result<(), Box<dyn Error>> {
        let path = format!("/api/v1/cases/{}/runs", run["case"]);
        loop {
            let runs = self.get(&path)?;
            let own = runs
                .as_array()
                .into_iter()
                .flatten()
                .find(|own| own["id"] == run["id"]);
            match own.map(|own| (own["state"].clone(), own["ended_at"].is_null())) {
                Some((_, true)) => std::thread::sleep(Duration::from_millis(20)),
                Some((state, false)) if state == "done" => return Ok(()),
                other => return Err(format!("the run ended otherwise: {other:?}").into()),
            }
        }
    }

    /// Most memory so far, in bytes.
    pub(crate) fn peak_bytes(&self) -> Result<u64, Box<dyn Error>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .ok_or("no VmHWM")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).ok_or("no VmHWM")?.parse()?;
        Ok(kilobytes * 1024)
    }

    /// Of the database, with what is not yet in its main file.
    pub(crate) fn disk_bytes(&self) -> Result<u64, Box<dyn Error>> {
        let mut folders = vec![self.home.path().to_owned()];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => folders.push(entry.path()),
                    false if entry.file_name().to_string_lossy().starts_with("workdesk.db") => {
                        bytes += entry.metadata()?.len();
                    }
                    false => {}
                }
            }
        }
        Ok(bytes)
    }
}

/// Bytes that are no text, of a PDF say, are left out.
fn text_of(answer: &mut ureq::http::Response<ureq::Body>) -> Result<(u16, String), Box<dyn Error>> {
    let bytes = answer.body_mut().with_config().limit(1 << 30).read_to_vec()?;
    Ok((
        answer.status().as_u16(),
        String::from_utf8_lossy(&bytes).into_owned(),
    ))
}
