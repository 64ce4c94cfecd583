//! Listens, and passes requests to the API.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::answer::{Answer, Body, ordinary, spoilt};
use crate::calls::{Call, Upload};
use crate::fault::{self, Fault, FaultKind};
use crate::request::Request;
use crate::tls::{self, Identity};
use crate::v2;
use crate::v3;
use crate::world::World;

/// A simulator that listens; it stops when dropped.
pub struct Running {
    world: Arc<World>,
    address: SocketAddr,
    ca_pem: Option<String>,
    listening: AbortHandle,
    stopped: watch::Sender<bool>,
}

pub(crate) async fn start(world: World) -> io::Result<Running> {
    let identity = world.settings.certificate.map(tls::identity).transpose()?;
    let listener = TcpListener::bind(world.settings.listen).await?;
    let address = listener.local_addr()?;
    let world = Arc::new(world);
    let ca_pem = identity.as_ref().map(|identity| identity.ca_pem.clone());
    let origin = origin(address, identity.is_some());
    let task = tokio::spawn(listen(listener, Arc::clone(&world), identity, origin));
    Ok(Running {
        world,
        address,
        ca_pem,
        listening: task.abort_handle(),
        stopped: watch::Sender::new(false),
    })
}

fn origin(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Connections live in the set, so they end with this task.
async fn listen(listener: TcpListener, world: Arc<World>, identity: Option<Identity>, origin: String) {
    let acceptor = identity.map(|identity| identity.acceptor);
    let origin: Arc<str> = origin.into();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of handles, say: the next one may do.
                let Ok((stream, _)) = accepted else { continue };
                let (world, acceptor, origin) = (Arc::clone(&world), acceptor.clone(), Arc::clone(&origin));
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let handle = Handle::of(&stream);
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, world, origin, handle).await;
                            }
                        }
                        None => serve(stream, world, origin, handle).await,
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<S>(stream: S, world: Arc<World>, origin: Arc<str>, handle: Handle)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(|request| answer(request, &world, &origin, &handle));
    // A client that goes away is no error here.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A second handle on a connection's socket, to end it roughly.
struct Handle(Mutex<Option<Socket>>);

impl Handle {
    fn of(stream: &TcpStream) -> Self {
        Self(Mutex::new(SockRef::from(stream).try_clone().ok()))
    }

    /// The connection's end will be a reset instead of an orderly close.
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

async fn answer(
    request: HttpRequest<Incoming>,
    world: &Arc<World>,
    origin: &str,
    handle: &Handle,
) -> Result<Response<Body>, Abort> {
    let _under_way = world.enter();
    let request = Request::read(request, world.settings.max_upload_bytes).await;
    let resources = request.resources();
    let fault = fault::strike(
        &mut world.memory().faults,
        &request.method,
        &request.endpoint,
        &resources,
    );
    tokio::time::sleep(world.settings.latency).await;
    let call = describe(&request, resources, world);
    match fault {
        Some(FaultKind::Reset) => {
            world.memory().record(call);
            handle.make_rough();
            Err(Abort)
        }
        Some(FaultKind::Hang) => {
            world.memory().record(call);
            std::future::pending().await
        }
        Some(fault) => {
            // A fault that stands in for an answer takes nothing from the quota and starts no scan.
            let usual = match fault {
                FaultKind::Truncated
                | FaultKind::SlowBody(_)
                | FaultKind::WrongTypes
                | FaultKind::Nulls
                | FaultKind::NewCategory => usual(world, &request, origin),
                _ => Answer::Empty(StatusCode::OK),
            };
            Ok(finish(world, call, spoilt(&fault, usual, request.is_v3)))
        }
        None => {
            let answer = usual(world, &request, origin);
            Ok(finish(world, call, ordinary(answer, request.gzip_accepted)))
        }
    }
}

fn usual(world: &World, request: &Request, origin: &str) -> Answer {
    if request.is_v3 {
        v3::answer(world, request, origin)
    } else {
        v2::answer(world, request, origin)
    }
}

fn describe(request: &Request, resources: Vec<String>, world: &World) -> Call {
    Call {
        method: request.method.clone(),
        endpoint: request.endpoint.clone(),
        key_ok: request
            .key
            .as_ref()
            .is_some_and(|key| world.memory().kind_of(key).is_some()),
        key_in_query: request.key_in_query,
        items: resources.len(),
        resources,
        status: 0,
        at: world.started.elapsed(),
        user_agent: request.user_agent.clone(),
        content_type: request.content_type.clone(),
        gzip_accepted: request.gzip_accepted,
        allinfo: request.flag(v2::ALL_INFO),
    }
}

fn finish(world: &World, mut call: Call, response: Response<Body>) -> Response<Body> {
    call.status = response.status().as_u16();
    world.memory().record(call);
    response
}

impl Running {
    /// Address of API v2, with the slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/vtapi/v2/", self.origin())
    }

    /// Address of API v3, with the slash at the end.
    #[must_use]
    pub fn base_url_v3(&self) -> String {
        format!("{}{}", self.origin(), v3::BASE)
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(self.address, self.ca_pem.is_some())
    }

    /// Certificate of the authority, where TLS is on.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// Every request so far, in the order they were answered.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world.memory().calls.clone()
    }

    /// Every request since they were last taken, and forgets them: what is asked of it may go on for hours.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.world.memory().calls)
    }

    /// Requests to an endpoint so far; `POST v3/files` counts one method of it.
    #[must_use]
    pub fn count(&self, endpoint: &str) -> usize {
        self.world
            .memory()
            .calls
            .iter()
            .filter(|call| fault::names(endpoint, &call.method, &call.endpoint))
            .count()
    }

    /// Forgets the requests, not the quota they took.
    pub fn clear_calls(&self) {
        self.world.memory().calls.clear();
    }

    /// Most requests that were under way at once.
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.world.peak_in_flight.load(Ordering::SeqCst)
    }

    /// One more fault from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.world.memory().faults.push(fault);
    }

    /// No more faults.
    pub fn clear_faults(&self) {
        self.world.memory().faults.clear();
    }

    /// Puts a sample (its file's name without `.json`) in the place of the objects it names: `seed_scan_hash` replaces
    /// EICAR's report, `seed_get_domain_report` that of `example.co.in`, `seed_upload_and_scan_file` that of every
    /// upload. Each API serves its own sample of an object; API v3 derives its view of one that only API v2 has a
    /// sample of, which all the `seed_` ones are. A sampled relationship takes the place of the object's own. False
    /// where there is no such sample.
    pub fn put_sample(&self, name: &str) -> bool {
        self.world.memory().put_sample(name)
    }

    /// Uploaded files so far.
    #[must_use]
    pub fn uploads(&self) -> Vec<Upload> {
        self.world.memory().uploads.clone()
    }

    /// Stops listening; connections end.
    pub async fn stop(self) {
        self.listening.abort();
        self.stopped.send_replace(true);
        // The listener's port is free once its task is gone.
        while !self.listening.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until it is stopped.
    pub async fn wait(&self) {
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
