//! Every address of API v3, and the name that calls and faults know it by.

/// The four kinds of object with a collection of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Url,
    Domain,
    Ip,
}

impl Kind {
    fn of(collection: &str) -> Option<Self> {
        Some(match collection {
            "files" => Self::File,
            "urls" => Self::Url,
            "domains" => Self::Domain,
            "ip_addresses" => Self::Ip,
            _ => return None,
        })
    }

    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Url => "urls",
            Self::Domain => "domains",
            Self::Ip => "ip_addresses",
        }
    }

    /// First letter of the ids of its comments and votes.
    pub(crate) fn initial(self) -> char {
        match self {
            Self::File => 'f',
            Self::Url => 'u',
            Self::Domain => 'd',
            Self::Ip => 'i',
        }
    }
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Object(Kind, String),
    SubmitFile,
    SubmitUrl,
    UploadUrl,
    /// An address that [`Route::UploadUrl`] gave.
    UploadTo(String),
    Analyse(Kind, String),
    Analysis(String),
    Comments(Kind, String),
    PostComment(Kind, String),
    Votes(Kind, String),
    PostVote(Kind, String),
    Related {
        kind: Kind,
        id: String,
        name: String,
        descriptors: bool,
    },
    Quotas(String),
    ApiUsage(String),
    Search,
    Download(String),
    DownloadUrl(String),
    /// An address that a download led to.
    Storage(String),
    MakeZip,
    Zip(String),
    DownloadZip(String),
    ZipUrl(String),
}

/// Where upload addresses of API v3 begin; API v2's have other tokens.
pub(crate) const UPLOAD_PATH: &str = "/_ah/upload/v3-";
/// Where content is fetched without a key.
pub(crate) const STORAGE_PATH: &str = "/_storage/";

impl Route {
    /// The route of a path; `None` where it leads nowhere.
    pub(crate) fn of(method: &str, path: &str) -> Option<Self> {
        if let Some(token) = path.strip_prefix(UPLOAD_PATH) {
            return (method == "POST").then(|| Self::UploadTo(token.trim_end_matches('/').to_owned()));
        }
        if let Some(token) = path.strip_prefix(STORAGE_PATH) {
            return (method == "GET").then(|| Self::Storage(token.to_owned()));
        }
        let rest = path.strip_prefix(super::BASE)?;
        let segments: Vec<String> = rest.split('/').map(decoded).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return None;
        }
        match method {
            "GET" => Self::get(&segments),
            "POST" => Self::post(&segments),
            _ => None,
        }
    }

    fn get(segments: &[&str]) -> Option<Self> {
        let text = |text: &str| text.to_owned();
        Some(match *segments {
            ["files", "upload_url"] => Self::UploadUrl,
            ["files", id, "download"] => Self::Download(text(id)),
            ["files", id, "download_url"] => Self::DownloadUrl(text(id)),
            ["analyses", id] => Self::Analysis(text(id)),
            ["users", id, "overall_quotas"] => Self::Quotas(text(id)),
            ["users", id, "api_usage"] => Self::ApiUsage(text(id)),
            ["intelligence", "search"] => Self::Search,
            ["intelligence", "zip_files", id] => Self::Zip(text(id)),
            ["intelligence", "zip_files", id, "download"] => Self::DownloadZip(text(id)),
            ["intelligence", "zip_files", id, "download_url"] => Self::ZipUrl(text(id)),
            [collection, id] => Self::Object(Kind::of(collection)?, text(id)),
            [collection, id, "comments"] => Self::Comments(Kind::of(collection)?, text(id)),
            [collection, id, "votes"] => Self::Votes(Kind::of(collection)?, text(id)),
            [collection, id, name] | [collection, id, "relationships", name] => Self::Related {
                kind: Kind::of(collection)?,
                id: text(id),
                name: text(name),
                descriptors: segments.len() == 4,
            },
            _ => return None,
        })
    }

    fn post(segments: &[&str]) -> Option<Self> {
        let text = |text: &str| text.to_owned();
        Some(match *segments {
            ["files"] => Self::SubmitFile,
            ["urls"] => Self::SubmitUrl,
            ["intelligence", "zip_files"] => Self::MakeZip,
            [collection @ ("files" | "urls"), id, "analyse"] => {
                Self::Analyse(Kind::of(collection)?, text(id))
            }
            [collection, id, "comments"] => Self::PostComment(Kind::of(collection)?, text(id)),
            [collection, id, "votes"] => Self::PostVote(Kind::of(collection)?, text(id)),
            _ => return None,
        })
    }

    pub(crate) fn endpoint(&self) -> &'static str {
        match self {
            Self::Object(Kind::File, _) | Self::SubmitFile => "v3/files",
            Self::Object(Kind::Url, _) | Self::SubmitUrl => "v3/urls",
            Self::Object(Kind::Domain, _) => "v3/domains",
            Self::Object(Kind::Ip, _) => "v3/ip_addresses",
            Self::UploadUrl => "v3/upload_url",
            Self::UploadTo(_) => "v3/upload",
            Self::Analyse(..) => "v3/analyse",
            Self::Analysis(_) => "v3/analyses",
            Self::Comments(..) | Self::PostComment(..) => "v3/comments",
            Self::Votes(..) | Self::PostVote(..) => "v3/votes",
            Self::Related { .. } => "v3/relationships",
            Self::Quotas(_) => "v3/overall_quotas",
            Self::ApiUsage(_) => "v3/api_usage",
            Self::Search => "v3/search",
            Self::Download(_) | Self::DownloadUrl(_) => "v3/download",
            Self::Storage(_) => "v3/storage",
            Self::MakeZip | Self::Zip(_) | Self::DownloadZip(_) | Self::ZipUrl(_) => "v3/zip_files",
        }
    }

    /// What is asked for, as far as the path says it. A user's id can be a key, which is not kept.
    pub(crate) fn resource(&self) -> Option<&str> {
        match self {
            Self::Object(_, id)
            | Self::Analyse(_, id)
            | Self::Analysis(id)
            | Self::Comments(_, id)
            | Self::PostComment(_, id)
            | Self::Votes(_, id)
            | Self::PostVote(_, id)
            | Self::Related { id, .. }
            | Self::Download(id)
            | Self::DownloadUrl(id)
            | Self::Zip(id)
            | Self::DownloadZip(id)
            | Self::ZipUrl(id) => Some(id),
            _ => None,
        }
    }

    /// Needs no key: the token in the address is enough.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::UploadTo(_) | Self::Storage(_))
    }
}

/// A path's segment without its percent signs.
fn decoded(segment: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), segment.as_bytes());
    while let Some((first, others)) = rest.split_first() {
        let escaped = others
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = match escaped {
            Some(_) => others.get(2..).unwrap_or_default(),
            None => others,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Route};

    #[test]
    fn a_path_leads_to_its_route() {
        let of = |path: &str| Route::of("GET", path);
        assert_eq!(
            of("/api/v3/analyses/a%3D%3d"),
            Some(Route::Analysis("a==".to_owned()))
        );
        assert_eq!(
            of("/api/v3/domains/a.example"),
            Some(Route::Object(Kind::Domain, "a.example".to_owned()))
        );
        assert_eq!(of("/api/v3/files"), None);
        assert_eq!(of("/api/v3/files/"), None);
        assert_eq!(
            of("/api/v3/domains/a%zz/b%4"),
            Some(Route::Related {
                kind: Kind::Domain,
                id: "a%zz".to_owned(),
                name: "b%4".to_owned(),
                descriptors: false
            })
        );
    }
}
