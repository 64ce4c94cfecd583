//! What holds before anybody looks at what is asked: how slowly a request may come, how much may come at once, by which name the workdesk
//! is called, and what a defect is answered with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CONTENT_LENGTH, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use entrance::Pace;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::problem::Problem;
use super::{Desk, layout};

const MEBIBYTE: usize = 1024 * 1024;
/// How long somebody with a large body waits until there is room for it.
const WAIT: Duration = Duration::from_secs(10);
/// When it is worth their while to come again, in seconds.
const AGAIN: &str = "5";

/// What the workdesk takes of anybody.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Of connections. A page that waits for changes holds one as long as it is looked at, and behind a proxy all come from one address.
    pub connections: entrance::Bounds,
    /// How fast a body must come.
    pub body: Pace,
    /// Mebibytes of large bodies that are held at the same time.
    pub mebibytes: u16,
    /// Pages and programs that wait for changes of a case.
    pub listeners: usize,
    /// Of these, those of one person.
    pub listeners_of_one: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: entrance::Bounds {
                connections: 4096,
                connections_of_one: 3072,
                // Proxies keep one that is idle for a minute, and must be the first to close it.
                head: Duration::from_secs(75),
            },
            body: Pace {
                silence: entrance::SILENCE,
                at_least: Duration::from_secs(60),
                bytes_a_second: 64 * 1024,
            },
            mebibytes: 512,
            listeners: 2048,
            listeners_of_one: 256,
        }
    }
}

/// How browsers that come to a loopback address without TLS may call it.
#[derive(Clone, Debug)]
pub struct Names {
    /// The port where it listens.
    pub port: u16,
    /// Names of its own, beside those of loopback addresses.
    pub own: Vec<String>,
}

impl Names {
    /// Whether a browser came straight to us by a name that somebody else may have led here: a page of theirs would then be one of ours. What
    /// a proxy passes on names another port, the proxy's; a name without a dot is of the house.
    fn is_strange(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let plain = name.trim_start_matches('[').trim_end_matches(']');
        let plain = plain.strip_suffix('.').unwrap_or(plain).to_ascii_lowercase();
        let is_ours = plain.parse::<IpAddr>().is_ok()
            || !plain.contains('.')
            || plain.ends_with(".localhost")
            || self.own.iter().any(|own| own.eq_ignore_ascii_case(&plain));
        port == Some(self.port) && !is_ours
    }
}

/// In the form that whoever asks can read.
fn refused(path: &str, status: StatusCode, words: &str) -> Response {
    let is_program = ["/api/", "/v1alpha/"].iter().any(|start| path.starts_with(start));
    let mut response = match is_program {
        true => Problem::new(status, words).into_response(),
        false => layout::problem(status, words),
    };
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static(AGAIN));
    }
    response
}

/// Nobody is answered who was led here by a name of somebody else's.
pub(super) async fn by_name(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let is_strange = |names: &Names| host.is_some_and(|host| names.is_strange(host));
    if desk.shared.names.as_ref().is_some_and(is_strange) {
        let words = "The workdesk does not know the name by which it was called: a page of another site could have led the browser here. \
                     Call it localhost, or start it with --public-url and the address that is used.";
        return refused(request.uri().path(), StatusCode::MISDIRECTED_REQUEST, words);
    }
    next.run(request).await
}

/// Waits for a body no longer than is its due, and answers where the answer is a defect.
pub(super) async fn attended(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let answer = async |request| {
        let answered = entrance::caught(next.run(request)).await;
        answered.unwrap_or_else(|_| {
            let words =
                "This is a defect of the workdesk, and nothing that you did wrong. Its log says more.";
            refused(&path, StatusCode::INTERNAL_SERVER_ERROR, words)
        })
    };
    if request.body().is_end_stream() {
        return answer(request).await;
    }
    let (parts, body) = request.into_parts();
    let (body, rest) = entrance::with_rest(body);
    let (body, lateness) = entrance::at_pace(body, desk.shared.bounds.body);
    let response = answer(Request::from_parts(parts, body)).await;
    if lateness.is_late() {
        let words = "What was sent did not come to its end in time.";
        return refused(&path, StatusCode::REQUEST_TIMEOUT, words);
    }
    if !rest.is_over() {
        // Whoever is still sending comes to read the answer.
        tokio::spawn(rest.drain());
    }
    response
}

/// Room for a large body, of `MOST` bytes at most, for as long as a handler works on it. It stands behind who asks and before the body: who
/// may not send anything takes none.
pub(super) struct Room<const MOST: usize>(
    #[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>,
);

impl<const MOST: usize> FromRequestParts<Desk> for Room<MOST> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Response> {
        let path = parts.uri.path();
        let bytes = length(&parts.headers).unwrap_or(MOST);
        if bytes > MOST {
            let words = format!("What is sent here has at most {MOST} bytes.");
            return Err(refused(path, StatusCode::PAYLOAD_TOO_LARGE, &words));
        }
        // Of small ones there may be as many as connections.
        if bytes <= MEBIBYTE {
            return Ok(Self(None));
        }
        let (room, all) = (Arc::clone(&desk.shared.room), desk.shared.bounds.mebibytes);
        let wanted = u16::try_from(bytes.div_ceil(MEBIBYTE)).unwrap_or(all).min(all);
        match timeout(WAIT, room.acquire_many_owned(wanted.into())).await {
            Ok(Ok(place)) => Ok(Self(Some(place))),
            Ok(Err(_)) | Err(_) => {
                let words = "So much is being sent at the moment that there is no room for more. Try again.";
                Err(refused(path, StatusCode::SERVICE_UNAVAILABLE, words))
            }
        }
    }
}

/// Room for all of them.
pub(super) fn room(bounds: &Bounds) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bounds.mebibytes.into()))
}

/// How long the body says that it is; `None` for one that does not.
fn length(headers: &HeaderMap) -> Option<usize> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::to_str);
    // The connection has looked at it before.
    length.map_or(Some(0), |length| length.ok()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use jiff::Timestamp;
    use secops::Parameters;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use virustotal::{Client, Clock};

    use super::Names;
    use crate::server::{Desk, Serving};
    use crate::{Clients, Engine, External, Pace, Run, Sealer, Store};

    struct Nobody;

    impl Clients for Nobody {
        fn client(&self, _: &Run, _: Option<&Parameters>) -> Result<Client, String> {
            Err("nobody is asked".to_owned())
        }

        fn client_for_ping(&self, _: Option<&Parameters>) -> Result<Client, String> {
            Err("nobody is asked".to_owned())
        }

        fn own_configuration(&self) -> Result<Parameters, String> {
            Err("there is no key".to_owned())
        }

        fn ended(&self, _: &Run) {}
    }

    #[tokio::test]
    async fn a_defect_is_answered_and_the_connection_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (clock, sealer) = (Clock::new(|| Timestamp::UNIX_EPOCH), Sealer::new(&[7; 32]));
        let store = Store::open(&folder.path().join("workdesk.db"), clock, sealer)
            .await
            .unwrap();
        let engine = Engine::start(
            store.clone(),
            Arc::new(Nobody),
            Pace::default(),
            External::default(),
        );
        let desk = Desk::new(store, engine.await.unwrap(), Serving::default())
            .await
            .unwrap();
        let defective = || async {
            let wrong: Result<&str, &str> = "no number".parse::<u8>().map(|_| "").map_err(|_| "planted");
            wrong.unwrap()
        };
        let router = Router::new()
            .route("/page", get(defective))
            .route("/api/v1/it", get(defective))
            .route("/well", get(|| async { "well" }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (router, bounds) = (desk.plain(router), desk.shared.bounds.connections.clone());
        tokio::spawn(async move { entrance::serve(listener, router, &bounds, std::future::pending()).await });
        for path in ["/page", "/api/v1/it"] {
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
        }
        let last = "GET /well HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        stream.write_all(last.as_bytes()).await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 500").count(), 2, "{answers}");
        assert_eq!(
            answers.matches("This is a defect of the workdesk").count(),
            2,
            "{answers}"
        );
        assert_eq!(
            answers.matches("application/problem+json").count(),
            1,
            "{answers}"
        );
        assert_eq!(
            answers.matches("x-content-type-options: nosniff").count(),
            3,
            "{answers}"
        );
        assert!(answers.ends_with("well"), "{answers}");
        // Its words are nobody's business.
        assert!(!answers.contains("unwrap"), "{answers}");
        desk.stop().await;
    }

    #[test]
    fn a_name_that_somebody_else_may_have_led_here_is_strange_and_what_people_use_is_not() {
        let names = Names {
            port: 8790,
            own: vec!["desk.example".to_owned()],
        };
        for host in [
            "evil.example:8790",
            "127.0.0.1.evil.example:8790",
            "localhost.evil.example:8790",
            "EVIL.example.:8790",
        ] {
            assert!(names.is_strange(host), "{host}");
        }
        for host in [
            "localhost:8790",
            "LOCALHOST.:8790",
            "desk.localhost:8790",
            "127.0.0.1:8790",
            "127.9.9.9:8790",
            "[::1]:8790",
            // A name that the house has given the machine.
            "soc-1:8790",
            "desk.example:8790",
            "Desk.Example.:8790",
            // By way of a proxy, which has another port.
            "soc.example",
            "soc.example:443",
            "[::1]",
            "",
        ] {
            assert!(!names.is_strange(host), "{host}");
        }
        let plain = Names {
            port: 80,
            own: Vec::new(),
        };
        assert!(plain.is_strange("evil.example") && plain.is_strange("evil.example:80"));
        assert!(!plain.is_strange("evil.example:443") && !plain.is_strange("localhost"));
    }
}
