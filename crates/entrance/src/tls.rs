//! TLS with a certificate that is given.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::places::Places;

/// How long a browser may take to agree on a key.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Connections that are agreeing, at the same time.
const MOST_HANDSHAKES: usize = 512;
/// Of these, those of one address.
const MOST_OF_ONE: usize = 256;
/// Connections that have agreed and are not yet served.
const READY: usize = 64;

/// What the server shows, and the key to it.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// From a chain of certificates, the server's own first, and its key; both PEM.
    ///
    /// # Errors
    /// Says what of them can't be used.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        // What the reader says can quote the file.
        let chain = chain.map_err(|_| "the certificate is no PEM".to_owned())?;
        if chain.is_empty() {
            return Err("the certificate's file has no certificate".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| "the key is no PEM".to_owned())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let config =
            config.map_err(|error| format!("the certificate and the key don't go together: {error}"))?;
        Ok(Self(Arc::new(config)))
    }

    /// Connections of that listener, once they have agreed. One that takes its time keeps no other waiting.
    #[must_use]
    pub fn listen(self, listener: TcpListener) -> TlsListener {
        let (send, ready) = mpsc::channel(READY);
        let address = listener.local_addr();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(self.0);
            let places = Arc::new(Semaphore::new(MOST_HANDSHAKES));
            let of_one = Places::new(MOST_HANDSHAKES, MOST_OF_ONE);
            let mut listener = listener;
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                // What goes wrong for a moment is tried again there.
                let (stream, peer) = tokio::select! {
                    accepted = Listener::accept(&mut listener) => accepted,
                    () = send.closed() => return,
                };
                // One too many of an address is closed at once: waited for, it would keep the others waiting.
                let Some(own) = of_one.take(peer.ip().to_canonical()) else {
                    continue;
                };
                let (acceptor, send) = (acceptor.clone(), send.clone());
                tokio::spawn(async move {
                    let agreed = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
                    drop((place, own));
                    if let Ok(Ok(stream)) = agreed {
                        // Nobody waits for it when the server ends.
                        let _ = send.send((stream, peer)).await;
                    }
                });
            }
        });
        TlsListener { ready, address }
    }
}

/// Listens for connections that have agreed on a key.
#[derive(Debug)]
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: io::Result<SocketAddr>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // Whoever accepts has gone; nothing more comes.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}
