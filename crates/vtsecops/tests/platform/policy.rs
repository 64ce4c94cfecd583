//! The machine's verdict policy counts on the platform too.

use serde_json::json;
use test_platform::TargetFormat;

use crate::scene::{HASH, SCAN_HASH, context, hash_context, log_file, one_risky_hash};

#[test]
fn the_machines_policy_decides_and_the_log_names_it() {
    let (scene, hash) = one_risky_hash();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quorum.toml");
    std::fs::write(&path, "threshold = 1000\npercentage = 100\n").unwrap();
    let launch = |context| {
        scene
            .launch(SCAN_HASH, context)
            .variable("VTSECOPS_POLICY", path.to_str().unwrap())
    };
    // The playbook's Threshold comes before the policy's; the percentage is the policy's.
    let known = launch(hash_context(TargetFormat::New, &[&hash]));
    let run = known.run().unwrap();
    scene.sound(&known, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(false)),
        "{}",
        run.message()
    );
    assert!(
        run.message().contains("Verdict policy in use: quorum.toml."),
        "{}",
        run.message()
    );
    let log = std::fs::read_to_string(log_file(&known)).unwrap();
    assert!(log.contains("Verdict policy: quorum.toml"), "{log}");
    // Where the playbook says no Threshold, the policy's counts.
    let silent = launch(context(TargetFormat::New, &[(&hash, HASH)]).parameter("Threshold", ""));
    let run = silent.run().unwrap();
    scene.sound(&silent, std::slice::from_ref(&run));
    assert_eq!(
        (run.state(), run.value()),
        (Some(0), json!(false)),
        "{}",
        run.message()
    );
}

#[test]
fn a_policy_that_cannot_be_used_fails_the_action_before_any_call() {
    let (scene, hash) = one_risky_hash();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.toml");
    std::fs::write(&path, "treshold = 3\n").unwrap();
    let launch = scene
        .launch(SCAN_HASH, hash_context(TargetFormat::New, &[&hash]))
        .variable("VTSECOPS_POLICY", path.to_str().unwrap());
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    assert_eq!((run.state(), run.value()), (Some(2), json!(false)));
    let message = run.message();
    assert!(
        message.contains("that VTSECOPS_POLICY names") && message.contains("unknown field `treshold`"),
        "{message}"
    );
    assert!(scene.simulator.calls().is_empty());
}
