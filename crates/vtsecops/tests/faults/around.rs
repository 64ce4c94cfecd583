//! What is put around the program: fewer handles, or a disk of its own. Nothing of it reaches the machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::fault::Skipped;

/// How the program is started.
#[derive(Clone, Debug)]
pub(crate) enum Around {
    Nothing,
    /// With so many handles.
    Handles(u32),
    /// With this file as its standard output.
    Output(&'static str),
    /// With another disk in the place of a folder. What the folder holds is on it, and what is on it in the end is in the folder.
    Disk(PathBuf, Disk),
    /// The same for a server, which is ended by its id. What is on the disk in the end is gone.
    ServersDisk(PathBuf, Disk),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// That has so many KiB.
    Small(u32),
    /// That takes nothing.
    ReadOnly,
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_vtsecops");

/// Puts the disk in the folder's place: `$1` the folder, `$2` its size, `$3` how.
const MOUNT: &str = r#"
    place=$1 size=$2 how=$3; shift 3
    mkdir -p "$place" "$place.outside"
    mount --bind "$place" "$place.outside"
    mount -t tmpfs -o "size=$size,mode=700" none "$place"
    cp -a "$place.outside/." "$place/"
    [ "$how" = rw ] || mount -o remount,ro "$place"
"#;
/// A process that hangs is ended with what is in there.
const AND_WAIT: &str = r#"
    longest=$1; shift
    set +e
    timeout -s KILL "$longest" "$@"
    code=$?
    [ "$how" = ro ] || cp -a "$place/." "$place.outside/"
    exit $code
"#;

impl Around {
    /// The program to start, and the arguments before its own.
    pub(crate) fn start(&self, longest: Duration) -> (PathBuf, Vec<OsString>) {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        match self {
            Self::Nothing => (PROGRAM.into(), Vec::new()),
            Self::Handles(number) => {
                let script = format!("ulimit -n {number}; exec \"$@\"");
                ("sh".into(), words(&["-c", &script, "sh", PROGRAM]))
            }
            Self::Output(file) => {
                let script = format!("exec \"$@\" >{file}");
                ("sh".into(), words(&["-c", &script, "sh", PROGRAM]))
            }
            Self::Disk(place, disk) => {
                let script = format!("{MOUNT}{AND_WAIT}");
                let mut leading = namespace(&script);
                leading.extend(arguments(place, *disk));
                let longest = (longest + Duration::from_secs(3)).as_secs().to_string();
                leading.extend(words(&[&longest, PROGRAM]));
                ("unshare".into(), leading)
            }
            Self::ServersDisk(place, disk) => {
                let script = format!("{MOUNT} exec \"$@\"");
                let mut leading = namespace(&script);
                leading.extend(arguments(place, *disk));
                leading.extend(words(&[PROGRAM]));
                ("unshare".into(), leading)
            }
        }
    }
}

fn arguments(place: &Path, disk: Disk) -> Vec<OsString> {
    let (size, how) = match disk {
        Disk::Small(kibibytes) => (format!("{kibibytes}k"), "rw"),
        Disk::ReadOnly => ("64m".to_owned(), "ro"),
    };
    vec![place.into(), size.into(), how.into()]
}

fn namespace(script: &str) -> Vec<OsString> {
    let mut leading: Vec<OsString> = options().unwrap().iter().map(OsString::from).collect();
    leading.extend(["sh", "-ec", script, "sh"].map(OsString::from));
    leading
}

/// The options with which a process gets mounts of its own on this machine.
fn options() -> Option<&'static [&'static str]> {
    static OPTIONS: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *OPTIONS.get_or_init(|| {
        let ways: [&'static [&'static str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
        ways.into_iter().find(|way| {
            let mut command = Command::new("unshare");
            command.args(*way).args(["mount", "-t", "tmpfs", "none", "/mnt"]);
            command.output().is_ok_and(|output| output.status.success())
        })
    })
}

/// Whether folders can have disks of their own here.
pub(crate) fn with_disks() -> Result<(), Skipped> {
    match options() {
        Some(_) => Ok(()),
        None => Err(Skipped(
            "mounts of its own for a process take Linux, and root or user namespaces",
        )),
    }
}
