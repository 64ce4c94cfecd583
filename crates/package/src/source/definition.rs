//! `definition.yaml`

use serde::Serialize;

use crate::Options;
use crate::fact::{self, Setting, SettingKind};
use crate::field::Scalar;

#[derive(Serialize)]
pub(super) struct Declaration {
    identifier: &'static str,
    name: &'static str,
    parameters: Vec<Field>,
    documentation_link: &'static str,
    categories: [&'static str; 3],
    svg_logo_path: &'static str,
    image_path: &'static str,
}

#[derive(Serialize)]
struct Field {
    name: &'static str,
    default_value: Scalar,
    #[serde(rename = "type")]
    form: &'static str,
    description: &'static str,
    is_mandatory: bool,
    integration_identifier: &'static str,
}

pub(super) fn declaration(options: &Options) -> Declaration {
    Declaration {
        identifier: fact::IDENTIFIER,
        name: fact::IDENTIFIER,
        parameters: fact::SETTINGS
            .iter()
            .map(|setting| field(setting, options))
            .collect(),
        documentation_link: fact::DOCUMENTATION,
        categories: fact::CATEGORIES,
        svg_logo_path: "resources/logo.svg",
        image_path: "resources/image.png",
    }
}

fn field(setting: &Setting, options: &Options) -> Field {
    Field {
        name: setting.name,
        default_value: setting.default(options),
        form: match setting.kind {
            SettingKind::Password => "password",
            SettingKind::Text => "string",
            SettingKind::Flag => "boolean",
        },
        description: setting.description,
        is_mandatory: setting.required,
        integration_identifier: fact::IDENTIFIER,
    }
}
