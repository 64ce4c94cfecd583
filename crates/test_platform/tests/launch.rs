//! Programs, started as the platform starts an action.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as promised"
)]

use std::time::Duration;

use serde_json::Value;
use test_platform::{Context, Drive, Form, Host, Launch, Remote, check_run, drive};

fn host() -> Host {
    Host {
        ip: "127.0.0.1".to_owned(),
        port: 1,
        key: "the-key".to_owned(),
        project: "p".to_owned(),
        location: "l".to_owned(),
        instance: "i".to_owned(),
    }
}

/// A shell script in the place of an action.
fn script(text: &str) -> Launch {
    Launch::new("/bin/sh", &["-c", text, "action"], host()).unwrap()
}

#[test]
fn a_program_gets_the_platforms_arguments_environment_and_context() {
    let launch = script("printf '%s|' \"$@\" >&2; /usr/bin/env | /usr/bin/sort >&2; cat >&2; exit 3")
        .option("--logPath", "\"/x/y\"")
        .baggage("a=b")
        .form(Form::OnePlatform)
        .variable("PATH", "/usr/bin:/bin")
        .context(Context::new().parameter("Threshold", 3));
    let run = launch.run().unwrap();
    assert_eq!((run.code, run.stdout.len()), (Some(3), 0));
    assert!(
        run.stderr
            .starts_with("the-key|True|--logPath|\"/x/y\"|--baggage|YT1i|--onePlatformSupport|"),
        "{}",
        run.stderr
    );
    for line in [
        "APP_IP=127.0.0.1",
        "APP_PORT=1",
        "APP_USE_SSL=False",
        "ONE_PLATFORM_URL_PROJECT=p",
    ] {
        assert!(run.stderr.contains(line), "{line}");
    }
    assert!(!run.stderr.contains("CARGO"));
    assert!(run.stderr.contains("\"parameters\":{\"Threshold\":3}"));
    assert_eq!(check_run(&run, &launch.its_context().asked()), [""; 0]);
    assert!(
        launch
            .follow_up("{}")
            .unwrap()
            .stderr
            .starts_with("the-key|False|")
    );
}

const COUNTING: &str = r#"cat > context; n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n
state=1; [ $n -ge 3 ] && state=0
printf '{"Message": "m", "ResultObjectJson": "{}", "ResultValue": "{\\"n\\": %s}", "DebugOutput": "", "ExecutionState": %s}' $n $state"#;

#[test]
fn an_action_is_started_again_until_it_is_done() {
    let launch = script(COUNTING).variable("PATH", "/usr/bin:/bin");
    let how = Drive {
        interval: Duration::ZERO,
        most_runs: 10,
    };
    let runs = drive(&launch, how).unwrap();
    let states: Vec<_> = runs.iter().map(|run| run.state().unwrap()).collect();
    assert_eq!(states, [1, 1, 0]);
    for run in &runs {
        assert_eq!(check_run(run, &launch.its_context().asked()), [""; 0]);
    }
    let context: Value =
        serde_json::from_slice(&std::fs::read(launch.work_folder().join("context")).unwrap()).unwrap();
    assert_eq!(context["parameters"]["additional_data"], "{\"n\": 2}");
    let few = Drive { most_runs: 1, ..how };
    assert_eq!(drive(&launch, few).unwrap().len(), 1);
}

#[test]
fn a_remote_agent_leaves_the_case_in_the_working_folder() {
    let launch =
        script("cat case_data.json >&2; echo \" $SERVER_API_ROOT\" >&2; cat >&2; exit 1").remote(Remote {
            server_api_root: "https://h/pub/api".to_owned(),
            environment_api_key: Some("environment-key".to_owned()),
            case: serde_json::json!({"a": 1}),
        });
    let launch = launch.variable("PATH", "/usr/bin:/bin");
    let said = launch.run().unwrap().stderr;
    assert!(said.starts_with("{\"a\":1} https://h/pub/api\n"), "{said}");
    assert!(said.contains("\"environment_api_key\":\"environment-key\""));
}

#[test]
fn a_program_that_does_not_end_is_killed_and_reported() {
    let launch = script("exec sleep 100")
        .limit(Duration::from_millis(50))
        .variable("PATH", "/usr/bin:/bin");
    let run = launch.run().unwrap();
    assert!(run.timed_out);
    assert_eq!(check_run(&run, &launch.its_context().asked()), ["it did not end"]);
}

#[test]
fn signals_reach_the_program_and_words_are_waited_for() {
    let text = "trap 'echo caught >&2; exit 7' TERM; echo ready >&2; while :; do sleep 0.01; done";
    let launch = script(text).variable("PATH", "/usr/bin:/bin");
    let running = launch.start().unwrap();
    assert!(running.says("ready", Duration::from_secs(10)));
    running.signal("TERM").unwrap();
    assert!(running.says("caught", Duration::from_secs(10)));
    assert_eq!(running.wait().unwrap().code, Some(7));
}
