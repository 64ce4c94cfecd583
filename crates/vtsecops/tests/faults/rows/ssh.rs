//! Servers whose files are uploaded.

use std::path::Path;

use test_sshd::{Cut, Cutter, Sshd, available};

use super::wrong_unless;
use crate::bad_server::{BadServer, Manner};
use crate::fault::Boundary::Ssh;
use crate::fault::{Act, Fault, Skipped};
use crate::stage::{NOBODY, SWORDFISH, Stage};
use crate::told::Told;

const UPLOAD: Act = Act::Shell(&[
    "upload",
    "--server",
    "{login}",
    "--identity",
    "{identity}",
    "--always-upload",
    "{file}",
]);
const UPLOAD_STRICTLY: Act = Act::Shell(&[
    "upload",
    "--server",
    "{login}",
    "--identity",
    "{identity}",
    "--host-keys",
    "strict",
    "--always-upload",
    "{file}",
]);
const UPLOAD_WITH_PASSWORD: Act = Act::Shell(&["upload", "--server", "{login}", "--always-upload", "{file}"]);

/// More than fits into what is sent before the first answer.
const BYTES: usize = 3_000_000;

/// A server with a file, and a login that works.
fn server(stage: &mut Stage) -> Result<(), Skipped> {
    if !available() {
        return Err(Skipped("there is no sshd"));
    }
    let sshd = Sshd::start().unwrap();
    know(stage, &sshd);
    stage.hold(sshd);
    Ok(())
}

fn know(stage: &mut Stage, sshd: &Sshd) {
    let file = sshd.folder().join("sample.bin");
    let mut content = b"simulate:positives=0".to_vec();
    content.resize(BYTES, 7);
    std::fs::write(&file, content).unwrap();
    stage.call("file", text(&file));
    stage.call("identity", text(&sshd.identity()));
    stage.call("user", sshd.user());
    at(stage, &sshd.address().to_string());
    stage.set("VTSECOPS_SSH_CONNECT_TIMEOUT", "4s");
    stage.set("VTSECOPS_SSH_IDLE_TIMEOUT", "2s");
}

fn at(stage: &mut Stage, address: &str) {
    let login = format!("{}@{address}", stage.names["user"]);
    stage.call("server", address);
    stage.call("login", login);
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn sshd(stage: &Stage) -> &Sshd {
    stage.held.iter().find_map(|held| held.downcast_ref()).unwrap()
}

/// A line to the server that breaks when so many bytes have come.
fn cut(cut: Cut) -> impl Fn(&mut Stage) {
    move |stage| {
        let line = Cutter::before(sshd(stage).address(), cut).unwrap();
        at(stage, &line.address().to_string());
        stage.hold(line);
    }
}

/// Another server in its place.
fn instead(manner: Manner) -> impl Fn(&mut Stage) {
    move |stage| {
        let server = BadServer::start(manner.clone());
        at(stage, &server.address.to_string());
        stage.hold(server);
    }
}

fn back(stage: &mut Stage) {
    let address = sshd(stage).address().to_string();
    at(stage, &address);
}

/// What VirusTotal was sent.
fn uploaded(number: usize) -> impl Fn(&Stage, &Told) -> Vec<String> {
    move |stage, told| {
        let uploads = stage.virustotal.uploads();
        let is_whole = uploads.iter().all(|upload| upload.size_bytes == BYTES as u64);
        wrong_unless(uploads.len() == number && is_whole, || {
            format!("uploads: {uploads:?} {}", told.said())
        })
    }
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Ssh, name, act).where_possible(server);
    vec![
        row("it refuses the connection", UPLOAD)
            .when(|stage| at(stage, NOBODY))
            .ends(4)
            .says(&[
                "{file}",
                "{nobody}",
                "cannot be reached",
                "refused",
                "Check the name, the port",
            ])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("its host key is not known", UPLOAD_STRICTLY)
            .ends(4)
            .says(&["{file}", "{server}", "is not known", "ssh-keygen -lf"])
            .check(uploaded(0))
            .then_with(0, |stage| {
                let key = sshd(stage).public_host_key().unwrap();
                let port = sshd(stage).address().port();
                stage.write(".ssh/known_hosts", format!("[127.0.0.1]:{port} {key}\n"));
            })
            .check(uploaded(1)),
        row("its host key has changed", UPLOAD)
            .when(|stage| {
                let port = sshd(stage).address().port();
                let other = Sshd::start().unwrap();
                let key = other.public_host_key().unwrap();
                stage.write(".ssh/known_hosts", format!("[127.0.0.1]:{port} {key}\n"));
            })
            .ends(4)
            .says(&[
                "{file}",
                "{server}",
                "has changed",
                "nothing was sent",
                "remove line 1 of {home}/.ssh/known_hosts",
            ])
            .check(uploaded(0))
            .then_with(0, |stage| {
                std::fs::remove_file(stage.path(".ssh/known_hosts")).unwrap();
            })
            .check(uploaded(1)),
        row("the password is wrong", UPLOAD_WITH_PASSWORD)
            .when(|stage| stage.set("VTSECOPS_SSH_PASSWORD", SWORDFISH))
            .ends(4)
            .says(&[
                "{file}",
                "{server}",
                "refused the login of {user}",
                "tried: password",
            ])
            .check(uploaded(0)),
        row("the key is not one that it takes", UPLOAD)
            .when(|stage| {
                let other = sshd(stage).make_identity("stranger", "ed25519", "").unwrap();
                stage.call("identity", text(&other));
            })
            .ends(4)
            .says(&[
                "{file}",
                "{server}",
                "refused the login of {user}",
                "key file {identity}",
            ])
            .check(uploaded(0))
            .then_with(0, |stage| {
                let right = sshd(stage).identity();
                stage.call("identity", text(&right));
            })
            .check(uploaded(1)),
        row("the connection is cut in the middle of a file", UPLOAD)
            .when(cut(Cut::After(1_000_000)))
            .ends(4)
            .says(&["{file}", "the connection", "was lost"])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("the connection is cut in the login", UPLOAD)
            .when(cut(Cut::After(1_500)))
            .ends(4)
            .says(&["{file}", "{server}", "was lost"])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("there is no such file", UPLOAD)
            .when(|stage| stage.call("file", "/nothing/here.bin"))
            .ends(4)
            .says(&["/nothing/here.bin", "there is no such file on the server"])
            .check(uploaded(0)),
        row("it is a folder", UPLOAD)
            .when(|stage| {
                let folder = text(sshd(stage).folder());
                stage.call("file", folder);
            })
            .ends(4)
            .says(&["{file}", "it is a folder", "name its files"])
            .check(uploaded(0)),
        row("the account may not read it", UPLOAD)
            .where_possible(|stage| {
                use std::os::unix::fs::PermissionsExt;
                if stage.names["user"] == "root" {
                    // Root may read everything; so it is somebody else who logs in.
                    let nobody = std::process::Command::new("id").arg("nobody").output();
                    if !nobody.is_ok_and(|known| known.status.success()) {
                        return Err(Skipped(
                            "root may read everything, and there is no account nobody",
                        ));
                    }
                    let folder = sshd(stage).folder().to_owned();
                    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
                    std::fs::set_permissions(folder.join("authorized"), PermissionsExt::from_mode(0o644))
                        .unwrap();
                    stage.call("user", "nobody");
                    let address = stage.names["server"].clone();
                    at(stage, &address);
                }
                let mode = if stage.names["user"] == "nobody" {
                    0o600
                } else {
                    0o000
                };
                std::fs::set_permissions(&stage.names["file"], PermissionsExt::from_mode(mode)).unwrap();
                Ok(())
            })
            .ends(4)
            .says(&[
                "{file}",
                "no permission to read it on the server",
                "log in as a user who may",
            ])
            .check(uploaded(0)),
        Fault::new(Ssh, "it offers no SFTP", UPLOAD)
            .where_possible(|stage| {
                if !available() {
                    return Err(Skipped("there is no sshd"));
                }
                let sshd = Sshd::without_sftp().unwrap();
                know(stage, &sshd);
                stage.hold(sshd);
                Ok(())
            })
            .ends(4)
            .says(&[
                "{file}",
                "{server}",
                "offers no SFTP",
                "Enable the sftp subsystem",
            ])
            .check(uploaded(0)),
        row("it stops sending in the middle of a file", UPLOAD)
            .when(cut(Cut::StallAfter(1_000_000)))
            .ends(4)
            .says(&["{file}", "stopped answering for 2 s", "try again later"])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("it takes the connection and says nothing", UPLOAD)
            .when(instead(Manner::Silent))
            .ends(4)
            .says(&[
                "{file}",
                "{server}",
                "did not take the connection and the login within 4 s",
            ])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("what answers is a web server", UPLOAD)
            .when(instead(Manner::Says(
                b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            )))
            .ends(4)
            .says(&["{file}", "{server}", "no SSH", "Check the port"])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("it hangs up at once", UPLOAD)
            .when(instead(Manner::HangsUp))
            .ends(4)
            .says(&[
                "{file}",
                "no SSH connection with {server}",
                "was lost before a host key was shown",
                "Check the port",
            ])
            .check(uploaded(0))
            .then_with(0, back)
            .check(uploaded(1)),
        row("the file of known host keys can't be written", UPLOAD)
            .when(|stage| {
                stage.write("not-a-folder", "");
                let place = stage.path("not-a-folder/known_hosts");
                stage.set("VTSECOPS_SSH_KNOWN_HOSTS", place.to_str().unwrap());
            })
            .ends(4)
            .says(&[
                "{file}",
                "known host keys can't be used",
                "{home}/not-a-folder/known_hosts",
                "or pin the host key",
            ])
            .check(uploaded(0)),
    ]
}
