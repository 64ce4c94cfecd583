//! How an action's parameter looks in the platform's form.

use integration::{Parameter, ParameterKind};
use serde::Serialize;
use serde_json::{Value, json};

/// What a field is filled with. The platform keeps the type: `25` is a number, `"25"` is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

/// Name and number of a field's type: sources have the name, the built form has the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldType {
    pub(crate) name: &'static str,
    pub(crate) number: u8,
}

const fn field_type(name: &'static str, number: u8) -> FieldType {
    FieldType { name, number }
}

pub(crate) fn type_of(parameter: &Parameter) -> FieldType {
    match parameter.kind {
        ParameterKind::Text => field_type("string", 0),
        ParameterKind::WholeNumber => field_type("integer", 0),
        ParameterKind::Flag => field_type("boolean", 1),
        ParameterKind::Password => field_type("password", 12),
        ParameterKind::Choice(_) => field_type("ddl", 15),
    }
}

/// An empty text where there is no default.
pub(crate) fn default_of(parameter: &Parameter) -> Scalar {
    let Some(text) = parameter.default else {
        return Scalar::Text("");
    };
    match parameter.kind {
        ParameterKind::WholeNumber => text.parse().map_or(Scalar::Text(text), Scalar::Number),
        ParameterKind::Flag => Scalar::Flag(text == "true"),
        _ => Scalar::Text(text),
    }
}

/// What there is to choose from.
pub(crate) fn choices_of(parameter: &Parameter) -> Option<&'static [&'static str]> {
    match parameter.kind {
        ParameterKind::Choice(words) => Some(words),
        _ => None,
    }
}

/// The field in the built form.
pub(crate) fn built(parameter: &Parameter) -> Value {
    let default = default_of(parameter);
    json!({
        "DefaultValue": default,
        "Description": parameter.description,
        "IsMandatory": parameter.required,
        "Name": parameter.name,
        "OptionalValues": choices_of(parameter),
        "Type": type_of(parameter).number,
        "Value": default,
    })
}

#[cfg(test)]
mod tests {
    use integration::Action;
    use integration::{Parameter, ParameterKind};

    use super::{Scalar, default_of, type_of};

    #[test]
    fn defaults_keep_their_type() {
        let found: Vec<(&str, Scalar)> = [Action::ScanIp, Action::ScanHash, Action::UploadAndScanFile]
            .iter()
            .flat_map(|action| action.definition().parameters)
            .map(|parameter| (parameter.name, default_of(parameter)))
            .collect();
        for expected in [
            ("Threshold", Scalar::Number(25)),
            ("Threshold", Scalar::Text("")),
            ("Threshold", Scalar::Number(3)),
            ("Create Insight", Scalar::Flag(true)),
            ("Fetch Comments", Scalar::Flag(false)),
            ("Upload Policy", Scalar::Text("Hash First")),
            ("Linux Password", Scalar::Text("")),
        ] {
            assert!(found.contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn each_kind_has_the_platforms_number() {
        let number = |kind| {
            let parameter = Parameter {
                name: "",
                kind,
                description: "",
                required: false,
                default: None,
            };
            type_of(&parameter).number
        };
        let kinds = [
            ParameterKind::Text,
            ParameterKind::WholeNumber,
            ParameterKind::Flag,
            ParameterKind::Password,
            ParameterKind::Choice(&[]),
        ];
        assert_eq!(kinds.map(number), [0, 0, 1, 12, 15]);
    }
}
