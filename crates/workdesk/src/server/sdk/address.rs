//! Which call a request is. Each has two addresses: the legacy one, and the one of One Platform.

use axum::http::{Method, Uri};
use percent_encoding::percent_decode_str;

const LEGACY: &str = "/api/external/v1/sdk/";
const COMMENTS: &str = "/api/external/v1/cases/comments";
const ONE_PLATFORM: &str = "legacySdk:legacy";

macro_rules! calls {
    ($($call:ident $method:ident $legacy:literal $one:literal $arguments:expr;)*) => {
        /// A call of the SDK.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Call { $($call,)* }

        impl Call {
            const ALL: &[(Self, &str, &str, &[&str])] = &[$((Self::$call, $legacy, $one, $arguments),)*];

            pub(super) fn method(self) -> Method {
                match self { $(Self::$call => Method::$method,)* }
            }
        }
    };
}

// The call, its method, its names in the two forms, and what it says of what is asked for.
calls! {
    ProxySettings GET "GetProxySettings" "GetProxySettings" &[];
    CaseMetadata GET "CaseMetadata" "CaseMetadata" &["caseId"];
    Configuration GET "configuration" "IntegrationConfiguration" &["identifier"];
    AlertFullDetails POST "AlertFullDetails" "AlertFullDetails" &[];
    AlertsFullDetails GET "AlertsFullDetails" "AlertsFullDetails" &["caseId", "populateOriginalFile"];
    CaseFullDetails GET "CaseFullDetails" "CaseFullDetails" &["caseId", "populateOriginalFile"];
    UpdateEntities POST "UpdateEntities" "UpdateEntities" &[];
    CreateCaseInsight POST "CreateCaseInsight" "CreateCaseInsight" &[];
    CreateEntity POST "CreateEntity" "CreateEntity" &[];
    SystemVersion GET "GetCurrentSiemplifyVersion" "GetCurrentSiemplifyVersion" &[];
    IntegrationVersion GET "GetIntegrationVersion" "GetIntegrationVersion" &["integrationIdentifier"];
    GetContextProperty POST "GetContextProperty" "GetContextProperty" &[];
    SetContextProperty POST "SetContextProperty" "SetContextProperty" &[];
    TrySetContextProperty POST "TrySetContextProperty" "TrySetContextProperty" &[];
    AddAttachment POST "AddAttachment" "AddAttachment" &[];
    Attachments GET "Attachments" "Attachments" &["caseId"];
    AttachmentData GET "AttachmentData" "AttachmentData" &["attachmentId"];
    AddTag POST "AddTag" "AddTag" &[];
    ChangeCaseStage POST "ChangeCaseStage" "ChangeCaseStage" &[];
    ChangePriority POST "ChangePriority" "ChangePriority" &[];
    AssignUser POST "AssignUser" "AssignUser" &[];
    Close POST "Close" "CloseCase" &[];
    Comment POST "" "" &[];
}

/// A request's address, read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) call: Call,
    /// Values in the order of the call's arguments.
    values: Vec<String>,
}

impl Target {
    /// The value at that place; empty where there is none.
    pub(super) fn value(&self, place: usize) -> &str {
        self.values.get(place).map_or("", String::as_str)
    }
}

/// Which call is meant; `None` for none.
pub(super) fn read(uri: &Uri) -> Option<Target> {
    let path = uri.path();
    if path == COMMENTS {
        let (call, values) = (Call::Comment, Vec::new());
        return Some(Target { call, values });
    }
    if let Some(rest) = path.strip_prefix(LEGACY) {
        let mut parts = rest.split('/').map(decoded);
        let name = parts.next()?;
        let named = |(_, legacy, ..): &&(Call, &str, &str, &[&str])| !name.is_empty() && *legacy == name;
        let (call, _, _, arguments) = *Call::ALL.iter().find(named)?;
        let values: Vec<String> = parts.collect();
        return (values.len() == arguments.len()).then_some(Target { call, values });
    }
    let last = decoded(path.rsplit('/').next()?);
    let name = last.strip_prefix(ONE_PLATFORM).filter(|name| !name.is_empty())?;
    let named = |(_, _, one, _): &&(Call, &str, &str, &[&str])| *one == name;
    let (call, _, _, arguments) = *Call::ALL.iter().find(named)?;
    let query: Vec<(String, String)> = pairs(uri.query().unwrap_or_default());
    let value = |argument: &&str| {
        let pair = query.iter().find(|(name, _)| name == argument);
        pair.map(|(_, value)| value.clone())
    };
    let values: Option<Vec<String>> = arguments.iter().map(value).collect();
    values.map(|values| Target { call, values })
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Call, Target, read};

    fn target(address: &str) -> Option<Target> {
        read(&address.parse().unwrap())
    }

    #[test]
    fn both_forms_name_the_same_calls() {
        const PLACE: &str = "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacy";
        let pairs = [
            ("CaseMetadata/17", "CaseMetadata?caseId=17"),
            (
                "configuration/a%2Fb%20c",
                "IntegrationConfiguration?identifier=a%2Fb+c",
            ),
            (
                "AlertsFullDetails/17/False",
                "AlertsFullDetails?populateOriginalFile=False&caseId=17",
            ),
            ("Close", "CloseCase"),
        ];
        for (legacy, one) in pairs {
            let legacy = target(&format!("/api/external/v1/sdk/{legacy}?format=snake"));
            assert!(legacy.is_some());
            assert_eq!(legacy, target(&format!("{PLACE}{one}")), "{one}");
        }
        let configuration = target("/api/external/v1/sdk/configuration/a%2Fb%20c").unwrap();
        assert_eq!(
            (configuration.call, configuration.value(0)),
            (Call::Configuration, "a/b c")
        );
    }

    #[test]
    fn an_address_that_is_none_or_lacks_a_value_is_no_call() {
        for address in [
            "/api/external/v1/sdk/",
            "/api/external/v1/sdk/Nothing",
            "/api/external/v1/sdk/CaseMetadata",
            "/api/external/v1/sdk/IntegrationConfiguration/x",
            "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacy",
            "/v1alpha/projects/p/locations/l/instances/i/legacySdk:legacyCaseMetadata",
        ] {
            assert_eq!(target(address), None, "{address}");
        }
    }
}
