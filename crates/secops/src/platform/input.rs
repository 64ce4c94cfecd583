//! What the platform writes to the action's standard input.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::escape;
use crate::Parameters;

/// The parameter in which a follow-up finds the state that the run before left.
const STATE: &str = "additional_data";
/// What the platform takes where it does not say, in megabytes.
const USUAL_RESULT_SIZE: u64 = 15;

/// The order for one run, read tolerantly: what is absent or null has a default.
#[derive(Clone, Debug)]
pub struct Input {
    /// What to act on.
    pub targets: Targets,
    /// As it came, text or number: it is sent back that way.
    pub case_id: Value,
    /// The alert in context.
    pub alert_id: Option<String>,
    /// Whose case it is.
    pub environment: Option<String>,
    /// The action's parameters.
    pub parameters: Parameters,
    /// What the run before left as state.
    pub state: Option<String>,
    /// Which instance of the integration is to be used.
    pub integration_instance: Option<String>,
    /// The integration, as the platform knows it.
    pub integration: Option<String>,
    /// Who asked for the run.
    pub requesting_user: Value,
    /// When this process must be done; `None` is no limit.
    pub deadline: Option<Timestamp>,
    /// When all runs of an asynchronous action together must be done.
    pub total_deadline: Option<Timestamp>,
    /// How long the platform waits between two runs of an asynchronous action.
    pub polling_interval: Duration,
    /// Whether the platform's proxy is to be asked for.
    pub use_proxy_settings: bool,
    /// Longest result object that the platform takes, in megabytes of 1,048,576 characters.
    pub most_megabytes: u64,
    /// The platform's key for a remote agent.
    pub environment_api_key: Option<SecretString>,
}

/// The target entities, in one of the platform's two forms; the result's form follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Identifier and type.
    Typed(Vec<(String, String)>),
    /// Identifiers only, as older platforms send them.
    Untyped(Vec<String>),
}

/// Standard input that is no order.
#[derive(Debug, thiserror::Error)]
#[error("the platform's input can't be read: {0}")]
pub struct InputError(String);

impl Input {
    /// Reads what came on standard input; a byte-order mark is allowed.
    ///
    /// # Errors
    /// It is not one JSON object.
    pub fn read(bytes: &[u8]) -> Result<Self, InputError> {
        let value = parse(bytes).map_err(InputError)?;
        let Value::Object(fields) = value else {
            return Err(InputError("it is not a JSON object".to_owned()));
        };
        let field = |name: &str| fields.get(name).unwrap_or(&Value::Null);
        let mut parameters = match field("parameters") {
            Value::Object(parameters) => parameters.clone(),
            _ => Map::new(),
        };
        let state = parameters.remove(STATE).as_ref().and_then(text);
        Ok(Self {
            targets: Targets::read(field("target_entities")),
            case_id: field("case_id").clone(),
            alert_id: text(field("alert_id")),
            environment: text(field("environment")),
            parameters: Parameters::from(parameters),
            state,
            integration_instance: text(field("integration_instance")),
            integration: text(field("integration_identifier")),
            requesting_user: field("original_requesting_user").clone(),
            deadline: moment(field("execution_deadline_unix_time_ms"))
                .or_else(|| moment(field("script_timeout_deadline"))),
            total_deadline: moment(field("async_total_duration_deadline")),
            polling_interval: Duration::from_secs(
                number(field("async_polling_interval_in_sec")).unwrap_or(0),
            ),
            use_proxy_settings: flag(field("use_proxy_settings")),
            most_megabytes: number(field("max_json_result_size"))
                .filter(|most| *most > 0)
                .unwrap_or(USUAL_RESULT_SIZE),
            environment_api_key: text(field("environment_api_key")).map(SecretString::from),
        })
    }
}

impl Targets {
    fn read(value: &Value) -> Self {
        let items: &[Value] = value.as_array().map_or(&[], Vec::as_slice);
        if items.first().is_some_and(Value::is_string) {
            return Self::Untyped(items.iter().filter_map(text).collect());
        }
        let pair = |item: &Value| Some((text(item.get("item1")?)?, text(item.get("item2")?)?));
        Self::Typed(items.iter().filter_map(pair).collect())
    }

    /// Their texts.
    #[must_use]
    pub fn identifiers(&self) -> HashSet<&str> {
        match self {
            Self::Typed(pairs) => pairs.iter().map(|(identifier, _)| identifier.as_str()).collect(),
            Self::Untyped(identifiers) => identifiers.iter().map(String::as_str).collect(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Typed(pairs) => pairs.is_empty(),
            Self::Untyped(identifiers) => identifiers.is_empty(),
        }
    }
}

/// Reads JSON that Python wrote: a byte-order mark is skipped, halves of surrogate pairs become replacement characters.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    read_json(bytes, |_| Some(char::REPLACEMENT_CHARACTER)).map(|(value, _)| value)
}

/// The same, but each half has a character of its own, which [`super::escape`] writes as that half again. Tells whether there
/// were some.
pub(super) fn parse_for_return(bytes: &[u8]) -> Result<(Value, bool), String> {
    read_json(bytes, escape::stand_in)
}

fn read_json(bytes: &[u8], instead: fn(u32) -> Option<char>) -> Result<(Value, bool), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let error = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok((value, false)),
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(bytes);
    let value = serde_json::from_str(&whole_surrogates(&text, instead));
    value.map(|value| (value, true)).map_err(|_| error.to_string())
}

/// Replaces `\uD800`…`\uDFFF` that stand alone, which Python writes and JSON libraries refuse, by other characters.
fn whole_surrogates(text: &str, instead: fn(u32) -> Option<char>) -> String {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let mut whole = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(next) = rest.chars().next()
    {
        let taken = match (next, unit(at)) {
            ('\\', Some(0xD800..=0xDBFF)) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => 12,
            ('\\', Some(half @ 0xD800..=0xDFFF)) => {
                whole.extend(instead(half));
                at += 6;
                continue;
            }
            // An escaped backslash is no beginning of another escape.
            ('\\', None) => 2,
            _ => next.len_utf8(),
        };
        match rest.get(..taken) {
            Some(part) => whole.push_str(part),
            None => {
                whole.push_str(rest);
                break;
            }
        }
        at += taken;
    }
    whole
}

/// Text, or a number as text; nothing where it is empty.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().or_else(|| whole(other.as_f64()?)),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is checked to be whole and in range"
)]
fn whole(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

/// Milliseconds since 1970; 0 is no moment: the platform has not set it.
fn moment(value: &Value) -> Option<Timestamp> {
    let millis = number(value).filter(|millis| *millis > 0)?;
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}

fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::{Input, Targets, escape, parse, parse_for_return};

    #[test]
    fn an_order_is_read_with_or_without_its_optional_parts() {
        let text = json!({
            "target_entities": [{"item1": "8.8.8.8", "item2": "ADDRESS"}, {"item1": null, "item2": "ADDRESS"}],
            "case_id": 7, "alert_id": "a-1", "environment": "E", "workflow_id": null,
            "parameters": {"Threshold": 3, "additional_data": "{\"x\": 1}", "Empty": ""},
            "integration_identifier": "VirusTotal", "integration_instance": "i", "action_definition_name": "Scan IP",
            "execution_deadline_unix_time_ms": 1_700_000_000_000_u64, "async_polling_interval_in_sec": "30",
            "use_proxy_settings": true, "max_json_result_size": 2.0, "isCustom": false,
        });
        let mut bytes = b"\xef\xbb\xbf".to_vec();
        bytes.extend(text.to_string().into_bytes());
        let input = Input::read(&bytes).unwrap();
        assert_eq!(
            input.targets,
            Targets::Typed(vec![("8.8.8.8".to_owned(), "ADDRESS".to_owned())])
        );
        assert_eq!(input.state.as_deref(), Some("{\"x\": 1}"));
        assert_eq!(input.parameters.whole_number("Threshold", 1), Ok(Some(3)));
        assert_eq!(input.parameters.text("additional_data"), Ok(None));
        assert_eq!(input.deadline.unwrap().as_millisecond(), 1_700_000_000_000);
        assert_eq!((input.polling_interval.as_secs(), input.most_megabytes), (30, 2));

        let bare = Input::read(b"{}").unwrap();
        assert_eq!(bare.targets, Targets::Typed(Vec::new()));
        assert_eq!((bare.deadline, bare.most_megabytes), (None, 15));
        assert!(Input::read(b"[]").is_err() && Input::read(b"").is_err());
    }

    #[test]
    fn older_platforms_name_targets_without_types() {
        let input =
            Input::read(br#"{"target_entities": ["A", "B"], "execution_deadline_unix_time_ms": 0}"#).unwrap();
        assert_eq!(
            input.targets,
            Targets::Untyped(vec!["A".to_owned(), "B".to_owned()])
        );
        assert_eq!(input.deadline, None);
    }

    #[test]
    fn half_a_surrogate_pair_loses_nothing_else() {
        let text = br#"{"a": "x\ud800y\ud83d\ude00\\ud800\udc00", "b": 1.50}"#;
        let value = parse(text).unwrap();
        assert_eq!(value["a"], "x\u{fffd}y\u{1f600}\\ud800\u{fffd}");
        assert_eq!(value["b"].to_string(), "1.50");
        let (value, met) = parse_for_return(text).unwrap();
        let mut again = Vec::new();
        escape::write_json_with_halves(&mut again, &value["a"]).unwrap();
        assert_eq!(
            (String::from_utf8(again).unwrap().as_str(), met),
            (r#""x\ud800y\ud83d\ude00\\ud800\udc00""#, true)
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,40}") {
            let _ = Input::read(&bytes);
            let _ = Input::read(format!(r#"{{"parameters": {{"a": "{text}\ud8"}}}}"#).as_bytes());
        }
    }
}
