//! Connections: how many there are, how long one may take to say what it wants, and how much it may say.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::{mpsc, watch};

use crate::places::Places;

/// Bytes of a request's head: a path with a URL in base64, or a query with 25 of them.
const LARGEST_HEAD: usize = 64 * 1024;

/// What is taken of anybody, known or not.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections at the same time.
    pub connections: usize,
    /// Of these, those of one address.
    pub connections_of_one: usize,
    /// How long a connection may take until a request's head is there, and stay idle.
    pub head: Duration,
}

/// Where a request comes from: whoever asks, or the proxy before them. Each request that [`serve`] hands on has it among its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Serves until `stop` ends; answers that have begun are finished.
pub async fn serve<L: Listener<Addr = SocketAddr>>(
    mut listener: L,
    router: Router,
    bounds: &Bounds,
    stop: impl Future<Output = ()> + Send,
) {
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(LARGEST_HEAD);
    let server = Arc::new(server);
    let places = Places::new(bounds.connections, bounds.connections_of_one);
    let (stopping, stopped) = watch::channel(false);
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let mut stop = pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let peer = peer.ip().to_canonical();
        // One too many is closed at once: that says more than to keep it waiting.
        let Some(place) = places.take(peer) else {
            continue;
        };
        let (server, mut stopped, open) = (Arc::clone(&server), stopped.clone(), open.clone());
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.call(request)
        });
        tokio::spawn(async move {
            let _held = (place, open);
            let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                _ = stopped.wait_for(|stopped| *stopped) => None,
            };
            if ended.is_none() {
                connection.as_mut().graceful_shutdown();
                // Whoever hangs up, or breaks the protocol, ends with that.
                let _ = connection.await;
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    drop(open);
    // Nothing is ever sent: it ends when the last one has gone.
    let _ = all_closed.recv().await;
}
