//! Certificates, made anew for each simulator.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What the server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Valid for `localhost`, 127.0.0.1 and ::1, signed by a fresh authority.
    Good,
    /// The same, but its time is over.
    Expired,
    /// The same, but its time has not come.
    NotYetValid,
    /// The same, but for another host.
    WrongHost,
    /// Signed by itself, not by the authority.
    SelfSigned,
}

/// How to accept TLS, and the authority's certificate.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) ca_pem: String,
}

pub(crate) fn identity(kind: Certificate) -> io::Result<Identity> {
    make(kind).map_err(io::Error::other)
}

fn make(kind: Certificate) -> Result<Identity, Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "vtsecops simulator");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let names: &[&str] = match kind {
        Certificate::WrongHost => &["elsewhere.example"],
        _ => &["localhost", "127.0.0.1", "::1"],
    };
    let mut server = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    if kind == Certificate::Expired {
        server.not_before = date_time_ymd(2019, 1, 1);
        server.not_after = date_time_ymd(2020, 1, 1);
    }
    if kind == Certificate::NotYetValid {
        server.not_before = date_time_ymd(2090, 1, 1);
        server.not_after = date_time_ymd(2091, 1, 1);
    }
    let key = KeyPair::generate()?;
    let certificate = match kind {
        Certificate::SelfSigned => server.self_signed(&key)?,
        _ => server.signed_by(&key, &authority)?,
    };
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
    Ok(Identity {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        ca_pem: authority.pem(),
    })
}
