//! Listens, and passes requests on.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::answer::{Answer, answer};
use crate::call::{self, Target};
use crate::fault::{FaultKind, strike};
use crate::strict;
use crate::world::{Request, World};

/// A thread with a server of its own; it ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(world: Arc<World>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("platform".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else {
                        return;
                    };
                    tokio::select! {
                        () = listen(listener, world) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(listener: TcpListener, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, Arc::clone(&world)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, world: Arc<World>) {
    let handle = Handle(Mutex::new(SockRef::from(&stream).try_clone().ok()));
    let service = service_fn(|request| respond(request, &world, &handle));
    // A client that goes away is no error here.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A second handle on a connection's socket, to end it roughly.
struct Handle(Mutex<Option<Socket>>);

impl Handle {
    fn make_rough(&self) {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Abort;

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection ended on purpose")
    }
}

impl std::error::Error for Abort {}

/// A body that may claim to be longer than it is.
type Body = Full<Bytes>;

async fn respond(
    request: HttpRequest<Incoming>,
    world: &World,
    handle: &Handle,
) -> Result<Response<Body>, Abort> {
    let request = read(request).await;
    let target = call::read(&request.path, &request.query);
    let (index, fault) = note(world, request, &target);
    world.arrived.notify_all();
    let answered = |status: StatusCode, body: String| {
        if let Some(request) = world.memory().requests.get_mut(index) {
            request.status = status.as_u16();
        }
        Ok(response(status, body))
    };
    match fault {
        Some(FaultKind::Reset) => {
            handle.make_rough();
            return Err(Abort);
        }
        Some(FaultKind::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return answered(status, "trouble on request".to_owned());
        }
        Some(FaultKind::Body(body)) => return answered(StatusCode::OK, body),
        Some(FaultKind::Delay(time)) => tokio::time::sleep(time).await,
        Some(FaultKind::Hold) => {
            let _ = world.released.subscribe().wait_for(|released| *released).await;
        }
        Some(FaultKind::Truncated) | None => {}
    }
    let relayed = match &world.relay {
        Some(relay) => Some(relay.pass_on(world, index).await),
        None => None,
    };
    let own_target = target.clone();
    let (status, body) = carry_out(world, index, target);
    let (status, body) = match (relayed, own_target) {
        (Some(theirs), Ok(target)) => crate::relay::compare(world, &target, &(status, body), theirs),
        (Some(theirs), Err(_)) => theirs,
        (None, _) => (status, body),
    };
    if fault == Some(FaultKind::Truncated) {
        handle.make_rough();
        let half = body.get(..body.len() / 2).unwrap_or_default().to_owned();
        let mut response = response(status, half);
        if let Ok(length) = HeaderValue::from_str(&(body.len() + 1).to_string()) {
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        return Ok(response);
    }
    answered(status, body)
}

/// Records the request and what is wrong with it; gives its place and the trouble that befalls it.
fn note(world: &World, mut request: Request, target: &Result<Target, String>) -> (usize, Option<FaultKind>) {
    let mut memory = world.memory();
    let mut fault = None;
    match target {
        Ok(target) => {
            (request.call, request.form) = (Some(target.call), Some(target.form));
            let body = world.unspell(&request.body);
            let wrong = strict::check(&request, target, &body, &world.place, &memory);
            memory.violations.extend(wrong);
            fault = strike(&mut memory.faults, target.call);
        }
        Err(error) => memory.violations.push(error.clone()),
    }
    memory.requests.push(request);
    (memory.requests.len() - 1, fault)
}

fn carry_out(world: &World, index: usize, target: Result<Target, String>) -> (StatusCode, String) {
    let mut memory = world.memory();
    let Some(request) = memory.requests.get(index) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
    };
    if request.header("AppKey") != Some(&world.key) {
        return (StatusCode::UNAUTHORIZED, "no such key".to_owned());
    }
    let Ok(target) = target else {
        return (StatusCode::NOT_FOUND, "no such call".to_owned());
    };
    if request.method != target.call.method() {
        return (StatusCode::METHOD_NOT_ALLOWED, String::new());
    }
    let body = world.unspell(&request.body);
    let body = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(_) if request.method == "GET" => serde_json::Value::Null,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()),
    };
    match answer(&mut memory, &target, body) {
        Answer::Json(value) => (StatusCode::OK, world.spell(value.to_string())),
        Answer::Done => (StatusCode::OK, String::new()),
        Answer::Nothing => (StatusCode::NO_CONTENT, String::new()),
        Answer::NotFound => (StatusCode::NOT_FOUND, "not found".to_owned()),
    }
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

async fn read(request: HttpRequest<Incoming>) -> Request {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes().to_vec())
        .unwrap_or_default();
    let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    Request {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.into_owned().collect(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body,
        call: None,
        form: None,
        status: 0,
    }
}
