//! What passes between the processes of a fleet, its database and those who look after it: who is believed, and who is let in.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use reqwest::header::HOST;
use test_postgres::Server;
use tokio::runtime::Runtime;

use crate::scene::{Ran, Scene};
use crate::workdesk::{Desk, token};

/// An authority of that name, and a certificate of a server on this machine that it has signed: of the authority, of the server, and the server's key (PEM).
fn signed(name: &str) -> [String; 3] {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::from_params(&params, &key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&own_key, &issuer).unwrap();
    [authority.pem(), own.pem(), own_key.serialize_pem()]
}

#[test]
fn a_database_is_believed_by_its_certificate_only_where_that_is_asked_for() {
    let [authority, certificate, key] = signed("ours");
    let Some(server) = Server::start_with_tls(&certificate, &key) else {
        return;
    };
    let scene = Scene::new();
    let authority = scene.write("authority.pem", &authority);
    let [other, ..] = signed("another");
    let other = scene.write("other.pem", &other);
    let database = Runtime::new().unwrap().block_on(server.database());
    // It opens the database and removes nothing.
    let opened = |host: &str, mode: &str, root: Option<&str>| -> Ran {
        let address = format!("{}?sslmode={mode}", database.address_at(host));
        let arguments = [
            "workdesk",
            "tidy",
            "--keep-audit",
            "30",
            "--dry-run",
            "--database",
            &address,
        ];
        let mut command = scene.command(&arguments);
        if let Some(root) = root {
            command.env("PGSSLROOTCERT", root);
        }
        command.output().unwrap().into()
    };
    for (host, mode, root) in [
        ("localhost", "verify-full", Some(&*authority)),
        ("localhost", "verify-ca", Some(&*authority)),
        ("127.0.0.1", "verify-ca", Some(&*authority)),
        ("localhost", "require", None),
    ] {
        let ran = opened(host, mode, root);
        assert_eq!(ran.code, 0, "{host} {mode}: {}", ran.err);
    }
    for (host, mode, root, words) in [
        (
            "127.0.0.1",
            "verify-full",
            Some(&*authority),
            "not valid for name",
        ),
        ("localhost", "verify-full", None, "UnknownIssuer"),
        ("localhost", "verify-full", Some(&*other), "UnknownIssuer"),
        ("localhost", "verify-ca", Some(&*other), "UnknownIssuer"),
    ] {
        let ran = opened(host, mode, root);
        assert_ne!(ran.code, 0, "{host} {mode}: {}", ran.out);
        assert!(ran.err.contains(words), "{host} {mode}: {}", ran.err);
        assert!(
            ran.err.contains("PGSSLROOTCERT") && ran.err.contains("by a name that stands in it"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_database_elsewhere_whose_certificate_is_not_checked_is_told_once_and_used_all_the_same() {
    let scene = Scene::new();
    let told = |address: &str| {
        // Of the shell's own: nobody is there, which comes to light at once.
        let arguments = [
            "workdesk",
            "tidy",
            "--keep-audit",
            "30",
            "--dry-run",
            "--database",
            address,
        ];
        let ran = scene.run(&arguments);
        assert_ne!(ran.code, 0);
        ran.err.matches("sslmode=verify-full").count()
    };
    // A name that there is not.
    for (mode, expected) in [
        ("", 1),
        ("?sslmode=prefer", 1),
        ("?sslmode=require", 1),
        ("?sslmode=verify-full", 0),
        ("?sslmode=disable", 0),
    ] {
        let address = format!("postgres://u@nowhere.invalid/d{mode}");
        assert_eq!(told(&address), expected, "{mode}");
    }
    assert_eq!(told("postgres://u@127.0.0.1:9/d"), 0);
}

/// A worker in a process of its own, and the port at which it tells of itself; killed when it is dropped.
struct Worker(Child, u16);

impl Worker {
    fn start(scene: &Scene, more: &[&str]) -> Self {
        let mut command = scene.command(&["worker"]);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map(Result::unwrap).find_map(|line| {
            let (_, rest) = line.split_once("It tells of itself at ")?;
            let (address, _) = rest.split_once("/metrics")?;
            address.rsplit_once(':')?.1.parse().ok()
        });
        Self(child, port.unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_worker_shows_its_metrics_to_its_own_machine_to_tokens_and_to_others_where_that_is_said() {
    let Some(server) = test_postgres::server() else {
        return;
    };
    let scene = Scene::new();
    let key = scene.write("workdesk.key", &"7a".repeat(32));
    Runtime::new().unwrap().block_on(async {
        let address = server.database().await.address();
        let base = ["--database", &address, "--key-file", &key];
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &base);
        let cookie = desk.set_up().await;
        let token = token(&desk, &cookie, "read").await;
        for (listen, more, without) in [
            ("127.0.0.1:0", None, 200),
            ("0.0.0.0:0", None, 401),
            ("0.0.0.0:0", Some("--open-metrics"), 200),
        ] {
            let arguments: Vec<&str> = base.into_iter().chain(["--listen", listen]).chain(more).collect();
            let worker = Worker::start(&scene, &arguments);
            let get = |path: &str| desk.client.get(format!("http://127.0.0.1:{}{path}", worker.1));
            for path in ["/healthz", "/readyz"] {
                assert_eq!(get(path).send().await.unwrap().status(), 200, "{listen} {path}");
            }
            let answer = get("/metrics").send().await.unwrap();
            assert_eq!(answer.status(), without, "{listen} {more:?}");
            let answer = get("/metrics").bearer_auth(&token).send().await.unwrap();
            assert!(
                answer
                    .text()
                    .await
                    .unwrap()
                    .contains("vtsecops_workdesk_steps_under_way")
            );
        }
        desk.kill();
    });
}

#[test]
fn a_workdesk_on_a_loopback_address_is_called_by_names_of_its_own_only() {
    let scene = Scene::new();
    let wrong = scene.run(&["workdesk", "--listen", "127.0.0.1:0", "--public-url", "desk"]);
    assert!(
        wrong.code == 2 && wrong.err.contains("--public-url"),
        "{}",
        wrong.err
    );
    Runtime::new().unwrap().block_on(async {
        let desk = Desk::start_at(
            &scene,
            "127.0.0.1:0",
            &["--public-url", "http://desk.example:8790"],
        );
        let port = desk.origin.rsplit_once(':').unwrap().1;
        for (name, expected) in [
            ("evil.example", 421),
            ("desk.example", 200),
            ("localhost", 200),
            ("127.0.0.1", 200),
        ] {
            let request = desk.client.get(format!("{}/healthz", desk.origin));
            let answer = request
                .header(HOST, format!("{name}:{port}"))
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), expected, "{name}");
        }
        desk.kill();
    });
}
