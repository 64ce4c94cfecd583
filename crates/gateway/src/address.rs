//! Where a request goes: which API, and the segments of its path. Everything else is turned away here, so that nothing but
//! a path below VirusTotal's own addresses can ever be asked.

use axum::http::Uri;
use percent_encoding::percent_decode_str;
use virustotal::Version;

use crate::Error;
use crate::refusal::Refusal;

/// Where API v2 begins.
pub(crate) const V2: &str = "/vtapi/v2/";
/// Where API v3 begins.
pub(crate) const V3: &str = "/api/v3/";

/// Bytes of a path: a URL of a few thousand bytes in base64 has room.
const LONGEST_PATH: usize = 16 * 1024;
/// No path of either API has more.
const MOST_SEGMENTS: usize = 8;
/// Characters of a part of the path that is no id.
const LONGEST_WORD: usize = 40;

/// How callers reach the gateway, as they are told. The paths are VirusTotal's own, so nothing can stand before them: tools
/// that take a host only could not say it.
pub(crate) fn origin(text: &str) -> Result<String, Error> {
    let read = || {
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@'))?;
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !text.contains('#');
        (is_web && is_bare).then(|| format!("{}://{authority}", uri.scheme_str().unwrap_or_default()))
    };
    read().ok_or_else(|| {
        Error::Usage(format!(
            "--public-url must be a scheme, a host and, perhaps, a port, such as https://gate.example, without a path (not \
             {text:?})"
        ))
    })
}

/// Which API a path is one of.
pub(crate) fn version(path: &str) -> Option<Version> {
    match () {
        () if path.starts_with(V2) => Some(Version::V2),
        () if path.starts_with(V3) => Some(Version::V3),
        () => None,
    }
}

/// The segments of a path below its API's beginning, unescaped.
pub(crate) fn segments(path: &str, version: Version) -> Result<Vec<String>, Refusal> {
    let nowhere = || Refusal::NotFound("There is no such path in VirusTotal's API".to_owned());
    let begin = match version {
        Version::V2 => V2,
        Version::V3 => V3,
    };
    let rest = path.strip_prefix(begin).ok_or_else(nowhere)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.len() > LONGEST_PATH {
        return Err(nowhere());
    }
    let segments: Option<Vec<String>> = rest.split('/').map(segment).collect();
    let segments =
        segments.filter(|segments| segments.len() <= MOST_SEGMENTS && slashes_are_of_ids(segments, version));
    segments.ok_or_else(nowhere)
}

/// Whether an escaped slash stands in ids only that can have one: elsewhere it would lead around what is checked by path.
fn slashes_are_of_ids(segments: &[String], version: Version) -> bool {
    let first = segments.first().map(String::as_str).unwrap_or_default();
    let has_ids = version == Version::V3 && ["analyses", "comments", "urls"].contains(&first);
    let mut with_slash = segments
        .iter()
        .enumerate()
        .filter(|(_, segment)| segment.contains('/'));
    with_slash.all(|(place, _)| has_ids && place == 1)
}

/// One segment. An id may hold an escaped slash; steps up or aside, in whatever spelling, are no id.
fn segment(escaped: &str) -> Option<String> {
    let text = percent_decode_str(escaped).decode_utf8().ok()?.into_owned();
    let is_step = |part: &str| {
        // Escaped twice, somebody may unescape it twice.
        let again = percent_decode_str(part).decode_utf8_lossy();
        matches!(part, "." | "..") || matches!(&*again, "." | "..")
    };
    let is_odd = text.is_empty()
        || text.contains('\\')
        || text.chars().any(char::is_control)
        || text.split('/').any(is_step);
    (!is_odd).then_some(text)
}

/// The path with `{id}` in the object's place, for the audit trail.
pub(crate) fn template(version: Version, segments: &[String]) -> String {
    let (begin, place) = match version {
        Version::V2 => (V2, usize::MAX),
        Version::V3 => match segments.first().map(String::as_str) {
            Some("intelligence" | "monitor" | "private" | "_ah") => (V3, 2),
            _ => (V3, 1),
        },
    };
    let is_word = |text: &str| {
        text.len() <= LONGEST_WORD
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
    };
    let shown = segments.iter().enumerate().map(|(number, segment)| {
        let is_name = segment == "upload_url" || (number != place && is_word(segment));
        if is_name { segment } else { "{id}" }
    });
    format!("{begin}{}", shown.collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    use virustotal::Version;

    use super::{origin, segments, template};

    #[test]
    fn only_paths_of_virustotals_apis_lead_anywhere() {
        for path in [
            "/api/v3/",
            "/api/v3//files",
            "/api/v3/files/../users/x",
            "/api/v3/files/%2e%2e/users",
            "/api/v3/files/%2E%2E%2Fusers",
            "/api/v3/files/%252e%252e/users",
            "/api/v3/files/a%5c..%5cb",
            "/api/v3/files/a%00b",
            "/api/v3/files/%ff",
            "/api/v3/https:%2F%2Fevil.example//x",
            "/api/v3/a/b/c/d/e/f/g/h/i",
            "/api/v3/users%2Fsomebody",
            "/api/v3/ip_addresses%2F10.0.0.1",
            "/api/v3/files/x%2Fcomments",
        ] {
            assert!(segments(path, Version::V3).is_err(), "{path}");
        }
        let known = segments("/api/v3/analyses/YWI6%2Fw%3D%3D/", Version::V3).unwrap();
        assert_eq!(known, ["analyses", "YWI6/w=="]);
    }

    #[test]
    fn an_origin_has_no_path() {
        for (text, expected) in [
            ("https://gate.example", "https://gate.example"),
            ("https://gate.example/", "https://gate.example"),
            ("http://[::1]:8792", "http://[::1]:8792"),
        ] {
            assert_eq!(origin(text).unwrap(), expected);
        }
        for text in [
            "https://gate.example/virustotal",
            "https://gate.example/?a=b",
            "https://gate.example/#a",
            "https://user:word@gate.example",
            "gate.example",
            "/",
            "ftp://gate.example",
            "https://",
            "",
        ] {
            let words = origin(text).unwrap_err().to_string();
            assert!(words.contains("without a path"), "{text}: {words}");
        }
    }

    #[test]
    fn a_template_tells_the_endpoint_and_no_object() {
        let shown = |path: &str| template(Version::V3, &segments(path, Version::V3).unwrap());
        assert_eq!(shown("/api/v3/files/abc"), "/api/v3/files/{id}");
        assert_eq!(
            shown("/api/v3/files/abc/contacted_ips"),
            "/api/v3/files/{id}/contacted_ips"
        );
        assert_eq!(shown("/api/v3/files/upload_url"), "/api/v3/files/upload_url");
        assert_eq!(
            shown("/api/v3/intelligence/search"),
            "/api/v3/intelligence/search"
        );
        assert_eq!(shown("/api/v3/users/c0ffee"), "/api/v3/users/{id}");
    }
}
