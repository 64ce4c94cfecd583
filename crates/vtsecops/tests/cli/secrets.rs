//! The key is nowhere but in the requests.

use simulator::{Fault, FaultKind, KeyKind};

use crate::scene::{EICAR, KEY, Scene};

#[test]
fn the_key_is_in_no_output_log_error_or_file() {
    let faults = [
        None,
        Some(FaultKind::Status(500)),
        Some(FaultKind::Status(403)),
        Some(FaultKind::Reset),
        Some(FaultKind::NotJson),
        Some(FaultKind::Truncated),
        Some(FaultKind::Redirect(format!(
            "https://elsewhere.example/?apikey={KEY}"
        ))),
        Some(FaultKind::Quota),
    ];
    for fault in faults {
        let scene = Scene::with(|builder| builder.key(KEY, KeyKind::Private));
        if let Some(kind) = fault.clone() {
            scene.running.add_fault(Fault::new(kind));
        }
        let file = scene.write("a.bin", "harmless");
        for arguments in [
            vec!["ping"],
            vec!["scan", "hash", EICAR, "--comments"],
            vec!["scan", "ip", "198.51.100.7"],
            vec!["report", "domain", "example.co.in"],
            vec!["upload", &file],
            vec!["config", "show"],
        ] {
            let mut arguments = arguments;
            if arguments[0] != "config" {
                arguments.extend(["-vv", "--timeout", "700ms"]);
            }
            let ran = scene.run(&arguments);
            for text in [&ran.out, &ran.err] {
                assert!(!text.contains(KEY), "{fault:?} {arguments:?}: {text}");
            }
        }
        for entry in std::fs::read_dir(scene.home.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                assert!(
                    !String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(KEY),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn verbose_tells_what_is_done() {
    let scene = Scene::new();
    let ran = scene.run(&["scan", "hash", EICAR, "-vv"]);
    assert!(
        ran.err.contains("file/report") && ran.err.contains("VTSECOPS_API_KEY"),
        "{}",
        ran.err
    );
}
