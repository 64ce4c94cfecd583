//! A real PostgreSQL for tests: one server a test process, one database a test.
//!
//! The server listens on a loopback port that is free, keeps its files in a folder of its own, and ends with the process that started it,
//! however that ends: it hangs on a pipe.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops at the first thing that is not as promised"
)]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

const CERTIFICATE: &str = "server.crt";
const KEY: &str = "server.key";
/// How long a server may take to start.
const STARTING_TAKES: Duration = Duration::from_secs(60);

/// A server.
#[derive(Debug)]
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    /// What holds the pipe; taken out while the server is down.
    holder: Mutex<Option<Child>>,
    databases: AtomicU32,
}

/// A database of its own.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    port: u16,
    name: String,
}

/// The server of this process, started when it is first asked for. `None`, and a line that says so, where there is no PostgreSQL.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(Server::start).as_ref()
}

/// A new database on the server of this process.
pub async fn database() -> Option<TestDatabase> {
    Some(server()?.database().await)
}

impl Server {
    /// A server for one test alone, which may restart it.
    pub fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// The same with TLS: its certificate and the key to it (PEM).
    pub fn start_with_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start_with(Some((certificate, key)))
    }

    fn start_with(tls: Option<(&str, &str)>) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: PostgreSQL is not installed (Debian's package postgresql)");
            return None;
        };
        let owner = owner();
        if owner.is_none() && is_root() {
            eprintln!("skipped: PostgreSQL does not run as root, and there is no account postgres");
            return None;
        }
        let folder = tempfile::Builder::new()
            .prefix("vtsecops-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let server = Self {
            programs,
            port: free_port(),
            owner,
            holder: Mutex::default(),
            databases: AtomicU32::new(0),
            folder,
        };
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&server.folder, Some(user), Some(group)).unwrap();
        }
        let made = server
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=vtsecops",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .args(["--no-sync", "--pgdata"])
            .arg(server.data())
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if let Some((certificate, key)) = tls {
            server.put(CERTIFICATE, certificate);
            server.put(KEY, key);
        }
        server.begin();
        Some(server)
    }

    /// A database that nobody has used.
    pub async fn database(&self) -> TestDatabase {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let mut connection = PgConnection::connect_with(&self.options("postgres"))
            .await
            .unwrap();
        let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(create).await.unwrap();
        connection.close().await.unwrap();
        TestDatabase {
            port: self.port,
            name,
        }
    }

    /// Ends it as a loss of power would, and starts it again.
    pub fn crash(&self) {
        self.end("QUIT");
        self.begin();
    }

    /// Stops it for `pause`: who is connected is thrown out, who comes is refused.
    pub fn restart(&self, pause: Duration) {
        self.end("INT");
        std::thread::sleep(pause);
        self.begin();
    }

    /// One of PostgreSQL's own programs, which finds this server and works in its folder.
    #[must_use]
    pub fn tool(&self, program: &str) -> Command {
        let mut command = self.command(program);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "vtsecops");
        command
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn end(&self, signal: &str) {
        let Some(mut holder) = self.holder.lock().unwrap().take() else {
            return;
        };
        let pid = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        if let Some(pid) = pid.lines().next() {
            // It may have ended by itself.
            let _ = Command::new("kill").args([&format!("-{signal}"), pid]).status();
        }
        if let Some(pipe) = &mut holder.stdin {
            pipe.write_all(b"keep").unwrap();
        }
        // What held it ends with it.
        holder.wait().unwrap();
    }

    fn begin(&self) {
        // The shell waits for the server's end. Beside it somebody waits for the pipe's, which comes with ours: the server goes then, and its
        // files.
        let script = r#"exec 3<&0
            "$0" "$@" <&- 3<&- & server=$!
            {
                [ "$(cat <&3)" = keep ] && exit
                kill -INT $server
                while kill -0 $server 2>&-; do sleep 0.05; done
                rm -rf "$PWD"
            } &
            wait $server"#;
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.display()),
            "max_connections=300".to_owned(),
            "logging_collector=off".to_owned(),
            "log_min_messages=fatal".to_owned(),
            format!(
                "ssl={}",
                if self.folder.join(KEY).exists() {
                    "on"
                } else {
                    "off"
                }
            ),
            format!("ssl_cert_file={}", self.folder.join(CERTIFICATE).display()),
            format!("ssl_key_file={}", self.folder.join(KEY).display()),
        ];
        let mut command = self.command("sh");
        command.args(["-c", script]);
        command
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data());
        for setting in &settings {
            command.arg("-c").arg(setting);
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *self.holder.lock().unwrap() = Some(child);
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() || !self.answers() {
            assert!(begun.elapsed() < STARTING_TAKES, "PostgreSQL does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A file of the server's, for nobody else.
    fn put(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, own).unwrap();
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(&path, Some(user), Some(group)).unwrap();
        }
    }

    fn answers(&self) -> bool {
        let ready = self
            .command("pg_isready")
            .args(["-q", "-h", "127.0.0.1", "-p"])
            .arg(self.port.to_string())
            .status();
        ready.is_ok_and(|status| status.success())
    }

    /// A program of PostgreSQL's, or of the system, as whoever may run it.
    fn command(&self, program: &str) -> Command {
        let own = self.programs.join(program);
        let mut command = Command::new(if own.exists() { own } else { program.into() });
        command.current_dir(&self.folder);
        if let Some((user, group)) = self.owner {
            std::os::unix::process::CommandExt::uid(&mut command, user);
            std::os::unix::process::CommandExt::gid(&mut command, group);
        }
        command
    }

    fn options(&self, name: &str) -> PgConnectOptions {
        PgConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("vtsecops")
            .database(name)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("INT");
        // What is left is in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl TestDatabase {
    /// As `--database` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://vtsecops@127.0.0.1:{}/{}", self.port, self.name)
    }

    /// The same, where the server is called by that name.
    #[must_use]
    pub fn address_at(&self, host: &str) -> String {
        format!("postgres://vtsecops@{host}:{}/{}", self.port, self.name)
    }

    /// What the server calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first value of the first row that a statement gives, as text; none for no row.
    pub async fn value(&self, sql: &str) -> Option<String> {
        let mut connection = self.connect().await;
        let sql = AssertSqlSafe(format!("SELECT value::text FROM ({sql}) AS found (value)"));
        let value = sqlx::query_scalar(sql).fetch_optional(&mut connection).await;
        value.unwrap().flatten()
    }

    /// Does something behind everybody's back.
    pub async fn execute(&self, sql: &str) {
        let mut connection = self.connect().await;
        connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    /// A connection to look with.
    pub async fn connect(&self) -> PgConnection {
        let options = PgConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("vtsecops")
            .database(&self.name);
        PgConnection::connect_with(&options).await.unwrap()
    }
}

/// The folder that `initdb` and `postgres` are in.
fn programs() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    // The newest first.
    folders.sort_by_key(|folder| std::cmp::Reverse(version_of(folder)));
    folders.extend(std::env::split_paths(&on_path));
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn version_of(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// User and group that the server runs as, where we may choose.
fn owner() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let number = |option: &str| {
        let id = Command::new("id").args([option, "postgres"]).output().ok()?;
        String::from_utf8(id.stdout).ok()?.trim().parse().ok()
    };
    Some((number("-u")?, number("-g")?))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
