//! What an action declares: its name, entities, parameters and script result. Source: the contract's table.

use secops::{EntityType, ScriptForm};

/// One action's declaration.
#[derive(Debug)]
pub struct Definition {
    /// Its name on the platform.
    pub name: &'static str,
    /// Names under which it is known too.
    pub aliases: &'static [&'static str],
    /// Name of its script, by which the platform's files are named.
    pub script: &'static str,
    /// What it does, in a sentence or two.
    pub description: &'static str,
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
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What the form lets in.
    pub kind: ParameterKind,
    /// What it means, for the form.
    pub description: &'static str,
    /// Whether the form insists on it.
    pub required: bool,
    /// What the form is filled with.
    pub default: Option<&'static str>,
}

/// What a parameter's field in a form lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text.
    Text,
    /// Text that is not shown.
    Password,
    /// A whole number.
    WholeNumber,
    /// A tick.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Parameter {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

const fn parameter(name: &'static str, kind: ParameterKind, description: &'static str) -> Parameter {
    Parameter {
        name,
        kind,
        description,
        required: false,
        default: None,
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
/// Name of the parameter, beyond the seed: whether insights are made.
pub(crate) const CREATE_INSIGHT: &str = "Create Insight";
/// Name of the parameter, beyond the seed: whether a used-up quota is waited for.
pub(crate) const WAIT_FOR_QUOTA: &str = "Wait For Quota";
/// Name of the parameter, beyond the seed: the engines that count.
pub(crate) const ENGINE_ALLOWLIST: &str = "Engine Allowlist";
/// Name of the parameter, beyond the seed: the share of engines from which an entity is risky.
pub(crate) const ENGINE_PERCENTAGE: &str = "Engine Percentage Threshold";

/// Name of the parameter: what is to be listed.
pub(crate) const RELATIONSHIPS: &str = "Relationships";
/// Name of the parameter: how much is listed.
pub(crate) const LIMIT: &str = "Limit";
/// Name of the parameter: what is written.
pub(crate) const COMMENT: &str = "Comment";
/// Name of the parameter: how to vote.
pub(crate) const VOTE: &str = "Vote";
/// Name of the parameter: where downloads go.
pub(crate) const FOLDER: &str = "Folder";
/// Name of the parameter: what is searched for.
pub(crate) const QUERY: &str = "Query";

/// What [`UPLOAD_POLICY`] may be.
pub(crate) const UPLOAD_POLICIES: [&str; 3] = ["Hash First", "Always", "Never"];

use ParameterKind::{Choice, Flag, Password, Text, WholeNumber};

const THRESHOLD_PARAMETER: Parameter = parameter(
    THRESHOLD,
    WholeNumber,
    "Number of engines: an entity is risky when at least that many flag it.",
);
const RESCAN_PARAMETER: Parameter = parameter(
    RESCAN_AFTER_DAYS,
    WholeNumber,
    "Ask for a new analysis where the newest one is at least that many days old, and wait for it. Empty: never; 0: always. \
     New analyses of files need a premium API key.",
);
const PERCENTAGE_PARAMETER: Parameter = parameter(
    ENGINE_PERCENTAGE,
    WholeNumber,
    "Percentage of the engines, from 1 to 100, that must flag an entity as well before it is risky. Empty: only the \
     Threshold counts.",
);
const ALLOWLIST_PARAMETER: Parameter = parameter(
    ENGINE_ALLOWLIST,
    Text,
    "Comma-separated names of the engines that count for the verdict, as the report spells them in any case. Empty: all \
     of them.",
);
const INSIGHT_PARAMETER: Parameter =
    parameter(CREATE_INSIGHT, Flag, "Whether insights are added to the case.").default("true");
const COMMENTS_PARAMETER: Parameter = parameter(
    FETCH_COMMENTS,
    Flag,
    "Whether comments of VirusTotal's community are fetched: one more call for each entity, with a premium API key.",
)
.default("false");
const WAIT_PARAMETER: Parameter = parameter(
    WAIT_FOR_QUOTA,
    Flag,
    "Whether the action waits for the next free call when the quota is used up, as long as its time allows. Otherwise what \
     does not fit is listed at once.",
)
.default("true");
const PREFIX_PARAMETER: Parameter = parameter(
    PREFIX,
    Text,
    "What the name of each enrichment field begins with. Empty: VT_; none: nothing.",
);

/// What hashes and URLs are scanned with.
const SCAN_PARAMETERS: &[Parameter] = &[
    THRESHOLD_PARAMETER.required(),
    RESCAN_PARAMETER,
    PERCENTAGE_PARAMETER,
    ALLOWLIST_PARAMETER,
    INSIGHT_PARAMETER,
    COMMENTS_PARAMETER,
    WAIT_PARAMETER,
    PREFIX_PARAMETER,
];

pub(crate) static PING: Definition = Definition {
    name: "Ping",
    aliases: &[],
    script: "Ping",
    description: "Tells whether VirusTotal can be reached and accepts the API key.",
    entity_types: &[],
    parameters: &[],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static GET_DOMAIN_REPORT: Definition = Definition {
    name: "Get Domain Report",
    aliases: &[],
    script: "GetDomainReport",
    description: "Enriches users, host names, domains and URLs with what VirusTotal knows of their domain: categories and whois.",
    entity_types: &[
        EntityType::User,
        EntityType::Hostname,
        EntityType::Domain,
        EntityType::Url,
    ],
    parameters: &[WAIT_PARAMETER, PREFIX_PARAMETER],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static SCAN_HASH: Definition = Definition {
    name: "Scan Hash",
    aliases: &[],
    script: "ScanHash",
    description: "Asks VirusTotal about file hashes, and marks as suspicious what enough engines flag.",
    entity_types: &[EntityType::FileHash],
    parameters: SCAN_PARAMETERS,
    script_result: "is_risky",
    script_form: ScriptForm::Boolean,
    is_async: true,
};

pub(crate) static SCAN_IP: Definition = Definition {
    name: "Scan IP",
    aliases: &[],
    script: "ScanIP",
    description: "Asks VirusTotal what it has seen on IP addresses, and marks as suspicious those with enough detections. \
                  Internal addresses are not sent.",
    entity_types: &[EntityType::Address],
    parameters: &[
        THRESHOLD_PARAMETER.default("25"),
        PERCENTAGE_PARAMETER,
        INSIGHT_PARAMETER,
        WAIT_PARAMETER,
        PREFIX_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static SCAN_URL: Definition = Definition {
    name: "Scan URL",
    aliases: &[],
    script: "ScanURL",
    description: "Asks VirusTotal about URLs, submits those it has never seen, and marks as suspicious what enough engines flag.",
    entity_types: &[EntityType::Url],
    parameters: SCAN_PARAMETERS,
    script_result: "is_risky",
    script_form: ScriptForm::Boolean,
    is_async: true,
};

pub(crate) static UPLOAD_AND_SCAN_FILE: Definition = Definition {
    name: "Upload And Scan File",
    aliases: &["Upload And Scan Files"],
    script: "UploadAndScanFile",
    description: "Uploads files of this machine or of a Linux server to VirusTotal, waits for the analyses, and tells what the \
                  engines found. What VirusTotal knows already is not uploaded.",
    entity_types: &[EntityType::FileHash, EntityType::FileName],
    parameters: &[
        THRESHOLD_PARAMETER.required().default("3"),
        parameter(
            FILE_PATHS,
            Text,
            "Comma-separated paths of the files. A path that holds a comma stands in double quotes.",
        )
        .required(),
        parameter(
            SERVER,
            Text,
            "The Linux server that the files are on, as address or address:port. Empty: the machine that runs the action.",
        ),
        parameter(USER, Text, "The account on the Linux server."),
        parameter(
            PASSWORD,
            Password,
            "The account's password, or the passphrase of its key file.",
        ),
        parameter(
            UPLOAD_POLICY,
            Choice(&UPLOAD_POLICIES),
            "Hash First: only what VirusTotal has never seen is uploaded. Always: everything is. Never: nothing leaves.",
        )
        .default("Hash First"),
        parameter(
            PATH_OPTIONS,
            Text,
            "What else than single files the paths may be, comma-separated: patterns, folders, links, special files.",
        ),
        PERCENTAGE_PARAMETER,
        ALLOWLIST_PARAMETER,
        INSIGHT_PARAMETER,
        COMMENTS_PARAMETER,
        WAIT_PARAMETER,
        PREFIX_PARAMETER,
    ],
    script_result: "is_risky",
    script_form: ScriptForm::Text,
    is_async: true,
};

/// What VirusTotal has objects of.
const OBJECT_TYPES: &[EntityType] = &[
    EntityType::FileHash,
    EntityType::Url,
    EntityType::Address,
    EntityType::Hostname,
    EntityType::Domain,
];

const LIMIT_PARAMETER: Parameter = parameter(
    LIMIT,
    WholeNumber,
    "Number of objects that are listed at most, for each list. Each 40 cost a call.",
)
.default("20");

pub(crate) static GET_RELATIONSHIPS: Definition = Definition {
    name: "Get Relationships",
    aliases: &[],
    script: "GetRelationships",
    description: "Lists what VirusTotal knows to be related to files, URLs, IP addresses and domains, such as the domains that a \
                  file contacts. Uses API v3.",
    entity_types: OBJECT_TYPES,
    parameters: &[
        parameter(
            RELATIONSHIPS,
            Text,
            "Comma-separated names of VirusTotal's relationships, such as contacted_domains, contacted_ips, dropped_files for \
             files, communicating_files, resolutions for addresses and domains. Each costs at least a call for each entity.",
        )
        .required(),
        LIMIT_PARAMETER,
        WAIT_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static ADD_COMMENT: Definition = Definition {
    name: "Add Comment",
    aliases: &[],
    script: "AddComment",
    description: "Writes a comment on files, URLs, IP addresses and domains at VirusTotal. Everybody can read it there, with the \
                  name of the API key's owner. Uses API v3.",
    entity_types: OBJECT_TYPES,
    parameters: &[
        parameter(
            COMMENT,
            Text,
            "The comment. A word that starts with # becomes a tag. Everybody can read it at VirusTotal.",
        )
        .required(),
        WAIT_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static ADD_VOTE: Definition = Definition {
    name: "Add Vote",
    aliases: &[],
    script: "AddVote",
    description: "Votes at VirusTotal that files, URLs, IP addresses and domains are harmless or malicious. Everybody can see it \
                  there, and it can't be taken back. Uses API v3.",
    entity_types: OBJECT_TYPES,
    parameters: &[
        parameter(
            VOTE,
            Text,
            "harmless or malicious. The vote can't be changed later.",
        )
        .required(),
        WAIT_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static DOWNLOAD_FILE: Definition = Definition {
    name: "Download File",
    aliases: &[],
    script: "DownloadFile",
    description: "Saves files of VirusTotal by their hashes, each in a ZIP that only opens with the password infected. Needs a \
                  premium API key. Uses API v3.",
    entity_types: &[EntityType::FileHash],
    parameters: &[
        parameter(
            FOLDER,
            Text,
            "An existing folder of the machine that runs the action. Each file becomes <hash>.zip in it; nothing is overwritten.",
        )
        .required(),
        WAIT_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};

pub(crate) static SEARCH: Definition = Definition {
    name: "Search",
    aliases: &[],
    script: "Search",
    description: "Lists what a query of VirusTotal Intelligence finds. Needs a premium API key. Uses API v3.",
    entity_types: &[],
    parameters: &[
        parameter(
            QUERY,
            Text,
            "The query in VirusTotal's language, such as entity:file positives:5+ tag:peexe.",
        )
        .required(),
        LIMIT_PARAMETER,
        WAIT_PARAMETER,
    ],
    script_result: "is_success",
    script_form: ScriptForm::Text,
    is_async: false,
};
