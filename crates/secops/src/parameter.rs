//! Parameters: text from a form, read as what it should be. Every error names the parameter and the value.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The parameters of one run, by the names of the action's definition. `Debug` shows no password.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parameters(Map<String, Value>);

/// A parameter that can't be used. Nothing has been called yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Required, and empty or absent.
    #[error("{name} is missing: the parameter is required")]
    Missing {
        /// The parameter.
        name: &'static str,
    },
    /// Not what it should be.
    #[error("{name} must be {expected}, not {value:?}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What it should be, in words.
        expected: String,
        /// What was given.
        value: String,
    },
}

impl Parameters {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Names and values for people; what nobody may read is masked.
    pub fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| {
            let text = match value {
                _ if is_secret(name) => "***".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (name.as_str(), text)
        })
    }

    /// The text of a parameter, blanks around it removed; `None` when absent, null or blank.
    ///
    /// # Errors
    /// A list or an object is no text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, ParameterError> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Bool(flag)) => flag.to_string(),
            Some(Value::Number(number)) => number.to_string(),
            Some(other) => return Err(ParameterError::invalid(name, "text", &other.to_string())),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The text of a required parameter.
    ///
    /// # Errors
    /// As for [`Parameters::text`], and when there is none.
    pub fn required_text(&self, name: &'static str) -> Result<String, ParameterError> {
        self.text(name)?.ok_or(ParameterError::Missing { name })
    }

    /// A whole number of at least `least`; `None` when absent.
    ///
    /// # Errors
    /// A number that is smaller or not whole, or no number.
    pub fn whole_number(&self, name: &'static str, least: u32) -> Result<Option<u32>, ParameterError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match text.parse::<u32>() {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => Err(ParameterError::invalid(
                name,
                &format!("a whole number of at least {least}"),
                &text,
            )),
        }
    }

    /// A password, as it is: blanks around it count. `None` when absent or empty.
    ///
    /// # Errors
    /// A list or an object is no password; the error does not show it.
    pub fn secret(&self, name: &'static str) -> Result<Option<SecretString>, ParameterError> {
        let text = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(ParameterError::invalid(name, "text", "***")),
        };
        Ok(Some(text).filter(|text| !text.is_empty()).map(SecretString::from))
    }

    /// One of these words, whatever its case; `None` when absent.
    ///
    /// # Errors
    /// Any other text.
    pub fn one_of(
        &self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ParameterError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match words.iter().find(|word| word.eq_ignore_ascii_case(&text)) {
            Some(word) => Ok(Some(word)),
            None => Err(ParameterError::invalid(
                name,
                &format!("one of {}", words.join(", ")),
                &text,
            )),
        }
    }

    /// `true` or `false` in any case; `None` when absent.
    ///
    /// # Errors
    /// Any other text.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, ParameterError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(ParameterError::invalid(name, "true or false", &text)),
        }
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| {
            let is_secret = is_secret(name);
            (
                name,
                if is_secret {
                    Value::from("***")
                } else {
                    value.clone()
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Whether a parameter of that name holds what nobody may read.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "key", "secret", "token"]
        .iter()
        .any(|word| name.contains(word))
}

impl From<Map<String, Value>> for Parameters {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl ParameterError {
    /// A value that is not what it should be; of a long one the beginning is shown.
    #[must_use]
    pub fn invalid(name: &'static str, expected: &str, value: &str) -> Self {
        const SHOWN: usize = 80;
        Self::Invalid {
            name,
            expected: expected.to_owned(),
            value: value.chars().take(SHOWN).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{ParameterError, Parameters};

    fn threshold(value: impl Into<Value>) -> Result<Option<u32>, ParameterError> {
        Parameters::new()
            .with("Threshold", value)
            .whole_number("Threshold", 1)
    }

    #[test]
    fn a_bad_number_is_refused_with_its_name_and_value() {
        for (value, shown) in [
            (json!("abc"), "abc"),
            (json!("-1"), "-1"),
            (json!("25.0"), "25.0"),
            (json!(2.5), "2.5"),
            (json!("0"), "0"),
            (json!(-3), "-3"),
        ] {
            let message = threshold(value).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("Threshold must be a whole number of at least 1, not \"{shown}\"")
            );
        }
        assert_eq!(threshold(" 25 "), Ok(Some(25)));
        assert_eq!(threshold(7), Ok(Some(7)));
        assert_eq!(threshold(""), Ok(None));
        assert_eq!(threshold(Value::Null), Ok(None));
        assert!(threshold(json!([3])).is_err());
    }

    #[test]
    fn a_required_text_that_is_blank_is_missing() {
        let parameters = Parameters::new().with("File Paths", "  ");
        assert_eq!(
            parameters.required_text("File Paths").unwrap_err().to_string(),
            "File Paths is missing: the parameter is required"
        );
        assert_eq!(parameters.flag("Fetch Comments"), Ok(None));
        assert_eq!(Parameters::new().with("F", "TRUE").flag("F"), Ok(Some(true)));
        assert!(Parameters::new().with("F", "yes").flag("F").is_err());
    }

    #[test]
    fn a_password_is_kept_as_it_is_and_never_printed() {
        use secrecy::ExposeSecret;
        let parameters = Parameters::new().with("Linux Password", " sword fish ");
        let secret = parameters.secret("Linux Password").unwrap().unwrap();
        assert_eq!(secret.expose_secret(), " sword fish ");
        assert_eq!(format!("{parameters:?}"), r#"{"Linux Password": String("***")}"#);
        assert!(parameters.secret("Another").unwrap().is_none());
    }

    #[test]
    fn a_choice_is_one_of_its_words() {
        let choice = |text: &str| {
            Parameters::new()
                .with("Upload Policy", text)
                .one_of("Upload Policy", &["Always", "Never"])
        };
        assert_eq!(choice("never"), Ok(Some("Never")));
        assert_eq!(choice(" "), Ok(None));
        assert_eq!(
            choice("perhaps").unwrap_err().to_string(),
            "Upload Policy must be one of Always, Never, not \"perhaps\""
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = threshold(text);
        }
    }
}
