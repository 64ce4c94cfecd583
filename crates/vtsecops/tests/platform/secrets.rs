//! What must not be told.

use std::time::Duration;

use test_platform::{Call, Context, Fault, FaultKind, TargetFormat};

use crate::scene::{KEY, PING, SCAN_HASH, Scene, UPLOAD, at_once, hash_context, log_file, one_risky_hash};
use crate::shared_files::files_below;

const PASSWORD: &str = "a-swordfish-to-look-for";

#[test]
fn neither_keys_nor_passwords_are_in_outputs_logs_or_files() {
    let scene = Scene::new([]);
    let password = Context::new()
        .parameter("Threshold", "3")
        .parameter("File Paths", "/srv/x.bin")
        // Nobody listens there.
        .parameter("Linux Server Address", "127.0.0.1:1")
        .parameter("Linux User", "soc")
        .parameter("Linux Password", PASSWORD)
        .deadline_in(Duration::from_secs(10));
    let launch = scene.launch(UPLOAD, password);
    let run = launch.run().unwrap();
    scene.sound(&launch, std::slice::from_ref(&run));
    let log = std::fs::read_to_string(log_file(&launch)).unwrap();
    for text in [String::from_utf8_lossy(&run.stdout).as_ref(), &run.stderr, &log] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    for folder in [launch.home(), launch.work_folder(), launch.temporary_folder()] {
        files_below(&folder, &mut |path, content| {
            let text = String::from_utf8_lossy(content);
            for secret in [KEY, PASSWORD, scene.platform.key()] {
                assert!(!text.contains(secret), "{}", path.display());
            }
        });
    }
}

#[test]
fn a_platform_that_echoes_secrets_in_its_errors_does_not_make_them_public() {
    let echo = |scene: &Scene| format!("<html>{}", scene.platform.key());
    at_once(
        [
            Call::Configuration,
            Call::AlertFullDetails,
            Call::AlertsFullDetails,
            Call::UpdateEntities,
        ],
        |call| {
            let (scene, hash) = one_risky_hash();
            let body = FaultKind::Body(echo(&scene));
            scene.platform.add_fault(Fault::new(body).on(call));
            scene
                .platform
                .add_fault(Fault::new(FaultKind::Status(404)).on(Call::AlertFullDetails));
            // Checked by every run for both keys.
            scene.run(
                SCAN_HASH,
                hash_context(TargetFormat::New, &[&hash]).deadline_in(Duration::from_secs(10)),
            );
        },
    );
}

#[test]
fn a_virustotal_that_breaks_off_does_not_make_the_key_public() {
    at_once(
        [
            simulator::FaultKind::Reset,
            simulator::FaultKind::Status(500),
            simulator::FaultKind::NotJson,
        ],
        |kind| {
            let scene = Scene::new([]);
            scene.simulator.add_fault(simulator::Fault::new(kind));
            scene.run(PING, Context::new().deadline_in(Duration::from_secs(3)));
        },
    );
}
