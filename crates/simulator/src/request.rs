//! A request as the API sees it: parameters from query, form and multipart alike.

use std::collections::HashMap;

use futures_util::StreamExt;
use http_body_util::{BodyExt, BodyStream};
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use hyper::{Request as HttpRequest, StatusCode};
use multer::Multipart;

use crate::objects::file::{File, Hasher};

/// Where the API begins.
const BASE: &str = "/vtapi/v2/";
/// Where upload addresses begin.
pub(crate) const UPLOAD_PATH: &str = "_ah/upload/";
/// Largest form that is read; real ones hold a batch of URLs.
const MOST_FORM_BYTES: usize = 8 * 1024 * 1024;

/// One request, read to its end.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path below the base; an upload address without the leading slash; else the whole path.
    pub(crate) endpoint: String,
    pub(crate) parameters: HashMap<String, String>,
    pub(crate) key_in_query: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) user_agent: String,
    pub(crate) gzip_accepted: bool,
    pub(crate) file: Option<File>,
    /// The body can't be used.
    pub(crate) refused: Option<StatusCode>,
}

impl Request {
    pub(crate) async fn read(request: HttpRequest<Incoming>, max_upload_bytes: u64) -> Self {
        let header = |name: HeaderName| {
            request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let path = request.uri().path();
        let endpoint = path.strip_prefix(BASE).or_else(|| {
            path.strip_prefix('/')
                .filter(|path| path.starts_with(UPLOAD_PATH))
        });
        let parameters = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let user_agent = header(USER_AGENT).unwrap_or_default();
        let asks_gzip = header(ACCEPT_ENCODING).is_some_and(|codings| codings.contains("gzip"));
        let mut own = Self {
            method: request.method().to_string(),
            endpoint: endpoint.unwrap_or(path).to_owned(),
            key_in_query: parameters.contains_key("apikey"),
            parameters,
            content_type: header(CONTENT_TYPE),
            // Source: API v2, section 1: only for browsers and those who say so in the user agent.
            gzip_accepted: asks_gzip && (user_agent.contains("gzip") || user_agent.contains("Mozilla/")),
            user_agent,
            file: None,
            refused: None,
        };
        let length = header(CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        // An upload address takes more than the endpoint itself.
        let limit = if own.endpoint.starts_with(UPLOAD_PATH) {
            u64::MAX
        } else {
            max_upload_bytes
        };
        own.read_body(request.into_body(), length, limit).await;
        own
    }

    async fn read_body(&mut self, body: Incoming, length: u64, limit: u64) {
        let boundary = self
            .content_type
            .as_deref()
            .and_then(|kind| multer::parse_boundary(kind).ok());
        match boundary {
            _ if length > limit => {
                drain(body).await;
                self.refused = Some(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Some(boundary) => {
                if self.read_multipart(body, boundary).await.is_none() {
                    self.refused = Some(StatusCode::BAD_REQUEST);
                }
            }
            None => match http_body_util::Limited::new(body, MOST_FORM_BYTES)
                .collect()
                .await
            {
                Ok(form) => self.parameters.extend(pairs(&form.to_bytes())),
                Err(_) => self.refused = Some(StatusCode::BAD_REQUEST),
            },
        }
    }

    async fn read_multipart(&mut self, body: Incoming, boundary: String) -> Option<()> {
        let frames = BodyStream::new(body)
            .filter_map(|frame| async { frame.map(|frame| frame.into_data().ok()).transpose() });
        let mut parts = Multipart::new(Box::pin(frames), boundary);
        while let Some(mut part) = parts.next_field().await.ok()? {
            match part.file_name().map(str::to_owned) {
                Some(name) => {
                    let mut hasher = Hasher::default();
                    while let Some(chunk) = part.chunk().await.ok()? {
                        hasher.update(&chunk);
                    }
                    self.file = Some(hasher.finish(&name));
                }
                None => {
                    let name = part.name().unwrap_or_default().to_owned();
                    self.parameters.insert(name, part.text().await.ok()?);
                }
            }
        }
        Some(())
    }

    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    pub(crate) fn flag(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| matches!(self.parameter(name), "1" | "true"))
    }

    /// What is asked for, split as the endpoint's batches are.
    pub(crate) fn resources(&self) -> Vec<String> {
        let (parameter, separator) = match self.endpoint.as_str() {
            "file/report" | "file/rescan" => ("resource", Some(',')),
            "url/report" => ("resource", Some('\n')),
            "url/scan" => ("url", Some('\n')),
            "domain/report" => ("domain", None),
            "ip-address/report" => ("ip", None),
            _ => ("resource", None),
        };
        let text = self.parameter(parameter);
        let parts: Vec<&str> = match separator {
            Some(separator) => text.split(separator).collect(),
            None => vec![text],
        };
        parts
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Reads on, so that the client comes to read the answer.
async fn drain(body: Incoming) {
    let mut frames = BodyStream::new(body);
    while let Some(Ok(_)) = frames.next().await {}
}

fn pairs(encoded: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}
