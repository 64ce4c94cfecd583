//! Many processes over one PostgreSQL: workers that are killed, a server that restarts, one quota.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::{KeyKind, Quota, synthetic_file};
use test_postgres::Server;
use tokio::runtime::Runtime;

use crate::apart::Apart;
use crate::scene::{KEY, Scene};
use crate::workdesk::{Desk, token};

/// How much of it: a small form by default, the whole with `VTSECOPS_TEST_FLEET=full`.
struct Size {
    workers: usize,
    cases: u64,
    /// Of hashes and of URLs that nobody knows.
    hashes: u64,
    urls: u64,
    kills: u32,
    /// Whether one more worker has a network of its own, which is cut in the middle.
    is_cut: bool,
    per_minute: u32,
    longest: Duration,
}

fn size() -> Size {
    match std::env::var("VTSECOPS_TEST_FLEET").as_deref() {
        Ok("full") => Size {
            workers: 4,
            cases: 400,
            hashes: 48,
            urls: 2,
            kills: 60,
            is_cut: true,
            // Less than the work would take.
            per_minute: 600,
            longest: Duration::from_secs(1_500),
        },
        _ => Size {
            workers: 3,
            cases: 24,
            hashes: 4,
            urls: 2,
            kills: 5,
            is_cut: false,
            per_minute: 600,
            longest: Duration::from_secs(150),
        },
    }
}

/// A worker in a process of its own; killed when it is dropped.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn settings(size: &Size) -> [(&'static str, String); 4] {
    [
        ("VTSECOPS_LOST_AFTER", "3s".to_owned()),
        ("VTSECOPS_TIER", "private".to_owned()),
        ("VTSECOPS_POLL_EVERY", "1s".to_owned()),
        ("VTSECOPS_QUOTA_PER_MINUTE", size.per_minute.to_string()),
    ]
}

#[test]
fn workers_that_are_killed_and_a_database_that_restarts_lose_nothing_double_nothing_and_keep_to_the_quota() {
    let size = size();
    let Some(server) = Server::start() else { return };
    let quota = Quota {
        per_minute: Some(size.per_minute),
        ..Quota::default()
    };
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .quota(quota)
            .latency(Duration::from_millis(60))
            .scan_for(Duration::from_secs(1))
    });
    let key = scene.write("workdesk.key", &"7a".repeat(32));
    Runtime::new().unwrap().block_on(async {
        let address = server.database().await.address();
        let apart = size
            .is_cut
            .then(|| Apart::new().expect("a network of its own: the whole form wants root and the program ip"));
        // One address for all: a key is counted by where it is used.
        let virustotal = match &apart {
            Some(apart) => apart.reach(&scene.running.base_url()).await,
            None => scene.running.base_url(),
        };
        let worker = |database: &str| {
            let mut worker = scene.command(&["worker", "--database", database, "--key-file", &key]);
            worker.envs(settings(&size)).env("VTSECOPS_VIRUSTOTAL_URL", &virustotal);
            worker.stdout(Stdio::null()).stderr(Stdio::null());
            worker
        };
        let start = || Worker(worker(&address).spawn().unwrap());
        let more = ["--database", &address, "--key-file", &key, "--no-jobs"];
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &more);
        let cookie = desk.set_up().await;
        let token = token(&desk, &cookie, "act").await;
        let post = async |path: &str, body: Value| -> Value {
            let request = desk.client.post(format!("{}{path}", desk.origin)).bearer_auth(&token);
            let request = request.header("content-type", "application/json").body(body.to_string());
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 201, "{path}");
            serde_json::from_str(&answer.text().await.unwrap()).unwrap()
        };
        let mut runs = Vec::new();
        for case in 0..size.cases {
            let hashes = (0..size.hashes).map(|place| {
                let file = synthetic_file(case * size.hashes + place);
                json!({"identifier": file.sha256, "entity_type": "FILEHASH"})
            });
            let urls = (0..size.urls).map(|place| {
                let url = format!("http://unknown.example/{case}/{place}");
                json!({"identifier": url, "entity_type": "DestinationURL"})
            });
            let entities: Vec<Value> = hashes.chain(urls).collect();
            let new = json!({"title": format!("Case {case}"), "alerts": [{"entities": entities}]});
            let id = post("/api/v1/cases", new).await["id"].as_i64().unwrap();
            for action in ["Scan URL", "Scan Hash"] {
                let run = json!({"action": action, "parameters": {"Threshold": "3"}});
                let run = post(&format!("/api/v1/cases/{id}/runs"), run).await;
                runs.push((id, run["id"].as_i64().unwrap()));
            }
        }
        let begun = Instant::now();
        let mut workers: Vec<Worker> = (0..size.workers).map(|_| start()).collect();
        let _worker_apart = match &apart {
            Some(apart) => {
                let database = apart.reach(&address).await;
                let mut worker = apart.command(&worker(&database));
                worker.stdout(Stdio::null()).stderr(Stdio::null());
                Some(Worker(worker.spawn().unwrap()))
            }
            None => None,
        };
        // The same moments each time.
        let mut random: u64 = 0x5eed;
        for kill in 0..size.kills {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            tokio::time::sleep(Duration::from_millis(700 + (random >> 33) % 600)).await;
            let place = usize::try_from(random >> 40).unwrap() % workers.len();
            workers[place] = start();
            match (&apart, kill) {
                (Some(apart), 10) => apart.cut(),
                (Some(apart), 30) => apart.mend(),
                _ => {}
            }
            match kill {
                2 => server.restart(Duration::from_millis(500)),
                4 => server.crash(),
                _ => {}
            }
        }
        let get = async |path: String| -> Value {
            let answer = desk.client.get(format!("{}{path}", desk.origin)).bearer_auth(&token);
            let answer = answer.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            serde_json::from_str(&answer.text().await.unwrap()).unwrap()
        };
        for (case, run) in &runs {
            let mut shown = get(format!("/api/v1/runs/{run}")).await;
            while shown["ended_at"].is_null() {
                assert!(begun.elapsed() < size.longest, "run {run} of case {case} is stuck: {shown}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                shown = get(format!("/api/v1/runs/{run}")).await;
            }
            assert_eq!(shown["state"], "done", "{shown}");
        }
        let took = begun.elapsed();
        for case in 1..=size.cases {
            let entities = get(format!("/api/v1/cases/{case}/entities?limit=200")).await;
            let entities = entities["entities"].as_array().unwrap();
            assert_eq!(entities.len() as u64, size.hashes + size.urls);
            for entity in entities {
                assert_eq!(entity["is_enriched"], true, "{entity}");
            }
        }
        let calls = scene.running.calls();
        assert!(calls.iter().all(|call| call.status != 204), "no call beyond the quota");
        let mut submitted: Vec<String> = calls
            .iter()
            .filter(|call| call.endpoint == "url/scan" && call.status == 200)
            .flat_map(|call| call.resources.clone())
            .collect();
        submitted.sort();
        let all = submitted.len();
        submitted.dedup();
        assert_eq!(submitted.len(), all, "no URL is submitted twice");
        assert_eq!(all as u64, size.cases * size.urls);
        println!(
            "{} workers, {} kills, 2 restarts, {} networks cut: {} runs and {} entities in {:.1} s, {} calls, {all} submissions",
            size.workers,
            size.kills,
            u8::from(size.is_cut),
            runs.len(),
            size.cases * (size.hashes + size.urls),
            took.as_secs_f64(),
            calls.len()
        );
    });
}

#[test]
fn what_a_run_that_is_over_has_left_is_forgotten() {
    let Some(server) = test_postgres::server() else {
        return;
    };
    let scene = Scene::new();
    let key = scene.write("workdesk.key", &"7a".repeat(32));
    Runtime::new().unwrap().block_on(async {
        let database = server.database().await;
        let address = database.address();
        let worker = || {
            let mut worker = scene.command(&["worker", "--database", &address, "--key-file", &key]);
            worker.stdout(Stdio::null()).stderr(Stdio::null());
            Worker(worker.spawn().unwrap())
        };
        let begun = Instant::now();
        let until = async |sql: &str, wanted: &str| {
            while database.value(sql).await.as_deref() != Some(wanted) {
                assert!(begun.elapsed() < Duration::from_secs(60), "{sql}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let first = worker();
        until(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'vtsecops_journal' AND tablename = 'answer'",
            "1",
        )
        .await;
        drop(first);
        // The run 1 goes on, 2 is over, and 3 is not known.
        for sql in [
            "INSERT INTO vtsecops_desk.environment (name, created_at) VALUES ('Left', 1) ON CONFLICT DO NOTHING",
            "INSERT INTO vtsecops_desk.cases \
             (title, description, environment, priority, is_open, created_by, created_at, updated_at, entities, suspicious) \
             VALUES ('Left', '', 'Left', 40, 1, 'ann', 1, 1, 0, 0)",
            "INSERT INTO vtsecops_desk.run (case_id, action, instance, parameters, targets, state, step, message, \
             requested_by, created_at, ended_at, due_at, cancel_asked) \
             SELECT 1, 'Ping', '', '{}', '[]', state, 0, '', 'ann', 1, ended_at, 9000000000000, 0 \
             FROM (VALUES (1, 'waiting', NULL), (2, 'done', 2)) AS runs (place, state, ended_at) ORDER BY place",
            "INSERT INTO vtsecops_journal.answer (question, state, at, body) \
             VALUES ('1 a', 'found', 1, ''), ('2 a', 'found', 1, ''), ('3 a', 'found', 1, '')",
        ] {
            database.execute(sql).await;
        }
        let _second = worker();
        until("SELECT string_agg(run, ',' ORDER BY run) FROM vtsecops_journal.answer", "1").await;
    });
}

#[test]
fn what_a_worker_can_not_do_without_is_told() {
    let scene = Scene::new();
    let key = scene.write("workdesk.key", &"7a".repeat(32));
    let worker = |more: &[&str]| scene.run(&[&["worker", "--key-file", &key], more].concat());
    let none = worker(&[]);
    assert!(none.code == 2 && none.err.contains("--database"), "{}", none.err);
    let open = worker(&["--database", "postgres://desk:s3cr3t@127.0.0.1/x"]);
    assert!(open.code == 2 && open.err.contains("PGPASSFILE"), "{}", open.err);
    assert!(!open.err.contains("s3cr3t"), "{}", open.err);
    let wrong = worker(&["--database", "mysql://127.0.0.1/x"]);
    assert!(
        wrong.code == 2 && wrong.err.contains("postgres://"),
        "{}",
        wrong.err
    );
    let away = worker(&["--database", "postgres://desk@127.0.0.1:9/x"]);
    assert!(
        away.code == 4 && away.err.contains("127.0.0.1:9/x"),
        "{}",
        away.err
    );
    let idle = scene.run(&["workdesk", "--listen", "127.0.0.1:0", "--no-jobs"]);
    assert!(idle.code == 2 && idle.err.contains("--database"), "{}", idle.err);
    let shared = [
        "workdesk",
        "--listen",
        "127.0.0.1:0",
        "--database",
        "postgres://desk@127.0.0.1:9/x",
    ];
    let keyless = scene.run(&shared);
    assert!(
        keyless.code == 2 && keyless.err.contains("--key-file"),
        "{}",
        keyless.err
    );
    let missing = scene.home.path().join("missing.key");
    let missing = missing.to_str().unwrap();
    let made = scene.run(&[&shared[..], &["--key-file", missing]].concat());
    assert!(made.code != 0 && made.err.contains(missing), "{}", made.err);
    assert!(
        !std::path::Path::new(missing).exists(),
        "a key that others need is not made here"
    );
}

#[test]
fn a_workdesk_that_moves_to_a_server_goes_on_where_it_was_and_submits_nothing_again() {
    let Some(server) = test_postgres::server() else {
        return;
    };
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_secs(3))
    });
    Runtime::new().unwrap().block_on(async {
        let database = server.database().await;
        let address = database.address();
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &[]);
        let cookie = desk.set_up().await;
        let made = [("title", "Before"), ("text", "http://unknown.example/a")];
        assert_eq!(desk.send(&cookie, "/cases", &made).await.status(), 303);
        let run = [("action", "Scan URL"), ("parameter:Threshold", "3")];
        assert_eq!(desk.send(&cookie, "/cases/1/runs", &run).await.status(), 303);
        let submissions = || {
            let calls = scene.running.calls();
            calls.iter().filter(|call| call.endpoint == "url/scan").count()
        };
        while submissions() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let migrate = [
            "workdesk",
            "migrate",
            "--from",
            "sqlite",
            "--to",
            "postgres",
            "--database",
            &address,
        ];
        let busy = scene.run(&migrate);
        assert!(
            busy.code != 0 && busy.err.contains("Another workdesk uses"),
            "{}",
            busy.err
        );
        desk.kill();
        let moved = scene.run(&migrate);
        assert_eq!(moved.code, 0, "{} {}", moved.out, moved.err);
        assert!(
            moved.out.contains("1 cases") && moved.out.contains("1 person"),
            "{}",
            moved.out
        );
        assert!(
            moved.out.contains("1 journals of runs under way"),
            "{}",
            moved.out
        );
        let counted = moved
            .out
            .lines()
            .find(|line| line.contains("calls of today"))
            .unwrap();
        let counted: i64 = counted.split_whitespace().next().unwrap().parse().unwrap();
        assert!(
            counted > 0 && counted <= scene.running.calls().len() as i64,
            "{}",
            moved.out
        );
        // Of the day and of the month, and each call of the last minutes.
        for sql in [
            "SELECT min(calls) FROM vtsecops_quota.used",
            "SELECT max(calls) FROM vtsecops_quota.used",
            "SELECT count(*) FROM vtsecops_quota.call",
        ] {
            let there = database.value(sql).await;
            assert_eq!(there, Some(counted.to_string()), "{sql}");
        }
        assert!(moved.out.contains("People sign in again"), "{}", moved.out);
        let again = scene.run(&migrate);
        assert!(again.code != 0 && again.err.contains("already"), "{}", again.err);
        let key = scene
            .home
            .path()
            .join(".local/state/vtsecops/workdesk/workdesk.key");
        let more = ["--database", &address, "--key-file", key.to_str().unwrap()];
        let desk = Desk::start_at(&scene, "127.0.0.1:0", &more);
        let cookie = desk.log_in().await;
        let begun = Instant::now();
        while !desk.page(&cookie, "/runs/1").await.contains("ADMINUSLabs") {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}",
                desk.page(&cookie, "/runs/1").await
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(submissions(), 1, "it was submitted before");
        let made = [("title", "After"), ("text", "8.8.8.8")];
        let made = desk.send(&cookie, "/cases", &made).await;
        assert!(made.headers()["location"].to_str().unwrap().contains("/cases/2"));
    });
}
