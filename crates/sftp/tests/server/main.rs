//! Files of a real OpenSSH server. Without one on the machine each test says that it was skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sftp::{Access, Address, Error, HostKeys, Kind, Login, Server};
use sha2::{Digest, Sha256};
use test_sshd::{Account, Agent, Cut, Cutter, Sshd, available};
use tokio::io::AsyncReadExt;

/// A server, and a folder with a file of known hosts that is not there yet.
struct Scene {
    sshd: Sshd,
    home: tempfile::TempDir,
}

impl Scene {
    fn new() -> Option<Self> {
        if !available() {
            println!("skipped: there is no sshd");
            return None;
        }
        Some(Self {
            sshd: Sshd::start().unwrap(),
            home: tempfile::tempdir().unwrap(),
        })
    }

    fn address(&self) -> Address {
        at(self.sshd.address())
    }

    fn known_hosts(&self) -> PathBuf {
        self.home.path().join("ssh/known_hosts")
    }

    fn access(&self) -> Access {
        let login = Login {
            user: self.sshd.user(),
            identities: vec![self.sshd.identity()],
            ..Login::default()
        };
        Access::new(login, self.known_hosts())
    }

    async fn connect(&self) -> Server {
        Server::connect(&self.address(), &self.access()).await.unwrap()
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn know(&self, line: &str) {
        std::fs::create_dir_all(self.known_hosts().parent().unwrap()).unwrap();
        std::fs::write(self.known_hosts(), format!("# first\n{line}\n")).unwrap();
    }

    /// As a line names the server.
    fn host(&self) -> String {
        format!("[127.0.0.1]:{}", self.sshd.address().port())
    }
}

fn at(address: std::net::SocketAddr) -> Address {
    Address::parse(&address.to_string()).unwrap()
}

async fn content(server: &Server, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = server.open(path).await.unwrap();
    file.read_to_end(&mut bytes).await.unwrap();
    bytes
}

async fn refused(address: &Address, access: &Access) -> Error {
    match Server::connect(address, access).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_key_file_logs_in_whatever_its_kind_and_an_encrypted_one_with_its_passphrase() {
    let Some(scene) = Scene::new() else { return };
    for (kind, passphrase) in [
        ("ed25519", ""),
        ("rsa", ""),
        ("ecdsa", ""),
        ("ed25519", "open sesame"),
    ] {
        let name = format!("{kind}-{}", passphrase.len());
        let identity = scene.sshd.make_identity(&name, kind, passphrase).unwrap();
        scene.sshd.authorize(&identity.with_extension("pub")).unwrap();
        let mut access = scene.access();
        access.login.identities = vec![identity];
        access.login.password = (!passphrase.is_empty()).then(|| passphrase.into());
        let server = Server::connect(&scene.address(), &access).await;
        assert!(server.is_ok(), "{name}: {:?}", server.err());
    }
    // Without the passphrase, or with a wrong one, it is said which file.
    let identity = scene.sshd.folder().join("ed25519-11");
    for passphrase in [None, Some("close sesame")] {
        let mut access = scene.access();
        access.login.identities = vec![identity.clone()];
        access.login.password = passphrase.map(Into::into);
        let error = refused(&scene.address(), &access).await;
        assert!(error.to_string().contains("ed25519-11"), "{error}");
        assert!(!format!("{error:?} {error}").contains("sesame"));
    }
}

#[tokio::test]
async fn an_agent_logs_in() {
    let Some(scene) = Scene::new() else { return };
    let agent = Agent::holding(&scene.sshd.identity()).unwrap();
    let mut access = scene.access();
    access.login.identities.clear();
    assert!(matches!(
        refused(&scene.address(), &access).await,
        Error::NoLogin(_)
    ));
    access.login.agent = Some(agent.socket());
    Server::connect(&scene.address(), &access).await.unwrap();
}

#[tokio::test]
async fn a_password_logs_in_and_a_wrong_one_is_told_without_being_shown() {
    let Some(scene) = Scene::new() else { return };
    let Some(account) = Account::of_environment() else {
        println!("skipped: there is no account with a password");
        return;
    };
    let mut access = scene.access();
    access.login = Login {
        user: account.user.clone(),
        password: Some(account.password.as_str().into()),
        ..Login::default()
    };
    let server = Server::connect(&scene.address(), &access).await.unwrap();
    // It may not read what is the owner's alone.
    let path = scene.write("secret", b"x");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::set_permissions(scene.home.path(), PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(server.open(&path).await.err(), Some(Error::NoPermission));
    access.login.password = Some("wrong-swordfish".into());
    let error = refused(&scene.address(), &access).await;
    assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
    assert!(error.to_string().contains(&account.user), "{error}");
    assert!(!format!("{error:?} {error}").contains("swordfish"));
}

#[tokio::test]
async fn an_unknown_host_is_believed_once_or_not_at_all_as_the_policy_says() {
    let Some(scene) = Scene::new() else { return };
    let fingerprint = scene.sshd.fingerprint().unwrap();
    let mut access = scene.access();
    access.host_keys = HostKeys::Strict;
    match refused(&scene.address(), &access).await {
        Error::HostKeyUnknown {
            fingerprint: told, ..
        } => assert_eq!(told, fingerprint),
        other => panic!("{other:?}"),
    }
    assert!(!scene.known_hosts().exists());
    access.host_keys = HostKeys::AcceptNew;
    let server = Server::connect(&scene.address(), &access).await.unwrap();
    assert_eq!(server.learned(), Some(fingerprint.as_str()));
    let written = std::fs::read_to_string(scene.known_hosts()).unwrap();
    assert_eq!(
        written,
        format!("{} {}\n", scene.host(), scene.sshd.public_host_key().unwrap())
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scene.known_hosts()), 0o600);
    // From now on it is known, to the strict as well.
    access.host_keys = HostKeys::Strict;
    let server = Server::connect(&scene.address(), &access).await.unwrap();
    assert_eq!(server.learned(), None);
}

#[tokio::test]
async fn a_changed_host_key_is_refused_under_every_policy() {
    for changed in ["ed25519", "rsa"] {
        let Some(mut scene) = Scene::new() else { return };
        scene.connect().await;
        scene.sshd.change_host_key(changed).unwrap();
        for policy in ["strict", "accept-new"] {
            let mut access = scene.access();
            access.host_keys = policy.parse().unwrap();
            let error = refused(&scene.address(), &access).await;
            assert!(
                matches!(error, Error::HostKeyChanged { .. }),
                "{changed}, {policy}: {error:?}"
            );
            assert!(error.to_string().contains("changed"), "{error}");
        }
        let lines = std::fs::read_to_string(scene.known_hosts()).unwrap();
        assert_eq!(lines.lines().count(), 1, "the new key is not learned");
    }
}

#[tokio::test]
async fn a_pinned_fingerprint_is_all_that_counts_but_for_revoked_keys() {
    let Some(scene) = Scene::new() else { return };
    let mut access = scene.access();
    access.host_keys = scene.sshd.fingerprint().unwrap().parse().unwrap();
    Server::connect(&scene.address(), &access).await.unwrap();
    assert!(!scene.known_hosts().exists(), "nothing is learned");
    scene.know(&format!("@revoked * {}", scene.sshd.public_host_key().unwrap()));
    assert!(matches!(
        refused(&scene.address(), &access).await,
        Error::HostKeyRevoked { .. }
    ));
    std::fs::remove_file(scene.known_hosts()).unwrap();
    let other = Sshd::start().unwrap().fingerprint().unwrap();
    access.host_keys = other.parse().unwrap();
    assert!(matches!(
        refused(&scene.address(), &access).await,
        Error::HostKeyNotPinned { .. }
    ));
}

#[tokio::test]
async fn files_are_told_apart_and_read_whole() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.connect().await;
    let path = scene.write("x", b"content");
    assert_eq!(content(&server, &path).await, b"content");
    let home = scene.home.path().to_str().unwrap();
    std::os::unix::fs::symlink("x", scene.home.path().join("link")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(scene.home.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    let kind = async |name: &str| {
        server
            .lstat(&format!("{home}/{name}"))
            .await
            .map(|stat| stat.kind)
    };
    assert_eq!(kind("x").await, Ok(Kind::File));
    assert_eq!(kind("link").await, Ok(Kind::Link));
    assert_eq!(kind("pipe").await, Ok(Kind::Other));
    assert_eq!(kind("ssh").await, Ok(Kind::Folder));
    assert_eq!(kind("gone").await, Err(Error::NotFound));
    let link = format!("{home}/link");
    assert_eq!(server.stat(&link).await.unwrap().kind, Kind::File);
    assert_eq!(
        server.canonical(&link).await.unwrap(),
        std::fs::canonicalize(&path).unwrap().to_str().unwrap()
    );
}

#[tokio::test]
async fn a_large_file_and_many_at_once_come_whole() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.connect().await;
    let large: Vec<u8> = (0..40_000_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let path = scene.write("large", &large);
    assert_eq!(
        Sha256::digest(content(&server, &path).await),
        Sha256::digest(&large)
    );
    let mut reading = tokio::task::JoinSet::new();
    for n in 0..20_u8 {
        let expected = vec![n; 300_000 + usize::from(n)];
        let path = scene.write(&format!("many-{n}"), &expected);
        let server = server.clone();
        reading.spawn(async move { content(&server, &path).await == expected });
    }
    assert!(reading.join_all().await.into_iter().all(|is_same| is_same));
}

#[tokio::test]
async fn any_name_can_be_read_that_is_text() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.connect().await;
    let folder = scene.home.path().join("names");
    std::fs::create_dir(&folder).unwrap();
    let names = [
        "a, b",
        " blank ",
        "it's \"quoted\"",
        "two\nlines",
        "-rf",
        "ünïcode",
        "*?[x]",
    ];
    for name in names {
        std::fs::write(folder.join(name), name).unwrap();
    }
    use std::os::unix::ffi::OsStrExt;
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    let folder = folder.to_str().unwrap();
    let listed = server.list(folder).await.unwrap();
    for name in names {
        let entry = listed.iter().find(|entry| entry.name == name).unwrap();
        assert!(entry.is_exact);
        assert_eq!(
            content(&server, &format!("{folder}/{name}")).await,
            name.as_bytes()
        );
    }
    let inexact: Vec<_> = listed.iter().filter(|entry| !entry.is_exact).collect();
    assert_eq!((inexact.len(), listed.len()), (1, names.len() + 1));
}

/// The server and the trouble when a line to it breaks in the middle of a file.
async fn read_over(scene: &Scene, cut: Cut, access: &Access) -> (Server, Error) {
    let path = scene.write("large", &vec![7; 4_000_000]);
    let cutter = Cutter::before(scene.sshd.address(), cut).unwrap();
    let server = Server::connect(&at(cutter.address()), access).await.unwrap();
    let mut file = server.open(&path).await.unwrap();
    let error = file.read_to_end(&mut Vec::new()).await.unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    (server, inner.cloned().unwrap_or_else(|| panic!("{error:?}")))
}

#[tokio::test]
async fn a_connection_that_is_cut_while_a_file_is_read_is_told_at_once() {
    let Some(scene) = Scene::new() else { return };
    let begun = Instant::now();
    let (server, error) = read_over(&scene, Cut::After(1_000_000), &scene.access()).await;
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(!server.is_open());
}

#[tokio::test]
async fn a_server_that_stops_answering_is_not_waited_for_longer_than_the_patience() {
    let Some(scene) = Scene::new() else { return };
    let mut access = scene.access();
    access.idle_timeout = Duration::from_secs(1);
    let (_, error) = read_over(&scene, Cut::StallAfter(1_000_000), &access).await;
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_and_nobody_who_speaks_are_told_apart() {
    let Some(scene) = Scene::new() else { return };
    let mut access = scene.access();
    access.connect_timeout = Duration::from_secs(1);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = refused(&at(silent.local_addr().unwrap()), &access).await;
    assert!(matches!(error, Error::ConnectTimedOut { .. }), "{error:?}");
    let address = at(silent.local_addr().unwrap());
    drop(silent);
    let error = refused(&address, &access).await;
    assert!(matches!(error, Error::NotReachable { .. }), "{error:?}");
    let unknown = Address::parse("no-such-host.invalid").unwrap();
    let error = refused(&unknown, &access).await;
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_host_is_known_by_its_hashed_name() {
    let Some(scene) = Scene::new() else { return };
    scene.know(&format!(
        "{} {}",
        scene.host(),
        scene.sshd.public_host_key().unwrap()
    ));
    let hashed = std::process::Command::new("ssh-keygen")
        .args(["-H", "-f"])
        .arg(scene.known_hosts())
        .output();
    assert!(hashed.unwrap().status.success());
    let written = std::fs::read_to_string(scene.known_hosts()).unwrap();
    assert!(
        written.contains("|1|") && !written.contains(&scene.host()),
        "{written}"
    );
    let mut access = scene.access();
    access.host_keys = HostKeys::Strict;
    let server = Server::connect(&scene.address(), &access).await.unwrap();
    assert_eq!(server.learned(), None);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_told_with_the_user_and_the_file() {
    let Some(scene) = Scene::new() else { return };
    let mut access = scene.access();
    access.login.identities = vec![scene.sshd.make_identity("stranger", "ed25519", "").unwrap()];
    let error = refused(&scene.address(), &access).await;
    assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
    for told in [scene.sshd.user().as_str(), "stranger", "publickey"] {
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn an_open_file_stays_the_one_that_was_opened() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.connect().await;
    let path = scene.write("x", b"content");
    let mut file = server.open(&path).await.unwrap();
    let other = scene.write("y", b"something else");
    std::fs::rename(other, &path).unwrap();
    let stat = file.stat().await.unwrap();
    assert_eq!((stat.kind, stat.size_bytes), (Kind::File, 7));
    assert!(stat.modified.is_some());
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"content");
    // Opening a folder is the server's own trouble with one path.
    let folder = scene.home.path().to_str().unwrap();
    let read = match server.open(folder).await {
        Ok(mut folder) => folder.read_u8().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    assert!(read.is_err());
    assert!(server.is_open());
}
