//! The source layout, as the content hub keeps integrations.

mod action;
mod definition;
mod note;
mod project;

use std::collections::BTreeMap;

use integration::Action;

use crate::script::{self, Form, LAUNCHER};
use crate::{Error, Options, ai, display, fact, yaml};

/// Where the integration stands.
pub(crate) const FOLDER: &str = "content-hub/content/response_integrations/third_party/community/virus_total";
/// Where its dependency stands: a wheel that no index has.
pub(crate) const WHEEL_FOLDER: &str = "content-hub/packages/vtsecops_binary";

const TESTS: [(&str, &str); 3] = [
    ("tests/common.py", include_str!("../content/tests/common.py")),
    ("tests/config.json", include_str!("../content/tests/config.json")),
    (
        "tests/test_defaults/test_imports.py",
        include_str!("../content/tests/test_imports.py"),
    ),
];
/// Folders that Python takes for packages.
const PACKAGES: [&str; 5] = ["", "actions/", "core/", "tests/", "tests/test_defaults/"];

/// Path of the folder's example of an action's JSON result. The hub looks for the script's name.
pub(crate) fn example_path(script: &str) -> String {
    format!("resources/{script}_JsonResult_example.json")
}

/// A JSON result of each action that has one; from the samples of the API's reference.
pub(crate) fn example(action: Action) -> Option<&'static str> {
    Some(match action {
        Action::Ping | Action::AddComment | Action::AddVote => return None,
        Action::GetDomainReport => {
            include_str!("../content/examples/GetDomainReport_JsonResult_example.json")
        }
        Action::ScanHash => include_str!("../content/examples/ScanHash_JsonResult_example.json"),
        Action::ScanIp => include_str!("../content/examples/ScanIP_JsonResult_example.json"),
        Action::ScanUrl => include_str!("../content/examples/ScanURL_JsonResult_example.json"),
        Action::UploadAndScanFile => {
            include_str!("../content/examples/UploadAndScanFile_JsonResult_example.json")
        }
        Action::GetRelationships => {
            include_str!("../content/examples/GetRelationships_JsonResult_example.json")
        }
        Action::DownloadFile => include_str!("../content/examples/DownloadFile_JsonResult_example.json"),
        Action::Search => include_str!("../content/examples/Search_JsonResult_example.json"),
    })
}

/// Contents by path below [`FOLDER`].
pub(crate) fn files(options: &Options) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut files = BTreeMap::new();
    let mut put = |path: String, bytes: Vec<u8>| files.insert(path, bytes);

    put(".python-version".to_owned(), format!("{}\n", fact::PYTHON).into());
    put("pyproject.toml".to_owned(), project::text().into());
    put(
        "definition.yaml".to_owned(),
        yaml::write(&definition::declaration(options))?,
    );
    put(
        "release_notes.yaml".to_owned(),
        yaml::write(&note::declarations())?,
    );
    for folder in PACKAGES {
        put(format!("{folder}__init__.py"), script::INIT.into());
    }
    put(format!("core/{LAUNCHER}.py"), script::LAUNCHER_TEXT.into());
    for action in Action::ALL {
        let name = action.definition().script;
        put(
            format!("actions/{name}.py"),
            script::action(action, Form::Source).into(),
        );
        put(
            format!("actions/{name}.yaml"),
            yaml::write(&action::declaration(action))?,
        );
        if let Some(example) = example(action) {
            put(example_path(name), example.into());
        }
    }
    for (definition, html) in display::all() {
        let name = definition.script;
        put(format!("widgets/{name}.html"), html.into());
        put(
            format!("widgets/{name}.yaml"),
            yaml::write(&display::source(definition))?,
        );
    }
    put("resources/image.png".to_owned(), fact::IMAGE.into());
    put("resources/logo.svg".to_owned(), fact::LOGO.into());
    for (name, bytes) in ai::files()? {
        put(format!("resources/ai/{name}"), bytes);
    }
    for (path, text) in TESTS {
        put(path.to_owned(), text.into());
    }
    Ok(files)
}
