//! Who waits, and who is refused.

use gateway::{Allowance, Rights};
use reqwest::header::RETRY_AFTER;
use virustotal::quota::{Limits, Priority};

use crate::scene::{EICAR, Scene, Seen, all_rights};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_slot_in_time_v2_gets_204_and_v3_429_and_the_key_is_not_overdrawn() {
    let scene = Scene::with(
        |builder| builder,
        |serving| {
            serving.settings.limits = Limits {
                per_minute: Some(1),
                ..Limits::default()
            };
        },
    )
    .await;
    assert_eq!(scene.v3(&format!("files/{EICAR}")).await.status, 200);
    // What is kept costs no slot.
    assert_eq!(scene.v3(&format!("files/{EICAR}")).await.status, 200);
    let seen = scene.v3("domains/synthetic-1.example").await;
    assert_eq!((seen.status, &*seen.code()), (429, "QuotaExceededError"));
    let wait: u64 = seen.headers[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((50..=62).contains(&wait), "{wait}");
    let seen = scene
        .v2("domain/report", &[("domain", "synthetic-1.example")])
        .await;
    assert_eq!((seen.status, seen.body.len()), (204, 0));
    assert!(seen.headers.contains_key(RETRY_AFTER));
    let form = [("apikey", &*scene.token), ("url", "http://a.example/")];
    let seen = scene.send(scene.post("/vtapi/v2/url/scan").form(&form)).await;
    assert_eq!(seen.status, 204);
    assert_eq!(scene.running.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_allowance_of_a_token_is_its_own() {
    let scene = Scene::new().await;
    let rights = Rights {
        allowance: Allowance::PerDay(2),
        ..all_rights()
    };
    let token = scene.add_token("small", rights);
    let ask = async |name: &str| scene.v2_as(&token, "domain/report", &[("domain", name)]).await;
    for (name, status) in [
        ("synthetic-1.example", 200),
        ("synthetic-2.example", 200),
        ("synthetic-3.example", 204),
        // Kept.
        ("synthetic-1.example", 200),
    ] {
        assert_eq!(ask(name).await.status, status, "{name}");
    }
    let request = scene
        .get("/api/v3/domains/synthetic-9.example")
        .header("x-apikey", &token);
    let seen = scene.send(request).await;
    assert_eq!((seen.status, &*seen.code()), (429, "QuotaExceededError"));
    assert!(seen.headers.contains_key(RETRY_AFTER));
    let words = seen.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(words.contains("small") && words.contains("00:00 UTC"), "{words}");
    // Others go on.
    assert_eq!(scene.v3("domains/synthetic-9.example").await.status, 200);
    let request = scene.get(&format!("/api/v3/users/{token}/overall_quotas"));
    let quotas = scene.send(request.header("x-apikey", &token)).await.json();
    let daily = &quotas["data"]["api_requests_daily"]["user"];
    assert_eq!(
        (daily["allowed"].as_u64(), daily["used"].as_u64()),
        (Some(2), Some(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_a_day_that_nobody_knows_lets_nothing_through() {
    let scene = Scene::new().await;
    let rights = Rights {
        allowance: Allowance::Share(20),
        ..all_rights()
    };
    let token = scene.add_token("share", rights);
    let request = scene
        .get("/api/v3/domains/synthetic-9.example")
        .header("x-apikey", &token);
    let seen = scene.send(request).await;
    assert_eq!(seen.status, 429);
    assert!(seen.text().contains("quota_per_day"), "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_of_one_token_refuses_no_other_that_asks_the_same_at_once() {
    let latency = std::time::Duration::from_millis(100);
    let scene = Scene::with(|builder| builder.latency(latency), |_| {}).await;
    let rights = Rights {
        allowance: Allowance::PerDay(1),
        ..all_rights()
    };
    let small = scene.add_token("small", rights);
    let used_up = scene.v2_as(&small, "domain/report", &[("domain", "synthetic-1.example")]);
    assert_eq!(used_up.await.status, 200);
    let asked = [("domain", "synthetic-2.example")];
    let v3 = "domains/synthetic-3.example";
    let request = scene.get(&format!("/api/v3/{v3}")).header("x-apikey", &small);
    let (refused, refused_v3, answered, answered_v3) = tokio::join!(
        scene.v2_as(&small, "domain/report", &asked),
        scene.send(request),
        scene.v2("domain/report", &asked),
        scene.v3(v3)
    );
    assert_eq!((refused.status, refused_v3.status), (204, 429));
    assert_eq!((answered.status, answered_v3.status), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_as_far_as_the_tokens_day_goes_and_not_beyond() {
    let scene = Scene::with(
        |builder| builder,
        |serving| serving.settings.api = virustotal::Api::V3,
    )
    .await;
    let rights = Rights {
        allowance: Allowance::PerDay(3),
        ..all_rights()
    };
    let token = scene.add_token("small", rights);
    let hashes: Vec<String> = (0..5).map(|n| simulator::synthetic_file(n).sha256).collect();
    let ask = async |resource: &str| {
        scene
            .v2_as(&token, "file/report", &[("resource", resource)])
            .await
    };
    let answered = |seen: &Seen| {
        let batch = seen.json();
        let elements = batch.as_array().unwrap().iter();
        elements
            .map(|element| element["resource"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let seen = ask(&hashes.join(",")).await;
    assert_eq!(answered(&seen), hashes[..3]);
    assert_eq!(scene.running.count("v3/files"), 3);
    // What is kept is answered all the same, as a batch.
    let seen = ask(&format!("{},{}", hashes[4], hashes[0])).await;
    assert_eq!(answered(&seen), hashes[..1]);
    for resource in [hashes[3].clone(), hashes[3..].join(",")] {
        let seen = ask(&resource).await;
        assert_eq!((seen.status, seen.body.len()), (204, 0));
        assert!(seen.headers.contains_key(RETRY_AFTER));
    }
    assert_eq!(scene.running.count("v3/files"), 3);
    // With API v2 a batch is one call.
    let scene = Scene::new().await;
    let rights = Rights {
        allowance: Allowance::PerDay(1),
        ..all_rights()
    };
    let token = scene.add_token("small", rights);
    let seen = scene
        .v2_as(&token, "file/report", &[("resource", &hashes.join(","))])
        .await;
    assert_eq!(answered(&seen), hashes);
    assert_eq!(scene.running.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_in_the_line_of_another_priority() {
    let latency = std::time::Duration::from_millis(300);
    let scene = Scene::with(|builder| builder.latency(latency), |_| {}).await;
    let token = |name: &str, priority: Priority| {
        let rights = Rights {
            priority,
            ..all_rights()
        };
        scene.add_token(name, rights)
    };
    let tokens = [
        token("filter", Priority::Background),
        token("filter-2", Priority::Background),
        token("person", Priority::Person),
        token("person-2", Priority::Person),
    ];
    // An analysis is not kept, so that nothing but the flight joins them.
    let analysis = "analyses/NDRkODg2MTJmZWE4YThmMzZkZTgyZTEyNzhhYmIwMmY6MTU0OTM2NjQwMA==";
    // The key has proven good, so that calls may go at the same time.
    assert_eq!(scene.v3(&format!("files/{EICAR}")).await.status, 200);
    let asked = tokens.iter().map(|token| {
        let request = scene.get(&format!("/api/v3/{analysis}"));
        scene.send(request.header("x-apikey", token))
    });
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.windows(2).all(|pair| pair[0].body == pair[1].body));
    assert_eq!(scene.running.count("v3/analyses"), 2, "one for each priority");
}
