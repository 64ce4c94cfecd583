//! What a server, a network or a key can do to a client.

use std::time::{Duration, Instant};

use crate::common::{KEY, client, eicar, found, hash, later, settings, simulator};
use simulator::{Fault, FaultKind, KeyKind, Simulator, synthetic_file};
use virustotal::object::parse_ip;
use virustotal::{
    Accept, Answer, Api, Canceller, Client, Deadline, DomainName, Error, FileHash, ProxyChoice, Stop,
    Trouble, UrlId,
};

fn hashes(count: u64) -> Vec<FileHash> {
    (0..count).map(|n| hash(&synthetic_file(n).sha256)).collect()
}

#[tokio::test]
async fn a_wrong_key_costs_one_call_and_stops_every_other() {
    let running = Simulator::builder()
        .key("another", KeyKind::Private)
        .start()
        .await
        .unwrap();
    let client = client(&running);
    let answers = client.file_reports(&hashes(100), Accept::Fresh, &later()).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(Error::Key))));
    let domain = DomainName::parse("example.co.in").unwrap();
    assert_eq!(
        client
            .domain_reports(&[domain], Accept::Fresh, &later())
            .await
            .pop()
            .unwrap()
            .unwrap_err(),
        Error::Key
    );
    assert_eq!(running.calls().len(), 1);
}

#[tokio::test]
async fn trouble_that_passes_is_not_noticed() {
    for kind in [
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::Reset,
        FaultKind::Truncated,
        FaultKind::NotJson,
        FaultKind::EmptyObject,
        FaultKind::Null,
        FaultKind::Quota,
    ] {
        let running = simulator()
            .fault(Fault::new(kind.clone()).times(2))
            .start()
            .await
            .unwrap();
        let answers = client(&running)
            .file_reports(&hashes(3), Accept::Fresh, &later())
            .await;
        assert!(answers.iter().all(found), "{kind:?}: {answers:?}");
        assert_eq!(running.count("file/report"), 3, "{kind:?}");
    }
}

#[tokio::test]
async fn one_resource_the_server_chokes_on_does_not_take_the_others_with_it() {
    let bad = synthetic_file(7).sha256;
    for kind in [
        FaultKind::Status(500),
        FaultKind::Status(400),
        FaultKind::NotJson,
        FaultKind::Truncated,
    ] {
        let fault = Fault::new(kind.clone()).for_resource(&bad);
        let running = simulator().fault(fault).start().await.unwrap();
        let answers = client(&running)
            .file_reports(&hashes(25), Accept::Fresh, &later())
            .await;
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(found(answer), n != 7, "{kind:?}, file {n}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_not_stormed() {
    let running = simulator()
        .fault(Fault::new(FaultKind::Status(503)))
        .start()
        .await
        .unwrap();
    let answers = client(&running)
        .file_reports(&hashes(1000), Accept::Fresh, &later())
        .await;
    assert!(answers.iter().all(|answer| matches!(
        answer,
        Err(Error::Transient {
            trouble: Trouble::Status(503),
            ..
        })
    )));
    assert!(
        running.calls().len() <= 40 + 2 * 40,
        "{} calls for 40 batches",
        running.calls().len()
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let running = simulator()
        .fault(Fault::new(FaultKind::Huge(50_000_000)))
        .start()
        .await
        .unwrap();
    let mut settings = settings(&running);
    settings.max_body_bytes = 1_000_000;
    let answer = Client::new(settings)
        .unwrap()
        .file_reports(&[eicar()], Accept::Fresh, &later())
        .await
        .pop()
        .unwrap();
    assert!(
        matches!(
            answer,
            Err(Error::Transient {
                trouble: Trouble::BodyTooLarge(1_000_000),
                attempts: 1,
            })
        ),
        "{answer:?}"
    );
    // It would be as large the next time.
    assert_eq!(running.count("file/report"), 1);
}

#[tokio::test]
async fn a_refused_key_that_may_rest_is_tried_again_by_one_call_and_then_good() {
    for (api, path) in [
        (Api::V2, "file/report"),
        (Api::V3, "v3/files"),
        (Api::Auto, "v3/files"),
    ] {
        let running = simulator().start().await.unwrap();
        running.add_fault(Fault::new(FaultKind::Status(401)).times(3));
        let mut settings = settings(&running);
        settings.api = api;
        settings.refused_key_rests = Some(Duration::from_millis(400));
        let client = Client::new(settings).unwrap();
        let ask = async |n: u64| {
            let hashes = [hash(&synthetic_file(n).sha256)];
            let answers = client.file_reports(&hashes, Accept::Fresh, &later()).await;
            answers.into_iter().next().unwrap()
        };
        let refused = |answer| matches!(answer, Err(Error::Key));
        // With either version of the API a first refusal is one call.
        let first = if api == Api::Auto { 2 } else { 1 };
        assert!(refused(ask(0).await), "{api:?}");
        assert!(refused(ask(1).await), "{api:?}");
        assert!(client.key_is_refused());
        assert_eq!(running.calls().len(), first, "{api:?}");
        tokio::time::sleep(Duration::from_millis(450)).await;
        assert!(!client.key_is_refused(), "there is something to try");
        while running.calls().len() < 3 {
            let before = running.calls().len();
            assert!(refused(ask(2).await), "{api:?}");
            assert!(client.key_is_refused());
            assert!(refused(ask(3).await), "{api:?}");
            assert!(running.calls().len() > before, "{api:?}");
            tokio::time::sleep(Duration::from_millis(450)).await;
        }
        assert!(found(&ask(4).await), "{api:?}");
        assert!(found(&ask(5).await), "{api:?}");
        assert!(!client.key_is_refused());
        assert_eq!(
            running.count(path),
            if api == Api::Auto { 4 } else { 5 },
            "{api:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_within_a_run() {
    let running = simulator().start().await.unwrap();
    running.add_fault(Fault::new(FaultKind::Status(401)).times(1));
    let client = client(&running);
    for n in hashes(3) {
        let answers = client.file_reports(&[n], Accept::Fresh, &later()).await;
        assert!(matches!(answers[..], [Err(Error::Key)]));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(client.key_is_refused());
    assert_eq!(running.calls().len(), 1);
}

#[tokio::test]
async fn a_key_that_api_v3_took_and_takes_no_more_is_refused_as_a_whole() {
    let running = simulator().start().await.unwrap();
    let mut settings = settings(&running);
    settings.api = Api::Auto;
    let client = Client::new(settings).unwrap();
    assert!(found(
        &client.file_reports(&[eicar()], Accept::Fresh, &later()).await[0]
    ));
    running.add_fault(Fault::new(FaultKind::Status(401)));
    for n in hashes(9) {
        let answers = client.file_reports(&[n], Accept::Fresh, &later()).await;
        assert!(matches!(answers[..], [Err(Error::Key)]));
    }
    assert!(client.key_is_refused());
    assert!(running.calls().len() <= 4, "{:?}", running.calls());
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_at_the_time_out() {
    let running = simulator()
        .fault(Fault::new(FaultKind::Hang))
        .start()
        .await
        .unwrap();
    let mut settings = settings(&running);
    settings.call_timeout = Duration::from_millis(100);
    let answer = Client::new(settings)
        .unwrap()
        .file_reports(&[eicar()], Accept::Fresh, &later())
        .await
        .pop()
        .unwrap();
    assert!(
        matches!(
            answer,
            Err(Error::Transient {
                trouble: Trouble::TimedOut(_),
                attempts: 3
            })
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn retyped_fields_are_survived() {
    let running = simulator()
        .fault(Fault::new(FaultKind::WrongTypes))
        .start()
        .await
        .unwrap();
    let answers = client(&running)
        .file_reports(&hashes(5), Accept::Fresh, &later())
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(_) | Err(Error::Transient { .. }))),
        "{answers:?}"
    );
}

#[tokio::test]
async fn the_deadline_and_the_canceller_end_a_wait_and_keep_what_is_there() {
    let slow = Fault::new(FaultKind::Hang).for_resource(&synthetic_file(9).sha256);
    let running = simulator().fault(slow).start().await.unwrap();
    let mut settings = settings(&running);
    settings.tier = virustotal::Tier::Public;
    let client = Client::new(settings).unwrap();

    let begun = Instant::now();
    let answers = client
        .file_reports(
            &hashes(10),
            Accept::Fresh,
            &Deadline::after(Duration::from_millis(400)),
        )
        .await;
    assert_eq!(answers.iter().filter(|answer| found(answer)).count(), 8);
    assert!(
        answers
            .iter()
            .skip(8)
            .all(|answer| matches!(answer, Err(Error::Stopped(Stop::Deadline)))),
        "{answers:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));

    let canceller = Canceller::new();
    let deadline = later().with_canceller(&canceller);
    let hashes = hashes(10);
    let (answers, ()) = tokio::join!(client.file_reports(&hashes, Accept::Fresh, &deadline), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        canceller.cancel();
    });
    assert_eq!(answers.iter().filter(|answer| found(answer)).count(), 8);
    assert!(
        answers
            .iter()
            .skip(8)
            .all(|answer| matches!(answer, Err(Error::Stopped(Stop::Cancelled))))
    );
}

#[tokio::test]
async fn one_question_without_an_answer_holds_up_none_of_the_others() {
    let addresses: Vec<_> = (40..100).map(simulator::synthetic_ip).collect();
    let hang = Fault::new(FaultKind::Hang).for_resource(&addresses[0].to_string());
    let running = simulator().fault(hang).start().await.unwrap();
    let answers = client(&running)
        .ip_reports(
            &addresses,
            Accept::Fresh,
            &Deadline::after(Duration::from_secs(5)),
        )
        .await;
    assert_eq!(answers.iter().filter(|answer| found(answer)).count(), 59);
    assert_eq!(answers[0].as_ref().unwrap_err(), &Error::Stopped(Stop::Deadline));
}

#[tokio::test]
async fn a_quota_that_stays_used_up_is_told_and_not_hammered() {
    let running = simulator()
        .fault(Fault::new(FaultKind::Quota))
        .start()
        .await
        .unwrap();
    let mut settings = settings(&running);
    settings.retry = virustotal::retry::RetryPolicy::default();
    let answers = Client::new(settings)
        .unwrap()
        .file_reports(
            &hashes(100),
            Accept::Fresh,
            &Deadline::after(Duration::from_secs(5)),
        )
        .await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Quota { .. }))),
        "{answers:?}"
    );
    assert_eq!(running.calls().len(), 1);
}

#[tokio::test]
async fn the_servers_own_hint_is_followed() {
    let fault = Fault::new(FaultKind::RetryAfter(429, 1)).times(1);
    let running = simulator().fault(fault).start().await.unwrap();
    let begun = Instant::now();
    assert!(
        client(&running)
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await
            .iter()
            .all(found)
    );
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn somebody_else_answering_in_virustotals_place_is_told() {
    for (kind, expected) in [
        (FaultKind::Redirect("https://login.example/".to_owned()), 302),
        (FaultKind::Status(404), 404),
    ] {
        let running = simulator().fault(Fault::new(kind)).start().await.unwrap();
        let answer = client(&running)
            .file_reports(&[eicar()], Accept::Fresh, &later())
            .await
            .pop()
            .unwrap();
        assert!(
            matches!(answer, Err(Error::NotFound { status, .. }) if status == expected),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_403_on_a_private_endpoint_says_nothing_about_the_key() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Public)
        .start()
        .await
        .unwrap();
    let client = client(&running);
    let refused = client.file_rescans(&[eicar()], &later()).await.pop().unwrap();
    assert_eq!(
        refused.unwrap_err(),
        Error::Forbidden {
            endpoint: "file/rescan"
        }
    );
    assert!(matches!(
        client.comments(eicar().as_str(), 25, &later()).await,
        Err(Error::Forbidden { .. })
    ));
    assert!(found(
        &client.file_reports(&[eicar()], Accept::Fresh, &later()).await[0]
    ));
}

#[tokio::test]
async fn a_refused_rescan_spares_the_other_batches_their_call() {
    let running = Simulator::builder()
        .key(KEY, KeyKind::Public)
        .start()
        .await
        .unwrap();
    let answers = client(&running).file_rescans(&hashes(100), &later()).await;
    assert_eq!(answers.len(), 100);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Forbidden { .. })))
    );
    assert_eq!(running.count("file/rescan"), 1);
}

#[tokio::test]
async fn no_error_shows_the_key() {
    let running = simulator().start().await.unwrap();
    let mut settings = settings(&running);
    running.stop().await;
    settings.retry.attempts = 1;
    assert!(!format!("{settings:?}").contains(KEY));
    let client = Client::new(settings).unwrap();
    let domain = DomainName::parse("example.co.in").unwrap();
    let mut errors = client.domain_reports(&[domain], Accept::Fresh, &later()).await;
    errors.extend(
        client
            .ip_reports(&[parse_ip("198.51.100.7").unwrap()], Accept::Fresh, &later())
            .await,
    );
    errors.extend(client.file_reports(&[eicar()], Accept::Fresh, &later()).await);
    errors.push(client.comments("x", 1, &later()).await.map(|_| Answer::Missing));
    for error in errors {
        let error = error.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Transient {
                    trouble: Trouble::Connect(_),
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    }
}

#[tokio::test]
async fn the_key_travels_in_the_body_wherever_the_api_takes_it_there() {
    let running = simulator().start().await.unwrap();
    let client = client(&running);
    let url = UrlId::parse("http://malicious.example/payload.php").unwrap();
    let _ = client.file_reports(&[eicar()], Accept::Fresh, &later()).await;
    let _ = client.file_rescans(&[eicar()], &later()).await;
    let _ = client
        .url_reports(std::slice::from_ref(&url), Accept::Fresh, &later())
        .await;
    let _ = client.url_scans(&[url], &later()).await;
    let _ = client
        .domain_reports(
            &[DomainName::parse("example.co.in").unwrap()],
            Accept::Fresh,
            &later(),
        )
        .await;
    let calls = running.calls();
    assert_eq!(calls.len(), 5);
    for call in calls {
        assert_eq!(call.key_in_query, call.method == "GET", "{}", call.endpoint);
        assert!(
            call.key_ok && call.gzip_accepted && call.user_agent.contains("gzip"),
            "{}",
            call.endpoint
        );
    }
}

#[test]
fn unusable_settings_are_refused_before_any_call() {
    let base = |text: &str| {
        let mut settings = virustotal::Settings::new(virustotal::ApiKey::parse(KEY).unwrap());
        text.clone_into(&mut settings.base_url);
        settings
    };
    for text in [
        "",
        "virustotal",
        "ftp://www.virustotal.com/",
        "https://user:secret@www.virustotal.com/",
        "https://a.example/?k=1",
    ] {
        let error = Client::new(base(text)).err().unwrap();
        assert!(
            matches!(&error, Error::Settings(message) if !message.contains("secret")),
            "{text}: {error}"
        );
    }
    let mut settings = base("https://www.virustotal.com/vtapi/v2");
    settings.proxy = ProxyChoice::Url("gopher://user:secret@proxy".into());
    let message = Client::new(settings).err().unwrap().to_string();
    assert!(
        message.contains("proxy") && !message.contains("secret"),
        "{message}"
    );
    let mut settings = base("https://www.virustotal.com/vtapi/v2");
    settings.ca_file = Some("/nowhere/ca.pem".into());
    assert!(
        Client::new(settings)
            .err()
            .unwrap()
            .to_string()
            .contains("/nowhere/ca.pem")
    );
}
