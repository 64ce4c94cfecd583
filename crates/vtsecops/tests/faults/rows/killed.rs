//! Processes that are killed or told to stop, and what goes on after them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use test_platform::{Call, FaultKind};

use super::{has, submitted_once, wrong_unless};
use crate::fault::Boundary::Processes;
use crate::fault::{Act, Fault};
use crate::served::{self, Analyst};
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

/// How long it may take until something is under way.
const PATIENCE: Duration = Duration::from_secs(20);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn quietly(mut command: Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

/// As a loss of power would.
fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

const SCAN_URL: [&str; 3] = ["scan", "url", "{url}"];

/// Killed when VirusTotal has taken the submission and says nothing yet; then the same again.
fn in_a_submission(stage: &mut Stage) -> Told {
    let slow = simulator::Fault::new(simulator::FaultKind::SlowBody(Duration::from_secs(60)));
    stage.virustotal.add_fault(slow.on("url/scan"));
    let child = quietly(stage.command(&SCAN_URL));
    until("a submission", || !stage.submissions().is_empty());
    kill(child);
    stage.virustotal.clear_faults();
    stage.shell(&SCAN_URL)
}

/// Killed while the analysis is waited for.
fn in_an_analysis(stage: &mut Stage) -> Told {
    let child = quietly(stage.command(&SCAN_URL));
    until("a look at the analysis", || {
        stage.virustotal.count("url/report") > 2
    });
    kill(child);
    stage.shell(&SCAN_URL)
}

/// Killed after the first of two batches; then the same again.
fn between_two_batches(stage: &mut Stage) -> Told {
    let hashes: Vec<String> = (0..50)
        .map(|n| simulator::file_with_positives(0, n).sha256)
        .collect();
    let list = stage.write("list.txt", hashes.join("\n"));
    let arguments = ["scan", "hash", "--file", &list, "--no-cache"];
    stage
        .virustotal
        .add_fault(simulator::Fault::new(simulator::FaultKind::Hang).after(1));
    let child = quietly(stage.command(&arguments));
    until("a second call", || stage.virustotal.calls().len() > 1);
    // The first answer is written down while the second is asked for.
    std::thread::sleep(Duration::from_millis(700));
    kill(child);
    stage.virustotal.clear_faults();
    stage.virustotal.clear_calls();
    stage.shell(&arguments)
}

/// Killed while a file is on its way.
fn in_an_upload(stage: &mut Stage) -> Told {
    let file = stage.write(
        "sample.bin",
        [b"simulate:positives=0".to_vec(), vec![7; 300_000]].concat(),
    );
    stage.call("file", file);
    stage.set("VTSECOPS_LOST_AFTER", "1s");
    stage
        .virustotal
        .add_fault(simulator::Fault::new(simulator::FaultKind::Hang).on("file/scan"));
    let upload = ["upload", "{file}", "--always-upload"];
    let child = quietly(stage.command(&upload));
    until("an upload", || stage.virustotal.count("file/scan") > 0);
    kill(child);
    stage.virustotal.clear_faults();
    // Nobody knows whether it arrived; it did not, and that is said.
    let told = stage.shell(&upload);
    let mut wrong = wrong_unless(told.said().contains("upload it again"), || told.said());
    let told = stage.shell(&upload);
    wrong.extend(wrong_unless(stage.virustotal.uploads().len() == 1, || {
        format!("{} uploads", stage.virustotal.uploads().len())
    }));
    Told { wrong, ..told }
}

/// Killed while it writes to the case; then started once more.
fn while_it_writes_to_the_case(stage: &mut Stage) -> Told {
    stage.set_up_platform(|platform| platform);
    let hold = test_platform::Fault::new(FaultKind::Hold).on(Call::UpdateEntities);
    stage.platform().add_fault(hold);
    let running = stage.launch("Scan Hash").start().unwrap();
    assert!(stage.platform().wait_for(Call::UpdateEntities, 1, PATIENCE));
    running.signal("KILL").unwrap();
    drop(running);
    stage.platform().clear_faults();
    let calls = stage.virustotal.calls().len();
    let mut told = stage.action("Scan Hash");
    let now = stage.virustotal.calls().len();
    told.wrong.extend(wrong_unless(now == calls, || {
        format!("{} calls more for what was known", now - calls)
    }));
    let written = stage.platform().written().len();
    told.wrong.extend(wrong_unless(written >= 3, || {
        format!("{written} entities were written")
    }));
    told
}

/// Told to stop as the platform does it.
fn told_to_stop_on_the_platform(stage: &mut Stage) -> Told {
    stage.set_up_platform(|platform| platform);
    let hold = test_platform::Fault::new(FaultKind::Hold).on(Call::UpdateEntities);
    stage.platform().add_fault(hold);
    let launch = stage.launch("Scan Hash");
    let begun = Instant::now();
    let running = launch.start().unwrap();
    assert!(stage.platform().wait_for(Call::UpdateEntities, 1, PATIENCE));
    running.signal("TERM").unwrap();
    let run = running.wait().unwrap();
    stage.platform().release();
    stage.launches.push(launch);
    Told {
        code: run.code,
        out: String::from_utf8_lossy(&run.stdout).into_owned(),
        err: run.stderr,
        took: begun.elapsed(),
        ..Told::default()
    }
}

/// Ctrl-C while two of three are known.
fn interrupted(stage: &mut Stage) -> Told {
    stage.set("VTSECOPS_TIER", "public");
    let hang = simulator::Fault::new(simulator::FaultKind::Hang);
    let last = simulator::file_with_positives(0, 9).sha256;
    stage.virustotal.add_fault(hang.for_resource(&last));
    // Four a call: the fifth has one of its own.
    let d = simulator::file_with_positives(0, 4).sha256;
    let mut command = stage.command(&["scan", "hash", "{a}", "{b}", "{c}", &d, &last]);
    let begun = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    until("two calls", || stage.virustotal.calls().len() > 1);
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    Told {
        code: output.status.code(),
        document: serde_json::from_str(&out).unwrap_or_default(),
        out,
        err: String::from_utf8(output.stderr).unwrap(),
        took: begun.elapsed(),
        ..Told::default()
    }
}

/// A workdesk that is killed while a run waits for its analysis.
fn workdesk_in_a_run(stage: &mut Stage) -> Told {
    let begun = Instant::now();
    let desk = served::desk(stage, &[]);
    let url = stage.names["url"].clone();
    let (run, token) = RUNTIME.block_on(async {
        let analyst = Analyst::of(&desk).await;
        (
            analyst.ask("Scan URL", "DestinationURL", &url).await,
            analyst.token,
        )
    });
    until("a submission", || !stage.submissions().is_empty());
    desk.kill();
    let desk = served::desk(stage, &[]);
    let ended = RUNTIME.block_on(async {
        let analyst = Analyst {
            desk: &desk,
            token: token.clone(),
        };
        analyst.end_of(run, PATIENCE).await
    });
    stage.secrets.push(token);
    let wrong = wrong_unless(ended["state"] == "done", || ended.to_string());
    let message = ended["message"].as_str().unwrap_or_default().to_owned();
    Told {
        took: begun.elapsed(),
        wrong,
        ..served::ended_desk(stage, desk, message)
    }
}

/// A gateway that is killed while it answers: the token counts and the trail can be read after that.
fn gateway_in_a_request(stage: &mut Stage) -> Told {
    let before = served::gateway_ask(stage);
    let mut gateway = served::gateway(stage, &[]);
    stage
        .virustotal
        .add_fault(simulator::Fault::new(simulator::FaultKind::Hang));
    let token = stage.secrets.last().unwrap().clone();
    let calls = stage.virustotal.calls().len();
    let path = format!("{}/api/v3/files/{}", gateway.origin, stage.names["b"]);
    let asking = std::thread::spawn(move || {
        RUNTIME.block_on(async {
            let request = reqwest::Client::builder().no_proxy().build().unwrap().get(path);
            // It is cut off.
            let _ = request.header("x-apikey", token).send().await;
        });
    });
    until("a call", || stage.virustotal.calls().len() > calls);
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    asking.join().unwrap();
    stage.virustotal.clear_faults();
    let mut told = served::gateway_ask(stage);
    let audit = stage.shell(&["gateway", "audit"]);
    let lines = audit.out.lines().count();
    told.wrong
        .extend(wrong_unless(audit.code == Some(0) && lines >= 2, || {
            format!("the trail has {lines} lines: {}", audit.said())
        }));
    told.wrong.extend(before.wrong);
    told
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, run, play| Fault::new(Processes, name, Act::Scene(run, play));
    vec![
        row(
            "kill -9 in a submission, then the same again",
            "scan url",
            in_a_submission,
        )
        .says(&["Going on with the run of"])
        .check(|stage, told| has(stage, told, "url", "found"))
        .check(submitted_once),
        row(
            "kill -9 while an analysis is waited for, then the same again",
            "scan url",
            in_an_analysis,
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(2)))
        .says(&["Going on with the run of"])
        .check(|stage, told| has(stage, told, "url", "found"))
        .check(submitted_once),
        row(
            "kill -9 between two calls, then the same again",
            "scan hash",
            between_two_batches,
        )
        .says(&["Going on with the run of", "25 answers"])
        .check(|stage, told| {
            let entities = told.document["entities"].as_array().map_or(0, Vec::len);
            let calls = stage.virustotal.calls().len();
            wrong_unless(entities == 50 && calls == 1, || {
                format!("{entities} entities after {calls} calls more")
            })
        }),
        row(
            "kill -9 in an upload, then the same again",
            "upload",
            in_an_upload,
        )
        .within(40),
        row(
            "kill -9 while it writes to the case, then started again",
            "Scan Hash, on the platform",
            while_it_writes_to_the_case,
        )
        .state(0)
        .says(&["Reports were fetched"]),
        row(
            "SIGTERM while it writes to the case",
            "Scan Hash, on the platform",
            told_to_stop_on_the_platform,
        )
        .ends(113)
        .says(&["Termination signal [15] received"]),
        row("Ctrl-C while one answer is missing", "scan hash", interrupted)
            .ends(3)
            .says(&["Stopping; finished results follow", "vtsecops resume"])
            .check(|stage, told| {
                ["a", "b", "c"]
                    .iter()
                    .flat_map(|name| has(stage, told, name, "found"))
                    .collect()
            }),
        row(
            "kill -9 of the workdesk in a run, then started again",
            "workdesk",
            workdesk_in_a_run,
        )
        .simulator(|simulator| simulator.scan_for(Duration::from_secs(1)))
        .says(&["Reports were fetched"])
        .within(60)
        .check(submitted_once),
        row(
            "kill -9 of the gateway in a request, then started again",
            "gateway",
            gateway_in_a_request,
        )
        .says(&["200"])
        .within(60),
    ]
}
