//! Which files leave, from where, and what becomes of each.

use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::{Action, Files, Run, UploadRules, drive, write_path_list};
use secops::{ActionResult, OutcomeKind, Parameters};
use simulator::{KeyKind, Running};
use test_sshd::{Account, Cut, Cutter, Sshd, available};
use virustotal::{Deadline, Tier};

use crate::common::{client, context, impatient, simulator};

async fn upload(running: &Running, parameters: Parameters, files: &Files) -> ActionResult {
    let (client, context) = (client(running, Tier::Private), context(Vec::new(), parameters));
    let deadline = Deadline::after(Duration::from_secs(30));
    let run = Run {
        files,
        ..Run::new(&client, &context, &deadline)
    };
    drive(Action::UploadAndScanFile, run, impatient()).await
}

async fn start() -> Running {
    simulator(KeyKind::Private)
        .scan_for(Duration::ZERO)
        .start()
        .await
        .unwrap()
}

fn paths<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Parameters {
    let list = write_path_list(paths.into_iter().map(PathBuf::as_path));
    Parameters::new().with("File Paths", list)
}

fn write(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// What there is to say of a file.
fn remark(result: &ActionResult, path: &Path) -> String {
    let name = path.to_str().unwrap();
    let found = result
        .entities
        .iter()
        .find(|entity| entity.entity.identifier == name);
    found
        .and_then(|entity| entity.remark.clone())
        .unwrap_or_else(|| panic!("{name}: {result:?}"))
}

#[tokio::test]
async fn a_file_that_virustotal_knows_stays_here() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let path = write(folder.path(), "a.bin", "simulate:positives=7");
    let always = paths([&path]).with("Upload Policy", "Always");
    let result = upload(&running, always, &Files::default()).await;
    assert_eq!(remark(&result, &path), "uploaded");
    assert_eq!(running.uploads().len(), 1);
    let result = upload(&running, paths([&path]), &Files::default()).await;
    assert_eq!(remark(&result, &path), "VirusTotal knew it; not uploaded");
    assert!(result.script_result.value, "its report counts all the same");
    assert_eq!(running.uploads().len(), 1);
}

#[tokio::test]
async fn the_policy_never_sends_nothing() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let files: Vec<PathBuf> = (0..20)
        .map(|n| write(folder.path(), &n.to_string(), &format!("content {n}")))
        .collect();
    let result = upload(
        &running,
        paths(&files).with("Upload Policy", "Never"),
        &Files::default(),
    )
    .await;
    assert!(running.uploads().is_empty());
    let unseen = result
        .entities
        .iter()
        .filter(|entity| entity.outcome == OutcomeKind::Missing);
    assert!(unseen.count() > 0);
    let wrong = upload(
        &running,
        paths(&files).with("Upload Policy", "Sometimes"),
        &Files::default(),
    )
    .await;
    assert_eq!(
        wrong.output_message,
        "Upload Policy must be one of Hash First, Always, Never, not \"Sometimes\""
    );
}

#[tokio::test]
async fn one_content_is_sent_once_however_often_it_is_named() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let first = write(folder.path(), "a.bin", "simulate:positives=7");
    let copy = write(folder.path(), "b.bin", "simulate:positives=7");
    let other_name = folder.path().join("x/../a.bin");
    std::fs::create_dir(folder.path().join("x")).unwrap();
    let named = [first.clone(), copy.clone(), other_name.clone()];
    let result = upload(&running, paths(&named), &Files::default()).await;
    assert!(running.uploads().len() <= 1, "one content");
    let result_always = upload(
        &running,
        paths(&named).with("Upload Policy", "Always"),
        &Files::default(),
    )
    .await;
    // By its place where the content is not looked at before.
    assert!(running.uploads().len() <= 3);
    for result in [result, result_always] {
        let json = serde_json::to_value(&result.json_result).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 3, "each name has its report");
    }
}

#[tokio::test]
async fn a_rule_names_itself_and_the_others_go_on() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let private = write(folder.path(), "hr/contract.txt", "private");
    let disguised = write(folder.path(), "notes.txt", "%PDF-1.7 a document");
    let free = write(folder.path(), "free.bin", "simulate:positives=7");
    let rules = format!(
        "[[refuse]]\nrule = \"personnel\"\npaths = [\"{}/hr/**\"]\n\
         [[refuse]]\nrule = \"documents of A\"\ntypes = [\"pdf\"]\nenvironments = [\"A\"]\n",
        std::fs::canonicalize(folder.path()).unwrap().display()
    );
    let files = Files {
        rules: UploadRules::parse(&rules).unwrap(),
        environment: Some("A".to_owned()),
        ..Files::default()
    };
    let wanted = paths([&private, &disguised, &free]).with("Upload Policy", "Always");
    let result = upload(&running, wanted, &files).await;
    assert_eq!(
        remark(&result, &private),
        "the upload rule \"personnel\" refuses it"
    );
    assert_eq!(
        remark(&result, &disguised),
        "the upload rule \"documents of A\" refuses it"
    );
    assert_eq!(remark(&result, &free), "uploaded");
    assert_eq!(running.uploads().len(), 1);
    assert_eq!(result.entities[0].outcome, OutcomeKind::Skipped);
}

#[tokio::test]
async fn patterns_folders_links_and_special_files_are_taken_when_asked_for() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let a = write(folder.path(), "in/a.exe", "a");
    let b = write(folder.path(), "in/deep/b.exe", "b");
    let c = write(folder.path(), "in/c.txt", "c");
    let link = folder.path().join("in/link.exe");
    std::os::unix::fs::symlink(&c, &link).unwrap();
    let names = async |path: &str, options: &str| {
        let parameters = paths([&folder.path().join(path)])
            .with("Path Options", options)
            .with("Upload Policy", "Never");
        let result = upload(&running, parameters, &Files::default()).await;
        let named = result
            .entities
            .iter()
            .filter(|entity| entity.outcome != OutcomeKind::Failed);
        named
            .map(|entity| PathBuf::from(&entity.entity.identifier))
            .collect::<Vec<_>>()
    };
    assert!(names("in", "").await.is_empty());
    assert!(names("in/*.exe", "").await.is_empty());
    assert_eq!(names("in", "folders").await, [a.clone(), c.clone(), b.clone()]);
    assert_eq!(names("in/*.exe", "patterns").await, std::slice::from_ref(&a));
    assert_eq!(
        names("in/*.exe", "patterns, links").await,
        [a.clone(), link.clone()]
    );
    assert_eq!(names("in/**/*.exe", "Patterns").await, [a.clone(), b.clone()]);
    assert!(names("in/link.exe", "").await.is_empty());
    assert_eq!(names("in/link.exe", "links").await, [link]);
    let device = |options: &str| {
        paths([&PathBuf::from("/proc/self/comm")])
            .with("Path Options", options)
            .with("Upload Policy", "Never")
    };
    let comm = Path::new("/proc/self/comm");
    let refused = upload(&running, device(""), &Files::default()).await;
    assert_eq!(remark(&refused, comm), "it is empty");
    let read = upload(&running, device("special files"), &Files::default()).await;
    assert_ne!(read.entities[0].outcome, OutcomeKind::Failed, "{read:?}");
}

#[tokio::test]
async fn only_files_below_an_allowed_folder_are_read() {
    let (running, folder) = (start().await, tempfile::tempdir().unwrap());
    let allowed = write(folder.path(), "in/a.bin", "a");
    let outside = write(folder.path(), "out/secret.bin", "secret");
    let files = Files {
        folders: vec![folder.path().join("in")],
        ..Files::default()
    };
    let around = folder.path().join("in/../out/secret.bin");
    let link = folder.path().join("in/link");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let wanted = paths([&allowed, &outside, &around, &link])
        .with("Path Options", "links")
        .with("Upload Policy", "Always");
    let result = upload(&running, wanted, &files).await;
    assert_eq!(remark(&result, &allowed), "uploaded");
    for path in [&outside, &around, &link] {
        assert_eq!(remark(&result, path), "it is not below an allowed folder");
    }
    assert_eq!(running.uploads().len(), 1);
}

struct Remote {
    sshd: Sshd,
    home: tempfile::TempDir,
    files: Files,
}

impl Remote {
    fn new() -> Option<Self> {
        if !available() {
            println!("skipped: there is no sshd");
            return None;
        }
        let (sshd, home) = (Sshd::start().unwrap(), tempfile::tempdir().unwrap());
        let login = sftp::Login {
            identities: vec![sshd.identity()],
            ..sftp::Login::default()
        };
        let mut access = sftp::Access::new(login, home.path().join("known_hosts"));
        access.idle_timeout = Duration::from_secs(2);
        let files = Files {
            servers: Some(access),
            ..Files::default()
        };
        Some(Self { sshd, home, files })
    }

    fn parameters<'a>(
        &self,
        address: std::net::SocketAddr,
        named: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Parameters {
        paths(named)
            .with("Linux Server Address", address.to_string())
            .with("Linux User", self.sshd.user())
            .with("Upload Policy", "Always")
    }
}

#[tokio::test]
async fn two_hundred_files_of_a_server_are_uploaded_over_one_connection() {
    let Some(remote) = Remote::new() else { return };
    let running = start().await;
    let mut named: Vec<PathBuf> = (0..196)
        .map(|n| write(remote.home.path(), &format!("f{n}"), &format!("content {n}")))
        .collect();
    for name in ["a, b", "it's \"quoted\"", "two\nlines", "-rf"] {
        named.push(write(remote.home.path(), name, name));
    }
    let line = Cutter::before(remote.sshd.address(), Cut::After(u64::MAX)).unwrap();
    let result = upload(&running, remote.parameters(line.address(), &named), &remote.files).await;
    for path in &named {
        assert_eq!(remark(&result, path), "uploaded", "{path:?}");
    }
    assert_eq!((running.uploads().len(), line.connections()), (200, 1));
    assert!(
        result
            .output_message
            .contains("was not known. Its host key SHA256:"),
        "{}",
        result.output_message
    );
}

#[tokio::test]
async fn each_file_of_a_server_has_its_own_reason() {
    let Some(mut remote) = Remote::new() else { return };
    let running = start().await;
    let (good, empty) = (
        write(remote.home.path(), "good", "good"),
        write(remote.home.path(), "empty", ""),
    );
    let (gone, folder) = (remote.home.path().join("gone"), remote.home.path().to_owned());
    let address = remote.sshd.address();
    let named = [&good, &empty, &gone, &folder];
    let result = upload(&running, remote.parameters(address, named), &remote.files).await;
    assert_eq!(remark(&result, &good), "uploaded");
    assert_eq!(remark(&result, &empty), "it is empty");
    assert_eq!(remark(&result, &gone), "there is no such file on the server");
    assert_eq!(
        remark(&result, &folder),
        "it is a folder; name its files, or ask for folders"
    );
    // The server's trouble is every file's.
    remote.sshd.change_host_key("ed25519").unwrap();
    let result = upload(&running, remote.parameters(address, named), &remote.files).await;
    assert!(
        named
            .iter()
            .all(|path| remark(&result, path).contains("has changed"))
    );
    assert_eq!(result.state, secops::ExecutionState::Failed);
    assert_eq!(running.uploads().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_shown_nowhere() {
    let (Some(remote), Some(account)) = (Remote::new(), Account::of_environment()) else {
        println!("skipped: there is no sshd, or no account with a password");
        return;
    };
    let running = start().await;
    let named: Vec<PathBuf> = (0..20)
        .map(|n| write(remote.home.path(), &format!("f{n}"), "x"))
        .collect();
    let line = Cutter::before(remote.sshd.address(), Cut::After(u64::MAX)).unwrap();
    let mut files = remote.files.clone();
    if let Some(access) = &mut files.servers {
        access.login.identities.clear();
    }
    let parameters = remote
        .parameters(line.address(), &named)
        .with("Linux User", account.user.as_str())
        .with("Linux Password", "wrong-swordfish");
    let result = upload(&running, parameters, &files).await;
    assert!(
        named
            .iter()
            .all(|path| remark(&result, path).contains("refused the login of"))
    );
    assert_eq!(line.connections(), 1);
    assert!(!format!("{result:?}").contains("swordfish"));
}

#[tokio::test]
async fn a_connection_that_is_lost_costs_the_files_that_were_on_it() {
    let Some(remote) = Remote::new() else { return };
    let running = start().await;
    let large = write(remote.home.path(), "large", &"x".repeat(3_000_000));
    let small = write(remote.home.path(), "small", "small");
    let line = Cutter::before(remote.sshd.address(), Cut::After(1_000_000)).unwrap();
    let result = upload(
        &running,
        remote.parameters(line.address(), [&large]),
        &remote.files,
    )
    .await;
    assert!(
        remark(&result, &large).contains("was lost"),
        "{}",
        remark(&result, &large)
    );
    let result = upload(
        &running,
        remote.parameters(line.address(), [&small]),
        &remote.files,
    )
    .await;
    assert_eq!(remark(&result, &small), "uploaded");
    // One that goes silent is not waited for by every file in turn.
    let silent = Cutter::before(remote.sshd.address(), Cut::StallAfter(6_000)).unwrap();
    let named: Vec<PathBuf> = (0..40)
        .map(|n| write(remote.home.path(), &format!("f{n}"), "x"))
        .collect();
    let begun = std::time::Instant::now();
    let result = upload(
        &running,
        remote.parameters(silent.address(), &named),
        &remote.files,
    )
    .await;
    assert_eq!(result.state, secops::ExecutionState::Failed);
    assert!(begun.elapsed() < Duration::from_secs(20));
}
