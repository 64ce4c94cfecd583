//! One HTTP exchange: a request out, bytes or a refusal back. No second try here.

mod pass;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use reach::Obstacle;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Access, Endpoint, Method, tls};
use crate::passing::Passing;
use crate::quarantine::{Quarantine, Refused};
use crate::quota::End;
use crate::settings::ProxyChoice;
use crate::upload::Unreadable;
use crate::v3::{self, Body, Request};
use crate::{ApiKey, Error, Settings, Trouble, Upload};

/// VirusTotal only compresses for user agents that contain this word.
const USER_AGENT: &str = concat!("vtsecops/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// Slowest upload that is still waited for, in bytes a second.
const SLOWEST_UPLOAD: u64 = 16 * 1024;

/// What goes into a request, the key excepted.
pub(crate) enum Payload<'a> {
    /// Parameters, in the query or the form body as the endpoint wants.
    Parameters(Vec<(&'static str, String)>),
    /// A file, as multipart with the key.
    File(&'a Upload),
    /// A file, to a single-use address that needs no key.
    FileTo(&'a Upload, Url),
    /// A question to API v3.
    V3(Request),
    /// A file, as multipart to API v3.
    V3File(&'a Upload),
    /// A question to API v3 whose answer is content.
    Fetch { path: String, into: &'a Quarantine },
    /// Somebody else's request; a large file of it goes to its own address.
    Passed(&'a Passing, Option<Url>),
}

/// A successful exchange.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Content that is still to come, where it was asked for.
    pub(crate) content: Option<Box<Response>>,
    /// Where a redirect points.
    pub(crate) location: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Refusal {
    /// Won't change with another try.
    Final(Error),
    /// A quota; with the server's own hint.
    Quota(Option<Duration>),
    /// May pass.
    Trouble(Trouble),
    /// Broken off by us, so that it can't have done its work.
    BrokenOff(Error),
}

impl Refusal {
    /// What it tells the quota.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Quota(hint) => End::Refused(*hint),
            Self::Trouble(Trouble::Connect(_) | Trouble::NoHandles)
            | Self::Final(Error::Certificate { .. } | Error::Settings(_) | Error::File { .. }) => {
                End::NotSent
            }
            Self::Final(_) => End::Answered,
            Self::Trouble(_) | Self::BrokenOff(_) => End::Unknown,
        }
    }
}

pub(super) struct Http {
    client: reqwest::Client,
    base: Url,
    base_v3: Url,
    max_body_bytes: u64,
    call_timeout: Duration,
    /// The one that calls go through, where the settings name one; it may carry a password.
    proxy: Option<SecretString>,
}

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let base = base_url(&settings.base_url)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.max_in_flight);
        builder = match &settings.proxy {
            ProxyChoice::Environment => builder,
            ProxyChoice::Direct => builder.no_proxy(),
            ProxyChoice::Url(url) => builder.proxy(proxy(url.expose_secret())?),
        };
        let client = tls::configure(builder, settings)?.build();
        Ok(Self {
            client: client.map_err(|error| {
                Error::Settings(format!("the HTTP client can't be set up: {}", cause(&error)))
            })?,
            base,
            base_v3: base_url(&settings.base_url_v3())?,
            max_body_bytes: settings.max_body_bytes,
            call_timeout: settings.call_timeout,
            proxy: match &settings.proxy {
                ProxyChoice::Url(url) => Some(url.clone()),
                ProxyChoice::Environment | ProxyChoice::Direct => None,
            },
        })
    }

    /// `sent_bytes` counts the bytes of a file as they leave.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        key: &ApiKey,
        sent_bytes: &Arc<AtomicU64>,
    ) -> Result<Answered, Refusal> {
        let timeout = self.timeout(payload);
        let request = self
            .request(endpoint, payload, key, sent_bytes)
            .await
            .map_err(Refusal::Final)?;
        if let Payload::Passed(passing, _) = payload {
            return Box::pin(self.pass(endpoint, payload, passing, request, key)).await;
        }
        if let Payload::Fetch { into, .. } = payload {
            // On the heap, so that other questions are not larger for it.
            return Box::pin(self.fetch(endpoint, payload, request, into)).await;
        }
        let response = request
            .timeout(timeout)
            .send()
            .await
            .map_err(|error| self.failed(&error, timeout))?;
        let status = response.status().as_u16();
        tracing::Span::current().record("http.response.status_code", status);
        tracing::debug!(endpoint = endpoint.path, status, "answered");
        if endpoint.is_v3() && !response.status().is_success() {
            return Err(Box::pin(self.refused_by_v3(endpoint, payload, response)).await);
        }
        refusal(endpoint, payload, &response)?;
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(Answered {
            status: response.status().as_u16(),
            content_type: content_type(&response),
            location,
            body: self.body(response, timeout).await?,
            content: None,
        })
    }

    async fn refused_by_v3(&self, endpoint: &Endpoint, payload: &Payload<'_>, response: Response) -> Refusal {
        let (status, pause) = (response.status(), retry_after(&response));
        let body = match self.body(response, self.timeout(payload)).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        v3::refusal(endpoint.path, status, pause, &body).unwrap_or_else(|| match payload {
            Payload::V3File(upload) if status == StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::Final(upload.too_large())
            }
            _ => Refusal::of_status(endpoint, payload, status, pause),
        })
    }

    /// Takes content into quarantine as it comes. It may come from another place, which is not told the key. The time is
    /// bounded for each silence, not in all: only the caller knows how long a large file is worth.
    async fn fetch(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        request: RequestBuilder,
        into: &Quarantine,
    ) -> Result<Answered, Refusal> {
        let mut response = self.in_time(request.send()).await?;
        if response.status().is_redirection() {
            let address = self.storage(&response).map_err(Refusal::Trouble)?;
            response = self.in_time(self.client.get(address).send()).await?;
            let status = response.status();
            // An address that has expired: another try is given another one.
            if !status.is_success() {
                return Err(Refusal::Trouble(Trouble::Status(status.as_u16())));
            }
        } else if !response.status().is_success() {
            return Err(Box::pin(self.refused_by_v3(endpoint, payload, response)).await);
        }
        let refused = |refused| match refused {
            Refused::Here(error) => Refusal::BrokenOff(error),
            Refused::There(detail) => Refusal::Trouble(Trouble::Body(detail)),
        };
        let mut incoming = into.restart().await.map_err(refused)?;
        while let Some(part) = self.in_time(response.chunk()).await? {
            incoming.take(&part).await.map_err(refused)?;
        }
        incoming.finish().await.map_err(refused)?;
        Ok(Answered {
            status: StatusCode::OK.as_u16(),
            content_type: None,
            location: None,
            body: Vec::new(),
            content: None,
        })
    }

    async fn in_time<T>(&self, step: impl Future<Output = reqwest::Result<T>>) -> Result<T, Refusal> {
        match tokio::time::timeout(self.call_timeout, step).await {
            Ok(output) => output.map_err(|error| self.failed(&error, self.call_timeout)),
            Err(_) => Err(Refusal::Trouble(Trouble::TimedOut(self.call_timeout))),
        }
    }

    /// Where content is fetched.
    fn storage(&self, response: &Response) -> Result<Url, Trouble> {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok());
        let address = location.and_then(|location| response.url().join(location).ok());
        address
            .filter(|address| is_safe_storage(address, &self.base_v3))
            .ok_or_else(|| Trouble::Body("the download leads nowhere safe".to_owned()))
    }

    async fn request(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        key: &ApiKey,
        sent_bytes: &Arc<AtomicU64>,
    ) -> Result<RequestBuilder, Error> {
        let invalid = |_| Error::Settings(format!("no address can be made for {}", endpoint.path));
        let url = self.base.join(endpoint.path).map_err(invalid)?;
        Ok(match payload {
            Payload::Parameters(parameters) => {
                let with_key = [&[("apikey", key.expose())], &borrowed(parameters)[..]].concat();
                match endpoint.method {
                    Method::Get => self.client.get(url).query(&with_key),
                    Method::Post => self.client.post(url).form(&with_key),
                }
            }
            Payload::File(upload) => {
                let form = upload.form(sent_bytes).await?;
                let form = form.text("apikey", key.expose().to_owned());
                self.client.post(url).multipart(form)
            }
            Payload::FileTo(upload, address) => {
                let form = upload.form(sent_bytes).await?;
                let request = self.client.post(address.clone()).multipart(form);
                match endpoint.is_v3() {
                    true => with_header_key(request, key),
                    false => request,
                }
            }
            Payload::V3(question) => {
                let url = self.base_v3.join(&question.path).map_err(invalid)?;
                let request = match endpoint.method {
                    Method::Get => self.client.get(url),
                    Method::Post => self.client.post(url),
                };
                let request = request.query(&question.query);
                let request = match &question.body {
                    Body::None => request,
                    Body::Form(fields) => request.form(fields),
                    Body::Json(body) => request.json(body),
                };
                with_header_key(request, key)
            }
            Payload::Fetch { path, .. } => {
                let url = self.base_v3.join(path).map_err(invalid)?;
                with_header_key(self.client.get(url), key)
            }
            Payload::Passed(passing, address) => {
                Box::pin(self.passed(passing, address.as_ref(), key, sent_bytes)).await?
            }
            Payload::V3File(upload) => {
                let form = upload.form(sent_bytes).await?;
                let url = self.base_v3.join("files").map_err(invalid)?;
                with_header_key(self.client.post(url).multipart(form), key)
            }
        })
    }

    pub(super) fn timeout(&self, payload: &Payload<'_>) -> Duration {
        match payload {
            Payload::Parameters(_) | Payload::V3(_) | Payload::Fetch { .. } => self.call_timeout,
            Payload::File(upload) | Payload::FileTo(upload, _) | Payload::V3File(upload) => {
                self.call_timeout + Duration::from_secs(upload.size_bytes() / SLOWEST_UPLOAD)
            }
            Payload::Passed(passing, _) => {
                self.call_timeout + Duration::from_secs(passing.bytes() / SLOWEST_UPLOAD)
            }
        }
    }

    fn failed(&self, error: &reqwest::Error, timeout: Duration) -> Refusal {
        let proxy = self.proxy.as_ref().map(ExposeSecret::expose_secret);
        failed(error, timeout, proxy)
    }

    async fn body(&self, mut response: Response, timeout: Duration) -> Result<Vec<u8>, Refusal> {
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.failed(&error, timeout))?
        {
            if (body.len() + chunk.len()) as u64 > self.max_body_bytes {
                return Err(Refusal::Trouble(Trouble::BodyTooLarge(self.max_body_bytes)));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Over TLS, or the server that was asked (a simulator).
fn is_safe_storage(address: &Url, asked: &Url) -> bool {
    address.scheme() == "https" || address.origin() == asked.origin()
}

fn borrowed<'a>(parameters: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn base_url(text: &str) -> Result<Url, Error> {
    let with_slash = if text.ends_with('/') {
        text.to_owned()
    } else {
        format!("{text}/")
    };
    let invalid =
        |detail: &str| Error::Settings(format!("the VirusTotal address {text:?} is not usable: {detail}"));
    let url = Url::parse(&with_slash).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(
            "it must start with https:// (or http:// for a simulator)",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(Error::Settings(
            "the VirusTotal address must not carry a user, password or query".to_owned(),
        ));
    }
    Ok(url)
}

/// The proxy's address may carry a password, so no error shows it.
fn proxy(url: &str) -> Result<reqwest::Proxy, Error> {
    let unusable =
        || Error::Settings("the proxy address is not usable: give it as http://host:port".to_owned());
    if !["http://", "https://", "socks5://", "socks5h://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(unusable());
    }
    reqwest::Proxy::all(url).map_err(|_| unusable())
}

/// What the status says; source: API v2, section 1.1.
fn refusal(endpoint: &Endpoint, payload: &Payload<'_>, response: &Response) -> Result<(), Refusal> {
    match response.status() {
        // A redirect answers exactly one question; elsewhere somebody else answers in VirusTotal's place.
        StatusCode::FOUND if endpoint.path == crate::v2::UPLOAD_URL.path => Ok(()),
        status if status.is_success() && status != StatusCode::NO_CONTENT => Ok(()),
        status => Err(Refusal::of_status(
            endpoint,
            payload,
            status,
            retry_after(response),
        )),
    }
}

impl Refusal {
    fn of_status(
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        status: StatusCode,
        pause: Option<Duration>,
    ) -> Self {
        let path = endpoint.path;
        match status {
            StatusCode::NO_CONTENT | StatusCode::TOO_MANY_REQUESTS => Refusal::Quota(pause),
            StatusCode::UNAUTHORIZED => Refusal::Final(Error::Key),
            StatusCode::FORBIDDEN => Refusal::Final(match endpoint.access {
                Access::Everyone => Error::Key,
                Access::Some => Error::Forbidden { endpoint: path },
            }),
            StatusCode::BAD_REQUEST => Refusal::Final(Error::InvalidArgument { endpoint: path }),
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::Final(too_large(path, payload)),
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => Refusal::Trouble(Trouble::Connect(
                "the proxy wants a user and a password".to_owned(),
            )),
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Refusal::Trouble(Trouble::Status(status.as_u16()))
            }
            status => Refusal::Final(Error::NotFound {
                endpoint: path,
                status: status.as_u16(),
            }),
        }
    }
}

/// API v3 takes the key in a header; that it is told who asks is VirusTotal's wish.
fn with_header_key(request: RequestBuilder, key: &ApiKey) -> RequestBuilder {
    let mut value = HeaderValue::from_str(key.expose()).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    request.header("x-apikey", value).header("x-tool", "vtsecops")
}

fn too_large(path: &'static str, payload: &Payload<'_>) -> Error {
    match payload {
        Payload::Parameters(_) | Payload::V3(_) | Payload::Fetch { .. } | Payload::Passed(..) => {
            Error::InvalidArgument { endpoint: path }
        }
        Payload::File(upload) | Payload::FileTo(upload, _) | Payload::V3File(upload) => upload.too_large(),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    // No pause at all would hammer, and no quota lasts longer than a month.
    const MONTH: u64 = 31 * 24 * 3600;
    let seconds: u64 = seconds;
    Some(Duration::from_secs(seconds.clamp(1, MONTH)))
}

fn content_type(response: &Response) -> Option<String> {
    let value = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.to_owned())
}

/// What is told of an error that the client's library has met. The address may carry the key, so of it only host and port are shown.
fn failed(error: &reqwest::Error, timeout: Duration, proxy: Option<&str>) -> Refusal {
    if let Some(Unreadable(trouble)) = caused_by(error) {
        return Refusal::BrokenOff(trouble.clone());
    }
    match Obstacle::of(error, proxy) {
        Obstacle::Certificate(detail) => Refusal::Final(Error::Certificate { detail }),
        Obstacle::NoConnection(words) => Refusal::Trouble(Trouble::Connect(words)),
        Obstacle::NoHandles => Refusal::Trouble(Trouble::NoHandles),
        Obstacle::TimedOut => Refusal::Trouble(Trouble::TimedOut(timeout)),
        Obstacle::Broken(words) => Refusal::Trouble(Trouble::Broken(words)),
    }
}

/// An error of that type among the causes.
fn caused_by<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The innermost cause, which says most.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::is_safe_storage;

    #[test]
    fn content_comes_over_tls_or_from_the_server_that_was_asked() {
        let safe = |address: &str, asked: &str| {
            is_safe_storage(&Url::parse(address).unwrap(), &Url::parse(asked).unwrap())
        };
        let virustotal = "https://www.virustotal.com/api/v3/";
        assert!(safe("https://storage.example/x?signature=y", virustotal));
        for address in [
            "http://storage.example/x",
            "http://www.virustotal.com/x",
            "ftp://storage.example/x",
            "file:///etc/passwd",
        ] {
            assert!(!safe(address, virustotal), "{address}");
        }
        assert!(safe("http://127.0.0.1:9/x", "http://127.0.0.1:9/api/v3/"));
        assert!(!safe("http://127.0.0.1:8/x", "http://127.0.0.1:9/api/v3/"));
    }
}
