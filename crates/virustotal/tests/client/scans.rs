//! Submissions, uploads, URLs, domains, addresses and comments.

use std::time::Duration;

use crate::common::{KEY, client, eicar, found, hash, later, simulator};
use simulator::{KeyKind, Simulator, synthetic_domain, synthetic_ip, synthetic_url, unknown_file};
use virustotal::object::parse_ip;
use virustotal::report::{FileReport, IpReport};
use virustotal::{Accept, Answer, Client, DomainName, Error, Submission, Upload, UrlId};

async fn finished(client: &Client, submission: &Result<Submission, Error>) -> Answer {
    let Ok(Submission::Queued { scan_id, .. }) = submission else {
        panic!("{submission:?}")
    };
    for _ in 0..200 {
        let answer = client
            .file_reports_by_scan_id(std::slice::from_ref(scan_id), &later())
            .await
            .pop()
            .unwrap()
            .unwrap();
        if !matches!(answer, Answer::Queued { .. }) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never finished");
}

fn file(bytes: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'x'; bytes]).unwrap();
    file
}

#[tokio::test]
async fn a_file_is_uploaded_whole_and_its_report_comes_under_the_scan_id() {
    let running = simulator()
        .scan_for(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let client = client(&running);
    let file = file(100_000);
    let upload = Upload::open(file.path()).await.unwrap();
    let submission = client.upload_files(&[upload], &later()).await.pop().unwrap();
    let Answer::Found(report) = finished(&client, &submission).await else {
        panic!("no report")
    };
    let uploaded = running.uploads().pop().unwrap();
    assert_eq!(uploaded.size_bytes, 100_000);
    assert_eq!(FileReport::read(&report).sha256, Some(uploaded.sha256));
}

#[tokio::test]
async fn a_large_file_goes_through_an_upload_address_where_the_key_may() {
    let running = simulator().scan_for(Duration::ZERO).start().await.unwrap();
    let file = file(33 * 1024 * 1024);
    let upload = Upload::open(file.path()).await.unwrap();
    assert!(upload.is_large());
    let submission = client(&running)
        .upload_files(std::slice::from_ref(&upload), &later())
        .await
        .pop()
        .unwrap();
    assert!(
        matches!(submission, Ok(Submission::Queued { .. })),
        "{submission:?}"
    );
    assert_eq!(running.uploads().pop().unwrap().size_bytes, 33 * 1024 * 1024);
    assert_eq!(running.count("file/scan/upload_url"), 1);

    let running = Simulator::builder()
        .key(KEY, KeyKind::Public)
        .start()
        .await
        .unwrap();
    let refused = client(&running)
        .upload_files(&[upload], &later())
        .await
        .pop()
        .unwrap();
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    assert!(running.uploads().is_empty());
}

#[tokio::test]
async fn a_file_above_the_servers_limit_is_too_large() {
    let running = simulator().max_upload_bytes(10_000).start().await.unwrap();
    let file = file(50_000);
    let upload = Upload::open(file.path()).await.unwrap();
    let refused = client(&running)
        .upload_files(&[upload], &later())
        .await
        .pop()
        .unwrap();
    assert!(
        matches!(
            refused,
            Err(Error::TooLarge {
                size_bytes: 50_000,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_sent_says_why_before_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let reason = async |path: &std::path::Path| Upload::open(path).await.unwrap_err().to_string();
    assert!(
        reason(&folder.path().join("gone"))
            .await
            .ends_with("gone: there is no such file")
    );
    assert!(reason(folder.path()).await.ends_with("it is a folder"));
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(reason(&empty).await.ends_with("it is empty"));
}

#[tokio::test]
async fn a_rescan_is_queued_and_an_unknown_file_is_missing() {
    let running = simulator()
        .scan_for(Duration::from_millis(50))
        .start()
        .await
        .unwrap();
    let client = client(&running);
    let hashes = [eicar(), hash(&unknown_file(1).sha256)];
    let submissions = client.file_rescans(&hashes, &later()).await;
    assert_eq!(submissions[1], Ok(Submission::Missing));
    assert!(matches!(
        finished(&client, &submissions[0]).await,
        Answer::Found(_)
    ));
}

#[tokio::test]
async fn urls_with_commas_go_in_batches() {
    let running = simulator().start().await.unwrap();
    let mut urls: Vec<UrlId> = (0..30)
        .map(|n| UrlId::parse(&synthetic_url(n)).unwrap())
        .collect();
    urls.push(UrlId::parse("http://positives-3.synthetic.example/a,b?c=d,e&f=%0a#g").unwrap());
    urls.push(UrlId::parse("http://unknown.synthetic.example/a,b").unwrap());
    let answers = client(&running).url_reports(&urls, Accept::Fresh, &later()).await;
    assert!(answers.iter().take(31).all(found), "{answers:?}");
    assert!(matches!(answers[31], Ok(Answer::Missing)));
    assert_eq!(running.count("url/report"), 2);
}

#[tokio::test]
async fn a_submitted_url_is_queued_until_its_report_is_there() {
    let running = simulator()
        .scan_for(Duration::from_millis(200))
        .start()
        .await
        .unwrap();
    let client = client(&running);
    let url = UrlId::parse("http://unknown.synthetic.example/new").unwrap();
    let submission = client.url_scans(&[url], &later()).await.pop().unwrap();
    let Ok(Submission::Queued { scan_id, .. }) = submission else {
        panic!("{submission:?}")
    };
    let look = async || {
        client
            .url_reports_by_scan_id(std::slice::from_ref(&scan_id), &later())
            .await
            .pop()
            .unwrap()
    };
    assert!(matches!(look().await, Ok(Answer::Queued { .. })));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(found(&look().await));
}

#[tokio::test]
async fn domains_and_addresses_are_asked_one_by_one_and_answered_in_order() {
    let running = simulator().start().await.unwrap();
    let client = client(&running);
    let mut domains: Vec<DomainName> = (0..20)
        .map(|n| DomainName::parse(&synthetic_domain(n)).unwrap())
        .collect();
    domains.push(DomainName::parse("unknown.synthetic.example").unwrap());
    let answers = client.domain_reports(&domains, Accept::Fresh, &later()).await;
    assert!(answers.iter().take(20).all(found));
    assert!(matches!(answers[20], Ok(Answer::Missing)));
    let mut addresses: Vec<_> = (0..20)
        .map(|n| parse_ip(&synthetic_ip(n).to_string()).unwrap())
        .collect();
    addresses.push(parse_ip("198.51.100.7").unwrap());
    let answers = client.ip_reports(&addresses, Accept::Fresh, &later()).await;
    assert!(answers.iter().all(found));
    let Ok(Answer::Found(report)) = &answers[20] else {
        panic!()
    };
    assert_eq!(IpReport::read(report).positives(), 30);
    assert_eq!(client.calls()["domain/report"], 21);
    assert_eq!(client.progress().answered, 42);
}

#[tokio::test]
async fn comments_come_as_they_were_written() {
    let running = simulator().start().await.unwrap();
    let sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    let comments = client(&running).comments(sha256, 25, &later()).await.unwrap();
    assert_eq!(comments.len(), 2);
    assert!(comments[1].text.starts_with("=1+1 <b>"));
    assert!(
        client(&running)
            .comments(&unknown_file(3).md5, 25, &later())
            .await
            .unwrap()
            .is_empty()
    );
}
