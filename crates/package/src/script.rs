//! The Python that starts the binary: an action's script, and the module they share.

use integration::Action;

/// Name of the shared module. All integrations' modules stand side by side on a platform, so it has to be a name of its own.
pub(crate) const LAUNCHER: &str = "VTSecOpsLauncher";
pub(crate) const LAUNCHER_TEXT: &str = include_str!("../content/python/VTSecOpsLauncher.py");
/// A licence remark and nothing else; the hub allows no code there.
pub(crate) const INIT: &str = include_str!("../content/python/init.py");

/// Where a script finds the shared module.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// In the sources: a sibling folder of the same package.
    Source,
    /// As built: all modules stand in one folder of the search path.
    Built,
}

/// The script of an action.
pub(crate) fn action(action: Action, form: Form) -> String {
    let definition = action.definition();
    let from = match form {
        Form::Source => format!("..core.{LAUNCHER}"),
        Form::Built => LAUNCHER.to_owned(),
    };
    let about = match action {
        Action::Ping => PING_DOCUMENTATION.to_owned(),
        _ => format!("\"\"\"{}\"\"\"", definition.name),
    };
    let name = definition.name;
    format!(
        "{INIT}{about}\n\n\
         from __future__ import annotations\n\n\
         from {from} import run\n\n\n\
         def main() -> None:\n    run(\"{name}\")\n\n\n\
         if __name__ == \"__main__\":\n    main()\n"
    )
}

/// The hub looks for both sentences in the script's text.
const PING_DOCUMENTATION: &str = "\"\"\"Ping

The program's message \"Connection Established\" means: Successfully connected to the VirusTotal server.
Any other message means: Failed to connect to the VirusTotal server. It says why.
\"\"\"";

#[cfg(test)]
mod tests {
    use integration::Action;

    use super::{Form, action};

    #[test]
    fn a_script_only_starts_the_program() {
        let script = action(Action::ScanHash, Form::Source);
        assert!(script.contains("from ..core.VTSecOpsLauncher import run\n"));
        assert!(script.contains("    run(\"Scan Hash\")\n"));
        assert!(script.lines().count() < 20);
    }

    #[test]
    fn the_built_form_has_no_relative_import() {
        for each in Action::ALL {
            assert!(action(each, Form::Built).contains("\nfrom VTSecOpsLauncher import run\n"));
            assert!(!action(each, Form::Built).contains("from ."));
        }
    }
}
