//! `Integration-VirusTotal.def`

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Options;
use crate::fact::{self, SettingKind};

pub(super) fn declaration(options: &Options) -> Value {
    json!({
        "Categories": fact::CATEGORIES,
        "Description": fact::DESCRIPTION,
        "DisplayName": fact::IDENTIFIER,
        "DocumentationLink": fact::DOCUMENTATION,
        "GoogleSecOpsProduct": false,
        "Identifier": fact::IDENTIFIER,
        "ImageBase64": STANDARD.encode(fact::IMAGE),
        "IntegrationProperties": properties(options),
        "IsAvailableForCommunity": true,
        // Certified are those that Google maintains.
        "IsCertified": false,
        // What is imported by hand is no integration of the hub's: the hub's own packing tool marks such an archive as custom too.
        // The sources do not say so, because the hub forbids it there.
        "IsCustom": true,
        "IsPowerUp": false,
        "MarketingDisplayName": fact::IDENTIFIER,
        "MinimumSystemVersion": fact::MINIMUM_SYSTEM_VERSION,
        "PythonVersion": fact::PYTHON_NUMBER,
        "SVGImage": fact::LOGO,
        "ShouldInstalledInSystem": false,
        "Version": fact::VERSION_NUMBER,
    })
}

pub(super) fn properties(options: &Options) -> Vec<Value> {
    let property = |setting: &fact::Setting| {
        json!({
            "IntegrationIdentifier": fact::IDENTIFIER,
            "IsMandatory": setting.required,
            "PropertyDescription": setting.description,
            "PropertyDisplayName": setting.name,
            "PropertyName": setting.name,
            "PropertyType": match setting.kind {
                SettingKind::Flag => 0,
                SettingKind::Text => 2,
                SettingKind::Password => 3,
            },
            "Value": setting.default(options),
        })
    };
    fact::SETTINGS.iter().map(property).collect()
}
