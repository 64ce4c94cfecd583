//! What the platform says on the command line and in the environment, as plain values.
//!
//! Source: the platform's SDK. An option that is not known is ignored: the list has grown before.

use std::ffi::OsString;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::SecretString;

/// The command line of one run.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Proves to the platform who calls; sent as a header. Empty where none was given.
    pub app_key: SecretString,
    /// Whether the action begins; otherwise it goes on from the state that it left.
    pub first_run: bool,
    /// Where the log goes; without it the platform's usual file.
    pub log_path: Option<PathBuf>,
    /// Header `correlation_id` of every call.
    pub correlation_id: Option<String>,
    /// Header `traceparent` of every call.
    pub trace_id: Option<String>,
    /// Header `baggage` of every call, decoded.
    pub baggage: Option<String>,
    /// Whether calls go to the newer addresses.
    pub one_platform: bool,
}

/// Options by name; some take a value.
const OPTIONS: [&str; 6] = [
    "logPath",
    "correlationId",
    "traceId",
    "baggage",
    "onePlatformSupport",
    "useElastic",
];

impl Launch {
    /// Reads the arguments behind the program's (and the action's) name: app key, first run, options.
    #[must_use]
    pub fn read(arguments: &[OsString]) -> Self {
        let texts: Vec<String> = arguments
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        let mut launch = Self {
            app_key: texts.first().cloned().unwrap_or_default().into(),
            first_run: texts
                .get(1)
                .is_none_or(|word| word == "True" || word.starts_with("--")),
            log_path: None,
            correlation_id: None,
            trace_id: None,
            baggage: None,
            one_platform: false,
        };
        let mut rest = texts.iter().skip(1).peekable();
        while let Some(argument) = rest.next() {
            let Some((name, inline)) = option(argument) else {
                continue;
            };
            let mut value = || {
                let value = inline.map(str::to_owned).or_else(|| rest.next().cloned());
                value.map(|value| unquoted(&value).to_owned())
            };
            match name {
                "logPath" => launch.log_path = value().map(PathBuf::from),
                "correlationId" => launch.correlation_id = value(),
                "traceId" => launch.trace_id = value(),
                "baggage" => launch.baggage = value().as_deref().and_then(decoded),
                "onePlatformSupport" => launch.one_platform = true,
                _ => {}
            }
        }
        launch
    }
}

/// The option's full name and the value behind its `=`; a beginning that only one option has is enough.
fn option(argument: &str) -> Option<(&'static str, Option<&str>)> {
    let text = argument.strip_prefix("--")?;
    let (given, value) = match text.split_once('=') {
        Some((given, value)) => (given, Some(value)),
        None => (text, None),
    };
    let mut matching = OPTIONS.iter().filter(|name| name.starts_with(given));
    match (matching.next(), matching.next()) {
        (Some(only), None) if !given.is_empty() => Some((only, value)),
        _ => None,
    }
}

/// Without one pair of double quotes around it.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()
}

/// What the environment says of the platform's address and of how it is reached.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Scheme, host and port of the platform's own address.
    pub local_address: String,
    /// Host of the newer addresses; calls to it carry a Google token.
    pub domain: Option<String>,
    /// The account in whose name the Google token is.
    pub service_account: Option<String>,
    /// Parts of the newer addresses' path.
    pub project: String,
    /// See `project`.
    pub location: String,
    /// See `project`.
    pub instance: String,
    /// Authorities for the platform's certificate. Without them it is not verified, as in the platform's own SDK:
    /// the platform is this machine.
    pub ca_bundle: Option<PathBuf>,
    /// Set on a remote agent only: where the platform is.
    pub agent: Option<Agent>,
}

/// How a remote agent reaches the platform.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The platform's address, ending in `pub/api` as a rule.
    pub server_api_root: String,
    /// Proxy for calls to the platform; it may carry a password.
    pub proxy: Option<SecretString>,
    /// Whether the platform's certificate must be valid.
    pub verify_tls: bool,
}

impl Environment {
    /// Reads what `variable` gives; what is not set has the SDK's defaults.
    #[must_use]
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| {
            variable(name)
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        // Only Python's own words count; everything else leaves the default.
        let scheme = match text("APP_USE_SSL").as_deref() {
            Some("False") => "http",
            _ => "https",
        };
        let host = text("APP_IP").unwrap_or_else(|| "localhost".to_owned());
        let host = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host,
        };
        let port = text("APP_PORT")
            .and_then(|port| port.parse().ok())
            .unwrap_or(8443_u16);
        let or = |name: &str, default: &str| text(name).unwrap_or_else(|| default.to_owned());
        Self {
            local_address: format!("{scheme}://{host}:{port}"),
            domain: text("ONE_PLATFORM_URL_DOMAIN"),
            service_account: text("CHRONICLE_SERVICE_ACCOUNT_EMAIL"),
            project: or("ONE_PLATFORM_URL_PROJECT", "project"),
            location: or("ONE_PLATFORM_URL_LOCATION", "location"),
            instance: or("ONE_PLATFORM_URL_INSTANCE", "instance"),
            ca_bundle: text("REQUESTS_CA_BUNDLE").map(PathBuf::from),
            agent: text("SERVER_API_ROOT").map(|server_api_root| Agent {
                server_api_root,
                proxy: text("PROXY_ADDRESS").map(SecretString::from),
                verify_tls: text("VERIFY_SSL").is_none_or(|word| word.eq_ignore_ascii_case("true")),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{Environment, Launch};

    fn launch(arguments: &[&str]) -> Launch {
        Launch::read(&arguments.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn the_app_key_comes_first_and_options_may_stand_anywhere_behind_it() {
        let launch = launch(&[
            "key-1",
            "--logPath",
            "\"/tmp/a b.log\"",
            "False",
            "--correlationId=\"c\"",
            "--trace",
            "t",
            "--baggage",
            "w6k9MQ==",
            "--newOption",
            "x",
            "--onePlatformSupport",
        ]);
        assert_eq!(launch.app_key.expose_secret(), "key-1");
        assert_eq!(launch.log_path.unwrap().to_str(), Some("/tmp/a b.log"));
        assert_eq!(launch.correlation_id.as_deref(), Some("c"));
        assert_eq!(launch.trace_id.as_deref(), Some("t"));
        assert_eq!(launch.baggage.as_deref(), Some("é=1"));
        assert!(launch.one_platform);
    }

    #[test]
    fn only_true_or_nothing_is_a_first_run() {
        assert!(launch(&["k"]).first_run);
        assert!(launch(&["k", "True"]).first_run);
        assert!(launch(&["k", "--useElastic"]).first_run);
        for other in ["False", "true", "1", ""] {
            assert!(!launch(&["k", other]).first_run, "{other}");
        }
    }

    #[test]
    fn a_beginning_that_two_options_have_is_no_option() {
        assert!(launch(&["k", "True", "--o"]).one_platform);
        assert!(launch(&["k", "True", "--", "x", "--c"]).correlation_id.is_none());
        assert!(
            launch(&["k", "True", "--baggage", "no base64!"])
                .baggage
                .is_none()
        );
        assert!(launch(&[]).first_run);
    }

    #[test]
    fn the_address_comes_from_the_environment_with_the_sdks_defaults() {
        let read = |pairs: &[(&str, &str)]| {
            Environment::read(|name| {
                let pair = pairs.iter().find(|(known, _)| *known == name);
                pair.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]).local_address, "https://localhost:8443");
        let local = [("APP_IP", "::1"), ("APP_PORT", "80"), ("APP_USE_SSL", "False")];
        assert_eq!(read(&local).local_address, "http://[::1]:80");
        // Only Python's words are understood, as in the SDK.
        for word in ["false", "0", "no"] {
            assert_eq!(
                read(&[("APP_USE_SSL", word)]).local_address,
                "https://localhost:8443"
            );
        }
        let agent = read(&[("SERVER_API_ROOT", "https://h/pub/api"), ("VERIFY_SSL", "TRUE")])
            .agent
            .unwrap();
        assert!(agent.verify_tls);
    }
}
