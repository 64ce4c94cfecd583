//! The config file: TOML, one value a setting.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml_edit::{DocumentMut, Item, Value};

use super::{API_KEY, SETTINGS, SettingsError};

/// The config file as it is, or an empty one.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    document: DocumentMut,
}

/// Where the file is, unless `VTSECOPS_CONFIG` says otherwise.
pub(crate) fn default_path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("vtsecops").join("config.toml"))
}

impl ConfigFile {
    /// Reads the file; one that isn't there is empty.
    ///
    /// # Errors
    /// It can't be read, is no TOML, has an unknown key, or holds the API key and others may read it.
    pub(crate) fn load(path: PathBuf) -> Result<Self, SettingsError> {
        match fs::read_to_string(&path) {
            Ok(text) => {
                let file = Self::parse(path, &text)?;
                file.check_mode()?;
                Ok(file)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::parse(path, ""),
            Err(error) => Err(SettingsError::File {
                path,
                problem: format!("it can't be read: {error}"),
            }),
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is no TOML, or has an unknown key.
    pub fn parse(path: PathBuf, text: &str) -> Result<Self, SettingsError> {
        let document: DocumentMut = match text.parse() {
            Ok(document) => document,
            Err(error) => {
                let error: toml_edit::TomlError = error;
                // The message of the library shows the line, which may hold the key.
                return Err(SettingsError::File {
                    path,
                    problem: format!("it is no TOML: {}", error.message()),
                });
            }
        };
        let known = |key: &str| key == API_KEY || SETTINGS.iter().any(|setting| setting.name == key);
        if let Some((key, _)) = document.iter().find(|(key, _)| !known(key)) {
            let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            let problem = format!(
                "there is no setting {key:?}; there are {API_KEY}, {}",
                names.join(", ")
            );
            return Err(SettingsError::File { path, problem });
        }
        Ok(Self { path, document })
    }

    /// The key must not be readable by others.
    fn check_mode(&self) -> Result<(), SettingsError> {
        if self.text(API_KEY).is_none() || !readable_by_others(&self.path) {
            return Ok(());
        }
        let problem = format!(
            "it holds the API key and others may read it. Run: chmod 600 {}",
            self.path.display()
        );
        Err(SettingsError::File {
            path: self.path.clone(),
            problem,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A value as text, whatever its type.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(match self.document.get(name)?.as_value()? {
            Value::String(text) => text.value().clone(),
            Value::Integer(number) => number.value().to_string(),
            Value::Boolean(flag) => flag.value().to_string(),
            Value::Float(number) => number.value().to_string(),
            other => other.to_string(),
        })
    }

    /// Sets a value, or removes it; the rest of the file stays as it is, remarks included.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                let item = value
                    .parse::<i64>()
                    .map_or_else(|_| Item::from(value), Item::from);
                let item = if matches!(value, "true" | "false") {
                    Item::from(value == "true")
                } else {
                    item
                };
                // A key is a text even if it has only digits.
                let item = if name == API_KEY { Item::from(value) } else { item };
                self.replace(name, item);
            }
            None => {
                self.document.remove(name);
            }
        }
    }

    /// Puts an item where the old one stands, with the remark behind it.
    fn replace(&mut self, name: &str, mut item: Item) {
        let Some(old) = self.document.get_mut(name) else {
            self.document.insert(name, item);
            return;
        };
        if let (Some(old), Some(new)) = (old.as_value(), item.as_value_mut()) {
            *new.decor_mut() = old.decor().clone();
        }
        *old = item;
    }

    /// Writes the file, readable by its owner only; a crash leaves the old one or the new one.
    pub(crate) fn save(&self) -> Result<(), SettingsError> {
        let failed = |error: std::io::Error| SettingsError::File {
            path: self.path.clone(),
            problem: format!("it can't be written: {error}"),
        };
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(self.document.to_string().as_bytes())
            .map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Whether the group or others may read a file; never where the system has no such thing.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn readable_by_others(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::ConfigFile;

    #[test]
    fn changes_leave_the_rest_of_the_file_alone_and_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/config.toml");
        let mut file = ConfigFile::parse(path.clone(), "# mine\ntier = \"public\" # for now\n").unwrap();
        file.set("tier", Some("private"));
        file.set("threshold", Some("5"));
        file.set("api_key", Some("123"));
        file.save().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# mine\ntier = \"private\" # for now\n"),
            "{text}"
        );
        let again = ConfigFile::load(path.clone()).unwrap();
        assert_eq!(
            (again.text("tier"), again.text("threshold"), again.text("api_key")),
            (Some("private".into()), Some("5".into()), Some("123".into()))
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            let message = ConfigFile::load(path).unwrap_err().to_string();
            assert!(
                message.contains("chmod 600") && !message.contains("123"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why_and_shows_no_key() {
        let message = |text: &str| ConfigFile::parse("/c.toml".into(), text).unwrap_err().to_string();
        assert!(message("treshold = 3").contains("there is no setting \"treshold\"; there are api_key"));
        let broken = message("api_key = \"secret\nx");
        assert!(
            broken.starts_with("/c.toml: it is no TOML:") && !broken.contains("secret"),
            "{broken}"
        );
    }
}
