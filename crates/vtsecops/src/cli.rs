//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::telemetry::{LogFormat, LogLevel};

/// VirusTotal for Google SecOps: verdicts on hashes, URLs, IP addresses, domains and files.
#[derive(Debug, Parser)]
#[command(name = "vtsecops", version, about, after_long_help = AFTER_HELP, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "Examples:
  vtsecops demo                                        see everything at work, without a key
  vtsecops config set api_key                          store your VirusTotal key
  vtsecops scan hash 44d88612fea8a8f36de82e1278abb02f
  vtsecops scan url 'hxxp://malicious[.]example/x'     defanged forms are understood
  vtsecops scan ip --output json - < addresses.txt

Exit codes:
  0  every entity has a report and none is risky
  1  something is risky
  2  the command line or the settings can't be used; nothing was asked
  3  nothing is risky, but some have no verdict or no report (unknown, skipped, queued, failed)
  4  the action failed: the key was refused, or nothing could be had at all

The API key comes from --api-key-file, VTSECOPS_API_KEY, VT_API_KEY, the config file, the system's keyring or
~/.vt.toml, in this order; never from the command line, where every user of the machine could read it.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell whether the API key works (one call)
    Ping(PingArguments),
    /// Ask for verdicts on hashes, URLs or IP addresses
    Scan(ScanArguments),
    /// Ask what VirusTotal knows of domains
    Report(ReportArguments),
    /// Upload files and wait for their verdicts
    Upload(UploadArguments),
    /// List what is related to hashes, URLs, IP addresses or domains (API v3)
    Related(RelatedArguments),
    /// Save files of VirusTotal, each in a ZIP that only opens with a password (API v3, premium keys)
    Download(DownloadArguments),
    /// Search with a query of VirusTotal Intelligence (API v3, premium keys)
    Search(SearchArguments),
    /// Write a comment at VirusTotal, for everybody to read (API v3)
    Comment(CommentArguments),
    /// Vote at VirusTotal, for everybody to see (API v3)
    Vote(VoteArguments),
    /// Go on with a run that was cut off, without asking or submitting anything twice
    Resume(ResumeArguments),
    /// Show or clear the reports that are kept
    Cache(CacheArguments),
    /// Show what is used and left of the quota, for each key
    Quota(QuotaArguments),
    /// Show or change the settings
    Config(ConfigArguments),
    /// Check a verdict policy, and judge a report by it
    Policy(PolicyArguments),
    /// Serve the workdesk: cases, entities, actions and a case wall in the browser
    Workdesk(WorkdeskArguments),
    /// Take the runs of a workdesk on PostgreSQL, on as many machines as there is work for
    Worker(WorkerArguments),
    /// Serve VirusTotal's APIs to other tools: one key, tokens, a shared quota and cache, an audit trail
    Gateway(GatewayArguments),
    /// Serve a simulated VirusTotal for tests and demos
    Simulator(SimulatorArguments),
    /// Run an action as Google SecOps starts it: its order on standard input, its result on standard output
    Action(ActionArguments),
    /// Build the package for Google SecOps
    Package(PackageArguments),
    /// Show all actions on a demo case, without a key
    Demo(DemoArguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Print the manual page, or write one for each command
    Man(ManArguments),
}

/// `ping`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vtsecops ping\n  vtsecops ping --api-key-file /run/secrets/virustotal --output json"
)]
pub struct PingArguments {
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// `related`
#[derive(Debug, Args)]
#[command(
    after_help = "Each relationship costs a call for each value and each 40 objects. Names: of files contacted_domains,
contacted_ips, contacted_urls, dropped_files, bundled_files; of domains and addresses resolutions, communicating_files,
referrer_files; of domains subdomains, siblings; others with a premium key.

Examples:
  vtsecops related contacted_domains,dropped_files 44d88612fea8a8f36de82e1278abb02f
  vtsecops related resolutions --limit 100 --output json 198.51.100.7 'bad[.]example'"
)]
pub struct RelatedArguments {
    /// VirusTotal's names of the relationships, comma-separated
    #[arg(value_name = "RELATIONSHIPS")]
    pub relationships: String,
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// List at most so many objects for each [default: 20]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// See [`Asking`].
    #[command(flatten)]
    pub asking: Asking,
}

/// `download`
#[derive(Debug, Args)]
#[command(
    after_help = "Each file becomes <hash>.zip, readable by you alone, and opens with the password infected. What is in the folder
already is neither asked for again nor overwritten. A file costs three calls, and one for each look at how far its
packing is.

Examples:
  vtsecops download 44d88612fea8a8f36de82e1278abb02f
  vtsecops download --folder /var/quarantine --file hashes.txt"
)]
pub struct DownloadArguments {
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// Where to save them: a folder that is there
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub folder: String,
    /// See [`Asking`].
    #[command(flatten)]
    pub asking: Asking,
}

/// `search`
#[derive(Debug, Args)]
#[command(after_help = "Each 40 objects cost a call.

Examples:
  vtsecops search 'entity:file positives:10+ tag:peexe'
  vtsecops search --limit 200 --output json 'entity:url positives:5+'")]
pub struct SearchArguments {
    /// The query, in VirusTotal's language
    #[arg(value_name = "QUERY")]
    pub query: String,
    /// List at most so many objects [default: 20]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// See [`Asking`].
    #[command(flatten)]
    pub asking: Asking,
}

/// `comment`
#[derive(Debug, Args)]
#[command(
    after_help = "Everybody can read the comment, with the name of the key's owner. It is not sent twice where the first may
have arrived.

Example:
  vtsecops comment --text 'Seen in a phishing mail #phishing' 'hxxps://bad[.]example/x'"
)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct CommentArguments {
    /// The comment; a word that starts with # becomes a tag
    #[arg(long, value_name = "TEXT", group = "what")]
    pub text: Option<String>,
    /// Read the comment from this file
    #[arg(long, value_name = "PATH", group = "what")]
    pub text_file: Option<PathBuf>,
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// See [`Asking`].
    #[command(flatten)]
    pub asking: Asking,
}

/// `vote`
#[derive(Debug, Args)]
#[command(
    after_help = "Everybody can see the vote, with the name of the key's owner. It can't be changed or taken back.

Example:
  vtsecops vote malicious 44d88612fea8a8f36de82e1278abb02f"
)]
pub struct VoteArguments {
    /// How to vote
    #[arg(value_name = "VERDICT", value_parser = ["harmless", "malicious"])]
    pub verdict: String,
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// See [`Asking`].
    #[command(flatten)]
    pub asking: Asking,
}

/// What all questions share.
#[derive(Debug, Args)]
pub struct Asking {
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// `scan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vtsecops scan hash 44d88612fea8a8f36de82e1278abb02f
  vtsecops scan url 'hxxps://bad[.]example/x'
  vtsecops scan ip --file addresses.txt")]
pub struct ScanArguments {
    /// What kind of entity.
    #[command(subcommand)]
    pub kind: ScanKind,
}

/// What is scanned.
#[derive(Debug, Subcommand)]
pub enum ScanKind {
    /// File hashes: MD5, SHA-1 or SHA-256
    #[command(after_help = "Examples:
  vtsecops scan hash 44d88612fea8a8f36de82e1278abb02f
  vtsecops scan hash --rescan-after-days 30 --file hashes.txt
  sha256sum * | cut -d' ' -f1 | vtsecops scan hash --output ndjson -")]
    Hash(ScanOptions),
    /// URLs; one that VirusTotal has never seen is submitted and waited for
    #[command(after_help = "Examples:
  vtsecops scan url https://example.com/login
  vtsecops scan url 'hxxps://bad[.]example/x' --threshold 1 --no-wait")]
    Url(ScanOptions),
    /// IPv4 addresses; private ones are never sent
    #[command(after_help = "Examples:
  vtsecops scan ip 198.51.100.7 '203[.]0.113.9'
  vtsecops scan ip --output csv --file addresses.txt > verdicts.csv")]
    Ip(IpOptions),
}

/// Options of hashes and URLs.
#[derive(Debug, Args)]
pub struct ScanOptions {
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// See [`Judging`].
    #[command(flatten)]
    pub judging: Judging,
    /// Ask for a new analysis where the newest is at least N days old; 0 is always [default: never]
    #[arg(long, value_name = "N", help_heading = "Verdict", allow_hyphen_values = true)]
    pub rescan_after_days: Option<String>,
    /// Fetch comments too: one more call per entity, private keys only
    #[arg(long, help_heading = "Verdict")]
    pub comments: bool,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// Options of IP addresses.
#[derive(Debug, Args)]
pub struct IpOptions {
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// See [`Judging`].
    #[command(flatten)]
    pub judging: Judging,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// `report`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  vtsecops report domain example.com")]
pub struct ReportArguments {
    /// What kind of entity.
    #[command(subcommand)]
    pub kind: ReportKind,
}

/// What is reported on.
#[derive(Debug, Subcommand)]
pub enum ReportKind {
    /// Domains, host names, mail addresses or URLs: what VirusTotal knows of the domain
    #[command(after_help = "Examples:
  vtsecops report domain example.com
  vtsecops report domain 'user@example[.]com' https://www.example.org/x --output json")]
    Domain(DomainOptions),
}

/// Options of domains.
#[derive(Debug, Args)]
pub struct DomainOptions {
    /// See [`Values`].
    #[command(flatten)]
    pub values: Values,
    /// What each enrichment field starts with; `none` gives the bare names [default: VT_]
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub enrichment_prefix: Option<String>,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// `upload`
#[derive(Debug, Args)]
#[command(
    after_help = "A file that VirusTotal knows is not uploaded; what is uploaded can be read by VirusTotal's premium users.

Examples:
  vtsecops upload suspicious.bin
  vtsecops upload --no-wait --glob '/quarantine/*.exe'
  find /quarantine -type f -print0 | vtsecops upload --null --output json -
  vtsecops upload --server root@web-3.example:2222 --identity ~/.ssh/responder /tmp/.x/miner
  vtsecops upload --server web-3.example --user root --ask-password --recursive /var/spool/cron"
)]
pub struct UploadArguments {
    /// Files; `-` reads their paths from standard input, one a line
    #[arg(value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// Read paths from this file, one a line
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// See [`Finding`].
    #[command(flatten)]
    pub finding: Finding,
    /// See [`Sending`].
    #[command(flatten)]
    pub sending: Sending,
    /// See [`ServerLogin`].
    #[command(flatten)]
    pub login: ServerLogin,
    /// See [`Judging`].
    #[command(flatten)]
    pub judging: Judging,
    /// Fetch comments too: one more call per file, private keys only
    #[arg(long, help_heading = "Verdict")]
    pub comments: bool,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// What else than a file a path may be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub struct Finding {
    /// The paths from `-` and --file end in NUL, as `find -print0` writes them
    #[arg(long, short = '0')]
    pub null: bool,
    /// Take *, ?, [...], {...} and ** in paths for patterns
    #[arg(long)]
    pub glob: bool,
    /// Take a folder for all files below it
    #[arg(long, short)]
    pub recursive: bool,
    /// Take a symbolic link for what it leads to
    #[arg(long)]
    pub follow_links: bool,
    /// Read devices, pipes and files of /proc too, on this machine
    #[arg(long)]
    pub special_files: bool,
}

/// What may be sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
pub struct Sending {
    /// Upload what VirusTotal knows too
    #[arg(long, conflicts_with = "never_upload")]
    pub always_upload: bool,
    /// Ask about the hashes only
    #[arg(long)]
    pub never_upload: bool,
    /// Refuse what the rules in this file forbid
    #[arg(long, value_name = "PATH")]
    pub upload_rules: Option<String>,
}

/// A server whose files are read, over SSH.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files of a server")]
pub struct ServerLogin {
    /// Read the files from this server: HOST, HOST:PORT, IPv6 in brackets, with USER@ in front if you like
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Log in as this user
    #[arg(long, value_name = "NAME", requires = "server")]
    pub user: Option<String>,
    /// Private key; may be repeated [default: those of ~/.ssh, and the agent's]
    #[arg(long, value_name = "PATH", requires = "server")]
    pub identity: Vec<String>,
    /// Ask for the password (or the key's passphrase); it is taken from VTSECOPS_SSH_PASSWORD too
    #[arg(long, requires = "server", conflicts_with = "password_file")]
    pub ask_password: bool,
    /// Read the password (or the key's passphrase) from the first line of this file
    #[arg(long, value_name = "PATH", requires = "server")]
    pub password_file: Option<String>,
    /// Which host keys are believed: strict, accept-new, or fingerprints (SHA256:...) [default: accept-new]
    #[arg(long, value_name = "POLICY", requires = "server")]
    pub host_keys: Option<String>,
    /// File of known host keys [default: ~/.ssh/known_hosts]
    #[arg(long, value_name = "PATH", requires = "server")]
    pub known_hosts: Option<String>,
}

/// What to ask about.
#[derive(Debug, Args)]
pub struct Values {
    /// What to ask about; `-` reads from standard input, one a line
    #[arg(value_name = "VALUE")]
    pub values: Vec<String>,
    /// Read values from this file, one a line; blank lines and lines that start with # are skipped
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
}

/// How to judge.
#[derive(Debug, Args)]
#[command(next_help_heading = "Verdict")]
pub struct Judging {
    /// Engines from which an entity is risky [default: 3; IP addresses: 25]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub threshold: Option<String>,
    /// Judge by the verdict policy in this file; --threshold comes before its own
    #[arg(long, value_name = "PATH")]
    pub policy: Option<String>,
    /// What each enrichment field starts with; `none` gives the bare names [default: VT_]
    #[arg(long, value_name = "TEXT", help_heading = "Output")]
    pub enrichment_prefix: Option<String>,
}

/// How long to wait.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Waiting")]
pub struct Waiting {
    /// Wait for analyses to finish (the default)
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,
    /// Don't wait for analyses: those under way are listed as queued
    #[arg(long, overrides_with = "wait")]
    pub no_wait: bool,
    /// Submit what is new and leave; `vtsecops resume` collects the analyses later
    #[arg(long, overrides_with_all = ["wait", "no_wait"])]
    pub detach: bool,
    /// Begin anew, even where the same command was cut off before
    #[arg(long)]
    pub restart: bool,
    /// Stop after this long with what is there (90, 90s, 5m, 2h, none) [default: 10m]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Look at a running analysis this often [default: after 10s, growing to 60s]
    #[arg(long, value_name = "DURATION")]
    pub poll_every: Option<String>,
}

/// How to reach VirusTotal.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Read the API key from the first line of this file
    #[arg(long, value_name = "PATH")]
    pub api_key_file: Option<PathBuf>,
    /// Use the key and settings of this instance ([instance.NAME] in the config file)
    #[arg(long, value_name = "NAME", conflicts_with = "environment")]
    pub instance: Option<String>,
    /// Use the instance that is for this environment
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Address of the API, for a simulator or a gateway
    #[arg(long, value_name = "URL")]
    pub virustotal_url: Option<String>,
    /// Kind of the API key: 4 or 25 resources a call [default: public]
    #[arg(long, value_name = "TIER", value_parser = ["public", "private"])]
    pub tier: Option<String>,
    /// Version of VirusTotal's API; auto is v3, and v2 for what the key is refused there [default: v2]
    #[arg(long, value_name = "VERSION", value_parser = ["v2", "v3", "auto"])]
    pub api: Option<String>,
    /// With API v3: how much related to domains and addresses is asked for, one call (lean) or four to eight and more
    /// (full) [default: full with a private key, else lean]
    #[arg(long, value_name = "HOW", value_parser = ["lean", "full"])]
    pub related: Option<String>,
    /// With API v3: entries of each list of what is related, a call for each 40 [default: 100]
    #[arg(long, value_name = "N")]
    pub related_most: Option<String>,
    /// Don't verify VirusTotal's TLS certificate: whoever answers gets the key
    #[arg(long)]
    pub insecure: bool,
    /// PEM file with further certificate authorities
    #[arg(long, value_name = "PATH")]
    pub ca_file: Option<String>,
    /// Proxy (http://host:port, socks5://host:port), or none [default: from the environment]
    #[arg(long, value_name = "URL")]
    pub proxy: Option<ProxyAddress>,
    /// Who goes first where the quota is scarce: person, playbook or background [default: person]
    #[arg(long, value_name = "WHO", value_parser = ["person", "playbook", "background"])]
    pub priority: Option<String>,
    /// Ask VirusTotal for everything, and keep no answer
    #[arg(long)]
    pub no_cache: bool,
    /// Take kept reports up to this age (1h, 7d); 0 takes none [default: by kind and verdict]
    #[arg(long, value_name = "DURATION")]
    pub max_age: Option<String>,
    /// Calls at the same time, 1 to 64 [default: 16]
    #[arg(long, value_name = "N")]
    pub max_in_flight: Option<String>,
}

/// A proxy's address as typed; it may carry a password, so `Debug` does not show it.
#[derive(Clone)]
pub struct ProxyAddress(String);

impl From<String> for ProxyAddress {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<ProxyAddress> for String {
    fn from(address: ProxyAddress) -> Self {
        address.0
    }
}

impl std::fmt::Debug for ProxyAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProxyAddress(***)")
    }
}

/// How to show the result.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct Showing {
    /// Form of the result [default: table]
    ///
    /// In csv, a cell that a spreadsheet would take for a formula gets an apostrophe in front, and control characters
    /// are written out; json and ndjson keep every text exactly.
    #[arg(long, short, value_name = "FORMAT", value_parser = ["table", "json", "ndjson", "csv", "markdown"])]
    pub output: Option<String>,
    /// Colours in the table; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"], default_value = "auto")]
    pub color: String,
    /// No progress bar, no hints
    #[arg(long, short)]
    pub quiet: bool,
    /// Tell on standard error what is done; twice for more
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// `resume`
#[derive(Debug, Args)]
#[command(
    after_help = "A run is cut off by Ctrl-C, a crash, its deadline or the quota; giving the same command again goes on with it too.\n\n\
    Examples:\n  vtsecops resume\n  vtsecops resume --list\n  vtsecops resume 3f2a90c1d4e5b687 --timeout 1h --output json"
)]
pub struct ResumeArguments {
    /// Which run, as `--list` shows it; not needed where there is only one
    #[arg(value_name = "RUN")]
    pub id: Option<String>,
    /// List the runs that can be gone on with
    #[arg(long, conflicts_with_all = ["id", "forget"])]
    pub list: bool,
    /// Forget a run: what it has asked is not used any more
    #[arg(long, requires = "id")]
    pub forget: bool,
    /// See [`Waiting`].
    #[command(flatten)]
    pub waiting: Waiting,
    /// See [`Showing`].
    #[command(flatten)]
    pub showing: Showing,
}

/// `cache`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vtsecops cache stats\n  vtsecops cache clear")]
pub struct CacheArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: CacheVerb,
}

/// What to do with the kept reports.
#[derive(Debug, Subcommand)]
pub enum CacheVerb {
    /// Show how many reports are kept and what they have saved
    #[command(after_help = "Examples:\n  vtsecops cache stats\n  vtsecops cache stats --json")]
    Stats {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget all kept reports
    #[command(after_help = "Example:\n  vtsecops cache clear")]
    Clear,
}

/// `workdesk`
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "The first start prints a one-time link, which makes the first admin. Runs use the key and the settings of this user, as the
shell does, unless they name an instance that an admin has added. Everything is kept in one folder, which only one workdesk uses
at a time, or in a PostgreSQL that many share (--database, vtsecops worker). Settings of instances are sealed with a key that is made at the first start: keep a copy of it apart from copies of
the folder. Ctrl-C ends the workdesk: what is under way is taken up again at the next start.

Programs of other integrations can be run as Google SecOps would run them: a file lists them (docs/workdesk.md).

Everything is kept for ever, unless the options of retention say otherwise: then what is old is removed at the start and once a day.

Examples:
  vtsecops workdesk
  vtsecops workdesk --listen 127.0.0.1:9000 --folder /srv/workdesk
  vtsecops workdesk --actions actions.yaml --key-file /etc/vtsecops/workdesk.key
  vtsecops workdesk --listen 0.0.0.0:8443 --tls-cert desk.pem --tls-key desk.key --log-level info --log-format json
  vtsecops workdesk --database 'postgres://vtsecops@db.example/vtsecops?sslmode=verify-full' --key-file /etc/vtsecops/workdesk.key --no-jobs
  vtsecops workdesk --keep-closed-cases 365 --keep-audit 730
  vtsecops workdesk --oidc-issuer https://id.example --oidc-client-id desk --oidc-client-secret-file /etc/vtsecops/oidc \\
    --oidc-origin https://desk.example --oidc-analyst-group soc --oidc-admin-group soc-leads"
)]
pub struct WorkdeskArguments {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub verb: Option<WorkdeskVerb>,
    /// Where to listen; others than loopback addresses only with --tls-cert
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    pub listen: std::net::SocketAddr,
    /// Where everything is kept [default: the workdesk folder of the state folder]
    #[arg(long, value_name = "PATH")]
    pub folder: Option<PathBuf>,
    /// The key that seals the settings of instances; made where it is missing [default: workdesk.key in the folder]
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
    /// Take no runs: workers do (with --database)
    #[arg(long)]
    pub no_jobs: bool,
    /// External actions: a YAML file that lists the programs, with their parameters and limits
    #[arg(long, value_name = "PATH")]
    pub actions: Option<PathBuf>,
    /// See [`TlsArguments`].
    #[command(flatten)]
    pub tls: TlsArguments,
    /// A proxy on this machine stands before it and speaks TLS with browsers: cookies and forms are for https only. The proxy must
    /// pass on the header Host
    #[arg(long, conflicts_with = "tls_cert")]
    pub behind_tls: bool,
    /// See [`SingleSignOnArguments`].
    #[command(flatten)]
    pub single_sign_on: SingleSignOnArguments,
    /// Show the metrics at /metrics to anybody, not only to tokens
    #[arg(long)]
    pub open_metrics: bool,
    /// How browsers reach the workdesk, where it listens on a loopback address and that has a name of its own, as `http://desk.example:8790`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// See [`RetentionArguments`].
    #[command(flatten)]
    pub retention: RetentionArguments,
    /// See [`TelemetryArguments`].
    #[command(flatten)]
    pub telemetry: TelemetryArguments,
}

/// For how long what is over is kept; all is kept for ever unless told.
#[derive(Debug, Args)]
#[command(next_help_heading = "Retention")]
pub struct RetentionArguments {
    /// Remove closed cases to which nothing has happened for so many days, with all that belongs to them
    /// [default: the variable VTSECOPS_KEEP_CLOSED_CASES, or for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_closed_cases: Option<u32>,
    /// Remove reports and results of runs of closed cases that ended so many days ago; verdicts, insights and the case wall stay
    /// [default: the variable VTSECOPS_KEEP_REPORTS, or for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_reports: Option<u32>,
    /// Remove entries of the audit log that are older than so many days
    /// [default: the variable VTSECOPS_KEEP_AUDIT, or for ever]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_audit: Option<u32>,
}

/// What a server shows, and the key to it.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// Serve over TLS with this chain of certificates (PEM), the server's own first
    #[arg(long, value_name = "PATH", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM); nobody else may read the file
    #[arg(long, value_name = "PATH", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// The folder of a workdesk that is there.
#[derive(Debug, Args)]
pub struct FolderArguments {
    /// The folder of the workdesk [default: the workdesk folder of the state folder]
    #[arg(long, value_name = "PATH")]
    pub folder: Option<PathBuf>,
}

/// The database that many processes share.
#[derive(Debug, Args)]
pub struct DatabaseArguments {
    /// Keep everything in this PostgreSQL, which other servers and workers share, as
    /// postgres://vtsecops@db.example/vtsecops?sslmode=verify-full. The password comes from PGPASSFILE or PGPASSWORD, the authority that
    /// has signed the server's certificate from PGSSLROOTCERT [default: the variable VTSECOPS_DATABASE]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// What else than to serve is done with the workdesk.
#[derive(Debug, Subcommand)]
pub enum WorkdeskVerb {
    /// Move everything from the folder to a PostgreSQL
    Migrate(MigrateArguments),
    /// Copy everything in the folder into a file, while the workdesk runs
    Backup(BackupArguments),
    /// Put a copy in the place of what is in the folder
    Restore(RestoreArguments),
    /// Remove what is over and old, once and now
    Tidy(TidyArguments),
}

/// `workdesk backup`
#[derive(Debug, Args)]
#[command(
    after_help = "The copy is made beside a workdesk that goes on working, and holds what was stored at one moment. Only its owner can read it. Beside
it stands FILE.sha256, which restore checks (sha256sum -c does, too). The key that seals, the quota ledger, the gateway's tokens and the config file
are not in it: the command says where they are. A workdesk on PostgreSQL is copied with pg_dump (docs/operations.md).

Examples:
  vtsecops workdesk backup /backup/workdesk.db
  vtsecops workdesk backup --folder /srv/workdesk --force /backup/last.db"
)]
pub struct BackupArguments {
    /// The file that is written
    pub file: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub force: bool,
    /// See [`FolderArguments`].
    #[command(flatten)]
    pub folder: FolderArguments,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// `workdesk restore`
#[derive(Debug, Args)]
#[command(
    after_help = "The workdesk must not run meanwhile. The copy is looked through first: one that is damaged, or that a later version has made, is refused, and
nothing is changed. What is in the folder is kept aside, in the same folder. The key that seals must be the one of the copy: without it the settings of
instances can't be read.

Examples:
  vtsecops workdesk restore /backup/workdesk.db
  vtsecops workdesk restore --folder /srv/workdesk --key-file /etc/vtsecops/workdesk.key /backup/workdesk.db"
)]
pub struct RestoreArguments {
    /// The file that workdesk backup has written
    pub file: PathBuf,
    /// See [`FolderArguments`].
    #[command(flatten)]
    pub folder: FolderArguments,
    /// The key that seals [default: workdesk.key in the folder]
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// `workdesk tidy`
#[derive(Debug, Args)]
#[command(
    after_help = "Says how much of what has been removed. The workdesk can go on working meanwhile. A case that is open, or that has a run or a playbook that
has not ended, is never removed. What is removed is gone: --dry-run says first what it would be. The variables count only where no option of
retention is given.

Examples:
  vtsecops workdesk tidy --keep-closed-cases 90 --dry-run
  vtsecops workdesk tidy --keep-closed-cases 365 --keep-reports 90 --keep-audit 730
  vtsecops workdesk tidy --keep-reports 30 --database 'postgres://vtsecops@db.example/vtsecops?sslmode=verify-full'"
)]
pub struct TidyArguments {
    /// Remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// See [`FolderArguments`].
    #[command(flatten)]
    pub folder: FolderArguments,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
    /// See [`RetentionArguments`].
    #[command(flatten)]
    pub retention: RetentionArguments,
}

/// `workdesk migrate`
#[derive(Debug, Args)]
#[command(
    after_help = "The workdesk must not run meanwhile. All is moved or nothing, into a database that has no workdesk yet; the folder is left as it is. Then the
calls that were counted this hour, day and month are added to the ledger there. People sign in again: their sessions are not moved.

Example:
  vtsecops workdesk migrate --from sqlite --to postgres --database 'postgres://vtsecops@db.example/vtsecops?sslmode=verify-full'"
)]
pub struct MigrateArguments {
    /// From which kind of store
    #[arg(long, value_name = "KIND", value_parser = ["sqlite"], default_value = "sqlite")]
    pub from: String,
    /// To which kind of store
    #[arg(long, value_name = "KIND", value_parser = ["postgres"], default_value = "postgres")]
    pub to: String,
    /// See [`FolderArguments`].
    #[command(flatten)]
    pub folder: FolderArguments,
    /// The key that seals [default: workdesk.key in the folder]
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
}

/// `worker`
#[derive(Debug, Args)]
#[command(
    after_help = "Any number of workers take the runs of one workdesk. A worker that dies is noticed within ten seconds, and another goes on with its runs;
what it had submitted to VirusTotal is not submitted again. All share one quota ledger and one cache of reports. Runs without an instance use the key
and the settings of the user who started the worker; so give all workers the same.

Examples:
  vtsecops worker --database 'postgres://vtsecops@db.example/vtsecops?sslmode=verify-full' --key-file /etc/vtsecops/workdesk.key
  vtsecops worker --key-file /etc/vtsecops/workdesk.key --listen 127.0.0.1:9101 --at-once 16
  vtsecops worker --key-file /etc/vtsecops/workdesk.key --listen 0.0.0.0:9101 --tls-cert worker.pem --tls-key worker.key"
)]
pub struct WorkerArguments {
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
    /// The key that seals the settings of instances, the same as the servers'
    #[arg(long, value_name = "PATH")]
    pub key_file: PathBuf,
    /// Runs at once
    #[arg(long, value_name = "N", default_value = "4")]
    pub at_once: std::num::NonZeroU8,
    /// Tell of itself at this address: /healthz, /readyz, /metrics; the last on others than loopback addresses to tokens only
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Show the metrics to anybody who reaches the address, not only to tokens
    #[arg(long, requires = "listen")]
    pub open_metrics: bool,
    /// See [`TlsArguments`].
    #[command(flatten)]
    pub tls: TlsArguments,
    /// External actions: the same file as the servers'
    #[arg(long, value_name = "PATH")]
    pub actions: Option<PathBuf>,
    /// See [`TelemetryArguments`].
    #[command(flatten)]
    pub telemetry: TelemetryArguments,
}

/// What a server tells of its work.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log and traces")]
pub struct TelemetryArguments {
    /// What is written to standard error: error, warn, info or debug
    #[arg(
        long,
        value_name = "LEVEL",
        value_enum,
        hide_possible_values = true,
        default_value = "warn"
    )]
    pub log_level: LogLevel,
    /// In which form: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// Send spans of requests, steps and calls to this collector (OpenTelemetry, OTLP over HTTP), as http://127.0.0.1:4318
    /// [default: the variable OTEL_EXPORTER_OTLP_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// Logging in with a provider of identities (OpenID Connect).
#[derive(Debug, Args)]
#[command(next_help_heading = "Single sign-on (OpenID Connect)")]
pub struct SingleSignOnArguments {
    /// The provider's address; it lets people come back to /oidc/callback of the origin
    #[arg(
        long,
        value_name = "URL",
        requires = "oidc_client_id",
        requires = "oidc_client_secret_file",
        requires = "oidc_origin"
    )]
    pub oidc_issuer: Option<String>,
    /// The workdesk's name at the provider
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    pub oidc_client_id: Option<String>,
    /// Read the workdesk's password at the provider from the first line of this file
    #[arg(long, value_name = "PATH", requires = "oidc_issuer")]
    pub oidc_client_secret_file: Option<PathBuf>,
    /// How browsers reach the workdesk: scheme, host and port
    #[arg(long, value_name = "ORIGIN", requires = "oidc_issuer")]
    pub oidc_origin: Option<String>,
    /// The claim that lists somebody's groups
    #[arg(long, value_name = "NAME", default_value = "groups")]
    pub oidc_role_claim: String,
    /// The group whose members are viewers; may be repeated, as the next two
    #[arg(long, value_name = "GROUP")]
    pub oidc_viewer_group: Vec<String>,
    /// The group whose members are analysts
    #[arg(long, value_name = "GROUP")]
    pub oidc_analyst_group: Vec<String>,
    /// The group whose members are admins
    #[arg(long, value_name = "GROUP")]
    pub oidc_admin_group: Vec<String>,
}

/// `gateway`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Tools use the gateway as they use VirusTotal: its address in place of https://www.virustotal.com, a token in place of the key.
vt-py, the vt command line, SOAR products and clients of API v2 work unchanged (docs/gateway.md). They share the key's quota and
the report cache with this user's other commands; the key itself never leaves the gateway. Every request is a line of the audit
trail. Ctrl-C ends the gateway.

Examples:
  vtsecops gateway token add soar --priority playbook --share 40%
  vtsecops gateway
  vtsecops gateway --listen 0.0.0.0:8443 --tls-cert gate.pem --tls-key gate.key --never-upload
  vtsecops gateway --keep-audit 365
  curl -H \"x-apikey: TOKEN\" http://127.0.0.1:8792/api/v3/files/44d88612fea8a8f36de82e1278abb02f"
)]
pub struct GatewayArguments {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub verb: Option<GatewayVerb>,
    /// See [`GatewayServing`].
    #[command(flatten)]
    pub serving: GatewayServing,
}

/// What else than to serve is done with the gateway.
#[derive(Debug, Subcommand)]
pub enum GatewayVerb {
    /// Make, list and revoke tokens
    #[command(after_help = "Examples:
  vtsecops gateway token add soar --priority playbook --share 40%
  vtsecops gateway token list
  vtsecops gateway token revoke soar")]
    Token {
        /// What to do.
        #[command(subcommand)]
        verb: TokenVerb,
    },
    /// Show who asked what: one line of JSON for each request
    #[command(after_help = "Examples:
  vtsecops gateway audit --since 24h
  vtsecops gateway audit --token soar --since 2026-11-01 | jq -r .object | sort | uniq -c | sort -rn")]
    Audit(AuditArguments),
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token; it is printed this once
    #[command(after_help = "Examples:
  vtsecops gateway token add soar --priority playbook --share 40%
  vtsecops gateway token add mail-filter --priority background --per-day 200 --no-upload --days 365")]
    Add(TokenAdd),
    /// List the tokens, what they may, and what they have used today
    #[command(after_help = "Examples:\n  vtsecops gateway token list\n  vtsecops gateway token list --json")]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Revoked ones too
        #[arg(long)]
        all: bool,
    },
    /// Revoke a token: from now on it gets what a wrong key gets
    #[command(after_help = "Example:\n  vtsecops gateway token revoke soar")]
    Revoke {
        /// Its name
        name: String,
    },
}

/// `gateway token add`
#[derive(Debug, Args)]
pub struct TokenAdd {
    /// Who uses it
    pub name: String,
    /// Whose calls go first where the quota is scarce: person, playbook or background
    #[arg(long, value_name = "WHO", value_parser = ["person", "playbook", "background"], default_value = "playbook")]
    pub priority: String,
    /// At most this part of the key's daily quota, in percent
    #[arg(long, value_name = "N%", conflicts_with = "per_day")]
    pub share: Option<String>,
    /// At most so many calls in a UTC day; what is kept costs none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub per_day: Option<u32>,
    /// It only asks: no files, URLs, comments, votes or new analyses
    #[arg(long)]
    pub no_upload: bool,
    /// It ends in so many days [default: it has no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,
}

/// `gateway audit`
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// Only requests with this token, by its name
    #[arg(long, value_name = "NAME")]
    pub token: Option<String>,
    /// Only requests since then: a time (2026-11-01T08:00:00Z), a day, or how long ago (90m, 24h, 7d)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
}

/// How the gateway is served.
#[derive(Debug, Args)]
pub struct GatewayServing {
    /// Where to listen; others than loopback addresses only with --tls-cert
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8792")]
    pub listen: std::net::SocketAddr,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
    /// How long a request waits for a call that the quota allows, before it is refused with 204 or 429
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub wait: std::time::Duration,
    /// Submit nothing, whichever token asks
    #[arg(long)]
    pub never_upload: bool,
    /// Refuse files that the rules in this file forbid
    #[arg(long, value_name = "PATH")]
    pub upload_rules: Option<String>,
    /// Once a day, remove lines of the audit trail that are older than so many days
    /// [default: the variable VTSECOPS_KEEP_AUDIT, or until the trail is 640 MB]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_audit: Option<u32>,
    /// How tools reach the gateway, where a proxy stands in front of it: scheme, host and port, without a path
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// See [`TlsArguments`].
    #[command(flatten)]
    pub tls: TlsArguments,
    /// Show the metrics at /metrics to anybody, not only to tokens
    #[arg(long)]
    pub open_metrics: bool,
    /// See [`TelemetryArguments`].
    #[command(flatten)]
    pub telemetry: TelemetryArguments,
    /// See [`Connection`].
    #[command(flatten)]
    pub connection: Connection,
}

/// `quota`
#[derive(Debug, Args)]
#[command(
    after_help = "Counted are the calls that this machine has made and VirusTotal's refusals; no call is made. With --user
VirusTotal is asked what it allows the key and has counted on all machines (API v3); the name is the one of the key's
owner at VirusTotal, never the key itself.

Examples:
  vtsecops quota
  vtsecops quota --json
  vtsecops quota --user jane_doe --save
  vtsecops quota --share 'Customer A=20' --share 'Customer B=10'"
)]
pub struct QuotaArguments {
    /// Ask VirusTotal too, about this user: the key's owner (one call)
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Keep to what VirusTotal says from now on: quota_per_hour, quota_per_day and quota_per_month of the config file
    #[arg(long, requires = "user")]
    pub save: bool,
    /// Read the API key from the first line of this file
    #[arg(long, value_name = "PATH", requires = "user")]
    pub api_key_file: Option<PathBuf>,
    /// Ask with the key of this instance, and save for it ([instance.NAME] in the config file)
    #[arg(long, value_name = "NAME", requires = "user")]
    pub instance: Option<String>,
    /// Keep this part of a key's calls for an environment from now on: Vienna=20 (percent), or Vienna=none; can be repeated
    #[arg(long = "share", value_name = "ENVIRONMENT=PERCENT")]
    pub shares: Vec<String>,
    /// The key that --share is about, by its label or number [default: the only one that has made calls]
    #[arg(long, value_name = "KEY", requires = "shares")]
    pub key: Option<String>,
    /// See [`DatabaseArguments`].
    #[command(flatten)]
    pub database: DatabaseArguments,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// `config`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vtsecops config set api_key
  vtsecops config show")]
pub struct ConfigArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Show every setting, its value and where it comes from; secrets are masked
    #[command(after_help = "Examples:\n  vtsecops config show\n  vtsecops config show --json")]
    Show {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// As this instance sees them
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
    },
    /// Change a setting in the config file
    #[command(after_help = "Examples:
  vtsecops config set tier private
  vtsecops config set api_key               asks for the key
  vtsecops config set api_key < key.txt     reads it from standard input
  vtsecops config set api_key --keyring     stores it in the system's keyring")]
    Set {
        /// Name of the setting, as `config show` lists it
        name: String,
        /// New value; the API key is asked for instead
        value: Option<String>,
        /// Store the API key in the system's keyring, not in the file
        #[arg(long)]
        keyring: bool,
        /// For this instance only
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
    },
    /// Remove a setting, so that its default counts again
    #[command(
        after_help = "Examples:\n  vtsecops config unset threshold\n  vtsecops config unset api_key --keyring"
    )]
    Unset {
        /// Name of the setting
        name: String,
        /// Remove the API key from the system's keyring, not from the file
        #[arg(long)]
        keyring: bool,
        /// Of this instance
        #[arg(long, value_name = "NAME")]
        instance: Option<String>,
    },
    /// Print the path of the config file
    #[command(after_help = "Example:\n  ls -l \"$(vtsecops config path)\"")]
    Path,
}

/// `policy`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vtsecops policy check strict.toml\n  vtsecops policy check strict.toml --report report.json"
)]
pub struct PolicyArguments {
    /// What to do.
    #[command(subcommand)]
    pub verb: PolicyVerb,
}

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Tell what a policy says, or what it says of a report; nothing is asked
    #[command(
        after_help = "With a report, the exit code is 1 where it is risky and 3 where there is no verdict.

Examples:
  vtsecops policy check strict.toml
  vtsecops policy check strict.toml --report report.json --threshold 5
  vtsecops scan hash 44d88612fea8a8f36de82e1278abb02f -o json | jq '.json_result[0].EntityResult' |
    vtsecops policy check strict.toml --report -"
    )]
    Check(PolicyCheck),
}

/// `policy check`
#[derive(Debug, Args)]
pub struct PolicyCheck {
    /// The policy
    #[arg(value_name = "POLICY")]
    pub path: PathBuf,
    /// Judge the report in this file: JSON of API v2 on a file, a URL or an IP address; `-` reads standard input
    #[arg(long, value_name = "PATH")]
    pub report: Option<PathBuf>,
    /// The action's parameter Threshold, which comes before the policy's own [default: 3; IP addresses: 25]
    #[arg(long, value_name = "N", requires = "report", value_parser = clap::value_parser!(u32).range(1..))]
    pub threshold: Option<u32>,
}

/// `simulator`
#[derive(Debug, Args)]
#[command(
    after_help = "The keys of a simulator are no secrets. Without --key it knows one, and prints it.

Faults are KIND[*TIMES][%EVERY][@ENDPOINT][+SKIP]: an HTTP status, quota, retry-after=SECONDS, reset, hang, slow, truncated,
not-json, huge, empty, null or wrong-types. It befalls calls (to ENDPOINT) after SKIP of them: TIMES times, or for ever; with
EVERY only each so-many-th.

Examples:
  vtsecops simulator
  vtsecops simulator --quota-per-minute 4 --key my-test-key:public --latency 50ms
  vtsecops simulator --tls --ca-out ca.pem --fault 503*3@file/report
  vtsecops simulator --fault 503%40 --fault 'reset%60@url/report' --fault slow%100"
)]
pub struct SimulatorArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8765")]
    pub listen: std::net::SocketAddr,
    /// Serve HTTPS with a certificate of a fresh authority
    #[arg(long)]
    pub tls: bool,
    /// Write the authority's certificate to this file
    #[arg(long, value_name = "PATH", requires = "tls")]
    pub ca_out: Option<PathBuf>,
    /// A key that is known, and its kind: KEY:public or KEY:private
    #[arg(long, value_name = "KEY:KIND")]
    pub key: Vec<String>,
    /// Calls of a key in any 60 seconds
    #[arg(long, value_name = "N")]
    pub quota_per_minute: Option<u32>,
    /// Calls of a key in a UTC day
    #[arg(long, value_name = "N")]
    pub quota_per_day: Option<u32>,
    /// Calls of a key in a UTC month
    #[arg(long, value_name = "N")]
    pub quota_per_month: Option<u32>,
    /// Time before each answer (50ms, 1s)
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0")]
    pub latency: std::time::Duration,
    /// How long a scan stays queued
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "2s")]
    pub scan_for: std::time::Duration,
    /// Something that goes wrong, see below; may be repeated
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<simulator::Fault>,
    /// Largest upload in bytes
    #[arg(long, value_name = "N")]
    pub max_upload_bytes: Option<u64>,
    /// Another world of synthetic objects
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
}

/// `demo`
#[derive(Debug, Args)]
#[command(
    after_help = "Every action is run on a made-up case against a simulated VirusTotal; then the workdesk opens on that case. Nothing
leaves this machine, and nothing of it is kept.

Examples:
  vtsecops demo
  vtsecops demo --no-serve"
)]
pub struct DemoArguments {
    /// Colours; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"], default_value = "auto")]
    pub color: String,
    /// End when the case is finished, and open no workdesk on it
    #[arg(long)]
    pub no_serve: bool,
    /// Where the workdesk listens: a loopback address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
}

/// `completions`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vtsecops completions bash > ~/.local/share/bash-completion/completions/vtsecops"
)]
pub struct CompletionsArguments {
    /// Which shell
    pub shell: Shell,
}

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vtsecops man | man -l -\n  vtsecops man --out ~/.local/share/man/man1")]
pub struct ManArguments {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    Ok(crate::settings::duration(text)?.unwrap_or_default())
}

/// `action`
#[derive(Debug, Args)]
#[command(after_help = "Google SecOps starts it through the scripts of the package, as
  vtsecops action 'Scan Hash' APP_KEY True --logPath /var/log/…
with the order on standard input and the platform's address in the environment (APP_IP, APP_PORT, …). The result is one
JSON object on standard output; the exit code is 0 whenever there is one, also for an action that failed.
Example, without a platform:
  echo '{}' | APP_USE_SSL=False APP_PORT=8000 vtsecops action Ping KEY")]
pub struct ActionArguments {
    /// The action: its name, such as 'Scan Hash', or its script's, such as ScanHash
    pub name: String,
    /// What the platform adds: the app key, whether the run begins (True or False), options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PLATFORM")]
    pub platform: Vec<OsString>,
}

/// `package`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  vtsecops package build")]
pub struct PackageArguments {
    /// What to do with it.
    #[command(subcommand)]
    pub command: PackageCommand,
}

/// What is done with the package.
#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Write the importable archive, the wheel with the binary, and the content hub's source
    #[command(
        after_help = "The binary must be a static one for x86-64 Linux; `cargo xtask package` builds it first.
Two builds of one binary give the same bytes.

Examples:
  vtsecops package build
  vtsecops package build --output /tmp/dist --binary ./vtsecops-static"
    )]
    Build(PackageBuild),
}

/// `package build`
#[derive(Debug, Args)]
pub struct PackageBuild {
    /// Folder that the files are written to
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    pub output: PathBuf,
    /// The binary to pack; by default this program itself
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// Ship `Verify SSL` unticked, as the original does; one rule of the content hub is then broken
    #[arg(long)]
    pub seed_defaults: bool,
}

/// Refuses a key in the arguments before anything prints them.
pub(crate) fn key_in_arguments(arguments: &[OsString]) -> Option<Failure> {
    let is_key = |argument: &OsString| {
        let argument = argument.to_string_lossy().to_ascii_lowercase();
        let (name, has_value) = match argument.split_once('=') {
            Some((name, _)) => (name, true),
            None => (argument.as_str(), false),
        };
        match name {
            "--api-key" | "--apikey" | "--api_key" | "--key-value" => true,
            // No address and no file name starts like these; `--keyring` takes no value.
            "api-key" | "apikey" | "api_key" | "--keyring" => has_value,
            _ => false,
        }
    };
    // The platform's arguments are its own: it gives a key of its own there.
    if arguments.get(1).is_some_and(|command| command == "action") {
        return None;
    }
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.skip(1).any(is_key).then(|| {
        Failure::usage(
            "The API key is not taken from the command line: every user of this machine could read it there.\n\
             Give it in VTSECOPS_API_KEY, in a file with --api-key-file, or store it with: vtsecops config set api_key",
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;
    use crate::exit;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn look(command: &clap::Command) {
            let help = [command.get_after_help(), command.get_after_long_help()];
            let example = help
                .iter()
                .flatten()
                .any(|text| text.to_string().contains("Example"));
            assert!(example, "{}", command.get_name());
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn a_key_among_the_arguments_is_refused_and_not_repeated() {
        let refusal = |words: &[&str]| {
            let words: Vec<_> = std::iter::once(&"vtsecops")
                .chain(words)
                .map(Into::into)
                .collect();
            super::key_in_arguments(&words).map(|failure| format!("{failure:?}"))
        };
        for words in [
            ["ping", "--api-key", "c0ffee"],
            ["ping", "--API_KEY=c0ffee", ""],
            ["config", "set", "api_key=c0ffee"],
            ["config", "set", "--keyring=c0ffee"],
        ] {
            let message = refusal(&words).unwrap();
            assert!(
                message.contains("command line") && !message.contains("c0ffee"),
                "{message}"
            );
        }
        assert_eq!(refusal(&["config", "set", "api_key", "--keyring"]), None);
        assert_eq!(refusal(&["scan", "url", "https://a.example/?api_key=x"]), None);
    }

    #[test]
    fn a_proxys_password_is_not_in_debug_output() {
        let cli =
            <Cli as clap::Parser>::try_parse_from(["vtsecops", "ping", "--proxy", "http://u:hunter2@p:1"]);
        assert!(!format!("{:?}", cli.unwrap()).contains("hunter2"));
    }

    #[test]
    fn help_tells_the_exit_codes() {
        let help = Cli::command().render_long_help().to_string();
        for line in exit::TABLE.lines() {
            assert!(help.contains(line.trim()), "{line}");
        }
    }
}
