//! What people see of the quota, of what is kept, and of runs that go on later.

use std::time::Duration;

use simulator::{KeyKind, Quota, synthetic_file, synthetic_url};

use crate::scene::{EICAR, KEY, Scene, fed};

fn paced(scene: &Scene, arguments: &[&str]) -> crate::scene::Ran {
    let mut command = scene.command(arguments);
    command.env("VTSECOPS_QUOTA_PER_MINUTE", "4");
    fed(command, "")
}

#[test]
fn the_quota_is_told_before_while_and_after() {
    let scene = Scene::new();
    let none = scene.run(&["quota"]);
    assert_eq!(
        (none.code, none.out.as_str()),
        (0, "No call has been counted on this machine yet.\n")
    );

    let ran = paced(
        &scene,
        &[
            "scan",
            "ip",
            "--timeout",
            "2s",
            "8.8.1.1",
            "8.8.1.2",
            "8.8.1.3",
            "8.8.1.4",
            "8.8.1.5",
            "8.8.1.6",
        ],
    );
    assert_eq!(ran.code, 3, "{}", ran.out);
    assert!(
        ran.err.contains("4 of 6 will fit before the deadline"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("2 entities are unfinished. To go on, nothing asked twice: vtsecops resume "),
        "{}",
        ran.err
    );
    assert!(
        ran.out
            .contains("the API key's quota is used up; try again in 60 s"),
        "{}",
        ran.out
    );
    assert_eq!(
        scene.running.calls().len(),
        4,
        "no call is made that would be refused"
    );

    let shown = paced(&scene, &["quota"]).out;
    assert!(shown.starts_with("Key default ("), "{shown}");
    let minute = shown
        .lines()
        .find(|line| line.trim_start().starts_with("minute"))
        .unwrap();
    assert!(minute.contains(" 4       4       0   in "), "{shown}");
    let json = paced(&scene, &["quota", "--json"]).json();
    let key = &json["keys"][0];
    assert_eq!(key["windows"]["minute"]["left"], 0);
    assert_eq!(key["windows"]["day"]["used"], 4);
    assert_eq!(key["windows"]["day"]["limit"], 500);
    assert_eq!(key["windows"]["hour"]["limit"], serde_json::Value::Null);
    assert!(
        !json.to_string().contains(&KEY[..8]),
        "the key is not in the ledger"
    );
    let state = std::fs::read(scene.home.path().join(".local/state/vtsecops/quota.db")).unwrap();
    assert!(!state.windows(16).any(|part| part == &KEY.as_bytes()[..16]));

    let quiet = paced(
        &scene,
        &[
            "scan",
            "ip",
            "--quiet",
            "--timeout",
            "1s",
            "8.8.1.5",
            "8.8.1.6",
            "8.8.1.7",
        ],
    );
    assert_eq!(quiet.err, "");
}

#[test]
fn what_is_kept_costs_no_call_and_can_be_refused_or_forgotten() {
    let scene = Scene::new();
    let file = synthetic_file(1);
    let calls = |arguments: &[&str]| {
        scene.running.clear_calls();
        let ran = scene.run(arguments);
        assert!(ran.code < 2, "{}", ran.err);
        scene.running.calls().len()
    };
    assert_eq!(calls(&["scan", "hash", &file.md5]), 1);
    assert_eq!(calls(&["scan", "hash", &file.sha256]), 0);
    let json = scene
        .run(&["scan", "hash", &file.sha1, "--output", "json"])
        .json();
    assert_eq!(
        (
            json["kept_answers"].as_u64(),
            json["calls"].as_object().unwrap().len()
        ),
        (Some(1), 0)
    );
    assert_eq!(calls(&["scan", "hash", &file.sha256, "--no-cache"]), 1);
    assert_eq!(calls(&["scan", "hash", &file.sha256, "--max-age", "0"]), 1);
    assert_eq!(calls(&["scan", "hash", &file.sha256, "--max-age", "1h"]), 0);
    // A report of a moment ago is old where every report is too old.
    assert_eq!(
        calls(&[
            "scan",
            "hash",
            &file.sha256,
            "--rescan-after-days",
            "1",
            "--poll-every",
            "200ms"
        ]),
        2 + polls(&scene)
    );
    assert_eq!(calls(&["ping"]), 1, "a ping asks");
    let stats = scene.run(&["cache", "stats"]).out;
    assert!(
        stats.starts_with(
            "reports           1
unknown objects   1
being analysed    0
"
        ),
        "{stats}"
    );
    assert_eq!(scene.run(&["cache", "stats", "--json"]).json()["reports"], 1);
    assert_eq!(scene.run(&["cache", "clear"]).out, "2 entries forgotten.\n");
    assert_eq!(calls(&["scan", "hash", &file.sha256]), 1);
}

fn polls(scene: &Scene) -> usize {
    scene.running.count("file/report").saturating_sub(1)
}

#[test]
fn a_detached_scan_is_collected_later_and_submitted_once() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_millis(500))
    });
    let url = synthetic_url(1);
    let ran = scene.run(&["scan", "url", &url, "--rescan-after-days", "0", "--detach"]);
    assert!(ran.err.contains("1 entity is unfinished."), "{}", ran.err);
    let list = scene.run(&["resume", "--list"]).out;
    assert!(
        list.contains("Scan URL on 1 entities, 1 answers and 1 submissions kept"),
        "{list}"
    );
    std::thread::sleep(Duration::from_millis(600));
    let ran = scene.run(&["resume", "--poll-every", "100ms", "--output", "json"]);
    let json = ran.json();
    assert_eq!(json["entities"][0]["remark"], "analysed anew", "{}", ran.err);
    assert_eq!(scene.running.count("url/scan"), 1);
    let nothing = scene.run(&["resume"]);
    assert_eq!(
        (nothing.code, nothing.err.as_str()),
        (2, "There is no run to go on with.\n")
    );
}

#[test]
fn several_runs_are_told_apart_and_can_be_forgotten() {
    let scene = Scene::new();
    for n in [1, 2] {
        scene.run(&[
            "scan",
            "url",
            &synthetic_url(n),
            "--rescan-after-days",
            "0",
            "--detach",
        ]);
    }
    let which = scene.run(&["resume"]);
    assert_eq!(which.code, 2);
    assert!(
        which.err.starts_with("There are 2 runs. Say which one:\n"),
        "{}",
        which.err
    );
    let id = which.err.lines().nth(1).unwrap()[..16].to_owned();
    assert_eq!(scene.run(&["resume", &id, "--forget"]).code, 0);
    assert_eq!(scene.run(&["resume", "--list"]).out.lines().count(), 1);
    for bad in ["../../x", "0123", "ffffffffffffffff"] {
        let ran = scene.run(&["resume", bad]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("There is no run"), "{}", ran.err);
    }
    assert_eq!(scene.run(&["resume", "../../x", "--forget"]).code, 2);
    // The newest stood first and is forgotten. The other one's command goes on with it, or begins anew.
    let url = synthetic_url(1);
    for (more, scans) in [(None, 2), (Some("--restart"), 3)] {
        let mut arguments = vec!["scan", "url", &url, "--rescan-after-days", "0", "--detach"];
        arguments.extend(more);
        scene.run(&arguments);
        assert_eq!(scene.running.count("url/scan"), scans, "{more:?}");
    }
}

#[test]
fn an_instance_has_a_key_of_its_own_and_never_anothers() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .key("key-of-emea", KeyKind::Public)
    });
    let config = ".config/vtsecops/config.toml";
    std::fs::create_dir_all(scene.home.path().join(".config/vtsecops")).unwrap();
    scene.write(
        config,
        "tier = 'private'\n[instance.emea]\nenvironments = 'Customer A, Customer B'\ntier = 'public'\n[instance.apac]\n",
    );
    let with = |name: &str, key: &str, arguments: &[&str]| {
        let mut command = scene.bare(arguments);
        command.env(name, key);
        fed(command, "")
    };
    // The common key does not count for an instance.
    let ran = with("VTSECOPS_API_KEY", KEY, &["ping", "--instance", "emea"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("another instance's key is never used for it"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("VTSECOPS_API_KEY_EMEA"), "{}", ran.err);
    let ran = with(
        "VTSECOPS_API_KEY_EMEA",
        "key-of-emea",
        &["scan", "hash", EICAR, "--environment", "Customer B"],
    );
    assert_eq!(ran.code, 1, "{}", ran.err);
    let shown = with("VTSECOPS_API_KEY_EMEA", "key-of-emea", &["quota"]).out;
    assert!(shown.starts_with("Key emea ("), "{shown}");
    let ran = with("VTSECOPS_API_KEY", KEY, &["ping", "--environment", "Customer C"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .contains("no instance is for the environment \"Customer C\""),
        "{}",
        ran.err
    );
    // Each has settings of its own.
    let shown = scene
        .run(&["config", "show", "--json", "--instance", "emea"])
        .json();
    assert_eq!(
        (&shown["tier"]["value"], &shown["api_key"]["from"]),
        (&"public".into(), &"not set".into())
    );
    assert_eq!(
        scene.run(&["config", "show", "--json"]).json()["tier"]["value"],
        "private"
    );
    let set = fed(
        scene.bare(&["config", "set", "api_key", "--instance", "apac"]),
        "key-of-emea\n",
    );
    assert_eq!(set.code, 0, "{}", set.err);
    let text = std::fs::read_to_string(scene.home.path().join(config)).unwrap();
    assert!(
        text.ends_with("[instance.apac]\napi_key = \"key-of-emea\"\n"),
        "{text}"
    );
    let ran = fed(scene.bare(&["ping", "--instance", "apac"]), "");
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn the_limits_can_be_learnt_from_virustotal_and_are_kept_to() {
    let scene = Scene::with(|builder| {
        builder.key(KEY, KeyKind::Private).quota(Quota {
            per_minute: Some(10),
            per_day: Some(1234),
            ..Quota::default()
        })
    });
    let user = simulator::user_name(KEY);
    scene.run(&["ping"]);
    let told = scene.run(&["quota", "--user", &user]);
    assert_eq!(told.code, 0, "{} {}", told.out, told.err);
    let said = told.out.split("VirusTotal itself").nth(1).unwrap();
    let rows: Vec<Vec<&str>> = said
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["hour", "1", "600", "599"]);
    assert_eq!(rows[1], ["day", "1", "1234", "1233"]);
    assert_eq!(rows[2], ["month", "1", "–", "–"]);

    let saved = scene.run(&["quota", "--user", &user, "--save", "--json"]);
    assert_eq!(saved.code, 0, "{} {}", saved.out, saved.err);
    assert_eq!(saved.json()["virustotal"]["windows"]["day"]["limit"], 1234);
    assert!(saved.err.contains("quota_per_day = 1234"), "{}", saved.err);
    scene.run(&["scan", "hash", EICAR]);
    let quota = scene.run(&["quota", "--json"]).json();
    assert_eq!(quota["keys"][0]["windows"]["day"]["limit"], 1234);
    assert_eq!(quota["keys"][0]["windows"]["hour"]["limit"], 600);
    assert_eq!(
        quota["keys"][0]["windows"]["month"]["limit"],
        serde_json::Value::Null
    );
}

#[test]
fn a_user_that_can_not_be_asked_about_is_told_and_the_key_is_never_one() {
    let scene = Scene::with(|builder| {
        builder
            .key(KEY, KeyKind::Private)
            .key("another-key", KeyKind::Public)
    });
    let nobody = scene.run(&["quota", "--user", "nobody"]);
    assert_eq!(nobody.code, 4, "{} {}", nobody.out, nobody.err);
    assert!(nobody.err.contains("knows no user \"nobody\""), "{}", nobody.err);
    let other = scene.run(&["quota", "--user", &simulator::user_name("another-key")]);
    assert_eq!(other.code, 4, "{} {}", other.out, other.err);
    assert!(other.err.contains("own owner"), "{}", other.err);
    scene.running.clear_calls();
    let key = scene.run(&["quota", "--user", KEY]);
    assert_eq!(key.code, 2, "{} {}", key.out, key.err);
    assert!(!format!("{}{}", key.out, key.err).contains(KEY), "{}", key.err);
    assert!(scene.running.calls().is_empty());
    let alone = scene.run(&["quota", "--save"]);
    assert_eq!(alone.code, 2, "{} {}", alone.out, alone.err);
}

#[test]
fn a_share_is_kept_shown_and_taken_away_and_a_wrong_one_changes_nothing() {
    let scene = Scene::new();
    let none = scene.run(&["quota", "--share", "Vienna=20"]);
    assert_eq!(none.code, 2, "{}", none.err);
    assert!(none.err.contains("vtsecops ping"), "{}", none.err);
    assert_eq!(paced(&scene, &["scan", "ip", "8.8.1.1"]).code, 0);
    let kept = scene.run(&["quota", "--share", "Vienna=20", "--share", "Graz=5%"]);
    assert_eq!(kept.code, 0, "{}", kept.err);
    let row = |share: &str, name: &str| {
        kept.out
            .lines()
            .any(|line| line.trim_start().starts_with(share) && line.ends_with(name))
    };
    assert!(row("20 %", "Vienna") && row("5 %", "Graz"), "{}", kept.out);
    for wrong in [
        ["Linz=76", "100 is the most"],
        ["Linz", "'Vienna=20'"],
        ["Linz=0.5", "'Vienna=20'"],
    ] {
        let refused = scene.run(&["quota", "--share", wrong[0]]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(wrong[1]), "{}", refused.err);
    }
    let other = scene.run(&["quota", "--share", "Linz=1", "--key", "nobody's"]);
    assert!(other.code == 2 && other.err.contains("nobody's"), "{}", other.err);
    let left = scene.run(&["quota", "--json", "--share", "Vienna=none"]).json();
    let environments = left["keys"][0]["environments"].as_array().unwrap();
    let shares: Vec<_> = environments
        .iter()
        .map(|own| own["share_percent"].clone())
        .collect();
    assert_eq!(shares, [serde_json::Value::Null, 5.into()]);
}
