//! What is kept and for how long: retention, backup and restore, on both kinds of store.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::workdesk::{NewCase, Sealer, Store};
use jiff::{SignedDuration, Timestamp};
use secops::Parameters;
use tokio::runtime::Runtime;
use virustotal::Clock;

use crate::scene::{Ran, Scene};
use crate::workdesk::Desk;

const SEAL: &str = "7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a";

fn folder(scene: &Scene) -> PathBuf {
    scene.home.path().join(".local/state/vtsecops/workdesk")
}

#[expect(clippy::disallowed_methods, reason = "what is old is old in real time")]
fn half_a_year_ago() -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(24 * 183)
}

/// A folder with a case that was closed half a year ago, one that is open since, and an instance.
async fn old_folder(scene: &Scene) -> PathBuf {
    let folder = folder(scene);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("workdesk.key"), SEAL).unwrap();
    let clock = Clock::new(half_a_year_ago);
    let sealer = Sealer::from_text(SEAL).unwrap();
    let store = Store::open(&folder.join("workdesk.db"), clock, sealer)
        .await
        .unwrap();
    for title in ["Closed long ago", "Open since"] {
        let new = NewCase {
            title: title.to_owned(),
            ..NewCase::default()
        };
        store.create_case(new, "ann").await.unwrap();
    }
    store.set_open(1, false, "ann").await.unwrap();
    let secret = Parameters::new().with("Api Key", "c0ffee");
    store
        .save_instance("main", "VirusTotal", &secret, "ann")
        .await
        .unwrap();
    store.close().await;
    folder
}

fn succeeds(ran: &Ran) {
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
}

fn is_refused(ran: &Ran, words: &str) {
    assert!(
        ran.code != 0 && ran.err.contains(words),
        "{words}: {} {}",
        ran.out,
        ran.err
    );
}

#[test]
fn a_workdesk_is_tidied_by_a_command_beside_it_and_by_itself_and_not_without_being_told() {
    let scene = Scene::new();
    Runtime::new().unwrap().block_on(async {
        old_folder(&scene).await;
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &[]);
        let cookie = desk.set_up().await;
        let tidy = |more: &[&str]| scene.run(&[&["workdesk", "tidy"], more].concat());
        is_refused(&tidy(&[]), "--keep-closed-cases DAYS");
        is_refused(&tidy(&["--keep-closed-cases", "0"]), "0 is not in 1..");
        let would = tidy(&["--keep-closed-cases", "90", "--dry-run"]);
        succeeds(&would);
        assert!(
            would.out.starts_with("Would remove") && would.out.contains("1 closed cases"),
            "{}",
            would.out
        );
        assert!(
            desk.page(&cookie, "/cases/1").await.contains("Closed long ago"),
            "nothing was asked to go"
        );
        let of_the_log = ["workdesk", "tidy", "--dry-run", "--keep-audit", "365"];
        let only = scene
            .command(&of_the_log)
            .env("VTSECOPS_KEEP_CLOSED_CASES", "90")
            .output();
        let only = Ran::from(only.unwrap());
        assert!(
            only.out.contains("0 closed cases"),
            "who names one thing means no other: {}",
            only.out
        );
        let kept = tidy(&["--keep-closed-cases", "365"]);
        assert!(kept.out.contains("0 closed cases"), "{}", kept.out);
        let gone = tidy(&["--keep-closed-cases", "90"]);
        succeeds(&gone);
        assert!(
            gone.out.starts_with("Removed") && gone.out.contains("1 closed cases"),
            "{}",
            gone.out
        );
        assert!(!desk.page(&cookie, "/cases/1").await.contains("Closed long ago"));
        assert!(desk.page(&cookie, "/cases/2").await.contains("Open since"));
        assert!(desk.page(&cookie, "/audit").await.contains("1 closed cases"));
    });
    let own = Scene::new();
    Runtime::new().unwrap().block_on(async {
        old_folder(&own).await;
        let wrong = own
            .command(&["workdesk", "--listen", "127.0.0.1:0"])
            .env("VTSECOPS_KEEP_CLOSED_CASES", "soon")
            .output()
            .unwrap();
        is_refused(&wrong.into(), "VTSECOPS_KEEP_CLOSED_CASES");
        let wrong = own
            .command(&["gateway", "--listen", "127.0.0.1:0"])
            .env("VTSECOPS_KEEP_AUDIT", "soon")
            .output()
            .unwrap();
        is_refused(&wrong.into(), "VTSECOPS_KEEP_AUDIT");
        let desk = Desk::start_at(&own, "127.0.0.1:0", &["--keep-closed-cases", "90"]);
        let cookie = desk.set_up().await;
        let begun = Instant::now();
        while desk.page(&cookie, "/cases/1").await.contains("Closed long ago") {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(desk.page(&cookie, "/cases/2").await.contains("Open since"));
    });
}

#[test]
fn a_copy_made_while_people_work_brings_everything_back() {
    let scene = Scene::new();
    let copy = scene.home.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    Runtime::new().unwrap().block_on(async {
        let folder = old_folder(&scene).await;
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &[]);
        let cookie = desk.set_up().await;
        let stop = Arc::new(AtomicBool::new(false));
        let made = async {
            let mut made = 0;
            while !stop.load(Ordering::Relaxed) {
                let title = format!("Meanwhile {made}");
                let form = [("title", title.as_str()), ("text", "8.8.8.8")];
                assert_eq!(desk.send(&cookie, "/cases", &form).await.status(), 303);
                made += 1;
            }
            made
        };
        let copied = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let command = scene.command(&["workdesk", "backup", copy]);
            let ran = tokio::task::spawn_blocking(move || {
                let mut command = command;
                Ran::from(command.output().unwrap())
            });
            let ran = ran.await.unwrap();
            stop.store(true, Ordering::Relaxed);
            ran
        };
        let (made, copied) = tokio::join!(made, copied);
        succeeds(&copied);
        assert!(made > 1);
        for told in ["the key that seals", "workdesk.key", "1 people"] {
            assert!(copied.out.contains(told), "{told}: {}", copied.out);
        }
        let mode = std::fs::metadata(copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        is_refused(&scene.run(&["workdesk", "backup", copy]), "--force");
        // After it: what the copy can't know.
        let late = [("title", "Too late"), ("text", "8.8.8.8")];
        assert_eq!(desk.send(&cookie, "/cases", &late).await.status(), 303);
        is_refused(
            &scene.run(&["workdesk", "restore", copy]),
            "Another workdesk uses",
        );
        desk.kill();
        let restored = scene.run(&["workdesk", "restore", copy]);
        succeeds(&restored);
        assert!(restored.err.is_empty(), "{}", restored.err);
        assert!(
            restored.out.contains("What was there is kept as"),
            "{}",
            restored.out
        );
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &[]);
        let cookie = desk.log_in().await;
        let page = desk.page(&cookie, "/").await;
        assert!(
            page.contains("Meanwhile 0") && !page.contains("Too late"),
            "{page}"
        );
        desk.kill();
        // And back: what was kept is whole.
        let kept = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with("before-") && name.ends_with(".db")
            })
            .unwrap();
        let back = scene.run(&["workdesk", "restore", kept.to_str().unwrap()]);
        succeeds(&back);
        assert!(
            back.out.contains("only the form of the copy was checked"),
            "{}",
            back.out
        );
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &[]);
        let cookie = desk.log_in().await;
        assert!(desk.page(&cookie, "/").await.contains("Too late"));
        succeeds(&scene.run(&["workdesk", "backup", "--force", copy]));
    });
}

#[test]
fn a_damaged_copy_is_refused_and_a_missing_or_wrong_key_is_told() {
    let scene = Scene::new();
    let copy = scene.home.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    let other = scene.home.path().join("other");
    let other = other.to_str().unwrap();
    let folder = Runtime::new().unwrap().block_on(old_folder(&scene));
    is_refused(
        &scene.run(&["workdesk", "backup", "--folder", other, copy]),
        "There is no workdesk",
    );
    succeeds(&scene.run(&["workdesk", "backup", copy]));
    let before = std::fs::read(folder.join("workdesk.db")).unwrap();
    let whole = std::fs::read(copy).unwrap();
    let restore = |more: &[&str]| scene.run(&[&["workdesk", "restore"], more, &[copy]].concat());
    // One letter of a title, which SQLite itself does not notice.
    let place = whole
        .windows(15)
        .position(|bytes| bytes == b"Closed long ago")
        .unwrap();
    let mut damaged = whole.clone();
    damaged[place] ^= 1;
    std::fs::write(copy, damaged).unwrap();
    is_refused(&restore(&[]), "it is damaged");
    std::fs::remove_file(format!("{copy}.sha256")).unwrap();
    std::fs::write(copy, &whole[..whole.len() / 2]).unwrap();
    is_refused(&restore(&[]), "nothing was changed");
    std::fs::write(copy, "no database at all").unwrap();
    is_refused(&restore(&[]), "nothing was changed");
    is_refused(&scene.run(&["workdesk", "restore", "missing.db"]), "missing.db");
    assert_eq!(std::fs::read(folder.join("workdesk.db")).unwrap(), before);
    assert!(
        !std::fs::read_dir(&folder).unwrap().any(|file| file
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .contains("restore")),
        "nothing is left lying about"
    );
    std::fs::write(copy, &whole).unwrap();
    let keyless = restore(&["--folder", other]);
    succeeds(&keyless);
    for told in [
        "There is no usable key that seals",
        "main",
        "sealed with another key",
    ] {
        assert!(keyless.err.contains(told), "{told}: {}", keyless.err);
    }
    assert!(!Path::new(other).join("workdesk.key").exists());
    let wrong = scene.write("wrong.key", &"1".repeat(64));
    let wrong = restore(&["--folder", other, "--key-file", &wrong]);
    succeeds(&wrong);
    assert!(wrong.err.contains("sealed with another key"), "{}", wrong.err);
    let right = folder.join("workdesk.key");
    let right = restore(&["--folder", other, "--key-file", right.to_str().unwrap()]);
    succeeds(&right);
    assert!(right.err.is_empty(), "{}", right.err);
    let far = scene.run(&[
        "workdesk",
        "backup",
        "--database",
        "postgres://vtsecops@db.example/vtsecops",
        copy,
    ]);
    assert_eq!(far.code, 2);
    is_refused(&far, "pg_dump");
}

/// Every table of ours with the number of its rows and the sum of what is in them.
const CONTENT: &str = "SELECT string_agg(format('%s.%s %s', schemaname, tablename, (xpath('/row/sum/text()', query_to_xml(format( \
    'SELECT concat(count(*), '' '', md5(string_agg(t::text, ''|'' ORDER BY t::text))) AS sum FROM %I.%I AS t', schemaname, tablename), \
    true, true, '')))[1]), E'\\n' ORDER BY schemaname, tablename) FROM pg_tables WHERE schemaname LIKE 'vtsecops%'";

#[test]
fn a_dump_of_postgresql_made_while_people_work_restores_every_row() {
    let Some(server) = test_postgres::server() else {
        return;
    };
    let scene = Scene::new();
    let key = scene.write("workdesk.key", SEAL);
    Runtime::new().unwrap().block_on(async {
        let database = server.database().await;
        let address = database.address();
        let desk = Desk::start_at(
            &scene,
            "127.0.0.1:0",
            &["--database", &address, "--key-file", &key],
        );
        let cookie = desk.set_up().await;
        let stop = Arc::new(AtomicBool::new(false));
        let made = async {
            let mut made = 0;
            while !stop.load(Ordering::Relaxed) {
                let title = format!("Case {made}");
                let form = [("title", title.as_str()), ("text", "8.8.8.8")];
                assert_eq!(desk.send(&cookie, "/cases", &form).await.status(), 303);
                made += 1;
            }
            made
        };
        let run = async |program: &'static str, arguments: Vec<String>| {
            let mut command = server.tool(program);
            command.args(arguments);
            let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
            let ran = ran.await.unwrap();
            assert!(
                ran.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&ran.stderr)
            );
        };
        let dump = |file: &str| {
            let words = ["--format=custom", "--file", file, database.name()];
            words.map(str::to_owned).to_vec()
        };
        let restored = async |file: &str| {
            let to = server.database().await;
            let words = [
                "--exit-on-error",
                "--no-owner",
                "--role",
                "vtsecops",
                "--dbname",
                to.name(),
                file,
            ];
            run("pg_restore", words.map(str::to_owned).to_vec()).await;
            to
        };
        let dumped = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            run("pg_dump", dump("busy.dump")).await;
            stop.store(true, Ordering::Relaxed);
        };
        let (made, ()) = tokio::join!(made, dumped);
        assert!(made > 1);
        // Of one moment: every entry of a wall has its case, and every case its first entry.
        let busy = restored("busy.dump").await;
        let strays = "SELECT count(*) FROM vtsecops_desk.wall WHERE case_id NOT IN (SELECT id FROM vtsecops_desk.cases)";
        assert_eq!(busy.value(strays).await.as_deref(), Some("0"));
        let bare = "SELECT count(*) FROM vtsecops_desk.cases WHERE id NOT IN (SELECT case_id FROM vtsecops_desk.wall)";
        assert_eq!(busy.value(bare).await.as_deref(), Some("0"));
        desk.kill();
        run("pg_dump", dump("still.dump")).await;
        let copy = restored("still.dump").await;
        let (was, is) = (database.value(CONTENT).await.unwrap(), copy.value(CONTENT).await.unwrap());
        assert!(was.contains("vtsecops_desk.wall ") && was.lines().count() > 20, "{was}");
        assert_eq!(was, is);
        let desk = Desk::start_at(
            &scene,
            "127.0.0.1:0",
            &["--database", &copy.address(), "--key-file", &key],
        );
        let cookie = desk.log_in().await;
        assert!(desk.page(&cookie, "/cases/1").await.contains("Case 0"));
        let form = [("title", "After"), ("text", "8.8.8.8")];
        let next = desk.send(&cookie, "/cases", &form).await;
        let next = next.headers()["location"].to_str().unwrap().to_owned();
        assert!(next.ends_with(&format!("/cases/{}", made + 1)), "{next}");
        desk.kill();
        let wrong = scene.write("wrong.key", &"1".repeat(64));
        copy.execute(
            "INSERT INTO vtsecops_desk.instance (name, integration, sealed, updated_at) VALUES ('main', 'VirusTotal', 'x1.AAAA', 0)",
        )
        .await;
        let mut other = scene.command(&["worker", "--database", &copy.address(), "--key-file", &wrong]);
        let log = scene.home.path().join("worker.log");
        let err = std::fs::File::create(&log).unwrap();
        let mut other = other.stderr(err).stdout(std::process::Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !std::fs::read_to_string(&log).unwrap().contains("sealed with another key: main") {
            assert!(begun.elapsed() < Duration::from_secs(20), "the wrong key is not told");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        other.kill().unwrap();
        other.wait().unwrap();
    });
}
