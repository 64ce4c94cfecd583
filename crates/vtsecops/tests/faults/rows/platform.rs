//! The SecOps host: away, refusing, in trouble, breaking off, hanging.

use test_platform::{Call, FaultKind, Form, Host};

use super::{ON_PLATFORM, wrong_unless};
use crate::bad_server::{BadServer, Manner};
use crate::fault::Boundary::Platform;
use crate::fault::Fault;
use crate::stage::Stage;
use crate::told::Told;

const DONE: u64 = 0;
const FAILED: u64 = 2;

fn strike(call: Call, kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| {
        let fault = test_platform::Fault::new(kind.clone()).on(call);
        stage.platform().add_fault(fault);
    }
}

fn once(call: Call, kind: FaultKind) -> impl Fn(&mut Stage) {
    move |stage| {
        let fault = test_platform::Fault::new(kind.clone()).on(call).times(1);
        stage.platform().add_fault(fault);
    }
}

/// The platform is thought to be there.
pub(super) fn at(address: std::net::SocketAddr) -> impl Fn(&mut Stage) {
    move |stage| {
        let host = Host {
            ip: address.ip().to_string(),
            port: address.port(),
            ..stage.platform().host()
        };
        stage.call("there", address.to_string());
        stage.host = Some(host);
    }
}

fn back(stage: &mut Stage) {
    stage.host = None;
}

/// Every target has its report in the result.
fn reported(_: &Stage, told: &Told) -> Vec<String> {
    let objects = told.document["ResultObjectJson"].as_str().unwrap_or_default();
    let objects: serde_json::Value = serde_json::from_str(objects).unwrap_or_default();
    let reports = objects["JsonResult"]["RawJson"].as_str().unwrap_or_default();
    let reports: serde_json::Value = serde_json::from_str(reports).unwrap_or_default();
    let number = reports.as_array().map_or(0, Vec::len);
    wrong_unless(number == 3, || {
        format!("the result has {number} reports, not 3: {}", told.said())
    })
}

/// Every target is enriched in the case.
fn enriched(stage: &Stage, told: &Told) -> Vec<String> {
    let written = stage.platform().written().len();
    let mut wrong = wrong_unless(written == 3, || {
        format!("{written} entities were written, not 3: {}", told.said())
    });
    wrong.extend(reported(stage, told));
    wrong
}

/// VirusTotal was not asked for what nobody can use.
fn not_asked(stage: &Stage, _: &Told) -> Vec<String> {
    let calls = stage.virustotal.calls().len();
    wrong_unless(calls == 0, || format!("{calls} calls to VirusTotal"))
}

/// The insight is there or named as missing, and never there twice.
fn insights_at_most_once(stage: &Stage, told: &Told) -> Vec<String> {
    let insights = stage.platform().insights();
    let mut names: Vec<String> = insights
        .iter()
        .map(|insight| insight["entity_identifier"].to_string())
        .collect();
    names.sort();
    let all = names.len();
    names.dedup();
    wrong_unless(names.len() == all, || {
        format!("an insight is there twice: {}", told.said())
    })
}

/// The first hash is one that engines flag, so that there is an insight.
fn with_insight(stage: &mut Stage) {
    let risky = simulator::file_with_positives(12, 1).sha256.to_uppercase();
    let target = [(risky.as_str(), "FILEHASH")];
    stage.set_up_platform(|platform| {
        let entity = test_platform::Entity::stored(&risky, "FILEHASH");
        let alert = test_platform::Alert::new("ALERT-1").entities([entity]);
        platform.case(test_platform::Case::new(17).alert(alert))
    });
    stage.context = stage
        .context
        .clone()
        .targets(test_platform::TargetFormat::New, target);
}

pub(crate) fn rows() -> Vec<Fault> {
    let row = |name| Fault::new(Platform, name, ON_PLATFORM);
    vec![
        row("it refuses the connection")
            .when(at(([127, 0, 0, 1], 1).into()))
            .state(FAILED)
            .says(&["configuration", "127.0.0.1:1", "refused", "Check the address"])
            .check(not_asked)
            .then_with(0, back)
            .check(enriched),
        row("it does not know the app key (401)")
            .when(strike(Call::Configuration, FaultKind::Status(401)))
            .state(FAILED)
            .says(&["configuration", "{platform}", "401", "did not accept the app key"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("500 for the configuration, always")
            .when(strike(Call::Configuration, FaultKind::Status(500)))
            .state(FAILED)
            .says(&["configuration", "{platform}", "500"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("500 for the configuration, once")
            .when(once(Call::Configuration, FaultKind::Status(500)))
            .state(DONE)
            .check(enriched),
        row("500 for the case, always")
            .when(strike(Call::AlertFullDetails, FaultKind::Status(500)))
            .when(strike(Call::AlertsFullDetails, FaultKind::Status(500)))
            .state(FAILED)
            .says(&["alert", "{platform}", "500"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("500 when entities are updated")
            .when(strike(Call::UpdateEntities, FaultKind::Status(500)))
            .state(DONE)
            .says(&[
                "Reports were fetched",
                "could not be written to the case",
                "enrichment of 3 entities",
                "500",
            ])
            .check(reported)
            .then(0)
            .check(enriched),
        row("500 for an insight")
            .when(with_insight)
            .when(strike(Call::CreateCaseInsight, FaultKind::Status(500)))
            .state(DONE)
            .says(&[
                "Reports were fetched",
                "could not be written to the case",
                "1 insight",
                "500",
            ])
            .check(insights_at_most_once)
            .then(0)
            .check(insights_at_most_once),
        row("the connection is reset when entities are updated, once")
            .when(once(Call::UpdateEntities, FaultKind::Reset))
            .state(DONE)
            .check(enriched),
        row("the answer ends in the middle, once")
            .when(once(Call::AlertFullDetails, FaultKind::Truncated))
            .state(DONE)
            .check(enriched),
        row("every answer ends in the middle")
            .when(strike(Call::Configuration, FaultKind::Truncated))
            .state(FAILED)
            .says(&["configuration", "{platform}", "broke off"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("a page of HTML where the configuration should be")
            .when(strike(
                Call::Configuration,
                FaultKind::Body("<html><title>Sign in</title></html>".to_owned()),
            ))
            .state(FAILED)
            .says(&["configuration", "{platform}", "no JSON"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("a page of HTML where the case should be")
            .when(strike(
                Call::AlertFullDetails,
                FaultKind::Body("<html>".to_owned()),
            ))
            .when(strike(
                Call::AlertsFullDetails,
                FaultKind::Body("<html>".to_owned()),
            ))
            .state(FAILED)
            .says(&["alert", "{platform}", "no JSON"])
            .check(not_asked)
            .then(0)
            .check(enriched),
        row("it never answers when entities are updated")
            .when(strike(Call::UpdateEntities, FaultKind::Hold))
            .when(|stage| {
                let soon = std::time::Duration::from_secs(3);
                stage.context = stage.context.clone().deadline_in(soon);
            })
            .state(DONE)
            .says(&[
                "Reports were fetched",
                "could not be written to the case",
                "{platform}",
                "did not answer in time",
            ])
            .within(40)
            .check(reported),
        row("it never answers at all")
            .when(|stage| {
                let server = BadServer::start(Manner::Silent);
                at(server.address)(stage);
                stage.hold(server);
                let soon = std::time::Duration::from_secs(2);
                stage.context = stage.context.clone().deadline_in(soon);
            })
            .state(FAILED)
            .says(&["configuration", "{there}", "did not answer in time"])
            .within(40)
            .check(not_asked)
            .then_with(0, back)
            .check(enriched),
        row("500 when entities are updated, in the newer form of its addresses")
            .when(|stage| stage.form = Form::OnePlatform)
            .when(strike(Call::UpdateEntities, FaultKind::Status(500)))
            .state(DONE)
            .says(&["Reports were fetched", "could not be written to the case", "500"])
            .check(reported)
            .then(0)
            .check(enriched),
        row("VirusTotal's trouble (500) while it is well")
            .when(|stage| {
                let fault = simulator::Fault::new(simulator::FaultKind::Status(500));
                stage.virustotal.add_fault(fault);
            })
            .state(FAILED)
            .says(&[
                "hashes have failed",
                "trouble of its own (HTTP 500)",
                "try again later",
            ])
            .then(0)
            .check(enriched),
    ]
}
