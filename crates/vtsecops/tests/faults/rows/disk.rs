//! Disks: full, and read-only. They are real ones: a process gets a small one in the place of a folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{ON_PLATFORM, THREE, URL, has, submitted_once, whole, wrong_unless};
use crate::around::{Around, Disk, with_disks};
use crate::fault::Boundary;
use crate::fault::{Act, Fault, Skipped};
use crate::served::{self, Analyst, DESK_LOG, GATEWAY_LOG};
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

const SMALL: Disk = Disk::Small(16);

/// A folder below the home is another disk.
fn disk(folder: &'static str, disk: Disk) -> impl Fn(&mut Stage) -> Result<(), Skipped> {
    move |stage| {
        with_disks()?;
        let place = stage.path(folder);
        stage.call("disk", place.to_str().unwrap());
        stage.around = Around::Disk(place, disk);
        Ok(())
    }
}

/// The same for a server.
fn servers_disk(folder: &'static str, disk: Disk) -> impl Fn(&mut Stage) -> Result<(), Skipped> {
    move |stage| {
        with_disks()?;
        let place = stage.path(folder);
        stage.call("disk", place.to_str().unwrap());
        stage.around = Around::ServersDisk(place, disk);
        Ok(())
    }
}

fn output(file: &'static str) -> impl Fn(&mut Stage) {
    move |stage| stage.around = Around::Output(file)
}

fn folders(stage: &mut Stage) {
    for (variable, folder) in [
        ("VTSECOPS_STATE_FOLDER", "state"),
        ("VTSECOPS_CACHE_FOLDER", "cache"),
    ] {
        let folder = stage.path(folder);
        stage.set(variable, folder.to_str().unwrap());
    }
}

/// The next run finds what this one had.
fn asks_nothing_again(stage: &Stage, told: &Told) -> Vec<String> {
    let mut wrong = whole(stage, told);
    let kept = &told.document["kept_answers"];
    wrong.extend(wrong_unless(*kept == 3, || {
        format!("{kept} answers were kept, not 3")
    }));
    wrong
}

/// A folder on another disk as the server sees it, by the server's process.
fn seen_by(pid: u32, stage: &Stage) -> PathBuf {
    let place = stage.names["disk"].trim_start_matches('/');
    PathBuf::from(format!("/proc/{pid}/root/{place}"))
}

/// Fills what room is left; gives the file that takes it.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    for bytes in [65_536, 4096, 512, 1] {
        while file.write_all(&vec![0; bytes]).is_ok() {}
    }
    path
}

/// A workdesk whose disk fills up while it works, and has room again later.
fn desk_fills_up(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let desk = served::desk(stage, &[]);
    let folder = seen_by(desk.child.id(), stage);
    let (hash, url) = (stage.names["a"].clone(), stage.names["url"].clone());
    let mut wrong = Vec::new();
    let (message, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let first = analyst.ask("Scan Hash", "FILEHASH", &hash).await;
        let first = analyst.end_of(first, Duration::from_secs(30)).await;
        wrong.extend(wrong_unless(first["state"] == "done", || first.to_string()));
        // One is under way while the disk fills up: the analysis takes its time.
        let under_way = analyst.ask("Scan URL", "DestinationURL", &url).await;
        let filler = fill(&folder);
        let case = serde_json::json!({"title": "One more"});
        let mut refused = (201, serde_json::Value::Null);
        // What room is left inside the file itself takes a few.
        for _ in 0..200 {
            refused = analyst.post("/api/v1/cases", &case).await;
            if refused.0 != 201 {
                break;
            }
        }
        let (status, cases) = analyst.get("/api/v1/cases?limit=200").await;
        wrong.extend(wrong_unless(status == 200, || {
            format!("cases can't be read: {status} {cases}")
        }));
        std::fs::remove_file(filler).unwrap();
        let (status, made) = analyst.post("/api/v1/cases", &case).await;
        wrong.extend(wrong_unless(status == 201, || {
            format!("with room again: {status} {made}")
        }));
        let ended = analyst.end_of(under_way, Duration::from_secs(30)).await;
        wrong.extend(wrong_unless(ended["state"] == "done", || {
            format!("the run under way: {ended}")
        }));
        (format!("{} {}", refused.0, refused.1), analyst.token)
    });
    stage.secrets.push(token);
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

/// A file that is sent through a gateway, as multipart.
async fn send_file(origin: &str, token: &str, bytes: usize) -> (u16, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut body =
        b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"sample.bin\"\r\n\r\n".to_vec();
    body.resize(body.len() + bytes, b'x');
    body.extend(b"\r\n--x--\r\n");
    let request = client.post(format!("{origin}/api/v3/files"));
    let request = request
        .header("x-apikey", token)
        .header("content-type", "multipart/form-data; boundary=x")
        .body(body);
    match request.send().await {
        Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
        Err(error) => (0, error.to_string()),
    }
}

/// A gateway's token, made before its disk is another one.
fn token(stage: &mut Stage) -> String {
    let around = std::mem::replace(&mut stage.around, Around::Nothing);
    let added = stage.shell(&["gateway", "token", "add", "tool"]);
    stage.around = around;
    let token = added.out.trim().to_owned();
    assert_eq!(token.len(), 64, "{} {}", added.out, added.err);
    stage.secrets.push(token.clone());
    token
}

/// A gateway that has no room for a file on its way, nor for its audit trail, and has room again later.
fn gateway_fills_up(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let token = token(stage);
    let mut gateway = served::gateway(stage, &[]);
    let folder = seen_by(gateway.child.id(), stage);
    let path = format!("/api/v3/files/{}", stage.names["a"]);
    let mut wrong = Vec::new();
    let message = RUNTIME.block_on(async {
        let too_large = send_file(&gateway.origin, &token, 4_000_000).await;
        let filler = fill(&folder);
        // What room is left inside the trail's file itself takes a few lines.
        for _ in 0..40 {
            let (status, text) = gateway.get(&token, &path).await;
            wrong.extend(wrong_unless(status == 200, || {
                format!("a report with a full disk: {status} {text}")
            }));
        }
        let (status, told) = gateway.get("", "/readyz").await;
        wrong.extend(wrong_unless(
            status == 503 && told.contains("the audit trail can't be written"),
            || format!("readiness with a full disk: {status} {told}"),
        ));
        std::fs::remove_file(filler).unwrap();
        let (status, text) = gateway.get(&token, &path).await;
        wrong.extend(wrong_unless(status == 200, || {
            format!("with room again: {status} {text}")
        }));
        let (status, told) = gateway.get("", "/readyz").await;
        wrong.extend(wrong_unless(status == 200, || {
            format!("readiness with room again: {status} {told}")
        }));
        let sent = send_file(&gateway.origin, &token, 300_000).await;
        wrong.extend(wrong_unless(sent.0 == 200, || {
            format!("a smaller file: {sent:?}")
        }));
        format!("{} {}", too_large.0, too_large.1)
    });
    let uploads = stage.virustotal.uploads().len();
    wrong.extend(wrong_unless(uploads == 1, || format!("{uploads} uploads")));
    Told {
        code: served::end(&mut gateway.child),
        message,
        err: GATEWAY_LOG.read(stage),
        took: begun.elapsed(),
        wrong,
        ..Told::default()
    }
}

/// A workdesk with a case, which has ended.
fn with_workdesk(stage: &mut Stage) {
    let desk = served::desk(stage, &[]);
    let token = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        let hash = stage.names["a"].clone();
        let run = analyst.ask("Scan Hash", "FILEHASH", &hash).await;
        analyst.end_of(run, Duration::from_secs(30)).await;
        analyst.token
    });
    stage.secrets.push(token);
    served::ended_desk(stage, desk, String::new());
    std::fs::remove_file(stage.path(DESK_LOG.0)).unwrap();
}

const WORKDESK: &str = ".local/state/vtsecops/workdesk";
const DOWNLOAD: Act = Act::Shell(&["download", "{a}", "--folder", "{home}/quarantine"]);

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Boundary::Disk, name, act);
    vec![
        row("full: standard output", THREE)
            .when(output("/dev/full"))
            .ends(4)
            .says(&[
                "the output could not be written",
                "No space left on device",
                "nothing asked twice: vtsecops resume",
            ])
            .then(0)
            .check(asks_nothing_again),
        row("full: standard output, with a submission", URL)
            .when(output("/dev/full"))
            .ends(4)
            .says(&[
                "the output could not be written",
                "No space left on device",
                "nothing asked twice: vtsecops resume",
            ])
            .then(0)
            .check(|stage, told| has(stage, told, "url", "found"))
            .check(submitted_once),
        row("full: the platform's side of standard output", ON_PLATFORM)
            .when(output("/dev/full"))
            .ends(1)
            .says(&["the result can't be written", "No space left on device"])
            .then(0),
        row("full: the cache", THREE)
            .when(folders)
            .where_possible(disk("cache", SMALL))
            .says(&[
                "the report cache {disk}/reports.db can't be used",
                "This run goes on without it",
                "asked for anew",
            ])
            .check(whole)
            .then(0)
            .check(whole),
        row(
            "full: the cache, in the middle",
            Act::Shell(&["scan", "hash", "--file", "{list}"]),
        )
        .when(folders)
        .when(|stage| {
            let hashes = (0..120).map(|n| simulator::file_with_positives(0, n).sha256);
            let list = stage.write("list.txt", hashes.collect::<Vec<_>>().join("\n"));
            stage.call("list", list);
        })
        .where_possible(disk("cache", Disk::Small(250)))
        .says(&[
            "the report cache {disk}/reports.db can't be used",
            "This run goes on without it",
        ])
        .check(whole)
        .then(0)
        .check(whole),
        row("full: the quota ledger and the journals", THREE)
            .when(folders)
            .where_possible(disk("state", SMALL))
            .says(&[
                "the quota ledger {disk}/quota.db can't be used",
                "This run goes on without it",
            ])
            .check(whole)
            .then(0)
            .check(whole),
        row("full: the journals", URL)
            .when(folders)
            .where_possible(disk("state/runs", SMALL))
            .says(&["can't be resumed"])
            .check(|stage, told| has(stage, told, "url", "found"))
            .check(submitted_once)
            .then(0)
            .check(|stage, told| has(stage, told, "url", "found")),
        row("full: the platform's log file", ON_PLATFORM)
            .when(|stage| stage.log = Some("/dev/full"))
            .says(&[
                "The log file /dev/full can't be written",
                "No space left on device",
                "Reports were fetched",
            ])
            .state(0),
        row(
            "full: the workdesk's store, for a while",
            Act::Scene("workdesk", desk_fills_up),
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(2)))
        .where_possible(servers_disk(WORKDESK, Disk::Small(7000)))
        .says(&[
            "500",
            "database has trouble; nothing was changed",
            "database or disk is full",
            "Make room",
        ])
        .within(90)
        .check(submitted_once),
        row(
            "full: the workdesk's store, at its start",
            Act::Shell(&["workdesk", "--listen", "127.0.0.1:0"]),
        )
        .where_possible(disk(WORKDESK, SMALL))
        .ends(4)
        .says(&["{disk}", "the database failed", "Make room"]),
        row(
            "full: where a gateway keeps files on their way, and its audit trail",
            Act::Scene("gateway", gateway_fills_up),
        )
        .when(folders)
        .where_possible(servers_disk("state", Disk::Small(2500)))
        .says(&["503", "no room to store the file", "Tell whoever runs it"])
        .within(60),
        row(
            "full: where a workdesk is copied to",
            Act::Shell(&["workdesk", "backup", "{home}/copies/copy.db"]),
        )
        .when(with_workdesk)
        .where_possible(disk("copies", SMALL))
        .ends(4)
        .says(&[
            "can't be copied to {home}/copies/copy.db",
            "database or disk is full",
            "Make room",
        ])
        .check(|stage, _| {
            let left: Vec<_> = std::fs::read_dir(stage.path("copies")).unwrap().collect();
            wrong_unless(left.is_empty(), || format!("half a copy is left: {left:?}"))
        })
        .then(0),
        row("full: where a file is downloaded to", DOWNLOAD)
            .when(|stage| {
                stage.write("quarantine/filler", vec![0; 4096]);
            })
            .where_possible(disk("quarantine", Disk::Small(4)))
            .ends(4)
            .says(&["{a}", "{disk}", "can't be written"])
            .then(0),
        row(
            "full: where settings are kept",
            Act::Shell(&["config", "set", "threshold", "5"]),
        )
        .when(|stage| {
            stage.write(
                ".config/vtsecops/config.toml",
                format!("tier = \"private\"\n{}", "# kept\n".repeat(580)),
            );
        })
        .where_possible(disk(".config/vtsecops", Disk::Small(4)))
        .ends(2)
        .says(&[
            "{disk}/config.toml",
            "can't be written",
            "No space left on device",
        ])
        .check(|stage, _| {
            let kept = std::fs::read_to_string(stage.path(".config/vtsecops/config.toml")).unwrap();
            wrong_unless(kept.ends_with("# kept\n"), || {
                format!("the file is spoilt: {kept}")
            })
        })
        .then(0),
        row("read-only: the cache", THREE)
            .when(folders)
            .where_possible(disk("cache", Disk::ReadOnly))
            .says(&[
                "the report cache {disk}/reports.db can't be used",
                "This run goes on without it",
            ])
            .check(whole),
        row("read-only: the quota ledger and the journals", URL)
            .when(folders)
            .where_possible(disk("state", Disk::ReadOnly))
            .says(&[
                "the quota ledger {disk}/quota.db can't be used",
                "{disk}/runs can't be written",
                "can't be resumed",
            ])
            .check(|stage, told| has(stage, told, "url", "found"))
            .check(submitted_once),
        row("read-only: everything of an action on the platform", ON_PLATFORM)
            .where_possible(disk("state", Disk::ReadOnly))
            .says(&[
                "the quota ledger {disk}/quota.db can't be used",
                "Reports were fetched",
            ])
            .state(0),
        row(
            "read-only: the workdesk's folder",
            Act::Shell(&["workdesk", "--listen", "127.0.0.1:0"]),
        )
        .where_possible(disk(WORKDESK, Disk::ReadOnly))
        .ends(4)
        .says(&["{disk}", "can't be used", "Read-only file system"]),
        row(
            "read-only: the gateway's folder",
            Act::Shell(&["gateway", "--listen", "127.0.0.1:0"]),
        )
        .when(folders)
        .where_possible(disk("state", Disk::ReadOnly))
        .ends(4)
        .says(&["{disk}", "Read-only file system"]),
        row(
            "read-only: where a gateway's token is kept",
            Act::Shell(&["gateway", "token", "add", "tool"]),
        )
        .when(folders)
        .where_possible(disk("state", Disk::ReadOnly))
        .ends(4)
        .says(&["{disk}", "Read-only file system"])
        .check(|_, told| {
            wrong_unless(told.out.is_empty(), || {
                "a token is shown that does not count".to_owned()
            })
        }),
        row("read-only: where a file is downloaded to", DOWNLOAD)
            .where_possible(disk("quarantine", Disk::ReadOnly))
            .ends(4)
            .says(&["{a}", "{disk}", "nothing can be saved there"])
            .then(0),
        row(
            "read-only: where settings are kept",
            Act::Shell(&["config", "set", "threshold", "5"]),
        )
        .where_possible(disk(".config/vtsecops", Disk::ReadOnly))
        .ends(2)
        .says(&["{disk}/config.toml", "can't be written", "Read-only file system"])
        .then(0),
    ]
}
