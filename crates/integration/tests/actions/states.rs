//! An asynchronous action gives the same result whether one process loops or each step is a new one.

use std::time::Duration;

use crate::common::{EICAR_MD5, client, context, entities, run, simulator, threshold};
use integration::{Action, Run, State, Step};
use secops::EntityType::{FileHash, FileName, Url};
use secops::{ActionResult, Context, Parameters};
use simulator::{KeyKind, Running, synthetic_file, unknown_file};
use virustotal::{Deadline, Tier};

/// Each step with a new client, the state as text in between, as the platform does it.
async fn step_by_step(action: Action, running: &Running, context: &Context) -> (ActionResult, usize) {
    let deadline = Deadline::after(Duration::from_secs(20));
    let mut saved: Option<String> = None;
    for steps in 1..200 {
        let client = client(running, Tier::Private);
        let run = Run::new(&client, context, &deadline);
        let step = match &saved {
            None => action.start(run).await,
            Some(text) => {
                let state = State::from_value(&serde_json::from_str(text).unwrap(), action).unwrap();
                action.resume(state, run).await
            }
        };
        match step {
            Step::Done(result) => return (*result, steps),
            Step::Wait(state) => saved = Some(state.to_value().to_string()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never done");
}

/// Everything but what differs from one analysis to the next.
fn comparable(result: &ActionResult) -> String {
    let text = format!(
        "{:?} {:?} {} {:?} {:?} {}",
        result.state,
        result.script_result,
        result.output_message,
        result
            .entities
            .iter()
            .map(|entity| (
                &entity.outcome,
                &entity.remark,
                entity.positives,
                entity.enrichment.keys().collect::<Vec<_>>()
            ))
            .collect::<Vec<_>>(),
        result.insights,
        result.tables.len(),
    );
    text
}

#[tokio::test]
async fn hashes_and_urls_end_alike_in_one_process_and_in_many() {
    let hashes = [EICAR_MD5, &synthetic_file(1).sha256, &unknown_file(1).sha1, "bad"];
    let urls = [
        "http://malicious.example/payload.php",
        "http://unknown.synthetic.example/a",
        "http://10.0.0.1/",
    ];
    for (action, targets) in [
        (Action::ScanHash, entities(&FileHash, &hashes)),
        (Action::ScanUrl, entities(&Url, &urls)),
    ] {
        let context = context(targets, threshold("3").with("Rescan after days", "0"));
        let running = simulator(KeyKind::Private).start().await.unwrap();
        let (stepped, steps) = step_by_step(action, &running, &context).await;
        assert!(steps > 1, "{action:?} did not wait");
        let running = simulator(KeyKind::Private).start().await.unwrap();
        let driven = run(action, &client(&running, Tier::Private), &context).await;
        assert_eq!(comparable(&stepped), comparable(&driven), "{action:?}");
    }
}

#[tokio::test]
async fn an_upload_is_made_once_however_many_steps_its_analysis_takes() {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "simulate:positives=9").unwrap();
    let path = file.path().to_str().unwrap();
    let context = context(
        entities(&FileName, &[path]),
        Parameters::new()
            .with("File Paths", path)
            .with("Upload Policy", "Always"),
    );
    let (result, steps) = step_by_step(Action::UploadAndScanFile, &running, &context).await;
    assert!(steps > 1 && result.script_result.value);
    assert_eq!(running.uploads().len(), 1);
}

#[tokio::test]
async fn what_is_known_at_once_needs_no_second_step() {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    let context = context(entities(&FileHash, &[EICAR_MD5]), threshold("3"));
    let (_, steps) = step_by_step(Action::ScanHash, &running, &context).await;
    assert_eq!(steps, 1);
}
