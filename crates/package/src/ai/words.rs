//! What holds for each action, in words.

use integration::Action;

use super::Outcome;

/// What the AI is told of an action.
pub(crate) struct About {
    /// A sentence or two.
    pub(crate) short_description: &'static str,
    /// Markdown: in general, its flow, and what else to know.
    pub(crate) description: &'static str,
    /// Which entities it takes, and why.
    pub(crate) entities: &'static str,
    /// By what it chooses them.
    pub(crate) filters: &'static [&'static str],
    /// What it is good for, and why.
    pub(crate) outcome: &'static str,
    pub(crate) outcomes: &'static [Outcome],
    /// What it reads and changes, and why.
    pub(crate) capability: &'static str,
    /// How it changes something at VirusTotal.
    pub(crate) external: Option<&'static str>,
    /// How it changes something in the case.
    pub(crate) internal: Option<&'static str>,
    pub(crate) insights: bool,
}

pub(super) const PRODUCT: &str = "VirusTotal collects the verdicts of many engines on files, URLs, domains and IP addresses. The \
    integration asks for them and has files and URLs analysed; it neither blocks anything nor manages logs, hosts, users or tickets.";

const BY_TYPE: &[&str] = &["filters_by_entity_type"];
const BY_TYPE_AND_NETWORK: &[&str] = &["filters_by_entity_type", "filters_by_is_internal"];
const OBJECTS: &str = "File hashes, URLs, IP addresses, host names and domains: what VirusTotal has objects of. Internal ones are \
    not sent and listed as skipped.";
const ENRICHES: &str = "Adds fields of the report to the entities, marks risky ones as suspicious, and adds insights and tables to \
    the case.";

pub(crate) fn about(action: Action) -> About {
    match action {
        Action::Ping => About {
            short_description: "Tells whether VirusTotal can be reached and accepts the API key of the configuration.",
            description: include_str!("../../content/ai/Ping.md"),
            entities: "The action looks at no entity: it asks about one well-known address.",
            filters: &[],
            outcome: "The action only tells whether the connection works. It matches none of the outcomes.",
            outcomes: &[],
            capability: "One report is asked for and thrown away. Nothing is written anywhere.",
            external: None,
            internal: None,
            insights: false,
        },
        Action::GetDomainReport => About {
            short_description: "Enriches users, host names, domains and URLs with the categories, the whois text and the verdicts \
                that VirusTotal has of their domain.",
            description: include_str!("../../content/ai/GetDomainReport.md"),
            entities: "The domain of a user is what follows the @ of a mail address; of a host name, a domain or a URL it is the \
                registered domain. Entities that the case marks as internal are left out.",
            filters: BY_TYPE_AND_NETWORK,
            outcome: "Reputation and context of domains are returned, which enriches indicators. Of the user or the host itself \
                nothing is learnt, so assets are not enriched.",
            outcomes: &[Outcome::EnrichIoc],
            capability: "Reports are read; nothing is submitted. Entities get new fields. Insights are not made.",
            external: None,
            internal: Some("Adds fields of the report to the entities, and tables to the case."),
            insights: false,
        },
        Action::ScanHash => About {
            short_description: "Gets the verdicts of VirusTotal's engines on file hashes and marks those as suspicious that at \
                least as many engines flag as the threshold says. Can have old verdicts renewed.",
            description: include_str!("../../content/ai/ScanHash.md"),
            entities: "Entities of the type file hash whose text is an MD5, SHA-1 or SHA-256. Others are listed as skipped.",
            filters: BY_TYPE,
            outcome: "Verdicts and details of files are returned for their hashes, which enriches indicators. No file is sent.",
            outcomes: &[Outcome::EnrichIoc],
            capability: "Reports are read. With Rescan after days a new analysis of a known file is asked for.",
            external: Some(
                "With Rescan after days, VirusTotal analyses known files anew and publishes the new verdicts.",
            ),
            internal: Some(ENRICHES),
            insights: true,
        },
        Action::ScanIp => About {
            short_description: "Gets what VirusTotal has seen on IP addresses: country, domains, detected URLs and samples; marks \
                those as suspicious that reach the threshold.",
            description: include_str!("../../content/ai/ScanIP.md"),
            entities: "Entities of the type address. Private and reserved addresses, and those that the case marks as internal, are \
                not sent and listed as skipped.",
            filters: BY_TYPE_AND_NETWORK,
            outcome: "Reputation and context of IP addresses are returned, which enriches indicators.",
            outcomes: &[Outcome::EnrichIoc],
            capability: "Reports are read; nothing is submitted. Entities get new fields, a flag and an insight.",
            external: None,
            internal: Some(ENRICHES),
            insights: true,
        },
        Action::ScanUrl => About {
            short_description: "Gets the verdicts of VirusTotal's engines on URLs, submits those that VirusTotal has never seen, and \
                marks those as suspicious that at least as many engines flag as the threshold says.",
            description: include_str!("../../content/ai/ScanURL.md"),
            entities: "Entities of the type URL. Their original spelling is used, because paths are case-sensitive.",
            filters: BY_TYPE,
            outcome: "Verdicts on URLs are returned, which enriches indicators. URLs may be submitted, files are not.",
            outcomes: &[Outcome::EnrichIoc],
            capability: "Reports are read. Unknown URLs are submitted, and old ones too with Rescan after days.",
            external: Some(
                "URLs that VirusTotal has never seen are submitted to it, and others can see them there.",
            ),
            internal: Some(ENRICHES),
            insights: true,
        },
        Action::UploadAndScanFile => About {
            short_description: "Has files of the server that runs the action, or of a Linux server, analysed by VirusTotal's \
                engines and tells the verdicts. A file that VirusTotal knows already is not uploaded.",
            description: include_str!("../../content/ai/UploadAndScanFile.md"),
            entities: "The files are named by their paths in a parameter. Entities with a file's hash or its name are enriched with \
                its report.",
            filters: &["filters_by_identifier", "filters_by_entity_type"],
            outcome: "Files are uploaded and their analysis is returned, which submits files; entities of their hashes and names \
                are enriched with it.",
            outcomes: &[Outcome::EnrichIoc, Outcome::SubmitFile],
            capability: "Files are read, looked up by their hash and, where that is unknown and the policy allows it, uploaded.",
            external: Some("Files are uploaded to VirusTotal, where its premium users can read them."),
            internal: Some(ENRICHES),
            insights: true,
        },
        Action::GetRelationships => About {
            short_description: "Lists what VirusTotal knows to be related to files, URLs, IP addresses and domains, such as the \
                domains that a file contacts.",
            description: include_str!("../../content/ai/GetRelationships.md"),
            entities: OBJECTS,
            filters: BY_TYPE_AND_NETWORK,
            outcome: "Context of indicators is returned: what they contact, drop or resolve to. That enriches indicators.",
            outcomes: &[Outcome::EnrichIoc],
            capability: "Lists are read; nothing is submitted. A table is added to the case.",
            external: None,
            internal: Some("Adds a table of the related objects to the case."),
            insights: false,
        },
        Action::AddComment => About {
            short_description: "Writes a comment on files, URLs, IP addresses and domains at VirusTotal, for everybody to read.",
            description: include_str!("../../content/ai/AddComment.md"),
            entities: OBJECTS,
            filters: BY_TYPE_AND_NETWORK,
            outcome: "The action tells others something; it matches none of the outcomes.",
            outcomes: &[],
            capability: "A comment is written at VirusTotal. Nothing of the case is changed.",
            external: Some("Writes a public comment at VirusTotal, with the name of the API key's owner."),
            internal: None,
            insights: false,
        },
        Action::AddVote => About {
            short_description: "Votes at VirusTotal that files, URLs, IP addresses and domains are harmless or malicious, for \
                everybody to see.",
            description: include_str!("../../content/ai/AddVote.md"),
            entities: OBJECTS,
            filters: BY_TYPE_AND_NETWORK,
            outcome: "The action tells others something; it matches none of the outcomes.",
            outcomes: &[],
            capability: "A vote is given at VirusTotal. Nothing of the case is changed.",
            external: Some("Gives a public vote at VirusTotal, which can't be taken back."),
            internal: None,
            insights: false,
        },
        Action::DownloadFile => About {
            short_description: "Saves files of VirusTotal by their hashes, each in a ZIP that only opens with a password. Needs a \
                premium API key.",
            description: include_str!("../../content/ai/DownloadFile.md"),
            entities: "File hashes: by them VirusTotal knows its files.",
            filters: BY_TYPE,
            outcome: "Files of VirusTotal are retrieved by their hashes: that downloads files.",
            outcomes: &[Outcome::DownloadFile],
            capability: "Files are saved on the machine that runs the action. Nothing is submitted, and nothing of the case is changed.",
            external: None,
            internal: None,
            insights: false,
        },
        Action::Search => About {
            short_description: "Lists the files, URLs, domains or IP addresses that a query of VirusTotal Intelligence finds. Needs \
                a premium API key.",
            description: include_str!("../../content/ai/Search.md"),
            entities: "The action looks at no entity: it searches for its query.",
            filters: &[],
            outcome: "Objects of VirusTotal are found, not events, assets or mails of the house; it matches none of the outcomes.",
            outcomes: &[],
            capability: "A list is read; nothing is submitted. A table is added to the case.",
            external: None,
            internal: Some("Adds a table of the objects to the case."),
            insights: false,
        },
    }
}
