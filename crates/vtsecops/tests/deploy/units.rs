//! systemd's units.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tools::{deploy, must_take, ran, system_tool};

const UNITS: [&str; 3] = [
    "vtsecops-workdesk.service",
    "vtsecops-worker@.service",
    "vtsecops-gateway.service",
];
const DROP_IN: &str = "drop-ins/workdesk-tls.conf";
/// In tenths, as `systemd-analyze security` counts: 15 stands for 1.5. docs/operations.md names it.
const MOST_EXPOSED: &str = "15";

fn unit(name: &str) -> String {
    fs::read_to_string(deploy("systemd").join(name)).unwrap()
}

/// The units with a program that is there.
fn copied(folder: &Path) {
    let here = |text: String| text.replace("/usr/bin/vtsecops", env!("CARGO_BIN_EXE_vtsecops"));
    for name in UNITS {
        fs::write(folder.join(name), here(unit(name))).unwrap();
    }
    let drop_in = folder.join("vtsecops-workdesk.service.d");
    fs::create_dir(&drop_in).unwrap();
    fs::write(drop_in.join("tls.conf"), here(unit(DROP_IN))).unwrap();
}

#[test]
fn the_units_are_understood_and_leave_a_process_little_to_do_harm_with() {
    let Some(analyze) = system_tool("systemd-analyze") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    copied(folder.path());
    for name in UNITS {
        let path = folder.path().join(name);
        let said = ran(Command::new(&analyze)
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&path));
        // What it does not know it tells, and ends well.
        assert!(said.trim().is_empty(), "{name}: {said}");
        ran(Command::new(&analyze)
            .args([
                "security",
                "--offline=true",
                "--no-pager",
                "--threshold",
                MOST_EXPOSED,
            ])
            .arg(&path));
    }
    let page = fs::read_to_string(deploy("../docs/operations.md")).unwrap();
    let (whole, tenth) = MOST_EXPOSED.split_at(1);
    let score = format!("at most {whole}.{tenth}");
    assert!(page.contains(&score), "docs/operations.md names another score");
}

#[test]
fn the_units_start_the_program_with_options_that_it_has_and_no_secrets() {
    for name in UNITS.into_iter().chain([DROP_IN]) {
        let text = unit(name);
        let commands: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart=/usr/bin/vtsecops "))
            .collect();
        assert_eq!(commands.len(), 1, "{name}");
        let words = commands[0]
            .replace("%i", "9101")
            .replace("%d", "/run/credentials");
        let words = words.split(' ').filter(|word| !word.starts_with('$'));
        must_take(&words.map(str::to_owned).collect::<Vec<_>>());
        for secret in ["PGPASSWORD=", "VTSECOPS_API_KEY=", "VTSECOPS_DATABASE="] {
            assert!(!text.contains(secret), "{name}: {secret}");
        }
    }
}
