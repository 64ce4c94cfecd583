//! What an action declares: its name, entities, parameters and script result. Source: the contract's table.

use secops::{EntityType, ScriptForm};

/// One action's declaration.
#[derive(Debug)]
pub struct Definition {
    /// Its name on the platform.
    pub name: &'static str,
    /// Names under which it is known too.
    pub aliases: &'static [&'static str],
    /// Types of the entities it acts on; empty for none.
    pub entity_types: &'static [EntityType],
    /// What the form asks for.
    pub parameters: &'static [Parameter],
    /// Name of the script result.
    pub script_result: &'static str,
    /// Form of the script result on the platform.
    pub script_form: ScriptForm,
    /// Whether it may ask to be called again.
    pub is_async: bool,
}

/// One parameter of an action.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Whether the form insists on it.
    pub required: bool,
    /// What the form is filled with.
    pub default: Option<&'static str>,
}

const fn required(name: &'static str, default: Option<&'static str>) -> Parameter {
    Parameter {
        name,
        required: true,
        default,
    }
}

const fn optional(name: &'static str, default: Option<&'static str>) -> Parameter {
    Parameter {
        name,
        required: false,
        default,
    }
}

/// Name of the parameter: engines from which an entity is risky.
pub(crate) const THRESHOLD: &str = "Threshold";
/// Name of the parameter: age from which a new analysis is asked for.
pub(crate) const RESCAN_AFTER_DAYS: &str = "Rescan after days";
/// Name of the parameter: files to upload.
pub(crate) const FILE_PATHS: &str = "File Paths";
/// Name of the parameter: the server that the files are on; empty is this machine.
pub(crate) const SERVER: &str = "Linux Server Address";
/// Name of the parameter: the account on the server.
pub(crate) const USER: &str = "Linux User";
/// Name of the parameter: its password, or the passphrase of the key file.
pub(crate) const PASSWORD: &str = "Linux Password";
/// Name of the parameter, beyond the seed: whether a file that VirusTotal knows is sent.
pub(crate) const UPLOAD_POLICY: &str = "Upload Policy";
/// Name of the parameter, beyond the seed: what else than files the paths may be.
pub(crate) const PATH_OPTIONS: &str = "Path Options";
/// Name of the parameter, beyond the seed: one more call per entity.
pub(crate) const FETCH_COMMENTS: &str = "Fetch Comments";
/// Name of the parameter, beyond the seed: what each enrichment field starts with.
pub(crate) const PREFIX: &str = "Enrichment Prefix";

pub(crate) static PING: Definition = Definition {
    name: "Ping",
    aliases: &[],
    entity_types: &[],
    parameters: &[],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static GET_DOMAIN_REPORT: Definition = Definition {
    name: "Get Domain Report",
    aliases: &[],
    entity_types: &[
        EntityType::User,
        EntityType::Hostname,
        EntityType::Domain,
        EntityType::Url,
    ],
    parameters: &[optional(PREFIX, None)],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static SCAN_HASH: Definition = Definition {
    name: "Scan Hash",
    aliases: &[],
    entity_types: &[EntityType::FileHash],
    parameters: &[
        required(THRESHOLD, None),
        optional(RESCAN_AFTER_DAYS, None),
        optional(FETCH_COMMENTS, None),
        optional(PREFIX, None),
    ],
    script_result: "is_risky",
    script_form: ScriptForm::Boolean,
    is_async: true,
};

pub(crate) static SCAN_IP: Definition = Definition {
    name: "Scan IP",
    aliases: &[],
    entity_types: &[EntityType::Address],
    parameters: &[optional(THRESHOLD, Some("25")), optional(PREFIX, None)],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static SCAN_URL: Definition = Definition {
    name: "Scan URL",
    aliases: &[],
    entity_types: &[EntityType::Url],
    parameters: &[
        required(THRESHOLD, None),
        optional(RESCAN_AFTER_DAYS, None),
        optional(FETCH_COMMENTS, None),
        optional(PREFIX, None),
    ],
    script_result: "is_risky",
    script_form: ScriptForm::Boolean,
    is_async: true,
};

pub(crate) static UPLOAD_AND_SCAN_FILE: Definition = Definition {
    name: "Upload And Scan File",
    aliases: &["Upload And Scan Files"],
    entity_types: &[EntityType::FileHash, EntityType::FileName],
    parameters: &[
        required(THRESHOLD, Some("3")),
        required(FILE_PATHS, None),
        optional(SERVER, None),
        optional(USER, None),
        optional(PASSWORD, None),
        optional(UPLOAD_POLICY, Some("Hash First")),
        optional(PATH_OPTIONS, None),
        optional(FETCH_COMMENTS, None),
        optional(PREFIX, None),
    ],
    script_result: "is_risky",
    script_form: ScriptForm::Text,
    is_async: true,
};
