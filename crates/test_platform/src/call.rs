//! The calls an action may make, and how each of them is addressed in both forms.

use std::fmt;

use percent_encoding::percent_decode_str;

/// One of the platform's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Proxy settings.
    ProxySettings,
    /// The case without its alerts.
    CaseMetadata,
    /// The integration's configuration.
    Configuration,
    /// The alert in context.
    AlertFullDetails,
    /// All alerts of the case.
    AlertsFullDetails,
    /// The case with its alerts.
    CaseFullDetails,
    /// Write entities.
    UpdateEntities,
    /// Leave an insight.
    CreateCaseInsight,
    /// The platform's version.
    SystemVersion,
    /// The integration's version.
    IntegrationVersion,
    /// Read a context property.
    GetContextProperty,
    /// Write a context property.
    SetContextProperty,
    /// Write a context property that is not there yet.
    TrySetContextProperty,
    /// A new entity.
    CreateEntity,
    /// A file for the case wall.
    AddAttachment,
    /// A tag on the case.
    AddTag,
    /// A comment on the case wall.
    Comment,
}

/// How a call is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `/api/external/v1/sdk/X`
    Legacy,
    /// `/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacyX`
    OnePlatform,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name(Form::OnePlatform))
    }
}

const LEGACY: &str = "/api/external/v1/sdk/";
const COMMENTS: &str = "/api/external/v1/cases/comments";
const ONE_PLATFORM: &str = "legacySdk:legacy";

/// Names of the query or path values that say which case, instance or integration is meant.
type Arguments = &'static [&'static str];

impl Call {
    const ALL: [Self; 17] = [
        Self::ProxySettings,
        Self::CaseMetadata,
        Self::Configuration,
        Self::AlertFullDetails,
        Self::AlertsFullDetails,
        Self::CaseFullDetails,
        Self::UpdateEntities,
        Self::CreateCaseInsight,
        Self::SystemVersion,
        Self::IntegrationVersion,
        Self::GetContextProperty,
        Self::SetContextProperty,
        Self::TrySetContextProperty,
        Self::CreateEntity,
        Self::AddAttachment,
        Self::AddTag,
        Self::Comment,
    ];

    pub(crate) fn name(self, form: Form) -> &'static str {
        match self {
            Self::ProxySettings => "GetProxySettings",
            Self::CaseMetadata => "CaseMetadata",
            Self::Configuration if form == Form::Legacy => "configuration",
            Self::Configuration => "IntegrationConfiguration",
            Self::AlertFullDetails => "AlertFullDetails",
            Self::AlertsFullDetails => "AlertsFullDetails",
            Self::CaseFullDetails => "CaseFullDetails",
            Self::UpdateEntities => "UpdateEntities",
            Self::CreateCaseInsight => "CreateCaseInsight",
            Self::SystemVersion => "GetCurrentSiemplifyVersion",
            Self::IntegrationVersion => "GetIntegrationVersion",
            Self::GetContextProperty => "GetContextProperty",
            Self::SetContextProperty => "SetContextProperty",
            Self::TrySetContextProperty => "TrySetContextProperty",
            Self::CreateEntity => "CreateEntity",
            Self::AddAttachment => "AddAttachment",
            Self::AddTag => "AddTag",
            Self::Comment => "comments",
        }
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::ProxySettings
            | Self::CaseMetadata
            | Self::Configuration
            | Self::AlertsFullDetails
            | Self::CaseFullDetails
            | Self::SystemVersion
            | Self::IntegrationVersion => "GET",
            _ => "POST",
        }
    }

    /// Whether the query says `format=snake`.
    pub(crate) fn is_formatted(self) -> bool {
        !matches!(
            self,
            Self::GetContextProperty | Self::SetContextProperty | Self::TrySetContextProperty
        )
    }

    fn arguments(self) -> Arguments {
        match self {
            Self::CaseMetadata => &["caseId"],
            Self::Configuration => &["identifier"],
            Self::AlertsFullDetails | Self::CaseFullDetails => &["caseId", "populateOriginalFile"],
            Self::IntegrationVersion => &["integrationIdentifier"],
            _ => &[],
        }
    }
}

/// A request's address, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) call: Call,
    pub(crate) form: Form,
    /// Project, location and instance, where the form has them.
    pub(crate) place: Option<[String; 3]>,
    /// Values in the order of the call's arguments.
    pub(crate) values: Vec<String>,
}

/// Which call is meant; or what is wrong with the address.
pub(crate) fn read(path: &str, query: &[(String, String)]) -> Result<Target, String> {
    if path == COMMENTS {
        return Ok(Target {
            call: Call::Comment,
            form: Form::Legacy,
            place: None,
            values: Vec::new(),
        });
    }
    if let Some(rest) = path.strip_prefix(LEGACY) {
        let mut parts = rest.split('/').map(decoded);
        let name = parts.next().unwrap_or_default();
        let call = named(&name, Form::Legacy).ok_or_else(|| format!("no such call: {path}"))?;
        let values: Vec<String> = parts.collect();
        return if values.len() == call.arguments().len() && values.iter().all(|value| !value.is_empty()) {
            Ok(Target {
                call,
                form: Form::Legacy,
                place: None,
                values,
            })
        } else {
            Err(format!(
                "{call}: the path has not {} values: {path}",
                call.arguments().len()
            ))
        };
    }
    let parts: Vec<String> = path.split('/').map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let [
        "",
        "v1alpha",
        "projects",
        project,
        "locations",
        location,
        "instances",
        instance,
        last,
    ] = parts.as_slice()
    else {
        return Err(format!("no such address: {path}"));
    };
    let call = last
        .strip_prefix(ONE_PLATFORM)
        .and_then(|name| named(name, Form::OnePlatform))
        .ok_or_else(|| format!("no such call: {path}"))?;
    let value = |name: &&str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let values: Option<Vec<String>> = call.arguments().iter().map(value).collect();
    Ok(Target {
        call,
        form: Form::OnePlatform,
        place: Some([project, location, instance].map(|part| (*part).to_owned())),
        values: values
            .ok_or_else(|| format!("{call}: the query needs {}", call.arguments().join(" and ")))?,
    })
}

fn named(name: &str, form: Form) -> Option<Call> {
    Call::ALL
        .into_iter()
        .filter(|call| *call != Call::Comment)
        .find(|call| call.name(form) == name)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Call, Form, read};

    #[test]
    fn both_forms_name_the_same_calls() {
        let legacy = read("/api/external/v1/sdk/AlertsFullDetails/17/False", &[]).unwrap();
        assert_eq!(
            (legacy.call, legacy.form),
            (Call::AlertsFullDetails, Form::Legacy)
        );
        assert_eq!(legacy.values, ["17", "False"]);
        let query = [
            ("caseId".to_owned(), "17".to_owned()),
            ("populateOriginalFile".to_owned(), "False".to_owned()),
        ];
        let path = "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacyAlertsFullDetails";
        let one = read(path, &query).unwrap();
        assert_eq!((one.call, one.form), (Call::AlertsFullDetails, Form::OnePlatform));
        assert_eq!(one.values, ["17", "False"]);
        assert_eq!(one.place.unwrap(), ["p", "l", "i"]);
    }

    #[test]
    fn the_configuration_has_a_name_of_its_own_in_each_form_and_its_key_is_decoded() {
        let legacy = read("/api/external/v1/sdk/configuration/a%2Fb%20c", &[]).unwrap();
        assert_eq!(
            (legacy.call, legacy.values),
            (Call::Configuration, vec!["a/b c".to_owned()])
        );
        assert!(read("/api/external/v1/sdk/IntegrationConfiguration/x", &[]).is_err());
    }

    #[test]
    fn an_address_that_lacks_a_value_is_none() {
        for path in [
            "/api/external/v1/sdk/CaseMetadata",
            "/api/external/v1/sdk/CaseMetadata/",
            "/api/external/v1/sdk/Nothing",
            "/elsewhere",
            "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacyCaseMetadata",
        ] {
            assert!(read(path, &[]).is_err(), "{path}");
        }
    }
}
