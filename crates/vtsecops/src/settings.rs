//! Settings: flags over environment over file over defaults, and where each value came from.
//!
//! Every setting is a text with a check, whatever its source, so that each source is read alike and `config show`
//! can list them. Nothing is written here, and the key is only looked for when a command needs it.

mod file;
mod files;
mod key;
mod keyring;
mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use virustotal::quota::{Limits, Priority, Window};
use virustotal::{Api, ApiKey, Freshness, ProxyChoice, Related, Tier};

use crate::cli::{Connection, Judging, Showing, Waiting};
pub use file::ConfigFile;
pub(crate) use file::path;
pub(crate) use files::files;
pub(crate) use key::{KeySource, find as find_key};
pub(crate) use keyring::Keyring;
pub(crate) use policy::{policy, policy_of, read_policy};

/// One setting that can be given in several places.
pub struct Setting {
    /// Its name in the config file and in `config show`; the flag has hyphens instead.
    pub name: &'static str,
    /// Its environment variable.
    pub variable: &'static str,
    /// What counts where nobody says anything; `None` is nothing.
    pub default: Option<&'static str>,
    /// Whether a text can be its value; the error says what it must be.
    check: fn(&str) -> Result<(), String>,
}

/// All of them, the key excepted.
pub const SETTINGS: [Setting; 39] = [
    Setting {
        name: "virustotal_url",
        variable: "VTSECOPS_VIRUSTOTAL_URL",
        default: Some(virustotal::VIRUSTOTAL_V2),
        check: api_address,
    },
    Setting {
        name: "tier",
        variable: "VTSECOPS_TIER",
        default: Some("public"),
        check: |text| tier(text).map(drop),
    },
    Setting {
        name: "api",
        variable: "VTSECOPS_API",
        default: Some("v2"),
        check: |text| api(text).map(drop),
    },
    Setting {
        name: "related",
        variable: "VTSECOPS_RELATED",
        default: None,
        check: |text| related(text).map(drop),
    },
    Setting {
        name: "related_most",
        variable: "VTSECOPS_RELATED_MOST",
        default: Some("100"),
        check: |text| whole(text, 1).map(drop),
    },
    Setting {
        name: "count_suspicious",
        variable: "VTSECOPS_COUNT_SUSPICIOUS",
        default: Some("false"),
        check: |text| flag(text).map(drop),
    },
    Setting {
        name: "threshold",
        variable: "VTSECOPS_THRESHOLD",
        default: None,
        check: |text| whole(text, 1).map(drop),
    },
    Setting {
        name: "policy",
        variable: "VTSECOPS_POLICY",
        default: None,
        check: any,
    },
    Setting {
        name: "rescan_after_days",
        variable: "VTSECOPS_RESCAN_AFTER_DAYS",
        default: None,
        check: |text| whole(text, 0).map(drop),
    },
    Setting {
        name: "timeout",
        variable: "VTSECOPS_TIMEOUT",
        default: Some("10m"),
        check: |text| duration(text).map(drop),
    },
    Setting {
        name: "poll_every",
        variable: "VTSECOPS_POLL_EVERY",
        default: None,
        check: |text| duration(text).map(drop),
    },
    Setting {
        name: "output",
        variable: "VTSECOPS_OUTPUT",
        default: Some("table"),
        check: |text| text.parse::<crate::output::Format>().map(drop),
    },
    Setting {
        name: "enrichment_prefix",
        variable: "VTSECOPS_ENRICHMENT_PREFIX",
        default: Some(integration::ENRICHMENT_PREFIX),
        check: any,
    },
    Setting {
        name: "ca_file",
        variable: "VTSECOPS_CA_FILE",
        default: None,
        check: any,
    },
    Setting {
        name: "proxy",
        variable: "VTSECOPS_PROXY",
        default: None,
        check: proxy_address,
    },
    Setting {
        name: "insecure",
        variable: "VTSECOPS_INSECURE",
        default: Some("false"),
        check: |text| flag(text).map(drop),
    },
    Setting {
        name: "max_in_flight",
        variable: "VTSECOPS_MAX_IN_FLIGHT",
        default: Some("16"),
        check: |text| in_flight(text).map(drop),
    },
    Setting {
        name: "quota_per_minute",
        variable: "VTSECOPS_QUOTA_PER_MINUTE",
        default: None,
        check: |text| quota(text).map(drop),
    },
    Setting {
        name: "quota_per_hour",
        variable: "VTSECOPS_QUOTA_PER_HOUR",
        default: None,
        check: |text| quota(text).map(drop),
    },
    Setting {
        name: "quota_per_day",
        variable: "VTSECOPS_QUOTA_PER_DAY",
        default: None,
        check: |text| quota(text).map(drop),
    },
    Setting {
        name: "quota_per_month",
        variable: "VTSECOPS_QUOTA_PER_MONTH",
        default: None,
        check: |text| quota(text).map(drop),
    },
    Setting {
        name: "priority",
        variable: "VTSECOPS_PRIORITY",
        default: Some("person"),
        check: |text| priority(text).map(drop),
    },
    Setting {
        name: "cache",
        variable: "VTSECOPS_CACHE",
        default: Some("true"),
        check: |text| flag(text).map(drop),
    },
    Setting {
        name: "max_age",
        variable: "VTSECOPS_MAX_AGE",
        default: None,
        check: |text| duration(text).map(drop),
    },
    Setting {
        name: "freshness",
        variable: "VTSECOPS_FRESHNESS",
        default: Some("file=7d/1d,url=1d/6h,ip=1d/12h,domain=1d,missing=10m,queued=10s"),
        check: |text| text.parse::<Freshness>().map(drop),
    },
    Setting {
        name: "cache_megabytes",
        variable: "VTSECOPS_CACHE_MEGABYTES",
        default: Some("256"),
        check: |text| whole(text, 1).map(drop),
    },
    Setting {
        name: "cache_folder",
        variable: "VTSECOPS_CACHE_FOLDER",
        default: None,
        check: any,
    },
    Setting {
        name: "lost_after",
        variable: "VTSECOPS_LOST_AFTER",
        default: Some("10m"),
        check: |text| duration(text).map(drop),
    },
    Setting {
        name: "state_folder",
        variable: "VTSECOPS_STATE_FOLDER",
        default: None,
        check: any,
    },
    Setting {
        name: "upload_policy",
        variable: "VTSECOPS_UPLOAD_POLICY",
        default: Some("hash-first"),
        check: files::upload_policy,
    },
    Setting {
        name: "upload_rules",
        variable: "VTSECOPS_UPLOAD_RULES",
        default: None,
        check: any,
    },
    Setting {
        name: "ssh_host_keys",
        variable: "VTSECOPS_SSH_HOST_KEYS",
        default: Some("accept-new"),
        check: files::host_keys,
    },
    Setting {
        name: "ssh_known_hosts",
        variable: "VTSECOPS_SSH_KNOWN_HOSTS",
        default: None,
        check: any,
    },
    Setting {
        name: "ssh_identities",
        variable: "VTSECOPS_SSH_IDENTITIES",
        default: None,
        check: any,
    },
    Setting {
        name: "ssh_agent",
        variable: "VTSECOPS_SSH_AGENT",
        default: None,
        check: any,
    },
    Setting {
        name: "ssh_password_file",
        variable: "VTSECOPS_SSH_PASSWORD_FILE",
        default: None,
        check: any,
    },
    Setting {
        name: "ssh_ask_password",
        variable: "VTSECOPS_SSH_ASK_PASSWORD",
        default: Some("false"),
        check: |text| flag(text).map(drop),
    },
    Setting {
        name: "ssh_connect_timeout",
        variable: "VTSECOPS_SSH_CONNECT_TIMEOUT",
        default: Some("10s"),
        check: files::patience,
    },
    Setting {
        name: "ssh_idle_timeout",
        variable: "VTSECOPS_SSH_IDLE_TIMEOUT",
        default: Some("30s"),
        check: files::patience,
    },
];

/// Name of the key in the config file; it is no ordinary setting.
pub const API_KEY: &str = "api_key";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This option of the command line.
    Flag(String),
    /// This environment variable.
    Environment(&'static str),
    /// This file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Environment(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Settings that can't be used. Nothing was asked yet.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value is not what it must be.
    #[error("{origin}: {name} {problem}, not {value:?}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        name: String,
        /// What it must be.
        problem: String,
        /// What it is, passwords masked.
        value: String,
    },
    /// The config file can't be used.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        problem: String,
    },
    /// There is no key anywhere.
    #[error(
        "Api Key is missing\n\
         Give one in the environment (VTSECOPS_API_KEY), in a file (--api-key-file PATH), or store it: vtsecops config set api_key\n\
         Your key is at https://www.virustotal.com/gui/my-apikey; `vtsecops demo` needs none."
    )]
    NoKey,
    /// The instance has no key of its own.
    #[error(
        "Api Key of the instance {instance:?} is missing; another instance's key is never used for it\n\
         Give one in the environment ({variable}), in a file (--api-key-file PATH), or store it: \
         vtsecops config set api_key --instance {instance}"
    )]
    NoKeyOfInstance {
        /// The instance.
        instance: String,
        /// Where the environment may hold it.
        variable: String,
    },
    /// Files to upload can't be got at.
    #[error("{0}")]
    Files(String),
    /// There is no such instance, or none for the environment.
    #[error("{0}")]
    Instance(String),
    /// A key that can't be one.
    #[error("{origin}: {problem}")]
    Key {
        /// Where it stands.
        origin: String,
        /// What is wrong with it; the key itself is not shown.
        problem: String,
    },
}

/// The values that count, with their origin. `Debug` shows no password.
#[derive(Clone)]
pub struct Resolved {
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.values.iter();
        f.debug_map()
            .entries(shown.map(|(name, (value, origin))| (name, (masked(name, value), origin))))
            .finish()
    }
}

/// Values from the command line, by setting.
pub type Flags = Vec<(&'static str, Option<String>)>;

/// The flags of a command that asks VirusTotal.
pub(crate) fn flags(
    connection: &Connection,
    waiting: &Waiting,
    showing: &Showing,
    judging: Option<&Judging>,
    rescan_after_days: Option<&String>,
) -> Flags {
    vec![
        ("virustotal_url", connection.virustotal_url.clone()),
        ("tier", connection.tier.clone()),
        ("api", connection.api.clone()),
        ("related", connection.related.clone()),
        ("related_most", connection.related_most.clone()),
        ("ca_file", connection.ca_file.clone()),
        ("proxy", connection.proxy.clone().map(String::from)),
        ("insecure", connection.insecure.then(|| "true".to_owned())),
        ("max_in_flight", connection.max_in_flight.clone()),
        ("priority", connection.priority.clone()),
        ("cache", connection.no_cache.then(|| "false".to_owned())),
        ("max_age", connection.max_age.clone()),
        ("timeout", waiting.timeout.clone()),
        ("poll_every", waiting.poll_every.clone()),
        ("output", showing.output.clone()),
        ("threshold", judging.and_then(|judging| judging.threshold.clone())),
        ("policy", judging.and_then(|judging| judging.policy.clone())),
        (
            "enrichment_prefix",
            judging.and_then(|judging| judging.enrichment_prefix.clone()),
        ),
        ("rescan_after_days", rescan_after_days.cloned()),
    ]
}

/// Which instance is meant: the one that is named, the one for the environment, the one of `VTSECOPS_INSTANCE`, or none.
///
/// # Errors
/// No instance, or more than one, is for the environment.
pub(crate) fn instance(
    file: &ConfigFile,
    named: Option<&str>,
    environment: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, SettingsError> {
    let Some(environment) = environment else {
        let named = named.map(str::to_owned).or_else(|| variable("VTSECOPS_INSTANCE"));
        return Ok(named.filter(|name| !name.is_empty()));
    };
    let instances = file.instances();
    let matching: Vec<&String> = instances
        .iter()
        .filter(|(_, environments)| environments.iter().any(|name| name == environment))
        .map(|(name, _)| name)
        .collect();
    match matching[..] {
        [only] => Ok(Some(only.clone())),
        [] => Err(SettingsError::Instance(format!(
            "no instance is for the environment {environment:?}. Bind one in {}: [instance.NAME] with environments = \"{environment}\"",
            file.path().display()
        ))),
        _ => Err(SettingsError::Instance(format!(
            "several instances are for the environment {environment:?}. Name one with --instance"
        ))),
    }
}

/// Puts the sources together.
///
/// # Errors
/// A value that can't be used, by name, value and source.
pub fn resolve(
    flags: &Flags,
    environment: impl Fn(&str) -> Option<String>,
    file: &ConfigFile,
) -> Result<Resolved, SettingsError> {
    let mut values = BTreeMap::new();
    for setting in &SETTINGS {
        let flag = flags
            .iter()
            .find(|(name, _)| *name == setting.name)
            .and_then(|(_, value)| value.clone());
        let flag = flag.map(|value| {
            (
                value,
                Origin::Flag(format!("--{}", setting.name.replace('_', "-"))),
            )
        });
        let variable = || {
            let value = environment(setting.variable).filter(|value| !value.is_empty())?;
            Some((value, Origin::Environment(setting.variable)))
        };
        let in_file = || Some((file.text(setting.name)?, Origin::File(file.path().to_owned())));
        let default = || Some((setting.default?.to_owned(), Origin::Default));
        let found = flag.or_else(variable).or_else(in_file).or_else(default);
        if let Some((value, origin)) = found {
            (setting.check)(&value).map_err(|problem| setting.refuse(&value, origin.clone(), problem))?;
            values.insert(setting.name, (value, origin));
        }
    }
    Ok(Resolved { values })
}

impl Setting {
    /// The setting of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SETTINGS
            .iter()
            .find(|setting| setting.name == name.replace('-', "_"))
    }

    /// Checks a value before it is stored.
    ///
    /// # Errors
    /// What it must be.
    pub fn accept(&self, value: &str) -> Result<(), String> {
        (self.check)(value)
    }

    fn refuse(&self, value: &str, origin: Origin, problem: String) -> SettingsError {
        SettingsError::Value {
            origin,
            name: self.name.to_owned(),
            problem,
            value: masked(self.name, value),
        }
    }
}

impl Resolved {
    /// A setting's text and origin.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, &Origin)> {
        self.values
            .get(name)
            .map(|(value, origin)| (value.as_str(), origin))
    }

    /// A setting's text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|(value, _)| value)
    }

    /// How long a run may take; `None` is as long as it likes.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.text("timeout")
            .and_then(|text| duration(text).ok())
            .flatten()
    }

    /// How often a running analysis is looked at.
    #[must_use]
    pub fn poll_every(&self) -> Option<Duration> {
        self.text("poll_every")
            .and_then(|text| duration(text).ok())
            .flatten()
    }

    /// Form of the output.
    #[must_use]
    pub fn format(&self) -> crate::output::Format {
        self.text("output")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// Calls that the key may make: what is known of its tier, and what the settings say.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let tier = self.text("tier").and_then(|text| tier(text).ok());
        self.limits_of(Limits::of(tier.unwrap_or_default()))
    }

    /// Calls that the key may make: `known`, and what the settings say.
    #[must_use]
    pub fn limits_of(&self, known: Limits) -> Limits {
        Window::ALL.into_iter().fold(known, |limits, window| {
            let told = self.text(&format!("quota_per_{}", window.name()));
            match told.map(quota) {
                Some(Ok(limit)) => limits.with(window, limit),
                _ => limits,
            }
        })
    }

    /// Up to which age kept reports are taken; `None` where their kind and verdict decide.
    #[must_use]
    pub fn max_age(&self) -> Option<Duration> {
        let text = self.text("max_age")?;
        // Of any age, and of none.
        match (text, duration(text)) {
            ("none", _) => Some(Duration::MAX),
            (_, Ok(age)) => Some(age.unwrap_or_default()),
            (_, Err(_)) => None,
        }
    }

    /// Whether reports are kept.
    #[must_use]
    pub fn keeps_reports(&self) -> bool {
        self.text("cache").is_none_or(|text| flag(text) != Ok(false))
    }

    /// How long a kept report counts.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        let told = self.text("freshness").and_then(|text| text.parse().ok());
        told.unwrap_or_default()
    }

    /// Bytes that the cache may take.
    #[must_use]
    pub fn cache_bytes(&self) -> u64 {
        const MEGABYTE: u64 = 1024 * 1024;
        let megabytes = self.text("cache_megabytes").and_then(|text| whole(text, 1).ok());
        u64::from(megabytes.unwrap_or(256)) * MEGABYTE
    }

    /// How long an interrupted submission may stay unseen before it is made again.
    #[must_use]
    pub fn lost_after(&self) -> Option<Duration> {
        self.text("lost_after")
            .and_then(|text| duration(text).ok())
            .flatten()
    }

    /// What the command line said, for the same run at another time; addresses that may carry a password excepted.
    #[must_use]
    pub fn from_flags(&self) -> BTreeMap<String, String> {
        let given = self.values.iter().filter(|(name, (value, origin))| {
            matches!(origin, Origin::Flag(_)) && masked(name, value) == *value
        });
        given
            .map(|(name, (value, _))| ((*name).to_owned(), value.clone()))
            .collect()
    }

    /// A folder that the settings name.
    #[must_use]
    pub fn folder(&self, name: &str) -> Option<PathBuf> {
        self.text(name).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// Settings of a client.
    #[must_use]
    pub fn to_virustotal(&self, key: ApiKey) -> virustotal::Settings {
        let mut settings = virustotal::Settings::new(key);
        if let Some(url) = self.text("virustotal_url") {
            url.clone_into(&mut settings.base_url);
        }
        settings.tier = self
            .text("tier")
            .and_then(|text| tier(text).ok())
            .unwrap_or_default();
        settings.api = self
            .text("api")
            .and_then(|text| api(text).ok())
            .unwrap_or_default();
        settings.related = self.text("related").and_then(|text| related(text).ok());
        let most = self.text("related_most").and_then(|text| whole(text, 1).ok());
        settings.related_most = most
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(settings.related_most);
        settings.count_suspicious = self
            .text("count_suspicious")
            .is_some_and(|text| flag(text) == Ok(true));
        settings.verify_tls = self.text("insecure").is_none_or(|text| flag(text) != Ok(true));
        settings.ca_file = self.text("ca_file").map(PathBuf::from);
        settings.proxy = match self.text("proxy") {
            None => ProxyChoice::Environment,
            Some("none") => ProxyChoice::Direct,
            Some(url) => ProxyChoice::Url(url.to_owned().into()),
        };
        if let Some(number) = self.text("max_in_flight").and_then(|text| in_flight(text).ok()) {
            settings.max_in_flight = number;
        }
        settings.max_age = self.max_age();
        settings.limits = self.limits();
        settings.priority = self
            .text("priority")
            .and_then(|text| priority(text).ok())
            .unwrap_or_default();
        settings
    }
}

/// A value for people: what stands before the `@` or behind the `?` of an address may be a password.
pub(crate) fn masked(name: &str, value: &str) -> String {
    if !matches!(name, "proxy" | "virustotal_url") {
        return value.to_owned();
    }
    let (scheme, rest) = match value.find("://") {
        Some(colon) => value.split_at(colon + 3),
        None => ("", value),
    };
    let (user, rest) = rest
        .rsplit_once('@')
        .map_or(("", rest), |(_, host)| ("***@", host));
    match rest.split_once('?') {
        Some((address, _)) => format!("{scheme}{user}{address}?***"),
        None => format!("{scheme}{user}{rest}"),
    }
}

/// Close enough to refuse slips before they are stored; the client looks closer.
fn api_address(text: &str) -> Result<(), String> {
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| without(text, scheme));
    let rest = rest.ok_or("must start with https:// (or http:// for a simulator)")?;
    let host = rest.split('/').next().unwrap_or_default();
    match () {
        () if host.contains('@') || rest.contains('?') => {
            Err("must not carry a user, password or query".to_owned())
        }
        () if host.is_empty() || text.contains(char::is_whitespace) => {
            Err("must be a web address".to_owned())
        }
        () => Ok(()),
    }
}

/// See [`api_address`].
fn proxy_address(text: &str) -> Result<(), String> {
    let schemes = ["http://", "https://", "socks5://", "socks5h://"];
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    match text == "none" || host.is_some_and(|host| !host.is_empty() && !host.ends_with('@')) {
        true => Ok(()),
        false => Err("must be http://host:port, https://, socks5:// or none".to_owned()),
    }
}

/// What follows a scheme, whatever its case.
fn without<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

#[expect(clippy::unnecessary_wraps, reason = "a check like the others")]
fn any(_: &str) -> Result<(), String> {
    Ok(())
}

fn tier(text: &str) -> Result<Tier, String> {
    match text {
        "public" => Ok(Tier::Public),
        "private" => Ok(Tier::Private),
        _ => Err("must be public or private".to_owned()),
    }
}

fn api(text: &str) -> Result<Api, String> {
    match text {
        "v2" => Ok(Api::V2),
        "v3" => Ok(Api::V3),
        "auto" => Ok(Api::Auto),
        _ => Err("must be v2, v3 or auto".to_owned()),
    }
}

fn related(text: &str) -> Result<Related, String> {
    match text {
        "lean" => Ok(Related::Lean),
        "full" => Ok(Related::Full),
        _ => Err("must be lean or full".to_owned()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

fn whole(text: &str, least: u32) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| format!("must be a whole number of at least {least}"))
}

/// Calls in a window; `none` is no limit.
fn quota(text: &str) -> Result<Option<u32>, String> {
    if text == "none" {
        return Ok(None);
    }
    whole(text, 1)
        .map(Some)
        .map_err(|_| "must be a whole number of at least 1, or none".to_owned())
}

fn priority(text: &str) -> Result<Priority, String> {
    let known = Priority::ALL.into_iter().find(|priority| priority.name() == text);
    known.ok_or_else(|| "must be person, playbook or background".to_owned())
}

fn in_flight(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| "must be a whole number from 1 to 64".to_owned())
}

/// A length of time: `90`, `90s`, `50ms`, `5m`, `2h`, `7d`; `none` and `0` are no length.
///
/// # Errors
/// What it must look like.
pub fn duration(text: &str) -> Result<Option<Duration>, String> {
    let error = || "must be a length of time such as 90s, 5m, 2h, 7d or none".to_owned();
    let text = text.trim();
    if matches!(text, "none" | "0") {
        return Ok(None);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| error())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "" | "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        "d" => number.checked_mul(24 * 3_600_000),
        _ => None,
    };
    // Longer than this is a slip, and would overflow the clock.
    const MOST: u64 = 366 * 24 * 3_600_000;
    let milliseconds = milliseconds
        .filter(|milliseconds| *milliseconds <= MOST)
        .ok_or_else(error)?;
    Ok(Some(Duration::from_millis(milliseconds)).filter(|duration| !duration.is_zero()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{ConfigFile, Origin, SETTINGS, duration, masked, resolve};

    fn environment(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let pairs: HashMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| pairs.get(name).cloned()
    }

    #[test]
    fn flags_come_before_environment_before_file_before_defaults() {
        let file = ConfigFile::parse(
            "/c.toml".into(),
            "tier = 'private'\nthreshold = 7\ntimeout = '1h'",
        )
        .unwrap();
        let flags = vec![("threshold", Some("9".to_owned()))];
        let resolved = resolve(
            &flags,
            environment(&[("VTSECOPS_TIMEOUT", "2m"), ("VTSECOPS_THRESHOLD", "8")]),
            &file,
        )
        .unwrap();
        assert_eq!(
            resolved.get("threshold"),
            Some(("9", &Origin::Flag("--threshold".to_owned())))
        );
        assert_eq!(
            resolved.get("timeout"),
            Some(("2m", &Origin::Environment("VTSECOPS_TIMEOUT")))
        );
        assert_eq!(
            resolved.get("tier"),
            Some(("private", &Origin::File("/c.toml".into())))
        );
        assert_eq!(resolved.get("output"), Some(("table", &Origin::Default)));
        assert_eq!(resolved.timeout(), Some(Duration::from_secs(120)));
    }

    #[test]
    fn a_bad_value_is_named_with_its_source() {
        let file = ConfigFile::parse("/c.toml".into(), "").unwrap();
        let message = |pairs: &[(&str, &str)]| {
            resolve(&Vec::new(), environment(pairs), &file)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message(&[("VTSECOPS_TIER", "x")]),
            "VTSECOPS_TIER: tier must be public or private, not \"x\""
        );
        assert_eq!(
            message(&[("VTSECOPS_TIMEOUT", "soon")]),
            "VTSECOPS_TIMEOUT: timeout must be a length of time such as 90s, 5m, 2h, 7d or none, not \"soon\""
        );
        let file = ConfigFile::parse("/c.toml".into(), "threshold = 0").unwrap();
        let message = resolve(&Vec::new(), environment(&[]), &file)
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "/c.toml: threshold must be a whole number of at least 1, not \"0\""
        );
    }

    #[test]
    fn an_address_with_a_password_is_refused_or_masked_and_never_shown() {
        let file = ConfigFile::parse("/c.toml".into(), "").unwrap();
        let resolved = |pairs: &[(&str, &str)]| resolve(&Vec::new(), environment(pairs), &file);
        for (variable, value) in [
            ("VTSECOPS_VIRUSTOTAL_URL", "https://user:hunter2@h/"),
            ("VTSECOPS_VIRUSTOTAL_URL", "ftp://user:hunter2@h/"),
            ("VTSECOPS_VIRUSTOTAL_URL", "https://h/?apikey=hunter2"),
            ("VTSECOPS_PROXY", "user:hunter2@h:1"),
            ("VTSECOPS_PROXY", "http://user:hunter2@"),
        ] {
            let message = resolved(&[(variable, value)]).unwrap_err().to_string();
            assert!(
                message.starts_with(variable) && !message.contains("hunter2"),
                "{message}"
            );
        }
        let resolved = resolved(&[("VTSECOPS_PROXY", "socks5://user:hunter2@h:1")]).unwrap();
        assert!(!format!("{resolved:?}").contains("hunter2"), "{resolved:?}");
        assert_eq!(resolved.text("proxy"), Some("socks5://user:hunter2@h:1"));
        assert_eq!(masked("proxy", "socks5://user:hunter2@h:1"), "socks5://***@h:1");
        assert_eq!(masked("threshold", "a@b?c"), "a@b?c");
    }

    #[test]
    fn addresses_are_checked_before_anything_is_asked() {
        let accepted = |name: &str, value: &str| super::Setting::named(name).unwrap().accept(value).is_ok();
        for value in ["http://127.0.0.1:8765/vtapi/v2", "HTTPS://gateway.example/a@b/"] {
            assert!(accepted("virustotal_url", value), "{value}");
        }
        for value in [
            "",
            "gateway.example",
            "https://",
            "https:///x",
            "https://a b/",
            "https://ä",
        ] {
            assert_eq!(accepted("virustotal_url", value), value == "https://ä", "{value}");
        }
        for value in ["none", "http://p:1", "socks5h://u:p@h:1"] {
            assert!(accepted("proxy", value), "{value}");
        }
        assert!(!accepted("proxy", "p:1"));
    }

    #[test]
    fn every_default_is_a_value() {
        for setting in &SETTINGS {
            assert_eq!(
                setting.default.map_or(Ok(()), |value| setting.accept(value)),
                Ok(()),
                "{}",
                setting.name
            );
            assert_eq!(
                setting.variable,
                format!("VTSECOPS_{}", setting.name.to_uppercase())
            );
        }
    }

    #[test]
    fn lengths_of_time_are_read() {
        let seconds = |s| Ok(Some(Duration::from_secs(s)));
        assert_eq!(
            [duration("90"), duration("90s"), duration("5m"), duration("2h")],
            [seconds(90), seconds(90), seconds(300), seconds(7200)]
        );
        assert_eq!(duration("50ms"), Ok(Some(Duration::from_millis(50))));
        assert_eq!(
            (duration("none"), duration("0"), duration("0s")),
            (Ok(None), Ok(None), Ok(None))
        );
        for text in ["", "-1", "1w", "m", "1.5h", "99999999999999999999", "9999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_length_of_time_panics(text in ".*") {
            let _ = duration(&text);
        }
    }
}
