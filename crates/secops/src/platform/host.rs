//! The platform as a host: it tells the configuration and the target entities, and stores what is written back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::address::{Addresses, Call};
use super::agent::{self, Recorder};
use super::error::PlatformError;
use super::escape::{write_json, write_json_with_halves};
use super::input::{Input, Targets};
use super::launch::{Agent, Environment, Launch};
use super::session::{Session, Target};
use super::{Log, targets};
use crate::{Alert, Entity, EntityType, Host, HostError, Insight, InsightKind, Parameters};

/// Insights that are sent at the same time.
const INSIGHTS_AT_ONCE: usize = 8;

/// The platform that started the action, directly or through a remote agent.
pub struct Platform {
    link: Link,
    /// Where a remote agent has put the case.
    folder: Option<PathBuf>,
    log: Log,
    targets: Targets,
    case_id: Value,
    alert_id: Option<String>,
    configuration_key: String,
    requesting_user: Value,
    /// The alert in context, once it was read.
    alert_in_context: Option<String>,
    /// Entities as they came: what is not understood goes back unchanged.
    sent: HashMap<(String, EntityType), Map<String, Value>>,
}

enum Link {
    Live(Session),
    /// Calls are written down for the agent; nothing can be asked.
    Recorded(Recorder, Addresses),
}

/// The platform's proxy for calls to the world.
#[derive(Clone, Debug)]
pub struct ProxySettings {
    /// `http://host:port`, with user and password where there are some.
    pub url: SecretString,
    /// Hosts that are reached without it.
    pub ignored: Vec<String>,
}

impl Platform {
    /// Sets up the calls; only a Google token is asked for, where one is needed.
    pub(super) async fn connect(
        launch: &Launch,
        environment: &Environment,
        input: &Input,
        integration: &str,
        clock: fn() -> Timestamp,
        log: &Log,
    ) -> Result<Self, PlatformError> {
        let folder = environment.agent.is_some().then(|| PathBuf::from("."));
        let open = |target| Session::open(launch, environment, target, input.deadline, clock, log.clone());
        let link = match (&environment.agent, &input.environment_api_key) {
            (None, _) => Link::Live(open(Target::Local).await?),
            (Some(agent), Some(key)) => {
                let base = platform_behind(agent);
                Link::Live(open(Target::Remote { base, key }).await?)
            }
            (Some(agent), None) => {
                let addresses = Addresses::of(environment, platform_behind(agent), launch.one_platform);
                Link::Recorded(
                    Recorder::new(folder.as_deref().unwrap_or(".".as_ref())),
                    addresses,
                )
            }
        };
        let configuration_key = input.integration_instance.as_deref().unwrap_or(integration);
        Ok(Self {
            link,
            folder,
            log: log.clone(),
            targets: input.targets.clone(),
            case_id: input.case_id.clone(),
            alert_id: input.alert_id.clone(),
            configuration_key: configuration_key.to_owned(),
            requesting_user: input.requesting_user.clone(),
            alert_in_context: None,
            sent: HashMap::new(),
        })
    }

    /// Whether nothing can be asked: a remote agent makes the calls later.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        matches!(self.link, Link::Recorded(..))
    }

    /// The integration instance's configuration, as it was typed in.
    ///
    /// # Errors
    /// The platform does not tell it, or keeps a value in a vault that only its own SDK can open.
    pub async fn configuration(&self) -> Result<Parameters, PlatformError> {
        let call = Call::Configuration(&self.configuration_key);
        let refused = |problem: &str| PlatformError {
            purpose: call.purpose(),
            problem: problem.to_owned(),
            is_unreachable: false,
        };
        let Link::Live(session) = &self.link else {
            return Err(refused(
                "a remote agent without an API key of the platform can't ask it",
            ));
        };
        let Value::Object(configuration) = session.get(call).await? else {
            return Err(refused("the answer is no object"));
        };
        match configuration.iter().find(|(_, value)| is_in_vault(value)) {
            Some((name, _)) => Err(refused(&format!(
                "{name} is kept in a vault, which this action can't open; type it into the instance's configuration"
            ))),
            None => Ok(Parameters::from(configuration)),
        }
    }

    /// The platform's proxy for calls to the world; `None` where there is none.
    ///
    /// # Errors
    /// The platform does not tell it.
    pub async fn proxy(&self) -> Result<Option<ProxySettings>, PlatformError> {
        let Link::Live(session) = &self.link else {
            return Ok(None);
        };
        let settings = session.get(Call::ProxySettings).await?;
        Ok(ProxySettings::read(&settings))
    }

    /// The entities that the run acts on, in the order of the alert.
    ///
    /// # Errors
    /// Neither the alert nor the case can be read.
    pub async fn targets(&mut self) -> Result<Vec<Entity>, PlatformError> {
        if self.targets.is_empty() {
            return Ok(Vec::new());
        }
        let alerts = self.alerts().await?;
        let mut entities = Vec::new();
        for alert in &alerts {
            let raw = alert.get("domain_entities").and_then(Value::as_array);
            for value in raw.into_iter().flatten() {
                match serde_json::from_value::<Entity>(value.clone()) {
                    Ok(entity) => {
                        if let Value::Object(fields) = value {
                            let key = (entity.identifier.clone(), entity.entity_type.clone());
                            self.sent.entry(key).or_insert_with(|| fields.clone());
                        }
                        entities.push(entity);
                    }
                    Err(error) => self
                        .log
                        .warn(&format!("An entity of the alert was left out: {error}")),
                }
            }
        }
        let (chosen, missing) = targets::choose(&entities, &self.targets);
        if !missing.is_empty() {
            const SHOWN: usize = 10;
            let shown: Vec<&str> = missing.iter().take(SHOWN).map(String::as_str).collect();
            self.log.warn(&format!(
                "{} target entities are not in the alert: {}{}",
                missing.len(),
                shown.join(", "),
                if missing.len() > SHOWN { ", …" } else { "" }
            ));
        }
        Ok(chosen)
    }

    /// The alert in context, or all alerts of the case.
    async fn alerts(&mut self) -> Result<Vec<Value>, PlatformError> {
        if let Some(folder) = &self.folder {
            let alerts = agent::alerts(folder).map_err(|problem| PlatformError {
                purpose: Call::AlertFullDetails.purpose(),
                problem,
                is_unreachable: false,
            })?;
            let in_context = alerts.iter().find(|alert| {
                self.alert_id.is_some()
                    && alert.get("identifier").and_then(Value::as_str) == self.alert_id.as_deref()
            });
            return Ok(match in_context.cloned() {
                Some(alert) => {
                    self.alert_in_context.clone_from(&self.alert_id);
                    vec![alert]
                }
                None => alerts,
            });
        }
        let Link::Live(session) = &self.link else {
            return Ok(Vec::new());
        };
        let body = json!({
            "case_id": self.case_id, "alert_id_str": self.alert_id, "populate_original_file": false,
        });
        let failure = match session.post(Call::AlertFullDetails, bytes(&body, false)).await {
            Ok(alert @ Value::Object(_)) if Alert::is_in(&alert) => {
                self.alert_in_context = alert.get("identifier").and_then(Value::as_str).map(str::to_owned);
                return Ok(vec![alert]);
            }
            Ok(_) => None,
            Err(error) if error.is_unreachable => return Err(error),
            Err(error) => {
                self.log
                    .warn(&format!("{error}; looking at all alerts of the case"));
                Some(error)
            }
        };
        let Some(case) = positive(&self.case_id) else {
            // Without a case there is nothing else to look at.
            return failure.map_or(Ok(Vec::new()), Err);
        };
        match session.get(Call::AlertsFullDetails(&case)).await? {
            Value::Array(alerts) => Ok(alerts),
            _ => Ok(Vec::new()),
        }
    }

    async fn write(&self, call: Call<'_>, body: &Value) -> Result<(), PlatformError> {
        match &self.link {
            Link::Live(session) => {
                let body = bytes(body, session.met_halves());
                session.post(call, body).await.map(drop)
            }
            Link::Recorded(recorder, addresses) => {
                recorder
                    .record(&addresses.url(call), body)
                    .map_err(|error| PlatformError {
                        purpose: call.purpose(),
                        problem: format!("rest_calls.json can't be written: {error}"),
                        is_unreachable: true,
                    })
            }
        }
    }

    /// An entity as it came, with what the action changed.
    fn updated(&self, entity: &Entity) -> Value {
        let key = (entity.identifier.clone(), entity.entity_type.clone());
        let mut fields = self.sent.get(&key).cloned().unwrap_or_else(|| as_object(entity));
        let is = |fields: &Map<String, Value>, name: &str| fields.get(name) == Some(&Value::Bool(true));
        fields.insert("is_suspicious".to_owned(), entity.is_suspicious.into());
        fields.insert("is_enriched".to_owned(), entity.is_enriched.into());
        let mut properties = entity.additional_properties.clone();
        // As Python writes them. Source: the platform's SDK.
        for (property, flag) in [
            ("IsInternalAsset", "is_internal"),
            ("IsEnriched", "is_enriched"),
            ("IsSuspicious", "is_suspicious"),
            ("IsVulnerable", "is_vulnerable"),
        ] {
            let word = if is(&fields, flag) { "True" } else { "False" };
            properties.insert(property.to_owned(), word.into());
        }
        fields.insert("additional_properties".to_owned(), properties.into());
        Value::Object(fields)
    }

    fn insight(&self, insight: &Insight) -> Value {
        let (identifier, kind, entity_type) = match &insight.kind {
            InsightKind::General {} => ("", 0, Value::Null),
            InsightKind::Entity {
                entity_identifier,
                entity_type,
            } => (entity_identifier.as_str(), 1, entity_type.name().into()),
        };
        json!({
            "case_id": self.case_id,
            "alert_identifier": self.alert_in_context,
            "triggered_by": insight.triggered_by,
            "title": insight.title,
            "content": insight.content,
            "entity_identifier": identifier,
            "severity": insight.severity.code(),
            "type": kind,
            "entity_type": entity_type,
            "additional_data": null,
            "additional_data_type": null,
            "additional_data_title": null,
            "original_requesting_user": self.requesting_user,
        })
    }
}

impl Host for Platform {
    async fn update_entities(&mut self, entities: &[Entity]) -> Result<(), HostError> {
        let body = entities.iter().map(|entity| self.updated(entity)).collect();
        self.write(Call::UpdateEntities, &body)
            .await
            .map_err(|error| HostError(error.to_string()))
    }

    async fn add_insights(&mut self, insights: &[Insight]) -> Vec<Result<(), HostError>> {
        let platform = &*self;
        // What nobody answers is not tried a thousand times.
        let is_down = &AtomicBool::new(false);
        let at_once = if platform.is_recorded() {
            1
        } else {
            INSIGHTS_AT_ONCE
        };
        let bodies: Vec<Value> = insights.iter().map(|insight| platform.insight(insight)).collect();
        stream::iter(bodies)
            .map(|body| async move {
                if is_down.load(Ordering::Relaxed) {
                    return Err(HostError("the platform could not be reached before".to_owned()));
                }
                let written = platform.write(Call::CreateCaseInsight, &body).await;
                written.map_err(|error| {
                    is_down.fetch_or(error.is_unreachable, Ordering::Relaxed);
                    HostError(error.to_string())
                })
            })
            .buffered(at_once)
            .collect()
            .await
    }
}

impl ProxySettings {
    fn read(settings: &Value) -> Option<Self> {
        let text = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or_default();
        let address = text("proxy_server_address").trim();
        if address.is_empty() {
            return None;
        }
        let (scheme, host) = address.split_once("://").unwrap_or(("http", address));
        let escaped = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let login = match (text("username"), text("password")) {
            ("", _) => String::new(),
            (user, "") => format!("{}@", escaped(user)),
            (user, password) => format!("{}:{}@", escaped(user), escaped(password)),
        };
        let ignored = settings.get("ignore_addresses").and_then(Value::as_array);
        Some(Self {
            url: format!("{scheme}://{login}{host}").into(),
            ignored: ignored
                .into_iter()
                .flatten()
                .filter_map(|host| Some(host.as_str()?.trim().to_ascii_lowercase()))
                .filter(|host| !host.is_empty())
                .collect(),
        })
    }

    /// Whether calls to `host` go through it; the name of a domain ignores what is below it, too.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let below = |domain: &str| {
            host.strip_suffix(domain.trim_start_matches('.'))
                .is_some_and(|rest| rest.ends_with('.'))
        };
        !self
            .ignored
            .iter()
            .any(|ignored| ignored == "*" || host == *ignored || below(ignored))
    }
}

/// The platform's address, of which the agent knows one part.
fn platform_behind(agent: &Agent) -> &str {
    let root = agent.server_api_root.trim_end_matches('/');
    root.strip_suffix("pub/api").unwrap_or(root).trim_end_matches('/')
}

/// `[env:::provider:::instance:::secret id]`
fn is_in_vault(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.starts_with('[') && text.ends_with(']') && text.matches(":::").count() == 3)
}

/// The case's number, where it is one.
fn positive(case_id: &Value) -> Option<String> {
    let text = match case_id {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    text.parse::<u64>().is_ok_and(|number| number > 0).then_some(text)
}

fn as_object(entity: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(entity) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// `halves`: whether characters stand for halves of surrogate pairs in it.
fn bytes(body: &Value, halves: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Memory takes everything.
    let _ = match halves {
        true => write_json_with_halves(&mut bytes, body),
        false => write_json(&mut bytes, body),
    };
    bytes
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::{ProxySettings, is_in_vault, platform_behind, positive};
    use crate::platform::launch::Agent;

    #[test]
    fn a_proxy_has_its_login_in_the_address_and_knows_whom_it_is_not_for() {
        let settings = json!({
            "proxy_server_address": "http://h:3128", "username": "u@x", "password": "p:/", "ignore_addresses": ["Corp.example", "10.0.0.1"],
        });
        let proxy = ProxySettings::read(&settings).unwrap();
        assert_eq!(proxy.url.expose_secret(), "http://u%40x:p%3A%2F@h:3128");
        assert!(proxy.is_for("www.virustotal.com") && proxy.is_for("notcorp.example"));
        assert!(!proxy.is_for("vt.corp.example") && !proxy.is_for("10.0.0.1"));
        assert!(ProxySettings::read(&json!({"proxy_server_address": ""})).is_none());
        assert!(!format!("{proxy:?}").contains("p%3A"));
    }

    #[test]
    fn the_agents_suffix_is_cut_and_nothing_else() {
        let behind = |root: &str| {
            platform_behind(&Agent {
                server_api_root: root.to_owned(),
                proxy: None,
                verify_tls: true,
            })
            .to_owned()
        };
        assert_eq!(behind("https://pub.example/pub/api/"), "https://pub.example");
        assert_eq!(behind("https://api.pub:8443/pub/api"), "https://api.pub:8443");
        assert_eq!(behind("https://h"), "https://h");
    }

    #[test]
    fn vaults_and_case_numbers_are_known() {
        assert!(is_in_vault(&json!("[env:::CyberArk:::one:::id]")));
        assert!(!is_in_vault(&json!("a:::b")));
        assert_eq!(positive(&json!("7")), Some("7".to_owned()));
        assert_eq!(positive(&json!(7)), Some("7".to_owned()));
        for none in [json!(null), json!(0), json!(-1), json!("x")] {
            assert_eq!(positive(&none), None);
        }
    }
}
