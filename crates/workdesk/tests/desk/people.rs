//! What lets people in, and what ends it: passwords, sessions, tokens; and what of it is written down.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use workdesk::{External, NewCase, Person, Role, Scope, Serving};

use crate::place;
use crate::served::{Browser, PASSWORD, Served};

const NEW: &str = "a different battery staple";

impl Served {
    async fn person(&self, name: &str) -> Person {
        let people = self.scene.store.people().await.unwrap();
        people.into_iter().find(|own| own.name == name).unwrap()
    }

    /// Changes something behind the workdesk's back.
    async fn execute(&self, sql: &'static str) {
        place::execute(&self.scene.folder.path().join("workdesk.db"), sql).await;
    }

    async fn number(&self, sql: &'static str) -> i64 {
        place::number(&self.scene.folder.path().join("workdesk.db"), sql).await
    }

    async fn text(&self, sql: &'static str) -> String {
        place::text(&self.scene.folder.path().join("workdesk.db"), sql).await
    }

    /// What of that deed is in the audit log, the newest first: who, of what, and the detail.
    async fn audited(&self, deed: &str) -> Vec<(String, String, String)> {
        let log = self.scene.store.audit_log(1000).await.unwrap();
        let of_it = log.into_iter().filter(|entry| entry.deed == deed);
        of_it
            .map(|entry| (entry.actor, entry.object, entry.detail))
            .collect()
    }
}

impl Browser {
    async fn is_in(&self) -> bool {
        self.get("/quota").await.status() == 200
    }
}

fn told(actor: &str, object: &str, detail: &str) -> (String, String, String) {
    (actor.to_owned(), object.to_owned(), detail.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_password_takes_sessions_and_tokens_away_and_an_own_one_as_it_is_ticked() {
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let (ann, other) = (
        served.logged_in("ann", Role::Viewer).await,
        served.again("ann").await,
    );
    let person = served.person("ann").await;
    let program = served.program_of(&person, &[Scope::Read]).await;
    let known = async || program.get("/api/v1/cases").await.0;
    // Her own change keeps this browser, and the tokens only if she says so.
    let fields = [("old", PASSWORD), ("new", NEW)];
    assert_eq!(ann.send("/account", &fields).await.status(), 200);
    assert_eq!(
        (ann.is_in().await, other.is_in().await, known().await),
        (true, false, 200)
    );
    let page = ann.page("/account").await;
    assert!(
        page.contains("name=\"remove_tokens\" value=\"true\" checked"),
        "{page}"
    );
    let fields = [("old", NEW), ("new", PASSWORD), ("remove_tokens", "true")];
    assert_eq!(ann.send("/account", &fields).await.status(), 200);
    assert_eq!((ann.is_in().await, known().await), (true, 401));
    assert_eq!(
        served.audited("changed a password").await,
        [
            told("ann", "ann", "sessions ended: 0, tokens removed: 1"),
            told("ann", "ann", "sessions ended: 1")
        ]
    );
    // An admin's takes everything.
    let program = served.program_of(&person, &[Scope::Read]).await;
    assert_eq!(program.get("/api/v1/cases").await.0, 200);
    let path = format!("/people/{}/password", person.id);
    assert_eq!(admin.send(&path, &[("password", NEW)]).await.status(), 303);
    assert_eq!(
        (ann.is_in().await, program.get("/api/v1/cases").await.0),
        (false, 401)
    );
    assert!(admin.is_in().await);
    let newest = served.audited("changed a password").await.remove(0);
    assert_eq!(
        newest,
        told("adam", "ann", "sessions ended: 1, tokens removed: 1")
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_what_lets_somebody_in_and_ends_it() {
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let (ann, other) = (
        served.logged_in("ann", Role::Analyst).await,
        served.again("ann").await,
    );
    let person = served.person("ann").await;
    let program = served.program_of(&person, &[Scope::Act]).await;
    assert!(admin.page("/people").await.contains("2 sessions, 1 token<"));
    let path = |what: &str| format!("/people/{}/{what}", person.id);
    for what in ["sessions/end", "tokens/remove"] {
        assert_eq!(ann.send(&path(what), &[]).await.status(), 403, "{what}");
        let nobody = format!("/people/4711/{what}");
        assert_eq!(admin.send(&nobody, &[]).await.status(), 404, "{what}");
    }
    assert_eq!(admin.send(&path("sessions/end"), &[]).await.status(), 303);
    assert_eq!((ann.is_in().await, other.is_in().await), (false, false));
    assert_eq!(
        program.get("/api/v1/cases").await.0,
        200,
        "tokens are another matter"
    );
    assert_eq!(admin.send(&path("tokens/remove"), &[]).await.status(), 303);
    assert_eq!(program.get("/api/v1/cases").await.0, 401);
    assert!(admin.is_in().await);
    assert_eq!(served.audited("ended sessions").await, [told("adam", "ann", "2")]);
    assert_eq!(served.audited("removed tokens").await, [told("adam", "ann", "1")]);
    let page = admin.page("/people").await;
    assert!(
        page.contains("1 session, 0 tokens") && !page.contains("2 sessions"),
        "{page}"
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_used_ends_and_none_lasts_longer_than_twelve_hours() {
    let served = Served::new().await;
    let browser = served.logged_in("ann", Role::Viewer).await;
    // Each use counts, so twice 29 minutes are no half an hour.
    for _ in 0..2 {
        served
            .execute("UPDATE session SET used_at = used_at - 29 * 60000")
            .await;
        assert!(browser.is_in().await);
    }
    // It is written down once a minute.
    served
        .execute("UPDATE session SET used_at = used_at - 50000")
        .await;
    let before = served.number("SELECT used_at FROM session").await;
    assert!(browser.is_in().await);
    assert_eq!(served.number("SELECT used_at FROM session").await, before);
    served
        .execute("UPDATE session SET used_at = used_at - 30 * 60000")
        .await;
    assert!(!browser.is_in().await);
    assert!(!browser.is_in().await, "asking again is no use");
    let browser = served.again("ann").await;
    assert_eq!(
        served.audited("ended sessions").await,
        [told(
            "time",
            "ann",
            "1; not used for 30 minutes, or begun 12 hours ago"
        )]
    );
    served
        .execute("UPDATE session SET expires_at = expires_at - 12 * 3600000 + 60000")
        .await;
    assert!(browser.is_in().await, "a minute is left");
    served
        .execute("UPDATE session SET expires_at = expires_at - 60000")
        .await;
    assert!(!browser.is_in().await);
    // As a process of the version before leaves it.
    let browser = served.again("ann").await;
    served.execute("UPDATE session SET used_at = NULL").await;
    assert!(browser.is_in().await);
    assert_eq!(
        served
            .number("SELECT count(*) FROM session WHERE used_at IS NULL")
            .await,
        0
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_a_case_is_using_the_session_and_ends_with_it() {
    let served = Served::new().await;
    let ann = served.logged_in("ann", Role::Viewer).await;
    let program = served.program("bot", Role::Viewer, &[Scope::Read]).await;
    let new = NewCase {
        title: "A case".to_owned(),
        ..NewCase::default()
    };
    let store = &served.scene.store;
    let case = store.create_case(new, "ben").await.unwrap();
    let mut page = ann.get(&format!("/cases/{}/events", case.id)).await;
    let events = program.request(Method::GET, &format!("/api/v1/cases/{}/events", case.id));
    let mut events = events.send().await.unwrap();
    let patience = Duration::from_secs(20);
    served
        .execute("UPDATE session SET used_at = used_at - 29 * 60000")
        .await;
    let before = served.number("SELECT used_at FROM session").await;
    store.comment(case.id, "seen", "ben").await.unwrap();
    for answer in [&mut page, &mut events] {
        let event = tokio::time::timeout(patience, answer.chunk()).await.unwrap();
        assert!(event.unwrap().unwrap().starts_with(b"data: changed"));
    }
    let used = served.number("SELECT used_at FROM session").await - before;
    assert!(used >= 29 * 60_000, "{used}");
    ann.send("/logout", &[]).await;
    store
        .remove_tokens(served.person("bot").await.id, "test")
        .await
        .unwrap();
    store.comment(case.id, "not for her", "ben").await.unwrap();
    for answer in [&mut page, &mut events] {
        let end = tokio::time::timeout(patience, answer.chunk()).await.unwrap();
        assert_eq!(end.unwrap(), None);
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_sessions_and_nobody_elses() {
    let served = Served::new().await;
    let (ann, other) = (
        served.logged_in("ann", Role::Viewer).await,
        served.again("ann").await,
    );
    let ben = served.logged_in("ben", Role::Admin).await;
    let page = ann.page("/account").await;
    assert_eq!(page.matches("name=\"session\"").count(), 2, "{page}");
    assert_eq!(page.matches("this one").count(), 1, "{page}");
    let store = &served.scene.store;
    let token = |browser: &Browser| browser.cookie.split_once('=').unwrap().1.to_owned();
    let sessions = store
        .sessions(&served.person("ann").await, &token(&ann))
        .await
        .unwrap();
    let name = |is_own: bool| {
        sessions
            .iter()
            .find(|own| own.is_own == is_own)
            .unwrap()
            .name
            .clone()
    };
    let (own, others) = (name(true), name(false));
    // The name of a session lets nobody in.
    let mut thief = served.browser();
    thief.cookie = format!("vtsecops_session={others}");
    assert!(!thief.is_in().await);
    assert_eq!(
        ben.send("/account/sessions/end", &[("session", &others)])
            .await
            .status(),
        409
    );
    let ended = ann.send("/account/sessions/end", &[("session", &others)]).await;
    assert_eq!(ended.headers()[LOCATION], "/account");
    assert_eq!((ann.is_in().await, other.is_in().await), (true, false));
    let ended = ann.send("/account/sessions/end", &[("session", &own)]).await;
    assert_eq!(ended.headers()[LOCATION], "/login");
    assert!(
        ended.headers()[SET_COOKIE]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert!(!ann.is_in().await && ben.is_in().await);
    assert_eq!(
        served.audited("ended a session").await,
        [told("ann", "ann", ""), told("ann", "ann", "")]
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_and_who_left_is_in_the_audit_log_without_a_word_of_passwords() {
    let served = Served::new().await;
    let ann = served.logged_in("Ann", Role::Viewer).await;
    let eve = served.browser();
    let log_in = async |name: &str, password: &str| {
        let fields = [("name", name), ("password", password)];
        eve.send("/login", &fields).await.status().as_u16()
    };
    assert_eq!(log_in(" ann", "a guess of many").await, 401);
    // Somebody has typed into the wrong field.
    assert_eq!(log_in("my secret words", "ann").await, 401);
    assert_eq!(log_in(&"x".repeat(10_000), "ann").await, 401);
    let wrong = [("old", "a guess of many"), ("new", NEW)];
    assert_eq!(ann.send("/account", &wrong).await.status(), 422);
    for _ in 0..3 {
        log_in("ann", "a guess of many").await;
    }
    assert_eq!(log_in("ann", PASSWORD).await, 429);
    ann.send("/logout", &[]).await;
    let (here, wrong) = ("the log-in page", "the name or the password is wrong");
    let mut refused = served.audited("refused a log-in").await;
    refused.reverse();
    assert_eq!(
        refused,
        [
            told(here, "Ann", wrong),
            told(here, "somebody unknown", wrong),
            told(here, "somebody unknown", wrong),
            told("the account page", "Ann", "the old password is wrong"),
            told(here, "Ann", wrong),
            told(here, "Ann", wrong),
            told(here, "Ann", wrong),
            told(here, "Ann", "too many wrong passwords before"),
        ]
    );
    assert_eq!(served.audited("logged out").await, [told("Ann", "Ann", "")]);
    let log = format!("{:?}", served.scene.store.audit_log(1000).await.unwrap());
    for secret in ["a guess of many", "my secret words", PASSWORD] {
        assert!(!log.contains(secret), "{log}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_does_not_fill_the_audit_log_and_many_guesses_at_once_are_no_more_than_five() {
    let served = Served::new().await;
    served.logged_in("ann", Role::Viewer).await;
    let eve = served.browser();
    let fields = [("name", "ann"), ("password", "a guess of many")];
    let tries = (0..40).map(|_| eve.send("/login", &fields));
    let answers = futures_util::future::join_all(tries).await;
    let with = |status: u16| answers.iter().filter(|answer| answer.status() == status).count();
    assert_eq!((with(401), with(429)), (5, 35));
    let store = served.scene.store.clone();
    assert_eq!(served.audited("refused a log-in").await.len(), 20);
    // Who ends the workdesk does not lose what was counted.
    served.end().await;
    for _ in 0..100 {
        let log = store.audit_log(1).await.unwrap();
        if log[0].deed == "refused log-ins" {
            assert_eq!(log[0].detail, "and 20 more within a minute");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", store.audit_log(3).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_lets_somebody_in_is_stored_as_it_is() {
    let served = Served::new().await;
    let browser = served.logged_in("ann", Role::Viewer).await;
    let program = served
        .program_of(&served.person("ann").await, &[Scope::Read])
        .await;
    let hash = served.text("SELECT password FROM person").await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let session = served.text("SELECT token FROM session").await;
    let cookie = browser.cookie.split_once('=').unwrap().1;
    assert_eq!((session.len(), cookie.len()), (64, 64));
    assert_ne!(session, cookie);
    let stored = served.text("SELECT fingerprint FROM api_token").await;
    assert!(!program.token.contains(&stored) && stored.len() == 64, "{stored}");
    // Two of the same password have nothing in common.
    served.logged_in("ben", Role::Viewer).await;
    let other = served
        .text("SELECT password FROM person WHERE name = 'ben'")
        .await;
    assert_ne!(hash, other);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_easy_password_is_refused_with_advice_wherever_one_is_set() {
    let served = Served::new().await;
    let link = served.setup.clone().unwrap();
    let first = served.browser();
    let made = first
        .send(&link, &[("name", "ann"), ("password", "password1234")])
        .await;
    assert_eq!(made.status(), 422);
    let words = made.text().await.unwrap();
    assert!(
        words.contains("The password is easy to guess.") && words.contains("Add another word"),
        "{words}"
    );
    let admin = served.logged_in("adam", Role::Admin).await;
    let added = [("name", "ben"), ("role", "viewer"), ("password", "ben-ben-ben-1")];
    assert_eq!(admin.send("/people", &added).await.status(), 422);
    let own = [("old", PASSWORD), ("new", "vtsecops-2026")];
    assert_eq!(admin.send("/account", &own).await.status(), 422);
    let path = format!("/people/{}/password", served.person("adam").await.id);
    assert_eq!(
        admin.send(&path, &[("password", "qwertyuiop123")]).await.status(),
        422
    );
    let long = "j9 #Kd0w".repeat(129);
    let told = admin.send("/account", &[("old", PASSWORD), ("new", &long)]).await;
    assert!(told.text().await.unwrap().contains("at most 1024 bytes"));
    assert!(admin.is_in().await);
    served.again("adam").await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_with_tls_cookies_and_forms_are_for_https_only() {
    let serving = Serving {
        is_secure: true,
        ..Serving::default()
    };
    let served = Served::how(External::default(), serving).await;
    let link = served.setup.clone().unwrap();
    let proxy = served.browser();
    let fields = [("name", "ann"), ("password", PASSWORD)];
    // The proxy comes without TLS, and passes on what the browser has sent.
    let send = async |origin: &str| {
        let request = proxy.client.post(format!("{}{link}", proxy.origin)).form(&fields);
        request
            .header("host", "desk.example")
            .header(ORIGIN, origin)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(send("http://desk.example").await.status(), 403);
    let made = send("https://desk.example").await;
    assert_eq!(made.status(), 303);
    let cookie = made.headers()[SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-vtsecops_session=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    assert!(made.headers().contains_key("strict-transport-security"));
    let (_, token) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    for (name, status) in [("__Host-vtsecops_session", 200), ("vtsecops_session", 303)] {
        let request = proxy.client.get(format!("{}/quota", proxy.origin));
        let request = request.header(COOKIE, format!("{name}={token}"));
        assert_eq!(request.send().await.unwrap().status(), status, "{name}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_kept_or_taken_for_something_else_and_redirects_stay_here() {
    let served = Served::new().await;
    let admin = served.logged_in("adam", Role::Admin).await;
    let stranger = served.browser();
    let program = served.program("bot", Role::Analyst, &[Scope::Act]).await;
    let mut answers = Vec::new();
    for path in [
        "/", "/people", "/account", "/audit", "/nothing", "/healthz", "/metrics",
    ] {
        answers.push((path, admin.get(path).await));
    }
    for path in [
        "/login",
        "/quota",
        "/setup/x",
        "/enter/x",
        "/oidc/begin",
        "/oidc/callback",
    ] {
        answers.push((path, stranger.get(path).await));
    }
    for path in ["/api/v1/cases", "/api/v1/nothing", "/api/v1/openapi.json"] {
        let request = program.request(Method::GET, path);
        answers.push((path, request.send().await.unwrap()));
    }
    let forged = admin.send_from("https://evil.example", "/people", &[]).await;
    answers.push(("a form of another site", forged));
    for (path, answer) in &answers {
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header("referrer-policy"), Some("same-origin"), "{path}");
        if let Some(to) = header("location") {
            assert!(to.starts_with('/') && !to.starts_with("//"), "{path}: {to}");
        }
    }
    // Wherever somebody would like to be led.
    let evil = "https://evil.example/";
    let fields = [
        ("name", "adam"),
        ("password", PASSWORD),
        ("next", evil),
        ("to", evil),
        ("return_to", evil),
    ];
    for (path, expected) in [
        ("/login?next=https://evil.example/", "/"),
        ("/login?to=//evil.example", "/"),
        ("/logout?next=https://evil.example/", "/login"),
    ] {
        let answer = admin.send(path, &fields).await;
        assert_eq!(answer.headers()[LOCATION], expected, "{path}");
    }
    let gone = stranger.get("/people?next=//evil.example").await;
    assert_eq!(gone.headers()[LOCATION], "/login");
    served.end().await;
}
