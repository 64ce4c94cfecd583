//! Hashes and their signature, checked as the README says.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{ran, repository, xtask};

/// Programs of other systems have other options.
fn is_missing(program: &str) -> bool {
    let missing = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err();
    if missing {
        println!("skipped: {program} is not installed");
    }
    missing
}

fn key(path: &Path) {
    ran(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path));
}

/// What the README tells to do in the folder of a download.
fn told() -> String {
    let page = std::fs::read_to_string(repository("README.md")).unwrap();
    let (_, section) = page.split_once("## Verify a download\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    assert!(block.contains("ssh-keygen") && block.contains("sha256sum"));
    block.to_owned()
}

/// Whether the download passes, with that text as the key that is trusted.
fn passes(folder: &Path, public: &str) -> bool {
    let trusted = format!("release@vtsecops namespaces=\"vtsecops-release\" {public}");
    std::fs::write(folder.join("allowed_signers"), trusted).unwrap();
    Command::new("sh")
        .args(["-e", "-c", &told()])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

#[test]
fn a_signed_download_passes_and_none_that_was_changed_or_signed_by_others() {
    if is_missing("ssh-keygen") || is_missing("sha256sum") {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    let [own, other] = ["own", "other"].map(|name| keys.path().join(name));
    key(&own);
    key(&other);
    let public = |key: &Path| std::fs::read_to_string(key.with_extension("pub")).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("vtsecops"), b"the program").unwrap();
    std::fs::write(file("VirusTotal.zip"), b"the package").unwrap();
    let sign = |key: &Path| {
        ran(xtask(&["sums"]).arg(folder.path()).arg("--sign-with").arg(key));
    };
    sign(&own);
    assert!(passes(folder.path(), &public(&own)));
    assert!(!passes(folder.path(), &public(&other)), "another key is trusted");

    std::fs::write(file("vtsecops"), b"the Program").unwrap();
    assert!(!passes(folder.path(), &public(&own)), "a byte has changed");
    let sums = std::fs::read_to_string(file("SHA256SUMS")).unwrap();
    ran(xtask(&["sums"]).arg(folder.path()));
    assert_ne!(std::fs::read_to_string(file("SHA256SUMS")).unwrap(), sums);
    // The signature of the former hashes is gone.
    assert!(!passes(folder.path(), &public(&own)), "nothing is signed");

    sign(&other);
    assert!(!passes(folder.path(), &public(&own)), "somebody else has signed");
    sign(&own);
    assert!(passes(folder.path(), &public(&own)));
    // A file that was not downloaded is no fault, one that is named otherwise is.
    std::fs::remove_file(file("VirusTotal.zip")).unwrap();
    assert!(passes(folder.path(), &public(&own)));
}

#[test]
fn a_signature_for_something_else_does_not_count() {
    if is_missing("ssh-keygen") || is_missing("sha256sum") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    key(&own);
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("vtsecops"), b"the program").unwrap();
    ran(xtask(&["sums"]).arg(&files));
    ran(Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "git", "-f"])
        .arg(&own)
        .arg(files.join("SHA256SUMS")));
    let public = std::fs::read_to_string(own.with_extension("pub")).unwrap();
    assert!(!passes(&files, &public));
}

#[test]
fn nothing_is_signed_without_files_or_with_a_key_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let fails = |arguments: &[&str]| {
        let output = xtask(arguments).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
    };
    let path = folder.path().to_str().unwrap();
    fails(&["sums", path]);
    std::fs::write(folder.path().join("vtsecops"), b"the program").unwrap();
    fails(&["sums", path, "--sign-with", "no such key"]);
    assert!(!folder.path().join("SHA256SUMS.sig").exists());
    fails(&["sums"]);
    fails(&["sums", path, "--sign-with"]);
    fails(&["release", "--sing-with", "key"]);
}
