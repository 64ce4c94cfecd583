//! ZIPs that VirusTotal makes of its files: asked for, looked at until they are made, and fetched. Premium keys only.
//! Source: VirusTotal's API v3 reference, "Zipping files".

use serde_json::{Value, json};

use super::{Body, Request, ask, escaped};
use super::{DOWNLOAD_ZIP, MAKE_ZIP, ZIP};
use crate::quarantine::{QUARANTINE_PASSWORD, Quarantine};
use crate::transport::{Errand, Payload};
use crate::{Error, FileHash, Trouble};

/// A ZIP of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Zip {
    /// Not there yet; by its id.
    Making(String),
    /// Ready to be fetched; by its id.
    Ready(String),
    /// VirusTotal does not have the file.
    Missing,
}

/// Asks for a ZIP of one file that only opens with the usual password.
pub(crate) async fn make_zip(errand: &Errand<'_>, file: &FileHash) -> Result<Zip, Error> {
    let mut question = Request::of("intelligence/zip_files");
    question.body = Body::Json(json!({"data": {"password": QUARANTINE_PASSWORD, "hashes": [file.as_str()]}}));
    let answer = ask(errand, &MAKE_ZIP, question).await;
    read(answer)
}

/// How far it is.
pub(crate) async fn zip(errand: &Errand<'_>, id: &str) -> Result<Zip, Error> {
    let question = Request::of(format!("intelligence/zip_files/{}", escaped(id)));
    read(ask(errand, &ZIP, question).await)
}

/// Fetches a finished one.
pub(crate) async fn fetch_zip(errand: &Errand<'_>, id: &str, into: &Quarantine) -> Result<(), Error> {
    let path = format!("intelligence/zip_files/{}/download", escaped(id));
    let payload = Payload::Fetch { path, into };
    errand.ask(&DOWNLOAD_ZIP, &payload, None, |_| Ok(())).await
}

pub(crate) fn read(answer: Result<Value, Error>) -> Result<Zip, Error> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(Error::Missing) => return Ok(Zip::Missing),
        Err(error) => return Err(error),
    };
    let unusable = |detail: String| Error::Transient {
        trouble: Trouble::Body(detail),
        attempts: 1,
    };
    let attribute = |name: &str| answer.pointer(&format!("/data/attributes/{name}"));
    let id = match answer.pointer("/data/id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(unusable("the ZIP has no id".to_owned())),
    };
    match attribute("status").and_then(Value::as_str) {
        Some("starting" | "creating") => Ok(Zip::Making(id)),
        Some("finished") if attribute("files_ok").and_then(Value::as_u64) == Some(0) => Ok(Zip::Missing),
        Some("finished") => Ok(Zip::Ready(id)),
        status => {
            let status: String = status.unwrap_or("without a status").chars().take(40).collect();
            Err(unusable(format!("the ZIP could not be made ({status:?})")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Zip, read};
    use crate::Error;

    #[test]
    fn a_zip_is_ready_when_it_holds_the_file() {
        let zip = |status: &str, good: u64| {
            read(Ok(json!({"data": {"type": "zip_file", "id": "7",
                "attributes": {"status": status, "files_ok": good, "files_error": 1 - good}}})))
        };
        assert_eq!(zip("starting", 0), Ok(Zip::Making("7".to_owned())));
        assert_eq!(zip("creating", 0), Ok(Zip::Making("7".to_owned())));
        assert_eq!(zip("finished", 1), Ok(Zip::Ready("7".to_owned())));
        assert_eq!(zip("finished", 0), Ok(Zip::Missing));
        let failed = zip("error-creating", 0).unwrap_err().to_string();
        assert!(failed.contains("error-creating"), "{failed}");
        assert_eq!(read(Err(Error::Missing)), Ok(Zip::Missing));
        let numbered = json!({"data": {"id": 4_939_392_292_u64, "attributes": {"status": "finished"}}});
        assert_eq!(read(Ok(numbered)), Ok(Zip::Ready("4939392292".to_owned())));
    }
}
