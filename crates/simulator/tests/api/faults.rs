//! Every fault, seen from the client's side.

use std::time::{Duration, Instant};

use serde_json::Value;
use simulator::{Certificate, Fault, FaultKind};

use crate::scene::{EICAR_MD5, Scene};

fn report(scene: &Scene) -> Result<crate::scene::Answer, ureq::Error> {
    scene.try_post(
        "file/report",
        &[("apikey", simulator::DEMO_KEY), ("resource", EICAR_MD5)],
    )
}

#[test]
fn statuses_and_strange_bodies_come_as_ordered() {
    for (kind, status, start) in [
        (FaultKind::Status(503), 503, "<!DOCTYPE html>"),
        (FaultKind::Status(403), 403, ""),
        (FaultKind::Quota, 204, ""),
        (FaultKind::RetryAfter(429, 7), 429, ""),
        (FaultKind::NotJson, 200, "<!DOCTYPE html>"),
        (FaultKind::EmptyObject, 200, "{}"),
        (FaultKind::Null, 200, "null"),
    ] {
        let scene = Scene::new(|builder| builder.fault(Fault::new(kind.clone()).times(1)));
        let answer = report(&scene).unwrap();
        assert_eq!(answer.status, status, "{kind:?}");
        assert!(answer.body.starts_with(start), "{kind:?}: {}", answer.body);
        assert_eq!(
            report(&scene).unwrap().json()["response_code"],
            1,
            "{kind:?} passes"
        );
    }
}

#[test]
fn a_reset_a_cut_and_a_hang_are_no_answers() {
    for kind in [FaultKind::Reset, FaultKind::Truncated, FaultKind::Hang] {
        let scene = Scene::new(|builder| builder.fault(Fault::new(kind.clone())));
        assert!(report(&scene).is_err(), "{kind:?}");
        assert_eq!(scene.running.calls().len(), 1);
    }
}

#[test]
fn a_slow_body_is_whole_in_the_end() {
    let scene =
        Scene::new(|builder| builder.fault(Fault::new(FaultKind::SlowBody(Duration::from_millis(500)))));
    let begun = Instant::now();
    assert_eq!(report(&scene).unwrap().json()["response_code"], 1);
    assert!(begun.elapsed() >= Duration::from_millis(400));
}

#[test]
fn a_huge_answer_is_json_all_the_same() {
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::Huge(2_000_000))));
    let answer = report(&scene).unwrap();
    assert!(answer.body.len() >= 2_000_000);
    assert!(answer.json().is_array());
}

#[test]
fn wrong_types_keep_the_shape() {
    let scene = Scene::new(|builder| builder.fault(Fault::new(FaultKind::WrongTypes)));
    let answer = report(&scene).unwrap().json();
    assert_eq!(answer["positives"], Value::from("10"));
    assert!(answer["scans"].is_object());
}

#[test]
fn a_redirect_points_elsewhere() {
    let scene = Scene::new(|builder| {
        builder.fault(Fault::new(FaultKind::Redirect(
            "https://elsewhere.example/".to_owned(),
        )))
    });
    assert_eq!(report(&scene).unwrap().status, 302);
}

#[test]
fn certificates_are_made_for_each_kind() {
    for kind in [
        Certificate::Good,
        Certificate::Expired,
        Certificate::WrongHost,
        Certificate::SelfSigned,
    ] {
        let scene = Scene::new(|builder| builder.tls_certificate(kind));
        assert!(scene.running.base_url().starts_with("https://127.0.0.1:"));
        assert!(
            scene
                .running
                .ca_pem()
                .unwrap()
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
    }
}
