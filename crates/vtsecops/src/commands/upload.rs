//! `vtsecops upload`

use std::path::PathBuf;
use std::process::ExitCode;

use integration::{Action, write_path_list};

use super::run::{self, Order, resolve};
use super::scan::judging;
use crate::cli::{Finding, Sending, ServerLogin, UploadArguments};
use crate::failure::Failure;
use crate::settings::Flags;
use crate::{input, settings};

pub(crate) fn run(arguments: &UploadArguments) -> Result<ExitCode, Failure> {
    let mut flags = settings::flags(
        &arguments.connection,
        &arguments.waiting,
        &arguments.showing,
        Some(&arguments.judging),
        None,
    );
    flags.extend(own_flags(&arguments.sending, &arguments.login));
    let (resolved, file) = resolve(&flags, &arguments.connection)?;
    let null = arguments.finding.null;
    let paths = input::collect_paths(&arguments.paths, arguments.file.as_deref(), null)?;
    if paths.is_empty() {
        return Err(Failure::usage("No files given: the list is empty."));
    }
    let mut parameters = judging(&resolved, None)
        .with("File Paths", write_path_list(paths.iter().map(PathBuf::as_path)))
        .with("Path Options", path_options(&arguments.finding))
        .with(
            "Upload Policy",
            policy(resolved.text("upload_policy").unwrap_or_default()),
        )
        .with("Fetch Comments", arguments.comments);
    if let Some((user, server)) = login(&arguments.login)? {
        parameters = parameters
            .with("Linux Server Address", server)
            .with("Linux User", user);
    }
    let order = Order {
        action: Action::UploadAndScanFile,
        targets: Vec::new(),
        parameters,
        policy: settings::policy(&resolved)?,
        connection: &arguments.connection,
        waiting: &arguments.waiting,
        showing: &arguments.showing,
        environment: arguments.connection.environment.clone(),
        resumes: None,
    };
    run::run(order, &resolved, &file)
}

fn own_flags(sending: &Sending, login: &ServerLogin) -> Flags {
    let policy = match (sending.always_upload, sending.never_upload) {
        (true, _) => Some("always".to_owned()),
        (_, true) => Some("never".to_owned()),
        _ => None,
    };
    let identities = (!login.identity.is_empty()).then(|| login.identity.join(","));
    vec![
        ("upload_policy", policy),
        ("upload_rules", sending.upload_rules.clone()),
        ("ssh_identities", identities),
        ("ssh_ask_password", login.ask_password.then(|| "true".to_owned())),
        ("ssh_password_file", login.password_file.clone()),
        ("ssh_host_keys", login.host_keys.clone()),
        ("ssh_known_hosts", login.known_hosts.clone()),
    ]
}

fn policy(setting: &str) -> &'static str {
    match setting {
        "always" => "Always",
        "never" => "Never",
        _ => "Hash First",
    }
}

fn path_options(finding: &Finding) -> String {
    let options = [
        (finding.glob, "patterns"),
        (finding.recursive, "folders"),
        (finding.follow_links, "links"),
        (finding.special_files, "special files"),
    ];
    let wanted: Vec<&str> = options
        .into_iter()
        .filter(|(is_wanted, _)| *is_wanted)
        .map(|(_, option)| option)
        .collect();
    wanted.join(",")
}

/// User and server.
fn login(login: &ServerLogin) -> Result<Option<(String, String)>, Failure> {
    let Some(text) = &login.server else {
        return Ok(None);
    };
    let (in_front, server) = match text.rsplit_once('@') {
        Some((user, server)) => (Some(user.to_owned()), server),
        None => (None, text.as_str()),
    };
    match login.user.clone().or(in_front).filter(|user| !user.is_empty()) {
        Some(user) => Ok(Some((user, server.to_owned()))),
        None => Err(Failure::usage(format!(
            "Who logs in at {server}? Say so: --server USER@{server}, or --user USER"
        ))),
    }
}
