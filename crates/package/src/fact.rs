//! What the integration is, beyond its actions: names, version, parameters, release notes.

use jiff::civil::{Date, date};

use crate::Options;
use crate::field::Scalar;

/// The integration's identifier, and its name: the one whose place it takes.
pub const IDENTIFIER: &str = "VirusTotal";
/// Version of the package. Above the integration that it takes the place of, so that it installs over it.
pub const VERSION: &str = "46.0";
/// The same as a number, as declarations have it.
pub(crate) const VERSION_NUMBER: f64 = 46.0;
/// Version of an action's declaration.
pub(crate) const ACTION_VERSION: f64 = 1.0;
/// The oldest platform that knows this form of package.
pub(crate) const MINIMUM_SYSTEM_VERSION: f64 = 5.3;

pub(crate) const PYTHON: &str = "3.11";
/// The built form's number of that version.
pub(crate) const PYTHON_NUMBER: u8 = 3;
/// The content hub asks for exactly this text.
pub(crate) const REQUIRES_PYTHON: &str = ">=3.11,<3.12";

pub(crate) const DESCRIPTION: &str = "Verdicts of VirusTotal's engines on file hashes, URLs, IP addresses, domains and files, \
                                      as enrichment, insights and tables of a case.";
pub(crate) const DOCUMENTATION: &str =
    "https://cloud.google.com/chronicle/docs/soar/marketplace-integrations/virustotal";
pub(crate) const CATEGORIES: [&str; 3] = ["Threat Intelligence", "Malware Analysis", "Security"];
/// Who made the actions, as the platform shows it.
pub(crate) const CREATOR: &str = "admin";

/// The picture of the gallery.
pub(crate) const IMAGE: &[u8] = include_bytes!("../content/image.png");
/// The picture of an action in a playbook.
pub(crate) const LOGO: &str = include_str!("../content/logo.svg");

/// One parameter of the integration.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: SettingKind,
    pub(crate) description: &'static str,
    pub(crate) required: bool,
}

impl Setting {
    /// What the form of a new instance is filled with.
    pub(crate) fn default(&self, options: &Options) -> Scalar {
        match self.kind {
            SettingKind::Password | SettingKind::Text => Scalar::Text(""),
            SettingKind::Flag => Scalar::Flag(!options.seed_defaults),
        }
    }
}

/// What a setting's field lets in.
#[derive(Clone, Copy)]
pub(crate) enum SettingKind {
    Password,
    /// Any text; empty for a new instance.
    Text,
    /// A tick; set for a new instance unless the seed's defaults are asked for.
    Flag,
}

pub(crate) static SETTINGS: [Setting; 3] = [
    Setting {
        name: "Api Key",
        kind: SettingKind::Password,
        description: "The API key of your VirusTotal account.",
        required: true,
    },
    Setting {
        name: "Verify SSL",
        kind: SettingKind::Flag,
        description: "Whether VirusTotal's certificate is verified. Without it, whoever answers gets the API key.",
        required: false,
    },
    Setting {
        name: "Api Version",
        kind: SettingKind::Text,
        description: "Version of VirusTotal's API: v2; v3, which knows more and costs a call for each object; or auto, which is v3, and \
                      v2 where the key is refused there. Empty: what the machine's settings say, else v2.",
        required: false,
    },
];

/// One note of a release.
pub(crate) struct Note {
    pub(crate) version: f64,
    pub(crate) item: &'static str,
    pub(crate) item_type: &'static str,
    pub(crate) text: &'static str,
    /// Playbooks may have to be changed.
    pub(crate) regressive: bool,
    /// When it was published.
    pub(crate) date: Date,
}

impl Note {
    /// Midnight UTC of its day, in seconds since 1970.
    pub(crate) fn published_at(&self) -> i64 {
        self.date.duration_since(date(1970, 1, 1)).as_secs()
    }
}

/// Oldest first; the last one's version is the package's.
pub(crate) static NOTES: [Note; 3] = [
    Note {
        version: 46.0,
        item: IDENTIFIER,
        item_type: "Integration",
        text: "All actions are done by one native program. It paces its calls so that the quota is kept, asks about each object once, \
               and keeps every finished result when something fails.",
        regressive: false,
        date: date(2026, 11, 25),
    },
    Note {
        version: 46.0,
        item: IDENTIFIER,
        item_type: "Integration",
        text: "An entity is risky when at least as many engines as the threshold flag it, in every action. Bad values of parameters \
               are refused before anything is asked.",
        regressive: true,
        date: date(2026, 11, 25),
    },
    Note {
        version: 46.0,
        item: "Upload And Scan File",
        item_type: "Action",
        text: "The action has a new name, asks about a file's hash before it uploads anything, and its JSON result is an object from \
               file path to report. Playbooks that use the former action need to be pointed to this one.",
        regressive: true,
        date: date(2026, 11, 25),
    },
];

#[cfg(test)]
mod tests {
    use super::{NOTES, VERSION, VERSION_NUMBER};

    #[test]
    fn the_version_is_one() {
        assert_eq!(format!("{VERSION_NUMBER:.1}"), VERSION);
        assert!(
            NOTES
                .last()
                .is_some_and(|note| note.version.to_bits() == VERSION_NUMBER.to_bits())
        );
    }

    #[test]
    fn a_note_is_published_at_midnight() {
        assert_eq!(NOTES[0].published_at(), 1_795_564_800);
        assert_eq!(NOTES[0].date.to_string(), "2026-11-25");
    }
}
