//! Many hashes in few calls.

use crate::common::{client, eicar, found, hash, later, settings, simulator};
use simulator::{KeyKind, Simulator, file_with_positives, synthetic_file, unknown_file};
use virustotal::report::FileReport;
use virustotal::{Accept, Answer, Client, FileHash, Tier};

/// Every third file by two of its hashes.
fn files(count: u64) -> (Vec<FileHash>, usize) {
    let mut hashes = Vec::new();
    for n in 0..count {
        let file = synthetic_file(n);
        hashes.push(hash(&file.sha256));
        match n % 6 {
            0 => hashes.push(hash(&file.md5)),
            3 => hashes.push(hash(&file.sha1.to_uppercase())),
            _ => {}
        }
    }
    (hashes, usize::try_from(count).unwrap())
}

#[tokio::test]
async fn a_list_that_names_files_twice_costs_no_more_than_one_that_names_them_once() {
    let running = simulator().start().await.unwrap();
    for (tier, batch) in [(Tier::Private, 25), (Tier::Public, 4)] {
        for count in [1, 4, 25, 26, 60, 200] {
            running.clear_calls();
            let mut settings = settings(&running);
            settings.tier = tier;
            let (hashes, distinct) = files(count);
            let answers = Client::new(settings)
                .unwrap()
                .file_reports(&hashes, Accept::Fresh, &later())
                .await;
            assert_eq!(answers.len(), hashes.len());
            assert!(answers.iter().all(found));
            let calls = running.count("file/report");
            assert!(
                calls <= distinct.div_ceil(batch),
                "{count} files: {calls} calls with batches of {batch}"
            );
        }
    }
}

#[tokio::test]
async fn each_hash_gets_the_report_of_its_own_file_in_the_order_given() {
    let running = simulator().start().await.unwrap();
    let mut hashes: Vec<FileHash> = (0..70).map(|n| hash(&synthetic_file(n).sha1)).collect();
    hashes.insert(3, eicar());
    hashes.insert(40, hash(&unknown_file(7).md5));
    let answers = client(&running)
        .file_reports(&hashes, Accept::Fresh, &later())
        .await;
    for (asked, answer) in hashes.iter().zip(&answers) {
        match answer.as_ref().unwrap() {
            Answer::Found(report) => {
                let report = FileReport::read(report);
                let named = [report.md5, report.sha1, report.sha256];
                assert!(
                    named.iter().flatten().any(|text| text == asked.as_str()),
                    "{asked}"
                );
            }
            Answer::Missing => assert_eq!(*asked, hash(&unknown_file(7).md5)),
            other => panic!("{asked}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_public_key_given_as_a_private_one_still_gets_every_answer() {
    let running = Simulator::builder()
        .key(crate::common::KEY, KeyKind::Public)
        .start()
        .await
        .unwrap();
    let hashes: Vec<FileHash> = (0..30).map(|n| hash(&synthetic_file(n).sha256)).collect();
    let answers = client(&running)
        .file_reports(&hashes, Accept::Fresh, &later())
        .await;
    assert!(answers.iter().all(found));
    assert!(
        running.count("file/report") <= 10,
        "{} calls",
        running.count("file/report")
    );
}

#[tokio::test]
async fn a_server_that_honours_no_batches_is_asked_one_by_one() {
    let running = simulator().batch_honoured(false).start().await.unwrap();
    let hashes: Vec<FileHash> = (0..10).map(|n| hash(&file_with_positives(3, n).sha256)).collect();
    let client = client(&running);
    let answers = client.file_reports(&hashes, Accept::Fresh, &later()).await;
    assert!(answers.iter().all(found));
    // It is remembered: nothing is asked for that will not be answered.
    running.clear_calls();
    let more: Vec<FileHash> = (10..15)
        .map(|n| hash(&file_with_positives(3, n).sha256))
        .collect();
    let answers = client.file_reports(&more, Accept::Fresh, &later()).await;
    assert!(answers.iter().all(found));
    assert!(running.calls().iter().all(|call| call.items == 1));
}

#[tokio::test]
async fn at_most_sixteen_calls_are_under_way() {
    let running = simulator()
        .latency(std::time::Duration::from_millis(20))
        .start()
        .await
        .unwrap();
    let mut settings = settings(&running);
    settings.tier = Tier::Public;
    let hashes: Vec<FileHash> = (0..200).map(|n| hash(&synthetic_file(n).sha256)).collect();
    assert!(
        Client::new(settings)
            .unwrap()
            .file_reports(&hashes, Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    let peak = running.peak_in_flight();
    assert!((8..=16).contains(&peak), "{peak}");
}

#[tokio::test]
async fn the_report_is_kept_to_the_byte() {
    let running = simulator().start().await.unwrap();
    let answer = client(&running)
        .file_reports(&[eicar()], Accept::Fresh, &later())
        .await
        .pop()
        .unwrap()
        .unwrap();
    let Answer::Found(report) = answer else {
        panic!("{answer:?}")
    };
    let report: serde_json::Value = serde_json::from_str(report.raw()).unwrap();
    let sample = include_str!("../../../simulator/samples/v2_file_report_eicar.json");
    let mut sample: serde_json::Value = serde_json::from_str(sample).unwrap();
    sample["resource"] = eicar().as_str().into();
    assert_eq!(report.to_string(), sample.to_string());
}
