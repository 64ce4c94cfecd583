//! Where the API key is found.

use std::fmt;
use std::path::{Path, PathBuf};

use virustotal::ApiKey;

use super::file::{self, ConfigFile};
use super::{API_KEY, Keyring, SettingsError};

/// Where a key was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A file of the command line.
    KeyFile(PathBuf),
    /// An environment variable.
    Environment(String),
    /// The config file.
    ConfigFile(PathBuf),
    /// The system's keyring.
    Keyring,
    /// The file of VirusTotal's own tool.
    VtTool(PathBuf),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFile(path) | Self::ConfigFile(path) | Self::VtTool(path) => {
                write!(f, "{}", path.display())
            }
            Self::Environment(name) => f.write_str(name),
            Self::Keyring => f.write_str("keyring"),
        }
    }
}

/// The first key in the documented order.
///
/// # Errors
/// There is none, or the first one can't be a key: then no other is tried, so that a slip is not hidden.
pub(crate) fn find(
    key_file: Option<&Path>,
    environment: impl Fn(&str) -> Option<String>,
    config: &ConfigFile,
    home: Option<&Path>,
) -> Result<(ApiKey, KeySource), SettingsError> {
    let instance = config.instance();
    let of_variable = |name: String| {
        let text = environment(&name).filter(|text| !text.trim().is_empty())?;
        Some((text, KeySource::Environment(name)))
    };
    let (text, source) = match key_file {
        Some(path) => (first_line(path)?, KeySource::KeyFile(path.to_owned())),
        None => variables(instance)
            .into_iter()
            .find_map(of_variable)
            .or_else(|| {
                Some((
                    config.text(API_KEY)?,
                    KeySource::ConfigFile(config.path().to_owned()),
                ))
            })
            .or_else(|| Some((Keyring::read(instance)?, KeySource::Keyring)))
            .or_else(|| vt_tool(home.filter(|_| instance.is_none())?))
            .ok_or_else(|| match instance {
                Some(instance) => SettingsError::NoKeyOfInstance {
                    instance: instance.to_owned(),
                    variable: variables(Some(instance)).concat(),
                },
                None => SettingsError::NoKey,
            })?,
    };
    match ApiKey::parse(&text) {
        Ok(key) => Ok((key, source)),
        Err(problem) => Err(SettingsError::Key {
            origin: source.to_string(),
            problem: problem.to_string(),
        }),
    }
}

/// Where the environment may hold the key. An instance's key is its own: the common one does not count for it.
fn variables(instance: Option<&str>) -> Vec<String> {
    let Some(instance) = instance else {
        return ["VTSECOPS_API_KEY", "VT_API_KEY"].map(str::to_owned).to_vec();
    };
    let letters = instance.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    vec![format!("VTSECOPS_API_KEY_{}", letters.collect::<String>())]
}

fn first_line(path: &Path) -> Result<String, SettingsError> {
    let slip = |problem: &str| SettingsError::Key {
        origin: "--api-key-file".to_owned(),
        problem: problem.to_owned(),
    };
    if path == Path::new("-") {
        return Err(slip("standard input is not read for the key; name a file"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| match looks_like_a_key(path) {
        true => slip("it takes the path of a file that holds the key, not the key itself"),
        false => SettingsError::File {
            path: path.to_owned(),
            problem: format!("the API key can't be read from it: {error}"),
        },
    })?;
    if file::readable_by_others(path) {
        crate::tell(&format!(
            "warning: others may read the API key in {0}. Run: chmod 600 {0}",
            path.display()
        ));
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Whether somebody gave the key where its file belongs; then no error may show it.
fn looks_like_a_key(path: &Path) -> bool {
    const FEWEST: usize = 32;
    let text = path.to_string_lossy();
    text.len() >= FEWEST && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `apikey = "…"` in `~/.vt.toml`.
fn vt_tool(home: &Path) -> Option<(String, KeySource)> {
    let path = home.join(".vt.toml");
    let text = std::fs::read_to_string(&path).ok()?;
    let document: toml_edit::DocumentMut = text.parse().ok()?;
    let key = document.get("apikey")?.as_str()?.to_owned();
    Some((key, KeySource::VtTool(path)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{KeySource, find};
    use crate::settings::ConfigFile;

    #[test]
    fn the_documented_order_holds_and_a_slip_is_not_hidden() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(".vt.toml"), "apikey=\"from-vt\"\n").unwrap();
        let key_file = home.path().join("key");
        std::fs::write(&key_file, "from-file\nrest").unwrap();
        let empty = ConfigFile::parse("/c.toml".into(), "").unwrap();
        let filled = ConfigFile::parse("/c.toml".into(), "api_key = 'from-config'").unwrap();
        let source = |key_file, pairs: &[(&str, &str)], config| {
            let pairs: HashMap<String, String> = pairs
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            find(
                key_file,
                |name| pairs.get(name).cloned(),
                config,
                Some(home.path()),
            )
            .map(|(_, source)| source)
        };
        let both = [("VTSECOPS_API_KEY", "a"), ("VT_API_KEY", "b")];
        assert_eq!(
            source(Some(&key_file), &both, &filled).unwrap(),
            KeySource::KeyFile(key_file.clone())
        );
        assert_eq!(
            source(None, &both, &filled).unwrap(),
            KeySource::Environment("VTSECOPS_API_KEY".to_owned())
        );
        assert_eq!(
            source(None, &both[1..], &filled).unwrap(),
            KeySource::Environment("VT_API_KEY".to_owned())
        );
        assert_eq!(
            source(None, &[("VT_API_KEY", " ")], &filled).unwrap(),
            KeySource::ConfigFile("/c.toml".into())
        );
        assert_eq!(
            source(None, &[], &empty).unwrap(),
            KeySource::VtTool(home.path().join(".vt.toml"))
        );
        let message = source(None, &[("VT_API_KEY", "sec ret")], &filled)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("VT_API_KEY: ") && !message.contains("sec ret"),
            "{message}"
        );
        let slip = "c0ffee00".repeat(8);
        for (path, part) in [("-", "name a file"), (slip.as_str(), "not the key itself")] {
            let message = source(Some(std::path::Path::new(path)), &both, &filled)
                .unwrap_err()
                .to_string();
            assert!(message.contains(part) && !message.contains("c0ffee"), "{message}");
        }
        std::fs::remove_file(home.path().join(".vt.toml")).unwrap();
        let message = source(None, &[], &empty).unwrap_err().to_string();
        assert!(message.starts_with("Api Key is missing\n"), "{message}");
    }
}
