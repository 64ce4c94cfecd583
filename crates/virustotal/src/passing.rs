//! Requests that somebody else makes, to be sent with the client's key: what goes out, and what comes back.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response};
use tokio::time::timeout;

use crate::cache::Kind;
use crate::transport::{Access, Endpoint, Method as EndpointMethod};
use crate::{Error, Trouble, Upload};

/// Which API a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Version 2.
    V2,
    /// Version 3.
    V3,
}

/// A request without its key.
#[derive(Clone, Debug)]
pub struct Passing {
    /// Which API it is for.
    pub version: Version,
    /// As the caller used it.
    pub method: Method,
    /// Segments of the path below the API's address, not escaped: each stays one segment, whatever is in it.
    pub path: Vec<String>,
    /// Parameters of the query, not escaped and without a key.
    pub query: Vec<(String, String)>,
    /// What else is sent.
    pub body: PassingBody,
}

/// The body of a request, without its key.
#[derive(Clone, Debug)]
pub enum PassingBody {
    /// None.
    Empty,
    /// Fields of a form.
    Form(Vec<(String, String)>),
    /// Something else, as it came.
    Bytes {
        /// What it is.
        content_type: String,
        /// Itself.
        bytes: Bytes,
    },
    /// A file and the fields beside it, as multipart.
    File {
        /// The file.
        upload: Upload,
        /// The fields.
        fields: Vec<(String, String)>,
    },
}

/// VirusTotal's answer to a request that was passed on; refusals that are about the request included.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: Option<String>,
    /// As it came; stars where it repeated the key.
    pub body: Bytes,
    /// Whether it was kept from an earlier answer, and nothing was asked.
    pub is_kept: bool,
}

/// Content on its way: large, so it is read piece by piece.
pub struct Incoming {
    response: Box<Response>,
    silence: Duration,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Incoming")
    }
}

/// What a request for content is answered with.
#[derive(Debug)]
pub enum Fetched {
    /// The content, and what it is.
    Content(Incoming, Option<String>),
    /// Why there is none.
    Reply(Reply),
}

impl Incoming {
    pub(crate) fn new(response: Box<Response>, silence: Duration) -> Self {
        Self { response, silence }
    }

    /// Bytes in all, where the server has said.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Transient`] when the connection breaks or stays silent.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let trouble = match timeout(self.silence, self.response.chunk()).await {
            Ok(Ok(piece)) => return Ok(piece),
            Ok(Err(error)) => Trouble::Broken(error.without_url().to_string()),
            Err(_) => Trouble::TimedOut(self.silence),
        };
        Err(Error::Transient { trouble, attempts: 1 })
    }
}

/// Endpoints of API v2 that every key may use: there a 403 is about the key.
const OPEN_IN_V2: [[&str; 2]; 7] = [
    ["file", "report"],
    ["file", "scan"],
    ["url", "report"],
    ["domain", "report"],
    ["ip-address", "report"],
    ["comments", "put"],
    ["url", "scan"],
];

/// What is listed beside an object and changes with every minute, or is no list at all.
const NOT_KEPT: [&str; 6] = [
    "comments",
    "votes",
    "download",
    "download_url",
    "analyse",
    "upload_url",
];

static OPEN_V2: Endpoint = passed("passed", Access::Everyone);
static SOME_V2: Endpoint = passed("passed/some", Access::Some);
static V3: Endpoint = passed("v3/passed", Access::Some);

const fn passed(path: &'static str, access: Access) -> Endpoint {
    Endpoint {
        path,
        method: EndpointMethod::Post,
        access,
    }
}

impl Passing {
    pub(crate) fn is_v3(&self) -> bool {
        self.version == Version::V3
    }

    /// Under which name it is counted, and what a refusal of it means.
    pub(crate) fn endpoint(&self) -> &'static Endpoint {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match self.version {
            Version::V3 => &V3,
            // A wrong content type gets 403 there, too: it says nothing about the key.
            Version::V2 if path == ["url", "scan"] => &SOME_V2,
            Version::V2 if OPEN_IN_V2.iter().any(|open| path == *open) => &OPEN_V2,
            Version::V2 => &SOME_V2,
        }
    }

    /// Whether the answer is content, which is not held in memory: what is downloaded.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        let last = self.path.last().map(String::as_str);
        self.method == Method::GET && matches!(last, Some("download" | "pcap" | "evtx" | "memdump"))
    }

    /// Bytes of the body.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.body {
            PassingBody::Empty | PassingBody::Form(_) => 0,
            PassingBody::Bytes { bytes, .. } => bytes.len() as u64,
            PassingBody::File { upload, .. } => upload.size_bytes(),
        }
    }

    /// Whether nothing is made by it, so that it can be asked twice.
    pub(crate) fn only_asks(&self) -> bool {
        self.method == Method::GET
    }

    /// Under which name its answer is kept: an object of API v3, or a list of what is related to it.
    pub(crate) fn kept_as(&self) -> Option<(Kind, String)> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let (collection, id, list) = match *path.as_slice() {
            [collection, id] => (collection, id, None),
            [collection, id, list] if !NOT_KEPT.contains(&list) => (collection, id, Some(list)),
            [collection, id, "relationships", list] if !NOT_KEPT.contains(&list) => {
                (collection, id, Some(list))
            }
            _ => return None,
        };
        if !self.only_asks() || !self.is_v3() || NOT_KEPT.contains(&id) {
            return None;
        }
        // What is escaped in a path must not pass for another question's list or parameters.
        if path.iter().any(|segment| segment.contains(['/', '?', '#'])) {
            return None;
        }
        let kind = match collection {
            "files" => Kind::File,
            "urls" => Kind::Url,
            "domains" => Kind::Domain,
            "ip_addresses" => Kind::Ip,
            _ => return None,
        };
        // A URL in base64 tells upper from lower case.
        let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut name = match kind == Kind::Url && !is_hash {
            true => id.to_owned(),
            false => id.to_ascii_lowercase(),
        };
        if list.is_some() {
            for segment in path.get(2..).unwrap_or_default() {
                name.push('/');
                name.push_str(segment);
            }
        }
        if !self.query.is_empty() {
            let mut query = self.query.clone();
            query.sort();
            let mut text = url::form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(query);
            name.push('?');
            name.push_str(&text.finish());
        }
        Some((kind, name))
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::{Passing, PassingBody, Version};
    use crate::cache::Kind;

    fn get(path: &str, query: &[(&str, &str)]) -> Passing {
        Passing {
            version: Version::V3,
            method: Method::GET,
            path: path.split(' ').map(str::to_owned).collect(),
            query: query.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
            body: PassingBody::Empty,
        }
    }

    #[test]
    fn objects_and_what_is_related_to_them_are_kept_and_what_changes_by_the_minute_is_not() {
        let kept = |path: &str, query: &[(&str, &str)]| get(path, query).kept_as();
        assert_eq!(kept("files ABC", &[]), Some((Kind::File, "abc".to_owned())));
        assert_eq!(kept("urls aHR0", &[]), Some((Kind::Url, "aHR0".to_owned())));
        let query = [("limit", "10"), ("cursor", "x=")];
        assert_eq!(
            kept("domains a.example subdomains", &query),
            Some((
                Kind::Domain,
                "a.example/subdomains?cursor=x%3D&limit=10".to_owned()
            ))
        );
        assert_eq!(
            kept("files abc relationships contacted_ips", &[]),
            Some((Kind::File, "abc/relationships/contacted_ips".to_owned()))
        );
        for path in [
            "files upload_url",
            "files abc comments",
            "files abc download",
            "analyses x",
            "intelligence search",
            "files",
        ] {
            assert_eq!(kept(path, &[]), None, "{path}");
        }
    }

    #[test]
    fn only_downloads_are_content() {
        assert!(get("files abc download", &[]).wants_content());
        assert!(!get("files abc download_url", &[]).wants_content());
    }
}
