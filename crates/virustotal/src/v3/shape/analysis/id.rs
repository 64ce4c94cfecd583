//! Ids of analyses. They are opaque to VirusTotal's users; what they are known to hold is read all the same, because
//! API v2's id of a scan can't be had otherwise. Source: API v3, section 5.1; the mapping, section 7.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::v3::shape::{Kind, attribute};

/// API v2's id of an analysis; `None` where the analysis' id isn't of a known form or the file isn't known.
///
/// A URL's is in the id itself. A file's takes the file's `sha256`, for the id names it by its MD5.
pub(crate) fn scan_id_of_analysis(id: &str, sha256: Option<&str>) -> Option<String> {
    if let Some((_, object, time)) = plain(id) {
        return Some(format!("{object}-{time}"));
    }
    let time = encoded_time(id)?;
    Some(format!("{}-{time}", attribute::as_sha256(sha256?)?))
}

/// What the id says that it looks at.
pub(super) fn item_in(id: &str) -> Option<(Kind, String)> {
    plain(id).map(|(kind, object, _)| (kind, object))
}

/// The time in the id: seconds since 1970.
pub(super) fn time_in(id: &str) -> Option<i64> {
    plain(id)
        .map(|(_, _, time)| time.to_owned())
        .or_else(|| encoded_time(id))?
        .parse()
        .ok()
}

/// `u-<sha256>-<time>`, and the same with `f-`, as permalinks have it.
fn plain(id: &str) -> Option<(Kind, String, &str)> {
    let (kind, rest) = match id.split_once('-')? {
        ("u", rest) => (Kind::Url, rest),
        ("f", rest) => (Kind::File, rest),
        _ => return None,
    };
    let (object, time) = rest.split_once('-')?;
    is_time(time).then_some((kind, attribute::as_sha256(object)?, time))
}

/// Base64 of `<md5>:<time>`; a newer form has a third part between the two.
fn encoded_time(id: &str) -> Option<String> {
    const MD5_DIGITS: usize = 32;
    let text = String::from_utf8(from_base64(id)?).ok()?;
    let (md5, rest) = text.split_once(':')?;
    let time = rest.rsplit(':').next()?;
    (attribute::is_hex(md5, MD5_DIGITS) && is_time(time)).then(|| time.to_owned())
}

fn is_time(text: &str) -> bool {
    const MOST_DIGITS: usize = 12;
    (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Either alphabet, padded or not.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const EITHER_WAY: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let read = |alphabet| GeneralPurpose::new(alphabet, EITHER_WAY).decode(text).ok();
    read(&STANDARD).or_else(|| read(&URL_SAFE))
}

#[cfg(test)]
mod tests {
    use super::{from_base64, scan_id_of_analysis, time_in};

    const URL: &str = "49813d1795c3a7e90534570f77219c948586a87e3566d403a76a7c9182c6586d";
    const FILE: &str = "e19b64788136e1791b9ccf6d21d48ce1f5da4897a8cf2114a34f25cbb0e74ebe";
    const OLD_FORM: &str = "ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6MTU0OTM4MjE1MA==";

    #[test]
    fn a_urls_scan_id_is_in_the_analysis_id() {
        let id = format!("u-{URL}-1549344534");
        assert_eq!(scan_id_of_analysis(&id, None), Some(format!("{URL}-1549344534")));
        assert_eq!(time_in(&id), Some(1_549_344_534));
    }

    #[test]
    fn a_files_scan_id_takes_its_sha256() {
        assert_eq!(
            scan_id_of_analysis(OLD_FORM, Some(FILE)),
            Some(format!("{FILE}-1549382150"))
        );
        assert_eq!(scan_id_of_analysis(OLD_FORM, None), None);
        assert_eq!(
            scan_id_of_analysis(OLD_FORM, Some("e04378820e3ef89a2c064ef7a315581c")),
            None
        );
        // `<md5>:abc:1549382150`, without padding.
        let newer = "ZTA0Mzc4ODIwZTNlZjg5YTJjMDY0ZWY3YTMxNTU4MWM6YWJjOjE1NDkzODIxNTA";
        assert_eq!(
            scan_id_of_analysis(newer, Some(&FILE.to_uppercase())),
            Some(format!("{FILE}-1549382150"))
        );
    }

    #[test]
    fn any_other_id_gives_none() {
        let long = format!("u-{URL}-9999999999999999999999");
        for id in ["", "x", "u-", "u-1-2", "====", "aGVsbG8=", "äöü", "u-é-1", &long] {
            assert_eq!(scan_id_of_analysis(id, Some(FILE)), None, "{id}");
        }
    }

    #[test]
    fn base64_is_read_in_both_alphabets() {
        assert_eq!(from_base64("aGVsbG8=").as_deref(), Some(&b"hello"[..]));
        assert_eq!(from_base64("-_8"), from_base64("+/8="));
        assert_eq!(from_base64("a b"), None);
    }
}
