//! A server in wrong hands: whatever it says, it gets no more than an answer, and we no more than an error.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

mod liar;

use std::path::Path;
use std::time::{Duration, Instant};

use liar::{Liar, OPEN, OPENDIR, READ, READDIR, REALPATH, STAT, data, handle, names, status};
use russh::MethodKind;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use sftp::{Access, Address, Error, HostKeys, Login, Server};
use tokio::io::AsyncReadExt;

const PASSWORD: &str = "swordfish";

fn access(home: &Path) -> Access {
    let login = Login {
        user: "alice".to_owned(),
        password: Some(PASSWORD.into()),
        ..Login::default()
    };
    Access::new(login, home.join("known_hosts"))
}

async fn connect(liar: &Liar) -> Server {
    let home = tempfile::tempdir().unwrap();
    Server::connect(&liar.start().await, &access(home.path()))
        .await
        .unwrap()
}

async fn refused(address: &Address, access: &Access) -> Error {
    match Server::connect(address, access).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

fn fingerprint(key: &PrivateKey) -> String {
    key.public_key().fingerprint(HashAlg::Sha256).to_string()
}

#[tokio::test]
async fn a_folder_without_an_end_is_left() {
    let server = connect(&Liar::new(|kind, number| match kind {
        OPENDIR => handle(number),
        READDIR => names(number, &[&b"again"[..]; 1000]),
        _ => status(number, 0, ""),
    }))
    .await;
    assert_eq!(server.list("/").await, Err(Error::TooManyNames(100_000)));
    let server = connect(&Liar::new(|kind, number| match kind {
        OPENDIR => handle(number),
        // They are not shown, but they count.
        READDIR => names(number, &[&b"."[..]; 1000]),
        _ => status(number, 0, ""),
    }))
    .await;
    assert_eq!(server.list("/").await, Err(Error::TooManyNames(100_000)));
    let server = connect(&Liar::new(|kind, number| match kind {
        OPENDIR => handle(number),
        READDIR => names(number, &[]),
        _ => status(number, 0, ""),
    }))
    .await;
    assert!(matches!(server.list("/").await, Err(Error::Unusable(_))));
}

#[tokio::test]
async fn a_name_can_not_lead_out_of_its_folder() {
    for script in [
        (|kind, number| match kind {
            OPENDIR => handle(number),
            READDIR => names(number, &[b"fine", b"../../etc/passwd"]),
            _ => status(number, 0, ""),
        }) as liar::Script,
        |kind, number| match kind {
            OPENDIR => handle(number),
            READDIR => names(number, &[b"a\0b"]),
            _ => status(number, 0, ""),
        },
        |kind, number| match kind {
            OPENDIR => handle(number),
            READDIR => names(number, &[b""]),
            _ => status(number, 0, ""),
        },
        |kind, number| match kind {
            OPENDIR => handle(number),
            READDIR => names(number, &[&[b'x'; 5000]]),
            _ => status(number, 0, ""),
        },
    ] {
        let server = connect(&Liar::new(script)).await;
        let listed = server.list("/").await;
        assert!(matches!(listed, Err(Error::Unusable(_))), "{listed:?}");
    }
    let server = connect(&Liar::new(|kind, number| match kind {
        REALPATH => names(number, &[b"not/absolute"]),
        _ => status(number, 0, ""),
    }))
    .await;
    assert!(matches!(server.canonical("/x").await, Err(Error::Unusable(_))));
    let server = connect(&Liar::new(|_, number| names(number, &[b"/caf\xe9"]))).await;
    assert_eq!(server.canonical("/x").await, Err(Error::NotUtf8));
}

#[tokio::test]
async fn a_server_can_not_give_more_bytes_than_were_asked_for() {
    let server = connect(&Liar::new(|kind, number| match kind {
        OPEN => handle(number),
        READ => data(number, 200_000),
        _ => status(number, 0, ""),
    }))
    .await;
    let mut file = server.open("/x").await.unwrap();
    for _ in 0..2 {
        let error = file.read_u8().await.unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        assert!(matches!(inner, Some(Error::Unusable(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_without_an_end_is_read_for_as_long_as_the_reader_likes() {
    let server = connect(&Liar::new(|kind, number| match kind {
        OPEN => handle(number),
        READ => data(number, 1000),
        _ => status(number, 0, ""),
    }))
    .await;
    let mut bytes = Vec::new();
    let file = server.open("/x").await.unwrap();
    file.take(100_000).read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, vec![7; 100_000]);
}

#[tokio::test]
async fn the_words_of_a_server_are_shown_without_what_moves_a_cursor() {
    let server = connect(&Liar::new(|_, number| {
        status(
            number,
            4,
            &format!("\u{1b}[2Jall is well\u{202e}{}", "x".repeat(5000)),
        )
    }))
    .await;
    let error = server.stat("/x").await.unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("all is well") && shown.chars().count() < 300,
        "{shown}"
    );
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(!error.is_connection());
}

#[tokio::test]
async fn an_answer_to_another_question_is_none() {
    let server = connect(&Liar::new(|_, number| handle(number))).await;
    assert!(matches!(server.stat("/x").await, Err(Error::Unusable(_))));
    let server = connect(&Liar::new(|kind, number| match kind {
        STAT => status(number, 0, "fine"),
        _ => status(number, 2, ""),
    }))
    .await;
    assert!(matches!(server.stat("/x").await, Err(Error::Unusable(_))));
    assert_eq!(server.lstat("/x").await, Err(Error::NotFound));
}

#[tokio::test]
async fn what_is_no_sftp_ends_the_connection_at_once() {
    for script in [
        (|_, _| vec![0xff; 64]) as liar::Script,
        // Right lengths around nonsense.
        |_, _| vec![0, 0, 0, 3, 200, 1, 2],
        |_, number| [&[0, 0, 0, 9, 104][..], &number.to_be_bytes(), &[0xff; 4]].concat(),
        |_, _| b"Welcome to this server!\r\n".to_vec(),
    ] {
        let server = connect(&Liar::new(script)).await;
        let begun = Instant::now();
        let error = server.stat("/x").await.unwrap_err();
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert!(error.to_string().contains("no SFTP"), "{error}");
        let error = server.stat("/x").await.unwrap_err();
        assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn no_channel_can_be_opened_back_to_us() {
    let liar = Liar::new(|_, number| status(number, 2, ""));
    let _server = connect(&liar).await;
    let told = async {
        loop {
            if let Some(told) = liar.seen().into_iter().find(|seen| seen.starts_with("channels")) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    assert_eq!(told, "channels: [false, false, false]");
}

#[tokio::test]
async fn a_path_that_no_file_can_have_is_not_sent() {
    let server = connect(&Liar::new(|_, number| status(number, 0, "asked"))).await;
    for path in ["", "/etc/passwd\0.txt", &"x".repeat(5000)] {
        assert_eq!(server.stat(path).await, Err(Error::NotFound));
        assert_eq!(server.open(path).await.err(), Some(Error::NotFound));
    }
}

#[tokio::test]
async fn a_server_that_asks_gets_the_password_once_and_nothing_else() {
    let mut liar = Liar::new(|_, number| status(number, 2, ""));
    liar.methods = vec![MethodKind::KeyboardInteractive];
    connect(&liar).await;
    assert_eq!(liar.seen().first().map(String::as_str), Some(PASSWORD));

    let mut greedy = Liar::new(|_, number| status(number, 2, ""));
    greedy.methods = vec![MethodKind::KeyboardInteractive];
    greedy.prompts = vec!["Password: ", "Your other password: "];
    let home = tempfile::tempdir().unwrap();
    let error = refused(&greedy.start().await, &access(home.path())).await;
    assert!(matches!(error, Error::LoginRefused { .. }), "{error:?}");
    assert!(
        error.to_string().contains("asked for more than a password"),
        "{error}"
    );
    assert_eq!(greedy.seen(), [PASSWORD]);
}

#[tokio::test]
async fn a_passphrase_is_never_sent_to_a_server() {
    let mut liar = Liar::new(|_, number| status(number, 2, ""));
    liar.methods = vec![MethodKind::PublicKey, MethodKind::Password];
    liar.lets_in = false;
    let home = tempfile::tempdir().unwrap();
    let mut access = access(home.path());
    let path = home.path().join("key");
    let text = liar::key(Algorithm::Ed25519)
        .encrypt(&mut russh::keys::key::safe_rng(), PASSWORD)
        .unwrap()
        .to_openssh(Default::default())
        .unwrap();
    std::fs::write(&path, text.as_bytes()).unwrap();
    access.login.identities = vec![path];
    let error = refused(&liar.start().await, &access).await;
    let shown = format!("{error:?} {error}");
    assert!(
        shown.contains("LoginRefused") && shown.contains("alice"),
        "{shown}"
    );
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert_eq!(liar.seen(), ["a key"]);
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_whose_key_is_not_believed() {
    let liar = Liar::new(|_, number| status(number, 2, ""));
    let address = liar.start().await;
    let home = tempfile::tempdir().unwrap();
    let mut access = access(home.path());
    access.host_keys = HostKeys::Strict;
    let error = refused(&address, &access).await;
    assert!(matches!(error, Error::HostKeyUnknown { .. }), "{error:?}");
    // The same name with a key of another kind is a changed key, and the line is told.
    let other = liar::ecdsa().public_key().to_openssh().unwrap();
    let known = format!("# mine\n[127.0.0.1]:{} {other}\n", address.port());
    std::fs::write(&access.known_hosts, &known).unwrap();
    for policy in [HostKeys::Strict, HostKeys::AcceptNew] {
        access.host_keys = policy;
        match refused(&address, &access).await {
            Error::HostKeyChanged { line, .. } => assert_eq!(line, 2),
            error => panic!("{error:?}"),
        }
    }
    assert_eq!(std::fs::read_to_string(&access.known_hosts).unwrap(), known);
    assert!(liar.seen().is_empty(), "{:?}", liar.seen());
}

#[tokio::test]
async fn a_server_with_keys_of_several_kinds_presents_the_one_that_is_known() {
    let mut liar = Liar::new(|_, number| status(number, 2, ""));
    liar.keys.push(liar::ecdsa());
    let address = liar.start().await;
    for key in &liar.keys {
        let home = tempfile::tempdir().unwrap();
        let mut access = access(home.path());
        access.host_keys = fingerprint(key).parse().unwrap();
        Server::connect(&address, &access).await.unwrap();
        access.host_keys = HostKeys::Strict;
        let known = key.public_key().to_openssh().unwrap();
        std::fs::write(
            &access.known_hosts,
            format!("[127.0.0.1]:{} {known}\n", address.port()),
        )
        .unwrap();
        Server::connect(&address, &access).await.unwrap();
    }
    // One that it does not have is looked for among all and told once.
    let home = tempfile::tempdir().unwrap();
    let mut access = access(home.path());
    access.host_keys = fingerprint(&liar::key(Algorithm::Ed25519)).parse().unwrap();
    match refused(&address, &access).await {
        Error::HostKeyNotPinned {
            fingerprint: told, ..
        } => assert_eq!(told, fingerprint(&liar.keys[0])),
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_file_of_known_hosts_that_can_not_be_used_is_no_reason_to_go_on() {
    let liar = Liar::new(|_, number| status(number, 2, ""));
    let address = liar.start().await;
    let home = tempfile::tempdir().unwrap();
    let mut access = access(home.path());
    access.known_hosts = home.path().to_owned();
    let error = refused(&address, &access).await;
    assert!(matches!(error, Error::KnownHosts { .. }), "{error:?}");
    std::fs::write(home.path().join("file"), "").unwrap();
    access.known_hosts = home.path().join("file/known_hosts");
    let error = refused(&address, &access).await;
    assert!(matches!(error, Error::KnownHosts { .. }), "{error:?}");
    assert!(liar.seen().is_empty());
}
