//! Whom the client trusts: the system's authorities, else Mozilla's, and the CA file of the settings.

use reqwest::{Certificate, ClientBuilder};

use crate::{Error, Settings};

/// Loads authorities only where a certificate can occur: a plain simulator address starts without them.
pub(super) fn configure(builder: ClientBuilder, settings: &Settings) -> Result<ClientBuilder, Error> {
    // One provider for the whole process; a second client finds it installed, which is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if !settings.verify_tls {
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    let mut authorities = Vec::new();
    if let Some(path) = &settings.ca_file {
        let unusable = |detail: String| {
            Error::Settings(format!("the CA file {} is not usable: {detail}", path.display()))
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let own = Certificate::from_pem_bundle(&pem).map_err(|_| unusable("it is not PEM".to_owned()))?;
        if own.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        authorities.extend(own);
    }
    if needs_public_authorities(settings) {
        authorities.extend(public_authorities());
    }
    Ok(builder.tls_certs_only(authorities))
}

fn needs_public_authorities(settings: &Settings) -> bool {
    !settings.base_url.starts_with("http://") || matches!(settings.proxy, crate::ProxyChoice::Url(_))
}

/// The system's authorities; a slim container has none, so Mozilla's stand in.
fn public_authorities() -> Vec<Certificate> {
    let system = rustls_native_certs::load_native_certs().certs;
    let system: Vec<_> = system
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect();
    if !system.is_empty() {
        return system;
    }
    tracing::debug!("the system has no certificate authorities; using the built-in ones");
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|der| Certificate::from_der(der).ok())
        .collect()
}
