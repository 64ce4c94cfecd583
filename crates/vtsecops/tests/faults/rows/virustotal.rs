//! VirusTotal: away, in trouble, slow, refusing, and talking nonsense.

use std::time::Duration;

use simulator::FaultKind;

use super::{PING, THREE, THREE_SOON, URL, submitted_once, two, whole, wrong_unless};
use crate::bad_server::{BadServer, Manner};
use crate::fault::Boundary::VirusTotal;
use crate::fault::{Act, Fault};
use crate::served;
use crate::stage::{NOBODY, Stage};

fn strike(kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| stage.virustotal.add_fault(simulator::Fault::new(kind.clone()))
}

/// Only where the third hash is asked for.
fn strike_one(kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| {
        let fault = simulator::Fault::new(kind.clone()).for_resource(&stage.names["c"]);
        stage.virustotal.add_fault(fault);
    }
}

fn once(kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| {
        let fault = simulator::Fault::new(kind.clone()).times(1);
        stage.virustotal.add_fault(fault);
    }
}

fn strike_submission(kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| {
        let fault = simulator::Fault::new(kind.clone()).on("url/scan");
        stage.virustotal.add_fault(fault);
    }
}

/// Something else answers in VirusTotal's place.
fn instead(server: fn() -> BadServer) -> impl Fn(&mut Stage) {
    move |stage| {
        let server = server();
        point_at(stage, &server.address.to_string());
        stage.hold(server);
    }
}

fn point_at(stage: &mut Stage, address: &str) {
    stage.call("there", address);
    stage.set("VTSECOPS_VIRUSTOTAL_URL", &format!("http://{address}/vtapi/v2/"));
}

/// Back to the simulator.
fn back(stage: &mut Stage) {
    let right = stage.virustotal.base_url();
    stage.set("VTSECOPS_VIRUSTOTAL_URL", &right);
}

/// A stored block of a thousand bytes, of which twenty come.
fn cut_gzip() -> BadServer {
    let begun = [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 0xe8, 0x03, 0x17, 0xfc][..],
        b"[{\"response_code\": 1}",
    ]
    .concat();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        begun.len()
    );
    BadServer::start(Manner::Says([head.as_bytes(), &begun].concat()))
}

fn dripping() -> BadServer {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n[{\"response_code\": 1, ".to_vec();
    BadServer::start(Manner::Drips(answer, Duration::from_millis(200)))
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(VirusTotal, name, act);
    vec![
        row("it refuses the connection", THREE)
            .when(|stage| point_at(stage, NOBODY))
            .ends(4)
            .says(&[
                "{a}",
                "cannot be reached",
                "{nobody}",
                "refused",
                "Check the address",
            ])
            .then_with(0, back)
            .check(whole),
        row("it refuses the connection", PING)
            .when(|stage| point_at(stage, NOBODY))
            .ends(4)
            .says(&["cannot be reached", "{nobody}", "refused", "Check the address"])
            .then_with(0, back),
        row("it resets every connection", THREE)
            .when(strike(FaultKind::Reset))
            .ends(4)
            .says(&["{a}", "the connection broke", "try again later"])
            .then(0)
            .check(whole),
        row("it resets one connection", THREE)
            .when(once(FaultKind::Reset))
            .check(whole),
        row("one answer always ends in the middle", THREE)
            .when(strike_one(FaultKind::Truncated))
            .ends(3)
            .says(&["{c}", "the connection broke", "try again later"])
            .check(two)
            .then(0)
            .check(whole),
        row("500, always", THREE)
            .when(strike(FaultKind::Status(500)))
            .ends(4)
            .says(&["{a}", "trouble of its own (HTTP 500)", "try again later"])
            .then(0)
            .check(whole),
        row("500, always, for one of three", THREE)
            .when(strike_one(FaultKind::Status(500)))
            .ends(3)
            .says(&["{c}", "trouble of its own (HTTP 500)", "try again later"])
            .check(two)
            .then(0)
            .check(whole)
            .check(|_, told| {
                let calls = &told.document["calls"]["file/report"];
                wrong_unless(*calls == 1, || format!("what was had was asked again: {calls}"))
            }),
        row("500, once", THREE)
            .when(once(FaultKind::Status(500)))
            .check(whole),
        row("the quota is used up (204)", THREE_SOON)
            .when(strike(FaultKind::Quota))
            .ends(4)
            .says(&["{a}", "API request limitation", "vtsecops resume"])
            .then_with(0, super::clock::a_day_later)
            .check(whole),
        row("too many requests, then good (429)", THREE)
            .when(once(FaultKind::RetryAfter(429, 1)))
            .check(whole),
        row(
            "the quota of API v3 is used up (429)",
            Act::Shell(&[
                "scan",
                "hash",
                "{a}",
                "{b}",
                "{c}",
                "--api",
                "v3",
                "--timeout",
                "3s",
            ]),
        )
        .when(strike(FaultKind::Quota))
        .ends(4)
        .says(&["{a}", "API request limitation", "vtsecops resume"])
        .then_with(0, super::clock::a_day_later)
        .check(whole),
        row("it refuses the key (403)", THREE)
            .when(strike(FaultKind::Status(403)))
            .ends(4)
            .says(&["Invalid API key", "Check that the key is complete"])
            .check(|stage, _| {
                let calls = stage.virustotal.calls().len();
                wrong_unless(calls == 1, || format!("{calls} calls with a refused key"))
            })
            .then(0)
            .check(whole),
        row(
            "API v3 refuses the key (401)",
            Act::Shell(&["scan", "hash", "{a}", "{b}", "{c}", "--api", "v3"]),
        )
        .when(strike(FaultKind::Status(401)))
        .ends(4)
        .says(&["Invalid API key", "Check that the key is complete"])
        .then(0)
        .check(whole),
        row("a body that is no JSON", THREE)
            .when(instead(|| {
                BadServer::answering("200 OK", "application/json", b"no JSON at all")
            }))
            .ends(4)
            .says(&["{a}", "answer is unusable", "not JSON", "Check the address"])
            .then_with(0, back)
            .check(whole),
        row("an empty body", THREE)
            .when(instead(|| {
                BadServer::answering("200 OK", "application/json", b"")
            }))
            .ends(4)
            .says(&["{a}", "answer is unusable", "Check the address"])
            .then_with(0, back)
            .check(whole),
        row("200 with a page of HTML, always", THREE)
            .when(strike(FaultKind::NotJson))
            .ends(4)
            .says(&["{a}", "answer is unusable", "not JSON", "Check the address"])
            .then(0)
            .check(whole),
        row("200 with a page of HTML, always, for one of three", THREE)
            .when(strike_one(FaultKind::NotJson))
            .ends(3)
            .says(&["{c}", "answer is unusable"])
            .check(two)
            .then(0)
            .check(whole),
        row(
            "a page of HTML where API v3 should be",
            Act::Shell(&["scan", "hash", "{a}", "{b}", "{c}", "--api", "v3"]),
        )
        .when(strike(FaultKind::NotJson))
        .ends(4)
        .says(&["{a}", "answer is unusable"])
        .then(0)
        .check(whole),
        row("a body without end", THREE)
            .when(strike_one(FaultKind::Huge(1 << 30)))
            .ends(3)
            .says(&["{c}", "larger than 67108864 bytes"])
            .check(two)
            .within(60)
            .then(0)
            .check(whole),
        row("a body that is slower than the time there is", THREE_SOON)
            .when(strike(FaultKind::SlowBody(Duration::from_secs(60))))
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then(0)
            .check(whole),
        row("an answer that comes byte by byte", THREE_SOON)
            .when(instead(dripping))
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then_with(0, back)
            .check(whole),
        row("no answer at all", THREE_SOON)
            .when(strike(FaultKind::Hang))
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then(0)
            .check(whole),
        row("a redirect to another place", THREE)
            .when(|stage| {
                let elsewhere = BadServer::answering("200 OK", "application/json", b"[]");
                let to = format!("http://{}/?apikey={}", elsewhere.address, crate::stage::KEY);
                strike(FaultKind::Redirect(to))(stage);
                stage.hold(elsewhere);
            })
            .ends(4)
            .says(&["{a}", "is the VirusTotal address right?", "302"])
            .check(|stage, _| {
                let elsewhere: &BadServer = stage.held[0].downcast_ref().unwrap();
                wrong_unless(elsewhere.heard().is_empty(), || {
                    "the redirect was followed".to_owned()
                })
            })
            .then(0)
            .check(whole),
        row(
            "a redirect that API v3 makes",
            Act::Shell(&["scan", "hash", "{a}", "--api", "v3"]),
        )
        .when(|stage| {
            let elsewhere = BadServer::answering("200 OK", "application/json", b"[]");
            strike(FaultKind::Redirect(format!("http://{}/", elsewhere.address)))(stage);
            stage.hold(elsewhere);
        })
        .ends(4)
        .says(&["{a}", "is the VirusTotal address right?", "302"])
        .check(|stage, _| {
            let elsewhere: &BadServer = stage.held[0].downcast_ref().unwrap();
            wrong_unless(elsewhere.heard().is_empty(), || {
                "the redirect was followed".to_owned()
            })
        })
        .then(0),
        row("a packed body that is cut off", THREE)
            .when(instead(cut_gzip))
            .ends(4)
            .says(&["{a}", "the connection broke", "try again later"])
            .then_with(0, back)
            .check(whole),
        row("an address where no API is (404)", THREE)
            .when(|stage| {
                let wrong = format!("{}/nothing/here/", stage.virustotal.origin());
                stage.set("VTSECOPS_VIRUSTOTAL_URL", &wrong);
            })
            .ends(4)
            .says(&["{a}", "is the VirusTotal address right?", "404"])
            .then_with(0, back)
            .check(whole),
        row("a submission is taken, its answer cut off", URL)
            .when(strike_submission(FaultKind::Truncated))
            .ends(0)
            .check(submitted_once),
        row(
            "a submission is taken and hangs",
            Act::Shell(&["scan", "url", "{url}", "--timeout", "3s"]),
        )
        .when(strike_submission(FaultKind::SlowBody(Duration::from_secs(60))))
        .ends(3)
        .says(&["{url}", "vtsecops resume"])
        .then(0)
        .check(|stage, told| super::has(stage, told, "url", "found"))
        .check(submitted_once),
        row(
            "a submission hangs and is not taken",
            Act::Shell(&["scan", "url", "{url}", "--timeout", "6s"]),
        )
        .when(strike_submission(FaultKind::Hang))
        .when(|stage| stage.set("VTSECOPS_LOST_AFTER", "1s"))
        .ends(3)
        .says(&["{url}", "vtsecops resume"])
        .then(0)
        .check(|stage, told| super::has(stage, told, "url", "found")),
        row("500 for every submission", URL)
            .when(strike_submission(FaultKind::Status(500)))
            .ends(4)
            .says(&["{url}", "trouble of its own (HTTP 500)", "try again later"])
            .then(0)
            .check(|stage, told| super::has(stage, told, "url", "found")),
        row(
            "the connection breaks while a file is sent",
            Act::Shell(&["upload", "{file}", "--always-upload"]),
        )
        .when(|stage| {
            let file = stage.write(
                "sample.bin",
                [b"simulate:positives=0".to_vec(), vec![7; 300_000]].concat(),
            );
            stage.call("file", file);
            stage.set("VTSECOPS_LOST_AFTER", "1s");
            stage
                .virustotal
                .add_fault(simulator::Fault::new(FaultKind::Reset).on("file/scan").times(1));
        })
        // The content is known of old, which does not say that it was sent.
        .ends(4)
        .says(&["{file}", "the upload was cut off", "upload it again"])
        .then(0)
        .check(|stage, _| {
            let uploads = stage.virustotal.uploads().len();
            wrong_unless(uploads == 1, || format!("{uploads} uploads"))
        }),
        row(
            "a file is too large for it (413)",
            Act::Shell(&["upload", "{file}", "--always-upload"]),
        )
        .simulator(|simulator| simulator.max_upload_bytes(1000))
        .when(|stage| {
            let file = stage.write(
                "sample.bin",
                [b"simulate:positives=0".to_vec(), vec![7; 300_000]].concat(),
            );
            stage.call("file", file);
        })
        .ends(4)
        .says(&["sample.bin", "too large", "300020 bytes"]),
        row(
            "500 for a run of the workdesk",
            Act::Scene("workdesk", served::desk_run),
        )
        .when(strike(FaultKind::Status(500)))
        .says(&["trouble of its own (HTTP 500)", "try again later"])
        .within(60)
        .then(0)
        .check(|_, told| {
            wrong_unless(told.message.contains("Reports were fetched"), || {
                told.message.clone()
            })
        }),
        row(
            "it refuses the connection of the gateway",
            Act::Scene("gateway", served::gateway_ask),
        )
        .when(|stage| point_at(stage, NOBODY))
        .says(&[
            "503",
            "cannot reach VirusTotal",
            "tell whoever runs the gateway",
            "{nobody} refused the connection",
        ])
        .within(60)
        .then_with(0, back)
        .check(|_, told| wrong_unless(told.message.starts_with("200"), || told.message.clone())),
        row(
            "it refuses the key of the gateway (401)",
            Act::Scene("gateway", served::gateway_ask),
        )
        .when(strike(FaultKind::Status(401)))
        .says(&[
            "503",
            "refused the gateway's own API key",
            "tell whoever runs the gateway",
        ])
        .within(60)
        .then(0)
        .check(|_, told| wrong_unless(told.message.starts_with("200"), || told.message.clone())),
    ]
}
