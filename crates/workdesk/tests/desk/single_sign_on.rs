//! Logging in with a provider of identities: whom it lets in, and what it does not believe.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use workdesk::{Desk, Role, Serving, SingleSignOn, Store};

use crate::scene::{Scene, simulator};
use crate::served::{PASSWORD, visitor};

/// A provider that says what it is told to.
struct Provider {
    issuer: String,
    /// What it signs with, and what the key is called.
    key: Mutex<(String, EcdsaKeyPair)>,
    /// How often it was asked what it can do.
    described: AtomicUsize,
    is_broken: AtomicBool,
    /// What is different about the next token.
    next: Mutex<Value>,
    /// Codes that were exchanged, with what came along.
    exchanged: Mutex<Vec<Vec<(String, String)>>>,
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: Mutex::new(("k1".to_owned(), new_key())),
            described: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            next: Mutex::new(json!({})),
            exchanged: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(exchange))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    #[expect(clippy::disallowed_methods, reason = "a token is for the present")]
    fn token(&self) -> String {
        let next = self.next.lock().unwrap().clone();
        let now = Timestamp::now().as_second();
        let mut claims = json!({
            "iss": self.issuer, "aud": "desk", "sub": "0815", "iat": now, "exp": now + 300, "nonce": "",
            "preferred_username": "jane", "groups": ["everybody", "soc"],
        });
        for (name, value) in next.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let (name, own) = &*self.key.lock().unwrap();
        let header = json!({"alg": "ES256", "kid": name, "typ": "JWT"});
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let stranger = new_key();
        let key = if next["forged"] == true { &stranger } else { own };
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn describe(State(provider): State<Arc<Provider>>) -> Result<Json<Value>, StatusCode> {
    provider.described.fetch_add(1, Ordering::SeqCst);
    if provider.is_broken.load(Ordering::SeqCst) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let issuer = &provider.issuer;
    Ok(Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "HS256"],
    })))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let (name, key) = &*provider.key.lock().unwrap();
    let point = key.public_key().as_ref();
    let part = |from: usize| BASE64_URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
    Json(
        json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": name, "x": part(1), "y": part(33)}]}),
    )
}

async fn exchange(
    State(provider): State<Arc<Provider>>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Json<Value> {
    provider.exchanged.lock().unwrap().push(fields);
    Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": provider.token()}))
}

/// A workdesk that lets the provider's people in.
struct Front {
    origin: String,
    store: Store,
    provider: Arc<Provider>,
    _scene: Scene,
}

impl Front {
    async fn new() -> Self {
        let running = simulator(|builder| builder).await;
        let scene = Scene::new().await;
        let provider = Provider::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let settings = SingleSignOn {
            issuer: provider.issuer.clone(),
            client_id: "desk".to_owned(),
            client_secret: "hush".into(),
            origin: origin.clone(),
            role_claim: "groups".to_owned(),
            groups: vec![
                ("soc".to_owned(), Role::Analyst),
                ("leads".to_owned(), Role::Admin),
            ],
        };
        settings.check().unwrap();
        let serving = Serving {
            single_sign_on: Some(settings),
            ..Serving::default()
        };
        let engine = scene.engine(&running).await;
        let desk = Desk::new(scene.store.clone(), engine, serving).await.unwrap();
        tokio::spawn(desk.serve(listener, std::future::pending()));
        Self {
            origin,
            store: scene.store.clone(),
            provider,
            _scene: scene,
        }
    }

    /// Begins; gives the cookie, and what the provider is told.
    async fn begin(&self) -> (String, Vec<(String, String)>) {
        let begun = visitor()
            .get(format!("{}/oidc/begin", self.origin))
            .send()
            .await
            .unwrap();
        assert_eq!(begun.status(), 303);
        let cookie = begun.headers()[SET_COOKIE].to_str().unwrap();
        let address = reqwest::Url::parse(begun.headers()[LOCATION].to_str().unwrap()).unwrap();
        let told = address.query_pairs().into_owned().collect();
        (cookie.split(';').next().unwrap().to_owned(), told)
    }

    async fn come_back(&self, cookie: &str, state: &str) -> reqwest::Response {
        let address = format!("{}/oidc/callback?code=c0de&state={state}", self.origin);
        visitor()
            .get(address)
            .header(COOKIE, cookie)
            .send()
            .await
            .unwrap()
    }

    /// A whole log-in in which the token is different in that; gives the status and the words.
    async fn log_in(&self, different: Value) -> (u16, String, Option<String>) {
        let (cookie, told) = self.begin().await;
        let value = |name: &str| told.iter().find(|(own, _)| own == name).unwrap().1.clone();
        let mut next = json!({"nonce": value("nonce")});
        for (name, value) in different.as_object().unwrap() {
            next[name] = value.clone();
        }
        *self.provider.next.lock().unwrap() = next;
        let answer = self.come_back(&cookie, &value("state")).await;
        let session = answer
            .headers()
            .get(SET_COOKIE)
            .map(|own| own.to_str().unwrap().to_owned());
        (answer.status().as_u16(), answer.text().await.unwrap(), session)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_provider_vouches_for_is_let_in_with_the_role_of_their_group() {
    let front = Front::new().await;
    let (status, words, session) = front.log_in(json!({})).await;
    assert_eq!(status, 200, "{words}");
    let session = session.unwrap();
    let cookie = session.split(';').next().unwrap();
    let page = visitor()
        .get(format!("{}/", front.origin))
        .header(COOKIE, cookie)
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("jane") && page.contains("analyst"), "{page}");
    let account = visitor()
        .get(format!("{}/account", front.origin))
        .header(COOKIE, cookie)
        .send()
        .await
        .unwrap();
    let account = account.text().await.unwrap();
    assert!(
        account.contains("have no password here") && !account.contains("type=\"password\""),
        "{account}"
    );
    let exchanged = front.provider.exchanged.lock().unwrap().clone();
    assert!(
        exchanged[0]
            .iter()
            .any(|(name, value)| name == "code_verifier" && value.len() >= 43)
    );
    // The role is what the provider says, each time; it is still the same person.
    assert_eq!(front.log_in(json!({"groups": ["leads", "soc"]})).await.0, 200);
    let people = front.store.people().await.unwrap();
    assert_eq!((people.len(), people[0].role), (1, Role::Admin));
    // There is no password to log in with, nor can one be set.
    let tried = front.store.log_in("jane", "".to_owned().into()).await.unwrap();
    assert!(tried.is_none());
    assert!(
        front
            .store
            .reset_password(people[0].id, PASSWORD.into(), "test")
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_believed_lets_nobody_in() {
    let front = Front::new().await;
    for (different, why) in [
        (json!({"nonce": "another"}), "nonce"),
        (json!({"aud": "another"}), "audience"),
        (json!({"iss": "http://127.0.0.1:1"}), "issuer"),
        (json!({"exp": 1_000_000_000}), "expired"),
        (json!({"forged": true}), "ignature"),
        (json!({"groups": ["everybody"]}), "none of your groups"),
        (json!({"groups": null}), "none of your groups"),
        (json!({"preferred_username": "<script>"}), "a name has"),
    ] {
        let (status, words, session) = front.log_in(different.clone()).await;
        assert_eq!((status, session), (403, None), "{different}");
        assert!(words.contains(why), "{why}: {words}");
    }
    assert!(front.store.people().await.unwrap().is_empty());
    // A person of this workdesk is nobody else's.
    front
        .store
        .add_person("jane", Role::Admin, PASSWORD.into(), "test")
        .await
        .unwrap();
    let (status, words, _) = front.log_in(json!({})).await;
    assert_eq!(status, 403);
    assert!(words.contains("the name jane is taken"), "{words}");
    let log = front.store.audit_log(20).await.unwrap();
    let mut refused = log.iter().filter(|entry| entry.deed == "refused a log-in");
    let newest = refused.next().unwrap();
    assert_eq!(
        (
            newest.actor.as_str(),
            newest.object.as_str(),
            newest.detail.as_str()
        ),
        ("single sign-on", "jane", "the name jane is taken")
    );
    let others: Vec<_> = refused.map(|entry| entry.object.as_str()).collect();
    assert_eq!(others, ["somebody unknown"; 8]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_takes_the_admin_role_from_nobody_who_is_the_last_to_have_it() {
    let front = Front::new().await;
    assert_eq!(front.log_in(json!({"groups": ["leads"]})).await.0, 200);
    assert_eq!(front.log_in(json!({"groups": ["soc"]})).await.0, 200);
    let role = async || front.store.people().await.unwrap()[0].role;
    assert_eq!(role().await, Role::Admin);
    let log = front.store.audit_log(10).await.unwrap();
    let kept = log.iter().find(|entry| entry.deed == "kept a role").unwrap();
    assert_eq!(
        (kept.actor.as_str(), kept.object.as_str(), kept.detail.as_str()),
        (
            "single sign-on",
            "jane",
            "admin, the last one; the provider says analyst"
        )
    );
    // With another admin it is what the provider says.
    let other = front
        .store
        .add_person("zoe", Role::Admin, PASSWORD.into(), "test")
        .await
        .unwrap();
    assert_eq!(front.log_in(json!({"groups": ["soc"]})).await.0, 200);
    assert_eq!(role().await, Role::Analyst);
    assert!(front.store.remove_person(other.id, "test").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_says_of_itself_is_kept_until_a_key_is_new_and_a_failure_is_not() {
    let front = Front::new().await;
    let provider = &front.provider;
    let described = || provider.described.load(Ordering::SeqCst);
    provider.is_broken.store(true, Ordering::SeqCst);
    let begun = visitor().get(format!("{}/oidc/begin", front.origin)).send().await;
    assert_eq!(begun.unwrap().status(), 403);
    provider.is_broken.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        front.begin().await;
    }
    assert_eq!(front.log_in(json!({})).await.0, 200);
    assert_eq!(described(), 2, "the failed one, and one");
    *provider.key.lock().unwrap() = ("k2".to_owned(), new_key());
    assert_eq!(front.log_in(json!({})).await.0, 200);
    assert_eq!(front.log_in(json!({})).await.0, 200);
    assert_eq!(described(), 3, "once more for the new key");
    let (status, words, _) = front.log_in(json!({"forged": true})).await;
    assert_eq!((status, described()), (403, 4), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_for_one_browser_and_once() {
    let front = Front::new().await;
    let (cookie, told) = front.begin().await;
    let value = |name: &str| told.iter().find(|(own, _)| own == name).unwrap().1.clone();
    *front.provider.next.lock().unwrap() = json!({"nonce": value("nonce")});
    assert_eq!(front.come_back(&cookie, "another").await.status(), 400);
    assert_eq!(
        front
            .come_back("vtsecops_oidc=another", &value("state"))
            .await
            .status(),
        400
    );
    // It was tried from elsewhere, so it is void.
    assert_eq!(front.come_back(&cookie, &value("state")).await.status(), 400);
    let (cookie, told) = front.begin().await;
    let value = |name: &str| told.iter().find(|(own, _)| own == name).unwrap().1.clone();
    *front.provider.next.lock().unwrap() = json!({"nonce": value("nonce")});
    assert_eq!(front.come_back(&cookie, &value("state")).await.status(), 200);
    assert_eq!(
        front.come_back(&cookie, &value("state")).await.status(),
        400,
        "the code is used"
    );
    let wrong = SingleSignOn {
        issuer: "http://id.example".to_owned(),
        client_id: "desk".to_owned(),
        client_secret: "hush".into(),
        origin: front.origin.clone(),
        role_claim: "groups".to_owned(),
        groups: vec![("soc".to_owned(), Role::Analyst)],
    };
    for issuer in [
        "http://id.example",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "ftp://127.0.0.1",
    ] {
        let wrong = SingleSignOn {
            issuer: issuer.to_owned(),
            ..wrong.clone()
        };
        assert!(wrong.check().unwrap_err().contains("https"), "{issuer}");
    }
}
