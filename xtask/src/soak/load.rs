//! What people and programs do to an installation, at a rate that leaves the machine mostly idle.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::{synthetic_domain, synthetic_file, synthetic_ip, synthetic_url};

use super::installation::{Installation, Open, Recent, held};
use super::record::Log;
use super::verdict::{PAGE, RUN};
use crate::desk::PASSWORD;

const A_CASE_EVERY: Duration = Duration::from_secs(6);
/// One case of so many is triaged by a playbook.
const A_PLAYBOOK_EVERY: u64 = 5;
/// What was in the case of so long ago is seen again.
const AGAIN_AFTER: u64 = 15;
const ACTIONS: [&str; 4] = ["Scan Hash", "Scan IP", "Scan URL", "Get Domain Report"];
const PLAYBOOK: &str = "Triage with approval";

const A_LOOK_EVERY: Duration = Duration::from_secs(2);
const A_PAGE_EVERY: Duration = Duration::from_millis(500);
const A_GATEWAY_REQUEST_EVERY: Duration = Duration::from_millis(1000);
const A_LISTENER_EVERY: Duration = Duration::from_secs(3);
/// That listen at once.
const LISTENERS: usize = 3;
const A_LOG_IN_EVERY: Duration = Duration::from_secs(15);
/// A case that was finished longer ago may have been removed.
const RECENT: Duration = Duration::from_secs(60);

/// Does something again and again until it is told to stop. What goes wrong is counted.
pub(super) fn again(
    place: &Installation,
    stop: &AtomicBool,
    every: Duration,
    mut what: impl FnMut(u64) -> Result<(), Box<dyn Error>>,
) {
    for n in 0.. {
        let next = Instant::now() + every;
        if let Err(error) = what(n) {
            place.tell("answers of another kind", &error.to_string());
        }
        while Instant::now() < next {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let left = next.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Makes cases and asks for runs on them.
pub(super) fn cases(place: &Installation, stop: &AtomicBool) {
    again(place, stop, A_CASE_EVERY, |n| {
        let made = place.desk.post("/api/v1/cases", &case_of(n))?;
        let case = number(&made, "id")?;
        let has_playbook = n % A_PLAYBOOK_EVERY == 0;
        for action in ACTIONS {
            if has_playbook && action == "Scan Hash" {
                let start = json!({"playbook": PLAYBOOK});
                place
                    .desk
                    .post(&format!("/api/v1/cases/{case}/playbooks"), &start)?;
                continue;
            }
            place.desk.post(
                &format!("/api/v1/cases/{case}/runs"),
                &run_of(place, case, action)?,
            )?;
        }
        place.count("cases", 1);
        held(&place.open).push_back(Open { case, has_playbook });
        Ok(())
    });
}

/// Nineteen entities that VirusTotal knows, but for two URLs that have to be submitted. Some were in an earlier case.
fn case_of(n: u64) -> Value {
    let before = n.saturating_sub(AGAIN_AFTER);
    let mut entities = BTreeSet::new();
    let mut add = |entity_type: &'static str, identifier: String| entities.insert((entity_type, identifier));
    for m in 0..4 {
        add("FILEHASH", synthetic_file(n * 4 + m).sha256);
    }
    add("FILEHASH", synthetic_file(before * 4 + 1).sha256);
    // Another name of a file of its own.
    add("FILEHASH", synthetic_file(n * 4).md5);
    for m in 0..3 {
        add("ADDRESS", synthetic_ip(n * 3 + m).to_string());
        add("DOMAIN", synthetic_domain(n * 3 + m));
    }
    add("ADDRESS", synthetic_ip(before * 3 + 1).to_string());
    add("DOMAIN", synthetic_domain(before * 3 + 1));
    for m in 0..2 {
        add("DestinationURL", synthetic_url(n * 2 + m));
        add("DestinationURL", new_url(n * 2 + m));
    }
    add("DestinationURL", new_url(before * 2 + 1));
    let entity = |(entity_type, identifier)| json!({"identifier": identifier, "entity_type": entity_type});
    let entities: Vec<Value> = entities.into_iter().map(entity).collect();
    json!({"title": format!("Case {n} of a soak"), "alerts": [{"name": "Soak", "entities": entities}]})
}

/// One that VirusTotal has never seen.
fn new_url(n: u64) -> String {
    format!("http://new-{n}.unknown.example/download/{n}.bin")
}

fn run_of(place: &Installation, case: i64, action: &str) -> Result<Value, Box<dyn Error>> {
    if action != "Get Domain Report" {
        return Ok(json!({"action": action, "parameters": {"Threshold": "3"}}));
    }
    // Of URLs it would tell, too, and hide that their own scan did not.
    let page = place.desk.get(&format!("/api/v1/cases/{case}/entities"))?;
    let entities = page.get("entities").and_then(Value::as_array);
    let domains = entities.into_iter().flatten();
    let domains: Vec<&Value> = domains
        .filter(|entity| entity["entity_type"] == "DOMAIN")
        .map(|entity| &entity["id"])
        .collect();
    Ok(json!({"action": action, "parameters": {}, "targets": domains}))
}

/// Looks at the cases that are open: decides what is asked, and closes those that are finished.
pub(super) fn finish(place: &Installation, log: &Log, stop: &AtomicBool) {
    again(place, stop, A_LOOK_EVERY, |_| look(place, log));
}

/// Once.
pub(super) fn look(place: &Installation, log: &Log) -> Result<(), Box<dyn Error>> {
    let number_of_cases = held(&place.open).len();
    for _ in 0..number_of_cases {
        let Some(open) = held(&place.open).pop_front() else {
            break;
        };
        match finished(place, log, &open) {
            Ok(true) => {}
            Ok(false) => held(&place.open).push_back(open),
            Err(error) => {
                held(&place.open).push_back(open);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Whether all of the case's runs have ended; then it is looked through and closed.
fn finished(place: &Installation, log: &Log, open: &Open) -> Result<bool, Box<dyn Error>> {
    let (desk, case) = (&place.desk, open.case);
    if open.has_playbook {
        let pending = desk.get(&format!("/api/v1/pending?case={case}"))?;
        for question in pending.as_array().into_iter().flatten() {
            let path = format!("/api/v1/pending/{}", number(question, "id")?);
            expect(
                desk.send(
                    "POST",
                    &path,
                    Some(&json!({"is_approved": case % 2 == 0}).to_string()),
                )?,
                &[204],
            )?;
        }
        let playbooks = desk.get(&format!("/api/v1/cases/{case}/playbooks"))?;
        if playbooks
            .as_array()
            .into_iter()
            .flatten()
            .any(|run| run["ended_at"].is_null())
        {
            return Ok(false);
        }
    }
    let runs = desk.get(&format!("/api/v1/cases/{case}/runs"))?;
    let runs = runs.as_array().ok_or("no runs")?;
    if runs.len() < ACTIONS.len() || runs.iter().any(|run| run["ended_at"].is_null()) {
        return Ok(false);
    }
    let mut messages = String::new();
    for run in runs {
        let message = run["message"].as_str().unwrap_or_default();
        match (run["state"].as_str(), message.is_empty()) {
            (Some("done"), _) => place.count("runs done", 1),
            (state, false) => place.tell(
                "runs that ended otherwise and say why",
                &format!("{state:?}: {message}"),
            ),
            (state, true) => place.tell("runs without a reason", &format!("{state:?} in case {case}")),
        }
        messages.push_str(message);
        let took = milliseconds_between(&run["created_at"], &run["ended_at"])?;
        log.write(place.store, run["action"].as_str().unwrap_or_default(), RUN, took);
    }
    let page = desk.get(&format!("/api/v1/cases/{case}/entities"))?;
    let entities = page.get("entities").and_then(Value::as_array);
    let entities = entities.ok_or("no entities")?;
    let messages = messages.to_uppercase();
    for entity in entities {
        let identifier = entity["identifier"].as_str().unwrap_or_default();
        if entity["is_enriched"] == true {
            place.count("entities enriched", 1);
        } else if messages.contains(&identifier.to_uppercase()) {
            place.tell(
                "entities without a result and a run says why",
                &format!("{identifier} in case {case}"),
            );
        } else {
            place.tell("entities lost", &format!("{identifier} in case {case}"));
        }
    }
    expect(
        desk.send(
            "PATCH",
            &format!("/api/v1/cases/{case}"),
            Some(r#"{"is_open": false}"#),
        )?,
        &[200],
    )?;
    place.count("cases closed", 1);
    let first = |list: &[Value]| list.first().and_then(|one| one["id"].as_i64());
    if let (Some(entity), Some(run)) = (first(entities), first(runs)) {
        *held(&place.recent) = Some(Recent {
            case,
            entity,
            run,
            at: Instant::now(),
        });
    }
    Ok(true)
}

/// Reads pages, the API and exports, and asks for what there is not.
pub(super) fn pages(place: &Installation, log: &Log, stop: &AtomicBool) {
    again(place, stop, A_PAGE_EVERY, |n| {
        let recent = *held(&place.recent);
        let Some(recent) = recent.filter(|recent| recent.at.elapsed() < RECENT) else {
            return Ok(());
        };
        let Recent {
            case, entity, run, ..
        } = recent;
        let formats = ["json", "csv", "markdown", "pdf", "stix", "misp"];
        let format = formats
            .get(usize::try_from(n / 20)? % formats.len())
            .copied()
            .unwrap_or_default();
        let (name, path, status) = match n % 20 {
            0 => ("page", "/".to_owned(), 200),
            1 | 11 => ("page", format!("/cases/{case}"), 200),
            2 => ("page", format!("/entities/{entity}"), 200),
            3 => ("page", format!("/runs/{run}"), 200),
            4 => ("page", "/quota".to_owned(), 200),
            5 => ("page", "/pending".to_owned(), 200),
            6 => ("page", "/audit".to_owned(), 200),
            7 => ("page", format!("/?text=case+{case}&state=all"), 200),
            8 => ("API", "/api/v1/cases".to_owned(), 200),
            9 => ("API", format!("/api/v1/cases/{case}"), 200),
            10 => ("API", format!("/api/v1/cases/{case}/wall"), 200),
            12 => ("API", format!("/api/v1/cases/{case}/insights"), 200),
            13 => ("API", format!("/api/v1/runs/{run}/json-result"), 200),
            14 => ("API", format!("/api/v1/entities/{entity}"), 200),
            15 => (
                "export",
                format!("/api/v1/cases/{case}/export?format={format}"),
                200,
            ),
            16 => ("API", "/metrics".to_owned(), 200),
            17 => ("page", "/cases/999999999".to_owned(), 404),
            18 => ("API", "/api/v1/nothing".to_owned(), 404),
            _ => return bad_requests(place, case),
        };
        place.count("pages and answers", 1);
        let begun = Instant::now();
        let answer = match name {
            "page" => place.desk.look(&path)?,
            _ => place.desk.send("GET", &path, None)?,
        };
        log.write(place.store, name, PAGE, begun.elapsed().as_secs_f64() * 1000.0);
        expect(answer, &[status]).map_err(|error| format!("{path}: {error}").into())
    });
}

/// What no honest program sends.
fn bad_requests(place: &Installation, case: i64) -> Result<(), Box<dyn Error>> {
    place.count("bad requests", 3);
    let desk = &place.desk;
    expect(
        desk.send("POST", "/api/v1/cases", Some(r#"{"title": "#))?,
        &[400, 415, 422],
    )?;
    let unknown = json!({"action": "No Such Action"}).to_string();
    expect(
        desk.send("POST", &format!("/api/v1/cases/{case}/runs"), Some(&unknown))?,
        &[400, 404, 422],
    )?;
    let stranger = desk.agent.get(format!("{}/api/v1/cases", desk.origin));
    let stranger = stranger.header("Authorization", "Bearer vtd_0000").call()?;
    expect((stranger.status().as_u16(), String::new()), &[401])
}

/// Browsers that open a case, listen, and go away without a word.
pub(super) fn listeners(place: &Installation, stop: &AtomicBool) {
    let mut open: Vec<TcpStream> = Vec::new();
    again(place, stop, A_LISTENER_EVERY, |_| {
        let newest = held(&place.open).back().map(|open| open.case);
        let Some(case) = newest else { return Ok(()) };
        let address = place.desk.origin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        write!(
            stream,
            "GET /cases/{case}/events HTTP/1.1\r\nHost: {address}\r\nCookie: {}\r\nAccept: text/event-stream\r\n\r\n",
            place.desk.cookie
        )?;
        open.push(stream);
        if open.len() <= LISTENERS {
            return Ok(());
        }
        let mut gone = open.remove(0);
        let mut heard = vec![0; 64 * 1024];
        let length = gone.read(&mut heard).unwrap_or_default();
        let heard = String::from_utf8_lossy(heard.get(..length).unwrap_or_default()).into_owned();
        place.count("pages that listened", 1);
        place.count(
            "changes they heard of",
            heard.matches("data: changed").count() as u64,
        );
        match heard.starts_with("HTTP/1.1 200") {
            true => Ok(()),
            false => Err(format!("a listener got {heard:?}").into()),
        }
    });
}

/// People who log in, look and log out; some have forgotten their password.
pub(super) fn people(place: &Installation, stop: &AtomicBool) {
    again(place, stop, A_LOG_IN_EVERY, |n| {
        let desk = &place.desk;
        if n % 4 == 3 {
            place.count("wrong passwords", 1);
            let (status, _) = desk.form("/login", &format!("name=nobody-{n}&password=wrong-{n}"), None)?;
            return expect((status, "a wrong password".to_owned()), &[401]);
        }
        let (status, cookie) = desk.form("/login", &format!("name=ann&password={PASSWORD}"), None)?;
        expect((status, "log in".to_owned()), &[303])?;
        place.count("log-ins", 1);
        let cookie = cookie.ok_or("no cookie")?;
        let page = desk
            .agent
            .get(format!("{}/", desk.origin))
            .header("Cookie", &cookie);
        expect(
            (page.call()?.status().as_u16(), "after log in".to_owned()),
            &[200],
        )?;
        let (status, _) = desk.form("/logout", "", Some(&cookie))?;
        expect((status, "log out".to_owned()), &[303])
    });
}

/// Tools that ask the gateway, some of them with a wrong token. VirusTotal's bad moments may reach them.
pub(super) fn tools(place: &Installation, log: &Log, stop: &AtomicBool) {
    // What is asked for without an answer from the cache is asked of VirusTotal, whose bad moments are not the gateway's.
    const FINE: [u16; 6] = [200, 204, 429, 502, 503, 504];
    again(place, stop, A_GATEWAY_REQUEST_EVERY, |n| {
        let gateway = &place.gateway;
        let agent = &place.desk.agent;
        let get = |path: &str, token: &str| -> Result<u16, Box<dyn Error>> {
            let request = agent
                .get(format!("{}{path}", gateway.origin))
                .header("x-apikey", token);
            let mut answer = request.call()?;
            answer.body_mut().read_to_vec()?;
            Ok(answer.status().as_u16())
        };
        let token = gateway.token.as_str();
        let begun = Instant::now();
        let (status, fine): (u16, &[u16]) = match n % 6 {
            0 => {
                let hashes: Vec<String> = (0..5).map(|m| synthetic_file(n * 4 + m).sha256).collect();
                let hashes = hashes.join(",");
                let form = [("apikey", token), ("resource", hashes.as_str())];
                let mut answer = agent
                    .post(format!("{}/vtapi/v2/file/report", gateway.origin))
                    .send_form(form)?;
                answer.body_mut().read_to_vec()?;
                (answer.status().as_u16(), &FINE)
            }
            1 => (
                get(&format!("/api/v3/files/{}", synthetic_file(n).sha256), token)?,
                &FINE,
            ),
            2 => (
                get(&format!("/api/v3/domains/{}", synthetic_domain(n)), token)?,
                &FINE,
            ),
            3 => (
                get(&format!("/api/v3/ip_addresses/{}", synthetic_ip(n)), token)?,
                &FINE,
            ),
            4 => (get("/no/such/api", token)?, &[404]),
            _ => (
                get("/api/v3/files/44d88612fea8a8f36de82e1278abb02f", &"0".repeat(64))?,
                &[401],
            ),
        };
        place.count("requests to the gateway", 1);
        if status != 200 && fine.contains(&200) {
            place.count("requests to the gateway refused for VirusTotal's trouble", 1);
        } else {
            log.write(
                place.store,
                "gateway",
                PAGE,
                begun.elapsed().as_secs_f64() * 1000.0,
            );
        }
        expect((status, format!("the gateway, {}", n % 6)), fine)
    });
}

fn expect((status, text): (u16, String), wanted: &[u16]) -> Result<(), Box<dyn Error>> {
    if wanted.contains(&status) {
        return Ok(());
    }
    let text: String = text.chars().take(300).collect();
    Err(format!("{status} instead of {wanted:?}: {text}").into())
}

fn number(value: &Value, name: &str) -> Result<i64, Box<dyn Error>> {
    let number = value.get(name).and_then(Value::as_i64);
    number.ok_or_else(|| format!("no {name} in {value}").into())
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn milliseconds_between(from: &Value, to: &Value) -> Result<f64, Box<dyn Error>> {
    let moment = |value: &Value| -> Result<jiff::Timestamp, Box<dyn Error>> {
        Ok(value.as_str().ok_or("no moment")?.parse()?)
    };
    Ok((moment(to)?.as_millisecond() - moment(from)?.as_millisecond()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_old_and_new_and_no_entity_twice() {
        for n in [0, 1, AGAIN_AFTER, 1000] {
            let case = case_of(n);
            let entities = case["alerts"][0]["entities"].as_array().unwrap();
            let names: BTreeSet<&str> = entities
                .iter()
                .map(|own| own["identifier"].as_str().unwrap())
                .collect();
            assert_eq!(names.len(), entities.len());
            // The first one has nothing before it.
            assert_eq!(names.len(), if n == 0 { 15 } else { 19 }, "{n}");
        }
        let names = |n: u64| -> BTreeSet<String> {
            let case = case_of(n);
            let entities = case["alerts"][0]["entities"].as_array().unwrap().clone();
            entities.iter().map(|own| own["identifier"].to_string()).collect()
        };
        let (now, before) = (names(100), names(100 - AGAIN_AFTER));
        assert_eq!(now.intersection(&before).count(), 4);
    }

    #[test]
    fn the_time_between_two_moments_is_in_milliseconds() {
        let took = milliseconds_between(&json!("2026-11-28T10:00:00Z"), &json!("2026-11-28T10:00:01.25Z"));
        assert_eq!(took.unwrap(), 1250.0);
        assert!(milliseconds_between(&json!(null), &json!("2026-11-28T10:00:01Z")).is_err());
    }
}
