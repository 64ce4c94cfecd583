//! The built layout: what the importable archive holds.

mod action;
mod definition;
mod detail;
mod note;

use std::collections::BTreeMap;

use integration::Action;

use crate::archive::Entry;
use crate::script::{self, Form, LAUNCHER};
use crate::{Error, Options, ai, display, fact, json, wheel};

/// Contents by path.
pub(crate) fn files(options: &Options, wheel: &[u8]) -> Result<BTreeMap<String, Entry>, Error> {
    let mut files = BTreeMap::new();
    let mut put = |path: String, bytes: Vec<u8>| files.insert(path, Entry::from(bytes));

    let identifier = fact::IDENTIFIER;
    put(".python-version".to_owned(), format!("{}\n", fact::PYTHON).into());
    put(
        format!("Integration-{identifier}.def"),
        json::write(&definition::declaration(options))?,
    );
    put(
        format!("{identifier}.fulldetails"),
        json::write(&detail::summary(options))?,
    );
    put("RN.json".to_owned(), json::write(&note::declarations())?);
    put(format!("Managers/{LAUNCHER}.py"), script::LAUNCHER_TEXT.into());
    put(format!("Dependencies/{}", wheel::name()), wheel.to_vec());
    for action in Action::ALL {
        let name = action.definition().script;
        put(
            format!("ActionsDefinitions/{name}.actiondef"),
            json::write(&action::declaration(action))?,
        );
        put(
            format!("ActionsScripts/{name}.py"),
            script::action(action, Form::Built).into(),
        );
    }
    for (definition, html) in display::all() {
        let name = definition.script;
        put(
            format!("Widgets/{name}.json"),
            json::write(&display::built(definition))?,
        );
        put(format!("WidgetsScripts/{name}.html"), html.into());
    }
    for (name, bytes) in ai::files()? {
        put(format!("resources/ai/{name}"), bytes);
    }
    Ok(files)
}
