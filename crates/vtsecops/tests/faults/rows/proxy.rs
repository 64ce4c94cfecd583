//! Proxies between the program and VirusTotal.

use test_platform::ProxySettings;

use super::{ON_PLATFORM, PING, THREE, THREE_SOON, whole, wrong_unless};
use crate::bad_server::{BadServer, Manner};
use crate::fault::Boundary::Proxy;
use crate::fault::{Act, Fault};
use crate::served;
use crate::stage::{NOBODY, SWORDFISH, Stage};
use crate::told::Told;

/// Calls go through whoever is at that address; the password is not to be shown.
fn through(stage: &mut Stage, address: &str) {
    stage.call("proxy", address);
    stage.set(
        "VTSECOPS_PROXY",
        &format!("http://somebody:{SWORDFISH}@{address}"),
    );
}

fn answering(status: &'static str) -> impl Fn(&mut Stage) {
    move |stage| {
        let server = BadServer::answering(status, "text/html", b"<html>proxy</html>");
        through(stage, &server.address.to_string());
        stage.hold(server);
    }
}

fn behaving(manner: Manner) -> impl Fn(&mut Stage) {
    move |stage| {
        let server = BadServer::start(manner.clone());
        through(stage, &server.address.to_string());
        stage.hold(server);
    }
}

fn without(stage: &mut Stage) {
    stage.set("VTSECOPS_PROXY", "none");
}

/// VirusTotal is asked over TLS, which goes through a proxy unread.
fn trusted(stage: &mut Stage) {
    let authority = stage.virustotal.ca_pem().unwrap().to_owned();
    let file = stage.write("authority.pem", authority);
    stage.set("VTSECOPS_CA_FILE", &file);
}

/// Neither the key nor a hash was sent to whoever only lets connections through.
fn saw_nothing(stage: &Stage, _: &Told) -> Vec<String> {
    let server: Option<&BadServer> = stage.held.iter().find_map(|held| held.downcast_ref());
    let heard = server.map(BadServer::heard).unwrap_or_default().concat();
    wrong_unless(
        !heard.contains(&stage.names["a"]) && !heard.contains(crate::stage::KEY),
        || format!("the proxy saw {heard}"),
    )
}

/// As the platform tells it.
fn of_platform(status: &'static str) -> impl Fn(&mut Stage) {
    move |stage| {
        let server = BadServer::answering(status, "text/html", b"<html>proxy</html>");
        let settings = ProxySettings {
            address: format!("http://{}", server.address),
            username: "somebody".to_owned(),
            password: SWORDFISH.to_owned(),
            ..ProxySettings::default()
        };
        stage.set_up_platform(|platform| platform.proxy(settings));
        stage.context = stage.context.clone().set("use_proxy_settings", true);
        stage.hold(server);
    }
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name, act| Fault::new(Proxy, name, act);
    let over_tls = |name, act| {
        row(name, act)
            .simulator(|simulator| simulator.tls(true))
            .when(trusted)
    };
    vec![
        row("it refuses the connection", THREE)
            .when(|stage| through(stage, NOBODY))
            .ends(4)
            .says(&[
                "{a}",
                "cannot be reached",
                "the proxy {proxy} refused the connection",
                "Check the address, the network and the proxy",
            ])
            .then_with(0, without)
            .check(whole),
        over_tls("it refuses the connection, TLS behind it", THREE)
            .when(|stage| through(stage, NOBODY))
            .ends(4)
            .says(&[
                "{a}",
                "cannot be reached",
                "the proxy {proxy} refused the connection",
                "Check the address, the network and the proxy",
            ])
            .then_with(0, without)
            .check(whole),
        row("it wants a login (407)", THREE)
            .when(answering("407 Proxy Authentication Required"))
            .ends(4)
            .says(&[
                "{a}",
                "the proxy wants a user and a password",
                "Check the address, the network and the proxy",
            ])
            .then_with(0, without)
            .check(whole),
        over_tls("it wants a login (407), TLS behind it", THREE)
            .when(answering("407 Proxy Authentication Required"))
            .ends(4)
            .says(&[
                "{a}",
                "the proxy {proxy} wants a user and a password",
                "Check the address, the network and the proxy",
            ])
            .check(saw_nothing)
            .then_with(0, without)
            .check(whole),
        row("it finds nobody (502)", THREE)
            .when(answering("502 Bad Gateway"))
            .ends(4)
            .says(&["{a}", "HTTP 502", "try again later"])
            .then_with(0, without)
            .check(whole),
        over_tls("it finds nobody (502), TLS behind it", THREE)
            .when(answering("502 Bad Gateway"))
            .ends(4)
            .says(&[
                "{a}",
                "the proxy {proxy} does not let the call through",
                "Check the address, the network and the proxy",
            ])
            .check(saw_nothing)
            .then_with(0, without)
            .check(whole),
        over_tls("it forbids the way (403), TLS behind it", PING)
            .when(answering("403 Forbidden"))
            .ends(4)
            .says(&["the proxy {proxy} does not let the call through"])
            .check(saw_nothing)
            .then_with(0, without),
        row("it hangs", THREE_SOON)
            .when(behaving(Manner::Silent))
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then_with(0, without)
            .check(whole),
        over_tls("it hangs, TLS behind it", THREE_SOON)
            .when(behaving(Manner::Silent))
            .ends(3)
            .says(&["{a}", "time ran out", "vtsecops resume"])
            .then_with(0, without)
            .check(whole),
        over_tls("it hangs up, TLS behind it", THREE)
            .when(behaving(Manner::HangsUpWhenSpokenTo))
            .ends(4)
            .says(&[
                "{a}",
                "the proxy {proxy}",
                "Check the address, the network and the proxy",
            ])
            .then_with(0, without)
            .check(whole),
        row("it wants a login (407), on the platform", ON_PLATFORM)
            .when(of_platform("407 Proxy Authentication Required"))
            .state(2)
            .says(&["hashes have failed", "the proxy wants a user and a password"])
            .then_with(0, |stage| {
                stage.context = stage.context.clone().set("use_proxy_settings", false);
            }),
        row(
            "it refuses the connection of the gateway",
            Act::Scene("gateway", served::gateway_ask),
        )
        .when(|stage| through(stage, NOBODY))
        .says(&[
            "503",
            "cannot reach VirusTotal",
            "tell whoever runs the gateway",
            "the proxy {proxy} refused the connection",
        ])
        .within(60)
        .then_with(0, without)
        .check(|_, told| wrong_unless(told.message.starts_with("200"), || told.message.clone())),
    ]
}
