//! Uploads: small files directly, large ones through a single-use address.

use serde_json::Value;
use url::Url;

use super::answer::Element;
use super::{FILE_SCAN, UPLOAD, UPLOAD_URL, excerpt};
use crate::transport::{Answered, Errand, Payload};
use crate::upload::is_trusted_address;
use crate::{Error, Submission, Upload};

pub(crate) async fn submit(errand: &Errand<'_>, upload: &Upload) -> Result<Submission, Error> {
    let read = |answered: Answered| Element::read_one(&answered.body).map(Element::into_submission);
    if !upload.is_large() {
        return errand.ask(&FILE_SCAN, &Payload::File(upload), None, read).await;
    }
    let address = upload_address(errand).await?;
    // The address is for one upload, so a failed one is not repeated with it.
    errand
        .ask(&UPLOAD, &Payload::FileTo(upload, address), Some(1), read)
        .await
}

/// Asks where a large file goes. The answer decides where the file is sent, so it is checked.
pub(crate) async fn upload_address(errand: &Errand<'_>) -> Result<Url, Error> {
    let payload = Payload::Parameters(Vec::new());
    let address = errand
        .ask(&UPLOAD_URL, &payload, None, |answered| read_address(&answered))
        .await?;
    is_trusted_address(address, &errand.transport.settings().base_url)
}

fn read_address(answered: &Answered) -> Result<Url, String> {
    let text = match &answered.location {
        Some(location) => location.clone(),
        None => {
            let value: Value = serde_json::from_slice(&answered.body)
                .map_err(|error| format!("not JSON ({error}); {}", excerpt(&answered.body)))?;
            value
                .get("upload_url")
                .and_then(Value::as_str)
                .ok_or("it has no upload_url")?
                .to_owned()
        }
    };
    Url::parse(&text).map_err(|error| format!("its upload_url is not a URL ({error})"))
}
