//! Addresses in answers: a list's next page is asked for at the gateway, not at VirusTotal.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Where VirusTotal's links lead, whichever address it was asked at.
const VIRUSTOTAL: &str = "https://www.virustotal.com/api/v3/";

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    links: Option<&'a RawValue>,
}

/// The answer with a list's own links (`self`, `next`) below `to`; every other byte stays. An object's links are its own.
pub(crate) fn lead_here(body: &Bytes, asked_at: &str, to: &str) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let links = serde_json::from_str::<Page<'_>>(text).ok()?.links?.get();
    let begin = (links.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let rewritten = [asked_at, VIRUSTOTAL]
        .iter()
        .fold(links.to_owned(), |links, from| {
            links.replace(&format!("\"{from}"), &format!("\"{to}"))
        });
    let (before, after) = (text.get(..begin)?, text.get(begin + links.len()..)?);
    Some(Bytes::from([before, &rewritten, after].concat()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::lead_here;

    #[test]
    fn a_lists_next_page_is_at_the_gateway_and_nothing_else_changes() {
        let page = r#"{ "data": [{"links": {"self": "https://www.virustotal.com/api/v3/files/a"}, "n": 1.10}],
  "links": {"self":"https://www.virustotal.com/api/v3/x", "next": "http://127.0.0.1:9/api/v3/x?cursor=a%3D"} }"#;
        let moved = lead_here(
            &Bytes::from(page),
            "http://127.0.0.1:9/api/v3/",
            "https://gate.example/api/v3/",
        )
        .unwrap();
        let expected = page
            .replace(
                "\"self\":\"https://www.virustotal.com/api/v3/x\"",
                "\"self\":\"https://gate.example/api/v3/x\"",
            )
            .replace("http://127.0.0.1:9", "https://gate.example");
        assert_eq!(moved, expected);
        let object =
            Bytes::from_static(br#"{"data": {"links": {"self": "https://www.virustotal.com/api/v3/x"}}}"#);
        assert_eq!(lead_here(&object, "http://a/", "http://b/"), None);
        assert_eq!(
            lead_here(&Bytes::from_static(b"<html>"), "http://a/", "http://b/"),
            None
        );
    }
}
