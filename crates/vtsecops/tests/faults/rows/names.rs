//! Names that nobody knows. The ending `.invalid` is kept free for that.

use test_platform::Host;
use test_sshd::{Sshd, available};

use super::{ON_PLATFORM, PING, THREE, whole, wrong_unless};
use crate::fault::Boundary::Names;
use crate::fault::{Act, Fault, Skipped};
use crate::served;
use crate::stage::Stage;

fn virustotal(stage: &mut Stage) {
    stage.set("VTSECOPS_VIRUSTOTAL_URL", "http://virustotal.invalid/vtapi/v2/");
}

fn back(stage: &mut Stage) {
    let right = stage.virustotal.base_url();
    stage.set("VTSECOPS_VIRUSTOTAL_URL", &right);
}

const UNKNOWN: &str = "the name of virustotal.invalid can't be resolved";

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Names, name, act).within(60);
    vec![
        row("VirusTotal's", THREE)
            .when(virustotal)
            .ends(4)
            .says(&["{a}", "cannot be reached", UNKNOWN, "Check the address"])
            .then_with(0, back)
            .check(whole),
        row("VirusTotal's", PING)
            .when(virustotal)
            .ends(4)
            .says(&["cannot be reached", UNKNOWN, "Check the address"])
            .then_with(0, back),
        row("VirusTotal's", ON_PLATFORM)
            .when(virustotal)
            .state(2)
            .says(&["hashes have failed", UNKNOWN, "Check the address"])
            .then_with(0, back),
        row(
            "VirusTotal's, for a run of the workdesk",
            Act::Scene("workdesk", served::desk_run),
        )
        .when(virustotal)
        .says(&["failed", UNKNOWN, "Check the address"])
        .then_with(0, back)
        .check(|_, told| wrong_unless(told.message.starts_with("done"), || told.message.clone())),
        row("the SecOps host's", ON_PLATFORM)
            .when(|stage| {
                let host = stage.platform().host();
                stage.host = Some(Host {
                    ip: "platform.invalid".to_owned(),
                    ..host
                });
            })
            .state(2)
            .says(&[
                "configuration",
                "the name of platform.invalid can't be resolved",
                "Check the address",
            ])
            .then_with(0, |stage| stage.host = None),
        row(
            "a server's whose files are uploaded",
            Act::Shell(&[
                "upload",
                "--server",
                "soc@files.invalid",
                "--identity",
                "{identity}",
                "/srv/x.bin",
            ]),
        )
        .where_possible(|stage| {
            if !available() {
                return Err(Skipped("there is no sshd"));
            }
            let sshd = Sshd::start().unwrap();
            stage.call("identity", sshd.identity().to_str().unwrap());
            stage.hold(sshd);
            Ok(())
        })
        .ends(4)
        .says(&[
            "/srv/x.bin",
            "files.invalid",
            "can't be resolved",
            "Check the name",
        ]),
        row("the proxy's", THREE)
            .when(|stage| {
                stage.set(
                    "VTSECOPS_PROXY",
                    "http://user:a-swordfish-to-look-for@proxy.invalid:3128",
                );
            })
            .ends(4)
            .says(&[
                "{a}",
                "the name of the proxy proxy.invalid can't be resolved",
                "the proxy",
            ])
            .then_with(0, |stage| stage.set("VTSECOPS_PROXY", "none"))
            .check(whole),
        row(
            "the database's",
            Act::Shell(&[
                "worker",
                "--key-file",
                "{key}",
                "--database",
                "postgres://desk@database.invalid/desk",
            ]),
        )
        .when(|stage| {
            let key = stage.write("workdesk.key", "7a".repeat(32));
            stage.call("key", key);
        })
        .ends(4)
        .says(&["database.invalid", "can't be reached", "Check"]),
    ]
}
