//! Where a large file may be sent.

use url::Url;

use crate::Error;

/// Where VirusTotal takes large files.
const UPLOAD_HOST: &str = "www.virustotal.com";

/// The address, if it is one that a file may go to.
///
/// # Errors
/// [`Error::Settings`] for anybody else's.
pub(crate) fn is_trusted_address(mut address: Url, base_url: &str) -> Result<Url, Error> {
    // Old answers name it without TLS. An address that can't have a scheme keeps its own, and is refused.
    if address.scheme() == "http" && address.host_str() == Some(UPLOAD_HOST) {
        let _ = address.set_scheme("https");
    }
    match is_trusted(&address, base_url) {
        true => Ok(address),
        false => Err(Error::Settings(
            "VirusTotal named an upload address that is not its own; nothing was sent there".to_owned(),
        )),
    }
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
