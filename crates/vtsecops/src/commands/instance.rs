//! The configuration of an instance of the integration, as the platform's form fills it in.

use secops::{ParameterError, Parameters};
use secrecy::{ExposeSecret, SecretString};
use virustotal::{Api, ApiKey};

/// What the configuration calls the key.
pub(super) const API_KEY: &str = "Api Key";
/// What the configuration calls whether VirusTotal's certificate is verified.
pub(super) const VERIFY_SSL: &str = "Verify SSL";
/// What the configuration calls the version of VirusTotal's API.
pub(super) const API_VERSION: &str = "Api Version";

/// The integration instance's configuration.
pub(super) struct Instance {
    pub(super) key: ApiKey,
    pub(super) key_text: SecretString,
    pub(super) verify_tls: bool,
    /// Where the form says it; otherwise this machine's settings do.
    pub(super) api: Option<Api>,
}

impl Instance {
    pub(super) fn read(configuration: &Parameters) -> Result<Self, String> {
        let in_words = |error: ParameterError| format!("The integration's configuration: {error}");
        let text = configuration
            .secret(API_KEY)
            .map_err(in_words)?
            .unwrap_or_default();
        let key = ApiKey::parse(text.expose_secret()).map_err(|error| {
            format!("{error}. Enter the key of your VirusTotal account in the integration instance's configuration.")
        })?;
        Ok(Self {
            key,
            key_text: text,
            // Absent is off. Source: the contract.
            verify_tls: configuration.flag(VERIFY_SSL).map_err(in_words)?.unwrap_or(false),
            api: api(configuration).map_err(in_words)?,
        })
    }
}

fn api(configuration: &Parameters) -> Result<Option<Api>, ParameterError> {
    let word = configuration.one_of(API_VERSION, &["v2", "v3", "auto"])?;
    Ok(word.map(|word| match word {
        "v3" => Api::V3,
        "auto" => Api::Auto,
        _ => Api::V2,
    }))
}

#[cfg(test)]
mod tests {
    use secops::Parameters;
    use virustotal::Api;

    use super::Instance;

    #[test]
    fn a_configuration_without_a_key_is_told_in_the_contracts_words() {
        let read =
            |configuration: Parameters| Instance::read(&configuration).map(|instance| instance.verify_tls);
        for empty in [Parameters::new(), Parameters::new().with("Api Key", " ")] {
            assert!(read(empty).unwrap_err().starts_with("Api Key is missing"));
        }
        let keyed = Parameters::new().with("Api Key", "0123");
        assert_eq!(read(keyed.clone()), Ok(false));
        assert_eq!(read(keyed.clone().with("Verify SSL", "True")), Ok(true));
        let error = read(keyed.with("Verify SSL", "yes")).unwrap_err();
        assert!(error.contains("Verify SSL must be true or false"), "{error}");
    }

    #[test]
    fn the_version_of_the_api_is_a_word_or_left_to_the_machine() {
        let read = |word: &str| {
            let configuration = Parameters::new()
                .with("Api Key", "0123")
                .with("Api Version", word);
            Instance::read(&configuration).map(|instance| instance.api)
        };
        assert_eq!(read(""), Ok(None));
        assert_eq!(read("v2"), Ok(Some(Api::V2)));
        assert_eq!(read(" V3 "), Ok(Some(Api::V3)));
        assert_eq!(read("auto"), Ok(Some(Api::Auto)));
        let error = read("3").unwrap_err();
        assert!(
            error.contains("Api Version must be one of v2, v3, auto"),
            "{error}"
        );
    }
}
