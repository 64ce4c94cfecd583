//! Where each call goes, in the platform's two forms.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::launch::Environment;

/// What may stand in a path or a query as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A call of the platform's interface for actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    ProxySettings,
    /// By the name of an instance, or of the integration.
    Configuration(&'a str),
    AlertFullDetails,
    AlertsFullDetails(&'a str),
    UpdateEntities,
    CreateCaseInsight,
}

/// The form of the addresses.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// Scheme, host and port.
    base: String,
    /// Path of the newer form; the older has none of its own.
    one_platform: Option<String>,
}

impl Addresses {
    /// The platform's own.
    pub(super) fn of(environment: &Environment, base: &str, one_platform: bool) -> Self {
        let path = || {
            let [project, location, instance] =
                [&environment.project, &environment.location, &environment.instance]
                    .map(|part| escaped(part));
            format!("/v1alpha/projects/{project}/locations/{location}/instances/{instance}/legacySdk:legacy")
        };
        Self {
            base: base.trim_end_matches('/').to_owned(),
            one_platform: one_platform.then(path),
        }
    }

    /// Where calls go, for people.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The call's full address.
    pub(super) fn url(&self, call: Call<'_>) -> String {
        let base = &self.base;
        match &self.one_platform {
            Some(path) => {
                let query = match call {
                    Call::Configuration(key) => format!("identifier={}&", escaped(key)),
                    Call::AlertsFullDetails(case) => {
                        format!("caseId={}&populateOriginalFile=False&", escaped(case))
                    }
                    _ => String::new(),
                };
                let name = match call {
                    Call::Configuration(_) => "IntegrationConfiguration",
                    other => other.name(),
                };
                format!("{base}{path}{name}?{query}format=snake")
            }
            None => {
                let arguments = match call {
                    Call::Configuration(key) => format!("/{}", escaped(key)),
                    Call::AlertsFullDetails(case) => format!("/{}/False", escaped(case)),
                    _ => String::new(),
                };
                format!(
                    "{base}/api/external/v1/sdk/{}{arguments}?format=snake",
                    call.name()
                )
            }
        }
    }
}

impl Call<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::ProxySettings => "GetProxySettings",
            Self::Configuration(_) => "configuration",
            Self::AlertFullDetails => "AlertFullDetails",
            Self::AlertsFullDetails(_) => "AlertsFullDetails",
            Self::UpdateEntities => "UpdateEntities",
            Self::CreateCaseInsight => "CreateCaseInsight",
        }
    }

    /// What it is for, as in "could not …".
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::ProxySettings => "ask the platform for its proxy",
            Self::Configuration(_) => "read the integration's configuration from the platform",
            Self::AlertFullDetails => "read the alert from the platform",
            Self::AlertsFullDetails(_) => "read the case's alerts from the platform",
            Self::UpdateEntities => "store the entities on the platform",
            Self::CreateCaseInsight => "add the insight on the platform",
        }
    }

    /// Whether it may be made twice: it only reads, or leaves the same the second time.
    pub(super) fn is_repeatable(self) -> bool {
        self != Self::CreateCaseInsight
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Addresses, Call};
    use crate::platform::launch::Environment;

    #[test]
    fn each_call_has_an_address_in_both_forms() {
        let environment = Environment::read(|name| match name {
            "APP_IP" => Some("h".to_owned()),
            "ONE_PLATFORM_URL_PROJECT" => Some("p 1".to_owned()),
            _ => None,
        });
        let older = Addresses::of(&environment, &environment.local_address, false);
        let newer = Addresses::of(&environment, "https://d/", true);
        let prefix =
            "https://d/v1alpha/projects/p%201/locations/location/instances/instance/legacySdk:legacy";
        for (call, old, new) in [
            (Call::ProxySettings, "GetProxySettings?", "GetProxySettings?"),
            (
                Call::Configuration("a/b"),
                "configuration/a%2Fb?",
                "IntegrationConfiguration?identifier=a%2Fb&",
            ),
            (Call::AlertFullDetails, "AlertFullDetails?", "AlertFullDetails?"),
            (
                Call::AlertsFullDetails("7"),
                "AlertsFullDetails/7/False?",
                "AlertsFullDetails?caseId=7&populateOriginalFile=False&",
            ),
            (Call::UpdateEntities, "UpdateEntities?", "UpdateEntities?"),
            (
                Call::CreateCaseInsight,
                "CreateCaseInsight?",
                "CreateCaseInsight?",
            ),
        ] {
            assert_eq!(
                older.url(call),
                format!("https://h:8443/api/external/v1/sdk/{old}format=snake")
            );
            assert_eq!(newer.url(call), format!("{prefix}{new}format=snake"));
        }
    }
}
