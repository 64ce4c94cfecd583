//! A request as the API sees it: parameters from query, form and multipart alike.

use std::collections::HashMap;

use futures_util::StreamExt;
use http_body_util::{BodyExt, BodyStream};
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, USER_AGENT};
use hyper::{Request as HttpRequest, StatusCode};
use multer::Multipart;

use crate::objects::file::{File, Hasher};
use crate::v3::{self, Route};

/// Where the API begins.
const BASE: &str = "/vtapi/v2/";
/// Where upload addresses begin.
pub(crate) const UPLOAD_PATH: &str = "_ah/upload/";
/// Largest form that is read; real ones hold a batch of URLs.
const MOST_FORM_BYTES: usize = 8 * 1024 * 1024;

/// One request, read to its end.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path below API v2's base, a name of [`Route::endpoint`], an upload address without the leading slash, or else
    /// the whole path.
    pub(crate) endpoint: String,
    /// What API v3 is asked, where it is.
    pub(crate) route: Option<Route>,
    pub(crate) is_v3: bool,
    pub(crate) path: String,
    /// From the header in API v3, else a parameter.
    pub(crate) key: Option<String>,
    /// As sent, where it is no multipart.
    pub(crate) body: Bytes,
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
        let route = Route::of(request.method().as_str(), path);
        let endpoint = route.as_ref().map(Route::endpoint).or_else(|| {
            path.strip_prefix(BASE).or_else(|| {
                path.strip_prefix('/')
                    .filter(|path| path.starts_with(UPLOAD_PATH))
            })
        });
        let is_v3 = route.is_some() || path.starts_with(v3::BASE);
        let parameters = pairs(request.uri().query().unwrap_or_default().as_bytes());
        let user_agent = header(USER_AGENT).unwrap_or_default();
        let asks_gzip = header(ACCEPT_ENCODING).is_some_and(|codings| codings.contains("gzip"));
        let mut own = Self {
            method: request.method().to_string(),
            endpoint: endpoint.unwrap_or(path).to_owned(),
            is_v3,
            path: path.to_owned(),
            key: header(HeaderName::from_static(v3::KEY_HEADER)).filter(|_| is_v3),
            body: Bytes::new(),
            key_in_query: ["apikey", v3::KEY_HEADER]
                .iter()
                .any(|name| parameters.contains_key(*name)),
            parameters,
            content_type: header(CONTENT_TYPE),
            // Source: API v2, section 1: only for browsers and those who say so in the user agent.
            gzip_accepted: asks_gzip && (user_agent.contains("gzip") || user_agent.contains("Mozilla/")),
            user_agent,
            file: None,
            refused: None,
            route,
        };
        let length = header(CONTENT_LENGTH)
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        // An upload address takes more than the endpoint itself.
        let limit = if own.endpoint.starts_with(UPLOAD_PATH) || matches!(own.route, Some(Route::UploadTo(_)))
        {
            u64::MAX
        } else {
            max_upload_bytes
        };
        own.read_body(request.into_body(), length, limit).await;
        if !own.is_v3 {
            own.key = own.parameters.get("apikey").cloned();
        }
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
                // A body in chunks has no length to refuse it by.
                if self.file.as_ref().is_some_and(|file| file.size_bytes > limit) {
                    self.refused = Some(StatusCode::PAYLOAD_TOO_LARGE);
                }
            }
            None => match http_body_util::Limited::new(body, MOST_FORM_BYTES)
                .collect()
                .await
            {
                Ok(form) => {
                    self.body = form.to_bytes();
                    // Text of another kind makes no parameters.
                    if !self.is_v3 || self.is_form() {
                        self.parameters.extend(pairs(&self.body));
                    }
                }
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

    fn is_form(&self) -> bool {
        self.content_type
            .as_deref()
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
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
        if let Some(route) = &self.route {
            let resource = match route {
                Route::SubmitUrl => Some(self.parameter("url")),
                Route::Search => Some(self.parameter("query")),
                _ => route.resource(),
            };
            return resource
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .into_iter()
                .collect();
        }
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
