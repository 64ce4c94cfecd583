//! How files to upload are found: servers, their host keys, logins, and the rules of what must not leave.

use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::{Files, UploadRules};
use secrecy::SecretString;
use sftp::{Access, HostKeys, Login};

use super::{Resolved, SettingsError, duration};

/// Where the environment may hold the password.
const PASSWORD: &str = "VTSECOPS_SSH_PASSWORD";
/// Keys that are tried where nobody says which. Source: OpenSSH.
const USUAL_IDENTITIES: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// What an upload needs to know, its user excepted. A password is only looked for when a server is named.
///
/// # Errors
/// A rules file or a password file that can't be used.
pub(crate) fn files(
    resolved: &Resolved,
    environment: Option<&str>,
    server: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Files, SettingsError> {
    let rules = match resolved.folder("upload_rules") {
        Some(path) => read_rules(&path)?,
        None => UploadRules::default(),
    };
    let servers = match server {
        Some(server) => Some(access(resolved, server, variable, home)?),
        None => None,
    };
    Ok(Files {
        servers,
        rules,
        environment: environment.map(str::to_owned),
        folders: Vec::new(),
    })
}

fn read_rules(path: &Path) -> Result<UploadRules, SettingsError> {
    let unusable = |problem: String| SettingsError::File {
        path: path.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        unusable(format!(
            "the upload rules can't be read: {error}. Nothing was uploaded."
        ))
    })?;
    UploadRules::parse(&text).map_err(|error| unusable(format!("{error}. Nothing was uploaded.")))
}

fn access(
    resolved: &Resolved,
    server: &str,
    variable: impl Fn(&str) -> Option<String>,
    home: Option<&Path>,
) -> Result<Access, SettingsError> {
    let ssh_folder = home.map(|home| home.join(".ssh"));
    let known_hosts = resolved
        .folder("ssh_known_hosts")
        .or_else(|| Some(ssh_folder.as_ref()?.join("known_hosts")))
        .ok_or_else(|| {
            SettingsError::Files(
                "there is no home folder for known host keys; name a file: --known-hosts".to_owned(),
            )
        })?;
    let password = password(resolved, server, &variable)?;
    let agent = match resolved.text("ssh_agent") {
        Some("none") => None,
        Some(path) => Some(PathBuf::from(path)),
        None => variable("SSH_AUTH_SOCK")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
    };
    let identities = match resolved.text("ssh_identities") {
        Some(list) => list
            .split(',')
            .map(str::trim)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .collect(),
        // Whoever gives a password means the password.
        None if password.is_some() => Vec::new(),
        None => usual_identities(ssh_folder.as_deref()),
    };
    let login = Login {
        user: String::new(),
        password,
        identities,
        agent,
    };
    let mut access = Access::new(login, known_hosts);
    if let Some(Ok(host_keys)) = resolved.text("ssh_host_keys").map(str::parse) {
        access.host_keys = host_keys;
    }
    for (name, time) in [
        ("ssh_connect_timeout", &mut access.connect_timeout),
        ("ssh_idle_timeout", &mut access.idle_timeout),
    ] {
        if let Some(Ok(Some(told))) = resolved.text(name).map(duration) {
            *time = told;
        }
    }
    Ok(access)
}

fn usual_identities(folder: Option<&Path>) -> Vec<PathBuf> {
    let paths = USUAL_IDENTITIES
        .iter()
        .filter_map(|name| Some(folder?.join(name)));
    paths.filter(|path| path.is_file()).collect()
}

fn password(
    resolved: &Resolved,
    server: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<SecretString>, SettingsError> {
    if resolved
        .text("ssh_ask_password")
        .is_some_and(|text| super::flag(text) == Ok(true))
    {
        return ask(server).map(Some);
    }
    let Some(path) = resolved.folder("ssh_password_file") else {
        let told = variable(PASSWORD).filter(|text| !text.is_empty());
        return Ok(told.map(SecretString::from));
    };
    let text = std::fs::read_to_string(&path).map_err(|error| SettingsError::File {
        path: path.clone(),
        problem: format!("the password can't be read from it: {error}"),
    })?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Some(line.to_owned().into())),
        _ => Err(SettingsError::File {
            path,
            problem: "its first line must be the password, and is empty".to_owned(),
        }),
    }
}

fn ask(server: &str) -> Result<SecretString, SettingsError> {
    let prompt = format!("Password for {server} (not shown): ");
    let asked = rpassword::prompt_password(prompt);
    asked.map(SecretString::from).map_err(|error| {
        SettingsError::Files(format!(
            "the password can't be asked for: {error}. Give it in {PASSWORD} or in a file: --password-file PATH"
        ))
    })
}

pub(super) fn upload_policy(text: &str) -> Result<(), String> {
    match text {
        "hash-first" | "always" | "never" => Ok(()),
        _ => Err("must be hash-first, always or never".to_owned()),
    }
}

pub(super) fn host_keys(text: &str) -> Result<(), String> {
    let read = text.parse::<HostKeys>();
    read.map(drop)
        .map_err(|error| format!("must be strict, accept-new or fingerprints such as SHA256:… ({error})"))
}

pub(super) fn patience(text: &str) -> Result<(), String> {
    match duration(text) {
        Ok(Some(time)) if time >= Duration::from_millis(1) => Ok(()),
        _ => Err("must be a duration such as 10s".to_owned()),
    }
}
