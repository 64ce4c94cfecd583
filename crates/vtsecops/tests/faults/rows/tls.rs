//! Certificates, and connections that break before there is one.

use simulator::{Certificate, Simulator};
use test_platform::Host;

use super::{ON_PLATFORM, PING, THREE, THREE_SOON, whole, wrong_unless};
use crate::bad_server::{BadServer, Manner};
use crate::fault::Boundary::Tls;
use crate::fault::Fault;
use crate::stage::{RUNTIME, Stage};
use crate::told::Told;

fn trusted(stage: &mut Stage) {
    let authority = stage.virustotal.ca_pem().unwrap().to_owned();
    let file = stage.write("authority.pem", authority);
    stage.set("VTSECOPS_CA_FILE", &file);
}

/// VirusTotal is somewhere else, over TLS.
fn at(stage: &mut Stage, address: &str) {
    stage.call("there", address);
    stage.set("VTSECOPS_VIRUSTOTAL_URL", &format!("https://{address}/vtapi/v2/"));
}

fn back(stage: &mut Stage) {
    let right = stage.virustotal.base_url();
    stage.set("VTSECOPS_VIRUSTOTAL_URL", &right);
}

/// No request was made of whoever can't be trusted.
fn nothing_sent(stage: &Stage, _: &Told) -> Vec<String> {
    let calls = stage.virustotal.calls().len();
    wrong_unless(calls == 0, || {
        format!("{calls} calls over a connection that is not trusted")
    })
}

/// The platform is behind a server with this certificate; its authority is known, or another one is.
fn platform_shows(kind: Certificate, is_known: bool) -> impl Fn(&mut Stage) {
    move |stage| {
        let start = |kind| {
            RUNTIME
                .block_on(Simulator::builder().tls_certificate(kind).start())
                .unwrap()
        };
        let front = start(kind);
        let authority = match is_known {
            true => front.ca_pem().unwrap().to_owned(),
            false => start(Certificate::Good).ca_pem().unwrap().to_owned(),
        };
        let bundle = stage.write("bundle.pem", authority);
        stage.set("REQUESTS_CA_BUNDLE", &bundle);
        let address = front.origin().replace("https://", "");
        platform_at(stage, &address);
        stage.hold(front);
    }
}

fn platform_at(stage: &mut Stage, address: &str) {
    let (ip, port) = address.rsplit_once(':').unwrap();
    stage.call("there", address);
    stage.set("APP_USE_SSL", "True");
    let host = stage.platform().host();
    stage.host = Some(Host {
        ip: ip.to_owned(),
        port: port.parse().unwrap(),
        ..host
    });
}

fn platform_back(stage: &mut Stage) {
    stage.set("APP_USE_SSL", "False");
    stage.host = None;
}

/// Neither the app key nor anything else was sent, and nothing was asked for in vain.
fn front_saw_nothing(stage: &Stage, _: &Told) -> Vec<String> {
    let front: Option<&simulator::Running> = stage.held.iter().find_map(|held| held.downcast_ref());
    let calls = front.map_or(0, |front| front.calls().len()) + stage.virustotal.calls().len();
    wrong_unless(calls == 0, || format!("{calls} calls"))
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Tls, name, act);
    let virustotal = |name, settings: fn(simulator::Builder) -> simulator::Builder| {
        row(name, THREE)
            .simulator(settings)
            .when(trusted)
            .ends(4)
            .says(&["{a}", "certificate is not trusted", "CA file"])
            .check(nothing_sent)
    };
    let platform = |name, kind, is_known| {
        row(name, ON_PLATFORM)
            .when(platform_shows(kind, is_known))
            .state(2)
            .says(&[
                "configuration",
                "{there}",
                "certificate that is not trusted",
                "REQUESTS_CA_BUNDLE",
            ])
            .check(front_saw_nothing)
            .then_with(0, platform_back)
    };
    vec![
        virustotal("VirusTotal's certificate has expired", |simulator| {
            simulator.tls_certificate(Certificate::Expired)
        })
        .says(&["it has expired"]),
        virustotal(
            "VirusTotal's certificate is not valid yet, as after a clock was set back",
            |simulator| simulator.tls_certificate(Certificate::NotYetValid),
        )
        .says(&["it is not valid yet"]),
        virustotal("VirusTotal's certificate is another host's", |simulator| {
            simulator.tls_certificate(Certificate::WrongHost)
        })
        .says(&["it was issued for another host"]),
        virustotal("VirusTotal's certificate is self-signed", |simulator| {
            simulator.tls_certificate(Certificate::SelfSigned)
        })
        .says(&["its issuer is unknown"]),
        row(
            "VirusTotal's certificate is of an authority that nobody named",
            THREE,
        )
        .simulator(|simulator| simulator.tls(true))
        .ends(4)
        .says(&[
            "{a}",
            "certificate is not trusted",
            "its issuer is unknown",
            "CA file",
        ])
        .check(nothing_sent)
        .then_with(0, trusted)
        .check(whole),
        row("VirusTotal's port speaks plain HTTP", THREE)
            .when(|stage| {
                let address = stage.virustotal.origin().replace("http://", "");
                at(stage, &address);
            })
            .ends(4)
            .says(&[
                "{a}",
                "what answers at {there} does not speak TLS",
                "Check the address",
            ])
            .check(nothing_sent)
            .then_with(0, back)
            .check(whole),
        row("VirusTotal's port speaks TLS, and plain HTTP is wanted", PING)
            .simulator(|simulator| simulator.tls(true))
            .when(trusted)
            .when(|stage| {
                let plain = stage.virustotal.base_url().replace("https://", "http://");
                stage.set("VTSECOPS_VIRUSTOTAL_URL", &plain);
            })
            .ends(4)
            .says(&["the connection broke", "try again later"])
            .then_with(0, back),
        row("VirusTotal hangs up in the handshake", THREE)
            .when(|stage| {
                let server = BadServer::start(Manner::HangsUpWhenSpokenTo);
                at(stage, &server.address.to_string());
                stage.hold(server);
            })
            .ends(4)
            .says(&["{a}", "cannot be reached", "{there} hung up", "Check the address"])
            .then_with(0, back)
            .check(whole),
        row("VirusTotal says nothing in the handshake", THREE_SOON)
            .when(|stage| {
                let server = BadServer::start(Manner::Silent);
                at(stage, &server.address.to_string());
                stage.hold(server);
            })
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then_with(0, back)
            .check(whole),
        row("the file of authorities is none", PING)
            .simulator(|simulator| simulator.tls(true))
            .when(|stage| {
                let file = stage.write("authority.pem", "no certificate");
                stage.set("VTSECOPS_CA_FILE", &file);
            })
            .ends(2)
            .says(&["the CA file {home}/authority.pem is not usable"])
            .check(nothing_sent)
            .then_with(0, trusted),
        platform(
            "the SecOps host's certificate has expired",
            Certificate::Expired,
            true,
        )
        .says(&["it has expired"]),
        platform(
            "the SecOps host's certificate is another host's",
            Certificate::WrongHost,
            true,
        )
        .says(&["it was issued for another host"]),
        platform(
            "the SecOps host's certificate is self-signed",
            Certificate::SelfSigned,
            true,
        )
        .says(&["its issuer is unknown"]),
        platform(
            "the SecOps host's certificate is of another authority",
            Certificate::Good,
            false,
        )
        .says(&["its issuer is unknown"]),
        row("the SecOps host's port speaks plain HTTP", ON_PLATFORM)
            .when(|stage| {
                let address = stage.platform().address().to_string();
                platform_at(stage, &address);
            })
            .state(2)
            .says(&[
                "configuration",
                "what answers at {there} does not speak TLS",
                "Check the address",
            ])
            .then_with(0, platform_back),
        row("the SecOps host hangs up in the handshake", ON_PLATFORM)
            .when(|stage| {
                let server = BadServer::start(Manner::HangsUpWhenSpokenTo);
                platform_at(stage, &server.address.to_string());
                stage.hold(server);
            })
            .state(2)
            .says(&["configuration", "{there} hung up", "Check the address"])
            .then_with(0, platform_back),
    ]
}
