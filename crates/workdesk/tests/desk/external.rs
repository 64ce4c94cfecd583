//! External actions: programs within their limits, and what becomes of what they say.

use secops::EntityType::Address;
use secops::Parameters;
use serde_json::Value;
use workdesk::{Ended, ExternalAction, NewRun, Role, Run, RunState};

use crate::scene::{Scene, external, scan, simulator};
use crate::served::Served;

/// A run of that shell script as an action, to its end.
async fn ended(script: &str, limits: &str) -> Run {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let script = serde_json::to_string(script).unwrap();
    let yaml = format!(
        "- {{name: Theirs, integration: Other, command: [/bin/sh, -c, {script}, sh], parameters: [{{name: Depth, default: '2'}}]{limits}}}"
    );
    let engine = scene.engine_with(&running, external(&yaml)).await;
    let case = scene.case(&[("8.8.8.8", Address)]).await;
    let asked = engine.ask(scan(&case, "Theirs"), "ann").await.unwrap();
    let run = scene.ended(asked.id).await;
    engine.stop().await;
    run
}

/// Says that document, after it has read its input.
fn says(document: &str) -> String {
    format!("cat >/dev/null; printf '%s' '{document}'")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_says_is_the_runs_end() {
    let run = ended(
        &says(r#"{"Message": "fine", "ResultValue": "yes", "ExecutionState": 0, "ResultObjectJson": "{\"JsonResult\": {\"RawJson\": \"[1]\"}}"}"#),
        "",
    )
    .await;
    assert_eq!((run.state, run.message.as_str()), (RunState::Done, "fine"));
    assert_eq!(run.script_result, Some(Value::String("yes".to_owned())));
    let result: Value = serde_json::from_str(run.result.unwrap().get()).unwrap();
    assert_eq!(result["by_title"]["JsonResult"]["RawJson"], "[1]");
    let failed = ended(
        &says(r#"{"Message": "no", "ResultValue": null, "ExecutionState": 2}"#),
        "",
    )
    .await;
    assert_eq!((failed.state, failed.message.as_str()), (RunState::Failed, "no"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_the_context_the_platform_would_send() {
    // It says what it was told: the first run is "True", its state comes back in the second.
    let script = r#"input=$(cat); case "$input" in *'"additional_data":"state-1"'*) state=0;; *) state=1;; esac
        case "$input" in *'"item1":"8.8.8.8"'*'"Depth":"2"'*'"integration_identifier":"Other"'*) told=all;; *) told=less;; esac
        printf '{"Message": "%s %s", "ResultValue": "state-1", "ExecutionState": %s}' "$2" "$told" "$state""#;
    let run = ended(script, "").await;
    assert_eq!((run.state, run.message.as_str()), (RunState::Done, "False all"));
    assert_eq!(run.step, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_is_quoted_and_its_key_is_not() {
    let run = ended("cat >/dev/null; echo \"bad luck, key $1\" >&2; exit 3", "").await;
    assert_eq!(run.state, RunState::Failed);
    assert!(
        run.message.contains("bad luck, key ***") && run.message.contains("exit status: 3"),
        "{}",
        run.message
    );
    let silent = ended("exit 0", "").await;
    assert!(silent.message.contains("no result"), "{}", silent.message);
    let missing = {
        let running = simulator(|builder| builder).await;
        let scene = Scene::new().await;
        let yaml = "- {name: Theirs, integration: Other, command: [/nowhere/program]}";
        let engine = scene.engine_with(&running, external(yaml)).await;
        let case = scene.case(&[("8.8.8.8", Address)]).await;
        let asked = engine.ask(scan(&case, "Theirs"), "ann").await.unwrap();
        let run = scene.ended(asked.id).await;
        engine.stop().await;
        run
    };
    assert!(
        missing.message.contains("/nowhere/program can't be started"),
        "{}",
        missing.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_goes_beyond_its_limits_is_ended_with_all_it_has_started() {
    let marker = format!("{}.5", std::process::id());
    let slow = ended(&format!("sleep 1{marker} & sleep 2{marker}"), ", seconds: 1").await;
    assert!(slow.message.contains("may take 1 s"), "{}", slow.message);
    if cfg!(target_os = "linux") {
        let own = format!("1{marker}");
        let lines = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).into_owned())
        });
        let left: Vec<String> = lines
            .filter(|line| line.starts_with("sleep") && line.contains(&own))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    let loud = ended("cat >/dev/null; yes", ", output_mb: 1").await;
    assert!(loud.message.contains("may write 1 MB"), "{}", loud.message);
    if cfg!(target_os = "linux") {
        let big = ended(
            "cat >/dev/null; x=a; while :; do x=$x$x; done",
            ", memory_mb: 100",
        )
        .await;
        assert_eq!(big.state, RunState::Failed, "{}", big.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_ended_when_its_run_is_cancelled_and_started_anew_after_a_halt() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let folder = scene.folder.path().display().to_string();
    // The first process never ends; the second finds its mark.
    let script = format!(
        "cat >/dev/null; if [ -e {folder}/mark ]; then echo '{{\"Message\": \"again\"}}'; else : > {folder}/mark; sleep 100; fi"
    );
    let script = serde_json::to_string(&script).unwrap();
    let yaml = format!("- {{name: Theirs, integration: Other, command: [/bin/sh, -c, {script}, sh]}}");
    let engine = scene.engine_with(&running, external(&yaml)).await;
    let case = scene.case(&[("8.8.8.8", Address)]).await;
    let asked = engine.ask(scan(&case, "Theirs"), "ann").await.unwrap();
    while !scene.folder.path().join("mark").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    engine.stop().await;
    let engine = scene.engine_with(&running, external(&yaml)).await;
    let again = scene.ended(asked.id).await;
    assert_eq!(again.message, "again");

    std::fs::remove_file(scene.folder.path().join("mark")).unwrap();
    let asked = engine.ask(scan(&case, "Theirs"), "ann").await.unwrap();
    while !scene.folder.path().join("mark").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    engine.cancel(asked.id, "ann").await.unwrap();
    assert_eq!(scene.ended(asked.id).await.state, RunState::Cancelled);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_programs_of_the_list_can_be_asked_for() {
    let running = simulator(|builder| builder).await;
    let scene = Scene::new().await;
    let engine = scene.engine(&running).await;
    let case = scene.case(&[("8.8.8.8", Address)]).await;
    let asked = engine
        .ask(
            NewRun {
                action: "/bin/sh".to_owned(),
                ..scan(&case, "Scan IP")
            },
            "ann",
        )
        .await;
    assert!(asked.unwrap_err().to_string().contains("no action /bin/sh"));
    engine.stop().await;
    for (yaml, words) in [
        (
            "- {name: Scan IP, integration: Other, command: [x]}",
            "another action called \"Scan IP\"",
        ),
        ("- {name: A, integration: O, command: []}", "has no command"),
        ("- {name: A, integration: O, command: [x], timeout: 3}", "timeout"),
        (
            "- {name: A, integration: O, command: [x]}\n- {name: A, integration: O, command: [y]}",
            "another action",
        ),
    ] {
        let error = ExternalAction::read_all(yaml).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_list_marks_as_secret_is_shown_to_nobody_whatever_it_is_called() {
    let parameters = "[{name: PIN, is_secret: true}, {name: Depth}, {name: API Token}]";
    let yaml =
        format!("- {{name: Theirs, integration: Other, command: [/bin/true], parameters: {parameters}}}");
    let served = Served::with(external(&yaml)).await;
    let analyst = served.logged_in("ann", Role::Analyst).await;
    analyst
        .send("/cases", &[("title", "A case"), ("text", "8.8.8.8")])
        .await;
    let given = [
        ("action", "Theirs"),
        ("parameter:PIN", "4711-s3cr3t"),
        ("parameter:Depth", "deep-down"),
        ("parameter:API Token", "t0k3n"),
        // The list knows no such parameter, so nobody knows what it is.
        ("parameter:Other", "unkn0wn"),
    ];
    analyst.send("/cases/1/runs", &given).await;
    served.scene.until(1, |run| run.ended_at.is_some()).await;
    let page = analyst.page("/runs/1").await;
    assert!(page.contains("deep-down") && page.contains("***"), "{page}");
    for secret in ["4711-s3cr3t", "t0k3n", "unkn0wn"] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    // The program is not listed any more: what was secret is still nobody's business.
    let store = served.scene.store.clone();
    let case = served.scene.case(&[("8.8.4.4", Address)]).await;
    let new = NewRun {
        action: "Gone".to_owned(),
        parameters: Parameters::new().with("PIN", "4711-s3cr3t"),
        ..scan(&case, "Gone")
    };
    let gone = store
        .add_ended_run(new, &Ended::without_result(RunState::Done, "fine"), "ann")
        .await
        .unwrap();
    let page = analyst.page(&format!("/runs/{}", gone.id)).await;
    assert!(page.contains("PIN") && !page.contains("4711-s3cr3t"), "{page}");
    served.end().await;
}
