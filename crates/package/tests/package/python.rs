//! The wheel and the scripts in a real CPython 3.11: installed without network, started as the platform starts them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use crate::common;

/// An environment with the wheel, and the archive unpacked.
struct Platform {
    root: TempDir,
    python: PathBuf,
}

/// The name of a CPython 3.11; without one these tests say so.
static PYTHON: LazyLock<Option<&str>> = LazyLock::new(|| {
    let is_it = |name: &&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).starts_with("Python 3.11."))
    };
    let found = ["python3.11", "python3"].into_iter().find(is_it);
    if found.is_none() {
        // Past the harness, which shows nothing of a test that passes.
        let words =
            "*** SKIPPED: there is no Python 3.11 here, so the scripts and the wheel were not run ***";
        let _ = writeln!(std::io::stderr(), "\n{words}\n");
    }
    found
});

impl Platform {
    fn set_up() -> Option<Self> {
        let name = (*PYTHON)?;
        let root = tempfile::tempdir().unwrap();
        let package = common::package(false);
        let archive = common::unpacked(&package.files[&package::archive_name()]);
        common::write(
            archive.into_iter().map(|(path, (bytes, _))| (path, bytes)),
            &root.path().join("VirusTotal"),
        );
        let environment = root.path().join("environment");
        succeed(Command::new(name).args(["-m", "venv"]).arg(&environment));
        let python = environment.join("bin/python");
        let wheel = root
            .path()
            .join("VirusTotal/Dependencies")
            .join(package::wheel_name());
        let install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"];
        succeed(Command::new(&python).args(install).arg(wheel));
        Some(Self { root, python })
    }

    fn program(&self) -> PathBuf {
        let packages = self.root.path().join("environment/lib/python3.11/site-packages");
        packages.join("vtsecops_binary/bin/vtsecops")
    }

    fn command(&self, script: &str) -> Command {
        let integration = self.root.path().join("VirusTotal");
        let mut command = Command::new(&self.python);
        command
            .arg(integration.join("ActionsScripts").join(script))
            .env("PYTHONPATH", integration.join("Managers"))
            .env("TMPDIR", self.root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn answer(mut command: Command, input: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // A program that does not start does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn set_permissions(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o111 != 0
}

/// One environment for all: it takes seconds to make.
#[test]
fn the_package_works_in_python_3_11() {
    let Some(platform) = Platform::set_up() else {
        return;
    };
    each_script_hands_everything_to_the_program(&platform);
    a_lost_permission_is_given_again(&platform);
    where_the_permission_cannot_be_given_a_private_copy_is_started(&platform);
    without_the_program_the_script_says_so(&platform);
}

fn each_script_hands_everything_to_the_program(platform: &Platform) {
    assert!(is_executable(&platform.program()));
    for action in integration::Action::ALL {
        let definition = action.definition();
        let mut command = platform.command(&format!("{}.py", definition.script));
        command.args(["key", "True", "--logPath", "a b"]);
        let output = answer(command, "{\"target_entities\": [\"ü\"]}\n");
        let expected = format!(
            "<action><{}><key><True><--logPath><a b>\n{{\"target_entities\": [\"ü\"]}}\n",
            definition.name
        );
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "trouble\n");
        assert_eq!(output.status.code(), Some(7));
    }
}

fn a_lost_permission_is_given_again(platform: &Platform) {
    set_permissions(&platform.program(), 0o644);
    let output = answer(platform.command("ScanHash.py"), "");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(is_executable(&platform.program()));
}

/// As on a file system that is mounted for reading only: the permission can't be given.
fn where_the_permission_cannot_be_given_a_private_copy_is_started(platform: &Platform) {
    set_permissions(&platform.program(), 0o644);
    let text = "import os, sys\n\
                def refuse(path, *more, **named):\n    raise PermissionError(path)\n\
                import vtsecops_binary\n\
                real = os.chmod\n\
                os.chmod = lambda path, mode: refuse(path) if path.endswith('bin/vtsecops') else real(path, mode)\n\
                one, two = vtsecops_binary.path(), vtsecops_binary.path()\n\
                assert one == two, (one, two)\n\
                assert os.stat(os.path.dirname(one)).st_mode & 0o77 == 0\n\
                open(one, 'ab').write(b'# changed')\n\
                assert open(vtsecops_binary.path(), 'rb').read() == open(sys.argv[1], 'rb').read()\n\
                real(os.path.dirname(one), 0o755)\n\
                other = vtsecops_binary.path()\n\
                assert os.path.dirname(other) != os.path.dirname(one), other\n\
                assert os.stat(os.path.dirname(other)).st_mode & 0o77 == 0\n\
                os.execv(one, [one, 'started'])\n";
    let mut command = Command::new(&platform.python);
    command
        .args(["-c", text])
        .arg(platform.program())
        .env("TMPDIR", platform.root.path());
    let output = command.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "<started>\n",
        "{output:?}"
    );
    assert!(!is_executable(&platform.program()));
}

fn without_the_program_the_script_says_so(platform: &Platform) {
    std::fs::remove_file(platform.program()).unwrap();
    let missing = answer(platform.command("ScanHash.py"), "");
    std::fs::remove_dir_all(platform.program().parent().unwrap().parent().unwrap()).unwrap();
    let not_installed = answer(platform.command("ScanHash.py"), "");
    for output in [missing, not_installed] {
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(
            words.starts_with("Scan Hash could not run: ") && words.contains("Install the integration again"),
            "{words}"
        );
        assert!(!words.contains("Traceback"), "{words}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn importing_a_script_starts_nothing() {
    let Some(python) = *PYTHON else { return };
    let integration = common::Integration::built(false);
    let text = "import importlib, sys\n\
                from virus_total.tests import common\n\
                names = common.modules()\n\
                assert len(names) == 12, names\n\
                for name in names:\n    importlib.import_module(name)\n\
                print('imported')\n";
    let mut command = Command::new(python);
    let folder = integration.folder.parent().unwrap();
    let output = command.args(["-c", text]).current_dir(folder).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "imported\n",
        "{output:?}"
    );
}
