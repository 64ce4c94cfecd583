//! Uploads: small files directly, large ones through a single-use address.

use serde_json::Value;
use url::Url;

use super::answer::Element;
use super::{FILE_SCAN, UPLOAD, UPLOAD_URL, excerpt};
use crate::transport::{Answered, Errand, Payload};
use crate::{Error, Submission, Upload};

/// Where VirusTotal takes large files.
const UPLOAD_HOST: &str = "www.virustotal.com";

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
async fn upload_address(errand: &Errand<'_>) -> Result<Url, Error> {
    let payload = Payload::Parameters(Vec::new());
    let address = errand
        .ask(&UPLOAD_URL, &payload, None, |answered| read_address(&answered))
        .await?;
    let trusted = is_trusted(&address, &errand.transport.settings().base_url);
    trusted.then_some(address).ok_or_else(|| {
        Error::Settings(
            "VirusTotal named an upload address that is not its own; nothing was sent there".to_owned(),
        )
    })
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

/// VirusTotal itself over TLS, or the server that was asked (a simulator).
fn is_trusted(address: &Url, base_url: &str) -> bool {
    let anonymous = address.username().is_empty() && address.password().is_none();
    let virustotal = address.scheme() == "https"
        && address.host_str() == Some(UPLOAD_HOST)
        && address.port_or_known_default() == Some(443);
    let asked = Url::parse(base_url).is_ok_and(|base| base.origin() == address.origin());
    anonymous && (virustotal || asked)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::is_trusted;

    #[test]
    fn a_file_only_goes_to_virustotal_or_to_the_server_that_was_asked() {
        let base = "https://www.virustotal.com/vtapi/v2/";
        let trusted = |text: &str, base: &str| is_trusted(&Url::parse(text).unwrap(), base);
        assert!(trusted("https://www.virustotal.com/_ah/upload/x/", base));
        for text in [
            "http://www.virustotal.com/_ah/upload/x/",
            "https://www.virustotal.com:8443/_ah/upload/x/",
            "https://www.virustotal.com.evil.example/x",
            "https://www.virustotal.com@evil.example/x",
            "https://user@www.virustotal.com/x",
        ] {
            assert!(!trusted(text, base), "{text}");
        }
        assert!(trusted("http://127.0.0.1:9/x", "http://127.0.0.1:9/vtapi/v2/"));
        assert!(!trusted("http://127.0.0.1:8/x", "http://127.0.0.1:9/vtapi/v2/"));
    }
}
