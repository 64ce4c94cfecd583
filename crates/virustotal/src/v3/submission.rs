//! Files, URLs and requests for new analyses: each answered by the id of an analysis.

use serde_json::Value;
use url::Url;

use super::object::Subject;
use super::{ANALYSE, Body, POST_FILES, POST_UPLOAD, POST_URLS, Request, UPLOAD_URL, read};
use crate::transport::{Answered, Errand, Payload};
use crate::upload::is_trusted_address;
use crate::{Error, Submission, Upload};

/// Asks for a new analysis of something that VirusTotal knows.
pub(crate) async fn rescan(errand: &Errand<'_>, subject: &Subject) -> Result<Submission, Error> {
    let question = Payload::V3(Request::of(format!("{}/analyse", subject.path())));
    match errand.ask(&ANALYSE, &question, None, queued).await {
        Err(Error::Missing) => Ok(Submission::Missing),
        other => other,
    }
}

/// Submits a URL, known or not.
pub(crate) async fn scan_url(errand: &Errand<'_>, url: &str) -> Result<Submission, Error> {
    let mut question = Request::of("urls");
    question.body = Body::Form(vec![("url", url.to_owned())]);
    match errand.ask(&POST_URLS, &Payload::V3(question), None, queued).await {
        Err(Error::InvalidArgument { .. }) => Ok(Submission::Refused(
            "VirusTotal does not take it as a URL".to_owned(),
        )),
        other => other,
    }
}

/// Uploads a file: directly, or through an address for large ones.
pub(crate) async fn upload(errand: &Errand<'_>, upload: &Upload) -> Result<Submission, Error> {
    if !upload.is_large() {
        return errand
            .ask(&POST_FILES, &Payload::V3File(upload), None, queued)
            .await;
    }
    let address = upload_address(errand).await?;
    // The address is for one upload, so a failed one is not repeated with it.
    errand
        .ask(&POST_UPLOAD, &Payload::FileTo(upload, address), Some(1), queued)
        .await
}

/// Asks where a large file goes. The answer decides where the file is sent, so it is checked.
pub(crate) async fn upload_address(errand: &Errand<'_>) -> Result<Url, Error> {
    let question = Payload::V3(Request::of("files/upload_url"));
    let address = errand
        .ask(&UPLOAD_URL, &question, None, |answered| {
            let answer = read(&answered.body)?;
            let text = answer
                .get("data")
                .and_then(Value::as_str)
                .ok_or("its data is no address")?;
            Url::parse(text).map_err(|error| format!("its data is no address ({error})"))
        })
        .await?;
    is_trusted_address(address, &errand.transport.settings().base_url)
}

#[expect(clippy::needless_pass_by_value, reason = "the transport hands answers over")]
fn queued(answered: Answered) -> Result<Submission, String> {
    let answer = read(&answered.body)?;
    let id = answer.pointer("/data/id").and_then(Value::as_str);
    Ok(Submission::Queued {
        scan_id: id.ok_or("it names no analysis")?.to_owned(),
        permalink: None,
    })
}
