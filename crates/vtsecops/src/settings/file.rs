//! The config file: TOML, one value a setting.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::{API_KEY, SETTINGS, SettingsError};
use crate::files::{folder_of, write_for_owner};

/// The config file as it is, or an empty one. It may hold the key, so `Debug` shows only where it is.
#[derive(Clone)]
pub struct ConfigFile {
    path: PathBuf,
    document: DocumentMut,
    /// The instance whose table comes before the rest.
    instance: Option<String>,
}

/// Name of the table that holds a table for each instance.
const INSTANCES: &str = "instance";
/// Setting of an instance: the environments that it is for, separated by commas.
const ENVIRONMENTS: &str = "environments";

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Where the file is, unless `VTSECOPS_CONFIG` says otherwise.
fn default_path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("vtsecops").join("config.toml"))
}

/// Where the file is: `VTSECOPS_CONFIG`, else the usual place.
pub(crate) fn path(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = environment("VTSECOPS_CONFIG").filter(|path| !path.is_empty());
    named.map(PathBuf::from).or_else(default_path)
}

impl ConfigFile {
    /// No file: nothing is set.
    pub(crate) fn none() -> Self {
        Self {
            path: PathBuf::new(),
            document: DocumentMut::new(),
            instance: None,
        }
    }

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
    /// It is no TOML, or has an unknown key, or a list or table where a value belongs.
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
        let problem = check(document.iter().filter(|(name, _)| *name != INSTANCES), &[]);
        let problem = problem.or_else(|| check_instances(document.get(INSTANCES)?));
        match problem {
            Some(problem) => Err(SettingsError::File { path, problem }),
            None => Ok(Self {
                path,
                document,
                instance: None,
            }),
        }
    }

    /// Names of the instances, each with its environments.
    pub(crate) fn instances(&self) -> Vec<(String, Vec<String>)> {
        let tables = self.document.get(INSTANCES).and_then(Item::as_table_like);
        let environments = |table: &Item| {
            let text = table.get(ENVIRONMENTS).and_then(Item::as_str).unwrap_or_default();
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        let tables = tables.into_iter().flat_map(|tables| tables.iter());
        tables
            .map(|(name, table)| (name.to_owned(), environments(table)))
            .collect()
    }

    /// The file as one instance sees it: its own settings, then the common ones, but never another's key.
    pub(crate) fn of_instance(mut self, name: Option<String>) -> Self {
        self.instance = name;
        self
    }

    /// The instance that was chosen.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    fn has_a_key(&self) -> bool {
        let tables = self.document.get(INSTANCES).and_then(Item::as_table_like);
        let mut tables = tables.into_iter().flat_map(|tables| tables.iter());
        self.document.contains_key(API_KEY) || tables.any(|(_, table)| table.get(API_KEY).is_some())
    }

    /// The key must not be readable by others.
    fn check_mode(&self) -> Result<(), SettingsError> {
        if !self.has_a_key() || !readable_by_others(&self.path) {
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
        let own = self.own_table().and_then(|table| table.get(name));
        let common = || {
            // An instance's key is its own: another one's would spend somebody else's quota.
            let may_share = self.instance.is_none() || name != API_KEY;
            may_share.then(|| self.document.get(name)).flatten()
        };
        Some(match own.or_else(common)?.as_value()? {
            Value::String(text) => text.value().clone(),
            Value::Integer(number) => number.value().to_string(),
            Value::Boolean(flag) => flag.value().to_string(),
            Value::Float(number) => number.value().to_string(),
            _ => return None,
        })
    }

    fn own_table(&self) -> Option<&Item> {
        self.document.get(INSTANCES)?.get(self.instance.as_deref()?)
    }

    /// The table that is changed: the instance's where one is chosen, made if need be.
    fn own_table_mut(&mut self) -> Option<&mut dyn TableLike> {
        let Some(instance) = &self.instance else {
            return Some(self.document.as_table_mut());
        };
        let tables = self.document.entry(INSTANCES).or_insert_with(|| {
            let mut tables = Table::new();
            tables.set_implicit(true);
            Item::Table(tables)
        });
        let tables = tables.as_table_like_mut()?;
        let table = tables.entry(instance).or_insert(Item::Table(Table::new()));
        table.as_table_like_mut()
    }

    /// Sets a value, or removes it; the rest of the file stays as it is, remarks included.
    pub(crate) fn set(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => {
                // A key is a text even if it has only digits; so is what a number would not give back, such as 007.
                let number = value.parse::<i64>().ok();
                let number = number.filter(|number| name != API_KEY && number.to_string() == value);
                let item = match (number, value) {
                    (Some(number), _) => Item::from(number),
                    (None, "true" | "false") if name != API_KEY => Item::from(value == "true"),
                    (None, _) => Item::from(value),
                };
                self.replace(name, item);
            }
            None => {
                if let Some(table) = self.own_table_mut() {
                    table.remove(name);
                }
            }
        }
    }

    /// Puts an item where the old one stands, with the remark behind it.
    fn replace(&mut self, name: &str, mut item: Item) {
        let Some(table) = self.own_table_mut() else {
            return;
        };
        let Some(old) = table.get_mut(name) else {
            table.insert(name, item);
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
        // A link, as people have who keep their settings elsewhere, stays one.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        fs::create_dir_all(folder_of(&path)).map_err(failed)?;
        write_for_owner(&path, &self.document.to_string()).map_err(failed)
    }
}

/// What is wrong with a table of settings.
fn check<'a>(items: impl Iterator<Item = (&'a str, &'a Item)>, more: &[&str]) -> Option<String> {
    for (key, item) in items {
        let is_known =
            key == API_KEY || more.contains(&key) || SETTINGS.iter().any(|setting| setting.name == key);
        if !is_known {
            let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            return Some(format!(
                "there is no setting {key:?}; there are {API_KEY}, {}",
                names.join(", ")
            ));
        }
        if !is_plain(item) {
            // The value is not shown: it may be the key.
            return Some(format!("{key} must be a single value, not a list, table or date"));
        }
    }
    None
}

fn check_instances(instances: &Item) -> Option<String> {
    let Some(tables) = instances.as_table_like() else {
        return Some("instance must be tables, one for each: [instance.NAME]".to_owned());
    };
    tables
        .iter()
        .find_map(|(name, table)| match table.as_table_like() {
            None => Some(format!("instance.{name} must be a table: [instance.{name}]")),
            Some(table) => {
                check(table.iter(), &[ENVIRONMENTS]).map(|problem| format!("[instance.{name}] {problem}"))
            }
        })
}

/// A text, a number or a flag.
fn is_plain(item: &Item) -> bool {
    item.is_str() || item.is_integer() || item.is_bool() || item.is_float()
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
    fn a_value_comes_back_as_it_was_given() {
        let mut file = ConfigFile::parse("/c.toml".into(), "").unwrap();
        for value in ["3", "007", "+5", "-0", "true", "VT_", ""] {
            file.set("enrichment_prefix", Some(value));
            assert_eq!(file.text("enrichment_prefix").as_deref(), Some(value));
        }
        file.set("api_key", Some("123"));
        assert!(file.document.to_string().contains("api_key = \"123\""));
    }

    #[test]
    fn the_key_is_not_in_debug_output() {
        let file = ConfigFile::parse("/c.toml".into(), "api_key = 'c0ffee'").unwrap();
        let shown = format!("{file:?}");
        assert!(shown.contains("/c.toml") && !shown.contains("c0ffee"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_file_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.toml"), folder.path().join("config.toml"));
        std::fs::write(&real, "").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = ConfigFile::load(link.clone()).unwrap();
        file.set("threshold", Some("5"));
        file.save().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "threshold = 5\n");
    }

    #[test]
    fn a_file_that_cannot_be_used_says_why_and_shows_no_key() {
        let message = |text: &str| ConfigFile::parse("/c.toml".into(), text).unwrap_err().to_string();
        assert!(message("treshold = 3").contains("there is no setting \"treshold\"; there are api_key"));
        for text in ["api_key = ['c0ffee']", "[api_key]\na = 'c0ffee'"] {
            let message = message(text);
            assert!(
                message.contains("api_key must be a single value") && !message.contains("c0ffee"),
                "{message}"
            );
        }
        let broken = message("api_key = \"secret\nx");
        assert!(
            broken.starts_with("/c.toml: it is no TOML:") && !broken.contains("secret"),
            "{broken}"
        );
    }
}
