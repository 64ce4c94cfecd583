//! What is told of an address where API v3 tells less than API v2.

use std::time::Duration;

use integration::{Action, Run, drive};
use secops::{ActionResult, EntityType, Parameters};
use simulator::{Fault, KeyKind, Running};
use virustotal::{Api, Client, Deadline, Related, Tier};

use crate::common::{context, entities, impatient, settings, simulator};

/// API v3 has no verdict of engines on it; what was found on it is in its relationships.
const WITHOUT_ENGINES: &str = "192.0.2.1";

async fn scanned(running: &Running, api: Api, address: &str) -> ActionResult {
    let mut settings = settings(running, Tier::Private);
    (settings.api, settings.related) = (api, Some(Related::Lean));
    let client = Client::new(settings).unwrap();
    let context = context(entities(&EntityType::Address, &[address]), Parameters::default());
    let deadline = Deadline::after(Duration::from_secs(20));
    drive(
        Action::ScanIp,
        Run::new(&client, &context, &deadline),
        impatient(),
    )
    .await
}

async fn with_sample() -> Running {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    assert!(running.put_sample("seed_scan_ip"));
    running
}

#[tokio::test]
async fn an_address_without_engines_verdict_is_judged_by_what_was_found_on_it() {
    let running = with_sample().await;
    let newer = scanned(&running, Api::V3, WITHOUT_ENGINES).await;
    let entity = &newer.entities[0];
    // The sample's detected URL; its file of six has a hash cut short, which no object of API v3 has.
    assert_eq!((entity.positives, entity.total), (Some(2), Some(67)));
    assert!(!entity.undecided);
    assert!(
        !newer.output_message.contains("engines that list them"),
        "{newer:?}"
    );
}

#[tokio::test]
async fn a_number_that_may_be_too_low_is_told_so() {
    let running = with_sample().await;
    for fault in ["403@v3/relationships+3", "403@v3/relationships+4"] {
        running.clear_faults();
        running.add_fault(fault.parse::<Fault>().unwrap());
        let result = scanned(&running, Api::V3, WITHOUT_ENGINES).await;
        let message = &result.output_message;
        assert!(
            message.contains("may be worse than the numbers say"),
            "{fault} {message}"
        );
    }
    running.clear_faults();
    let whole = scanned(&running, Api::V3, WITHOUT_ENGINES).await;
    assert!(
        !whole.output_message.contains("may be worse"),
        "{}",
        whole.output_message
    );
}

#[tokio::test]
async fn what_was_not_told_of_an_address_is_no_zero() {
    let running = with_sample().await;
    running.add_fault("403@v3/relationships".parse::<Fault>().unwrap());
    let result = scanned(&running, Api::V3, WITHOUT_ENGINES).await;
    let entity = &result.entities[0];
    assert!(entity.undecided && !entity.risky, "{entity:?}");
    assert_eq!((entity.positives, entity.total), (None, None));
    assert!(
        result
            .output_message
            .contains("There is no verdict on the following"),
        "{}",
        result.output_message
    );
    let insight = &result.insights[0].content;
    assert!(
        insight.contains("tells neither") && !insight.contains("Malicious"),
        "{insight}"
    );
}
