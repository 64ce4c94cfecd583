//! Told to stop.

use std::time::Duration;

use serde_json::json;
use test_platform::{Call, Fault, FaultKind, TargetFormat, check_log};

use crate::scene::{SCAN_HASH, hash_context, log_file, one_risky_hash, told};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn sigterm_ends_with_113_and_an_empty_stdout() {
    for call in [
        Call::Configuration,
        Call::AlertFullDetails,
        Call::CreateCaseInsight,
        Call::UpdateEntities,
    ] {
        let (scene, hash) = one_risky_hash();
        scene.platform.add_fault(Fault::new(FaultKind::Hold).on(call));
        let launch = scene.launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]));
        let running = launch.start().unwrap();
        assert!(scene.platform.wait_for(call, 1, PATIENCE));
        running.signal("TERM").unwrap();
        let run = running.wait().unwrap();
        scene.sound(&launch, std::slice::from_ref(&run));
        assert_eq!((run.code, run.stdout.len()), (Some(113), 0), "{}", run.stderr);
        assert!(
            run.stderr
                .contains(" WARNING] Termination signal [15] received, exiting...\n"),
            "{}",
            run.stderr
        );
        assert!(check_log(&run.stderr).is_empty());
        let log = std::fs::read_to_string(log_file(&launch)).unwrap();
        assert!(log.contains("Termination signal [15] received, exiting..."));
        let left: Vec<_> = std::fs::read_dir(launch.temporary_folder()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn sigint_is_said_and_the_run_goes_on_to_its_normal_end() {
    let (scene, hash) = one_risky_hash();
    scene
        .platform
        .add_fault(Fault::new(FaultKind::Hold).on(Call::Configuration).times(1));
    let launch = scene.launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]));
    let running = launch.start().unwrap();
    assert!(scene.platform.wait_for(Call::Configuration, 1, PATIENCE));
    running.signal("INT").unwrap();
    let warning = "Cancellation signal [2] received, ignoring to finish execution gracefully.";
    assert!(running.says(warning, PATIENCE));
    scene.platform.release();
    let run = running.wait().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(true)),
        "{}",
        told(&[run])
    );
}
