//! The pages over real HTTP: who may see and do what, and that text stays text.

use std::time::Duration;

use reqwest::header::LOCATION;
use secops::EntityType;
use workdesk::{Case, NewCase, Role};

use crate::scene::EICAR;
use crate::served::{PASSWORD, Served};

async fn case(served: &Served, title: &str) -> Case {
    let new = NewCase {
        title: title.to_owned(),
        ..NewCase::default()
    };
    served.scene.store.create_case(new, "ann").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_link_makes_one_admin_and_no_other() {
    let served = Served::new().await;
    let mut browser = served.browser();
    assert_eq!(browser.get("/login").await.status(), 404, "nobody can log in yet");
    let link = served.setup.clone().unwrap();
    let wrong = format!("{}x", &link[..link.len() - 1]);
    let fields = |password| [("name", "ann"), ("password", password)];
    assert_eq!(browser.send(&wrong, &fields(PASSWORD)).await.status(), 404);
    let short = browser.send(&link, &fields("short")).await;
    assert_eq!(short.status(), 422);
    assert!(short.text().await.unwrap().contains("at least 12 characters"));
    let made = browser.send(&link, &fields(PASSWORD)).await;
    assert_eq!(
        (made.status().as_u16(), made.headers()[LOCATION].to_str().unwrap()),
        (303, "/")
    );
    browser.keep(&made);
    assert!(browser.page("/audit").await.contains("the set-up link"));
    assert_eq!(
        browser
            .send(&link, &[("name", "eve"), ("password", PASSWORD)])
            .await
            .status(),
        404
    );

    browser.send("/logout", &[]).await;
    let gone = browser.get("/").await;
    assert_eq!(
        (gone.status().as_u16(), gone.headers()[LOCATION].to_str().unwrap()),
        (303, "/login")
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_made_slow_and_says_nothing_of_names() {
    let served = Served::new().await;
    served.logged_in("ann", Role::Viewer).await;
    let browser = served.browser();
    for name in ["ann", "nobody"] {
        for _ in 0..5 {
            let wrong = browser
                .send("/login", &[("name", name), ("password", "a guess of many")])
                .await;
            assert_eq!(wrong.status(), 401);
            assert!(
                wrong
                    .text()
                    .await
                    .unwrap()
                    .contains("The name or the password is wrong")
            );
        }
        let right = browser
            .send("/login", &[("name", name), ("password", PASSWORD)])
            .await;
        assert_eq!(right.status(), 429, "{name}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_does_what_it_may_and_no_other_site_does_anything() {
    let served = Served::new().await;
    let case = case(&served, "A case").await;
    let path = |rest: &str| format!("/cases/{}{rest}", case.id);
    let (viewer, analyst, admin) = (
        served.logged_in("vera", Role::Viewer).await,
        served.logged_in("anna", Role::Analyst).await,
        served.logged_in("adam", Role::Admin).await,
    );
    assert!(
        !viewer
            .page(&path(""))
            .await
            .contains("<form method=\"post\" action=\"/cases")
    );
    assert!(analyst.page(&path("")).await.contains("Run Scan Hash"));
    let comment = [("text", "looked at")];
    for (who, status) in [(&viewer, 403), (&analyst, 303), (&admin, 303)] {
        assert_eq!(who.send(&path("/comments"), &comment).await.status(), status);
    }
    for (who, status) in [(&viewer, 403), (&analyst, 403), (&admin, 200)] {
        assert_eq!(who.get("/audit").await.status(), status);
        assert_eq!(who.get("/people").await.status(), status);
    }
    let nobody = served.browser();
    assert_eq!(nobody.send(&path("/comments"), &comment).await.status(), 401);
    assert_eq!(nobody.get(&path("/events")).await.status(), 303);
    for origin in ["http://evil.example", "null", "http://127.0.0.1"] {
        let forged = admin.send_from(origin, &path("/comments"), &comment).await;
        assert_eq!(forged.status(), 403, "{origin}");
    }
    assert_eq!(served.scene.store.wall(case.id, None, 10).await.unwrap().len(), 3);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_text_becomes_a_case_that_is_scanned_while_one_watches() {
    let served = Served::new().await;
    let analyst = served.logged_in("anna", Role::Analyst).await;
    let text = format!("Dropped {EICAR}, called 10.0.0.5 and hxxp://bad[.]example/x");
    let made = analyst
        .send(
            "/cases",
            &[("title", "A mail"), ("text", &text), ("priority", "high")],
        )
        .await;
    assert_eq!(made.status(), 303);
    let path = made.headers()[LOCATION].to_str().unwrap().to_owned();
    let page = analyst.page(&path).await;
    for part in [
        EICAR,
        "http://bad.example/x",
        "10.0.0.5",
        "internal",
        "not looked at",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let mut events = analyst.get(&format!("{path}/events")).await;
    let run = [("action", "Scan Hash"), ("parameter:Threshold", "3")];
    assert_eq!(analyst.send(&format!("{path}/runs"), &run).await.status(), 303);
    let event = tokio::time::timeout(Duration::from_secs(20), events.chunk())
        .await
        .unwrap();
    let event = event.unwrap().unwrap();
    assert!(event.starts_with(b"data: changed\n\n"), "{event:?}");
    served.scene.ended(1).await;
    let page = analyst.page(&path).await;
    assert!(page.contains("suspicious") && page.contains("10 of 12"), "{page}");
    let entity = analyst.page("/entities/1").await;
    assert!(
        entity.contains("VT_sha256") && entity.contains("VirusTotal, Scan Hash"),
        "{entity}"
    );
    let found = analyst.page(&format!("/?text={}", &EICAR[..8])).await;
    assert!(found.contains("A mail"), "{found}");
    let upload = [
        ("action", "Upload And Scan File"),
        ("parameter:File Paths", "/etc/passwd"),
    ];
    let refused = analyst.send(&format!("{path}/runs"), &upload).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("it is for the shell"));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_stays_text_on_every_page() {
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let hostile = "\"><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}=cmd|'/c'!A1";
    let mut entity = secops::Entity::new(hostile, EntityType::Other(hostile.into()));
    entity
        .additional_properties
        .insert(hostile.to_owned(), hostile.into());
    let new = NewCase {
        title: hostile.to_owned(),
        description: hostile.to_owned(),
        environment: hostile.to_owned(),
        alerts: vec![workdesk::NewAlert {
            identifier: hostile.to_owned(),
            name: hostile.to_owned(),
            product: hostile.to_owned(),
            entities: vec![entity],
            ..workdesk::NewAlert::default()
        }],
        ..NewCase::default()
    };
    let case = served.scene.store.create_case(new, hostile).await.unwrap();
    served
        .scene
        .store
        .comment(case.id, hostile, hostile)
        .await
        .unwrap();
    let case = format!("/cases/{}", case.id);
    let quoted = format!(
        "/?text={}",
        hostile
            .replace('"', "%22")
            .replace(' ', "+")
            .replace('\u{202e}', "")
    );
    for path in [case.as_str(), "/", "/entities/1", "/audit", &quoted] {
        let answer = admin.get(path).await;
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let page = answer.text().await.unwrap();
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{path}: {page}"
        );
        assert!(!page.contains('\u{202e}'), "{path}");
    }
    assert!(admin.page(&case).await.contains("&lt;script&gt;"));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_shows_its_alerts_and_entities_name_theirs_where_there_are_several() {
    let served = Served::new().await;
    let viewer = served.logged_in("vera", Role::Viewer).await;
    let alert = |identifier: &str, address: &str| workdesk::NewAlert {
        identifier: identifier.to_owned(),
        name: "Beacon".to_owned(),
        product: "A sensor".to_owned(),
        entities: vec![secops::Entity::new(address, EntityType::Address)],
        ..workdesk::NewAlert::default()
    };
    let (one, two) = (alert("siem-1", "198.51.100.7"), alert("siem-2", "198.51.100.8"));
    for (alerts, named) in [(vec![one.clone()], 0), (vec![one, two], 2)] {
        let all = alerts.len();
        let new = NewCase {
            title: "Two sensors".to_owned(),
            alerts,
            ..NewCase::default()
        };
        let case = served.scene.store.create_case(new, "ann").await.unwrap();
        let page = viewer.page(&format!("/cases/{}", case.id)).await;
        let listed = "<td><bdi>Beacon</bdi></td><td><bdi>A sensor</bdi></td><td><bdi class=\"mono\">siem-";
        assert_eq!(page.matches(listed).count(), all, "{page}");
        let of_entity = "<td><bdi>Beacon</bdi> <span class=\"dim\"><bdi>siem-";
        assert_eq!(page.matches(of_entity).count(), named, "{page}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_report_tell_the_case_wall_in_the_same_words() {
    let served = Served::new().await;
    let analyst = served.logged_in("ann", Role::Analyst).await;
    let case = case(&served, "A case").await;
    let path = format!("/cases/{}", case.id);
    for is_open in ["false", "true"] {
        analyst
            .send(&format!("{path}/open"), &[("is_open", is_open)])
            .await;
    }
    analyst
        .send(&format!("{path}/comments"), &[("text", "So it is.")])
        .await;
    let page = analyst.page(&path).await;
    let report = analyst.page(&format!("{path}/export/markdown")).await;
    let wall = served.scene.store.wall(case.id, None, 10).await.unwrap();
    assert_eq!(wall.len(), 4);
    for entry in wall {
        let words = entry.kind.words();
        assert!(page.contains(&format!("</bdi> {words}")), "{words}: {page}");
        assert!(report.contains(&format!(" | {words} | ")), "{words}: {report}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_adds_and_removes_people_and_one_admin_stays() {
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let fields = |name| [("name", name), ("role", "analyst"), ("password", PASSWORD)];
    assert_eq!(admin.send("/people", &fields("anna")).await.status(), 303);
    assert_eq!(
        admin.send("/people", &fields("ANNA")).await.status(),
        409,
        "the name is taken"
    );
    assert_eq!(admin.send("/people", &fields("<b>")).await.status(), 422);
    let mut anna = served.browser();
    let entered = anna
        .send("/login", &[("name", "Anna"), ("password", PASSWORD)])
        .await;
    anna.keep(&entered);
    assert_eq!(anna.get("/").await.status(), 200);
    for (path, fields) in [("/people", &fields("eve")[..]), ("/people/1/remove", &[])] {
        assert_eq!(anna.send(path, fields).await.status(), 403, "{path}");
    }
    assert_eq!(
        admin.send("/people/1/remove", &[]).await.status(),
        409,
        "the last admin"
    );
    assert_eq!(admin.send("/people/2/remove", &[]).await.status(), 303);
    assert_eq!(
        anna.get("/").await.status(),
        303,
        "the session has ended with the person"
    );
    let log = admin.page("/audit").await;
    assert!(
        log.contains("added a person") && log.contains("removed a person"),
        "{log}"
    );
    assert!(!log.contains(PASSWORD));
    served.end().await;
}
