//! A package of a small program, written to a folder.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use package::{Options, Package};
use serde_json::Value;
use tempfile::TempDir;

/// Stands for the binary: tells its arguments and its input, and ends with a code of its own.
pub(crate) const PROGRAM: &str =
    "#!/bin/sh\nfor word in \"$@\"; do printf '<%s>' \"$word\"; done\necho\ncat\necho trouble >&2\nexit 7\n";

pub(crate) fn package(seed_defaults: bool) -> Package {
    let binary = PROGRAM.into();
    package::build(&Options {
        binary,
        seed_defaults,
    })
    .unwrap()
}

/// The files of an archive by path, each with its permissions.
pub(crate) fn unpacked(archive: &[u8]) -> BTreeMap<String, (Vec<u8>, u32)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    (0..archive.len())
        .map(|place| {
            let mut file = archive.by_index(place).unwrap();
            assert_eq!(file.last_modified(), Some(zip::DateTime::default()));
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (
                file.name().unwrap().into_owned(),
                (bytes, file.unix_mode().unwrap()),
            )
        })
        .collect()
}

pub(crate) fn write(files: impl IntoIterator<Item = (String, Vec<u8>)>, folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The integration's sources in a folder of their own.
pub(crate) struct Integration {
    pub(crate) folder: PathBuf,
    root: TempDir,
}

impl Integration {
    /// As it is built; without `uv.lock`, which is not built.
    pub(crate) fn built(seed_defaults: bool) -> Self {
        let root = tempfile::tempdir().unwrap();
        write(package(seed_defaults).files, root.path());
        let folder = root
            .path()
            .join("content-hub/content/response_integrations/third_party/community/virus_total");
        Self { folder, root }
    }

    /// With a lock file as `uv lock` makes it, shortened.
    pub(crate) fn locked() -> Self {
        let integration = Self::built(false);
        let wheel = format!(
            "../../../../../packages/vtsecops_binary/{}",
            package::wheel_name()
        );
        let version = env!("CARGO_PKG_VERSION");
        let lock = format!(
            r#"version = 1
requires-python = "==3.11.*"

[[package]]
name = "pytest"
version = "9.0.0"
source = {{ registry = "https://pypi.example/simple" }}

[[package]]
name = "soar-sdk"
version = "0.2.0"
source = {{ git = "https://github.com/chronicle/soar-sdk.git#0123456789abcdef" }}

[[package]]
name = "virustotal"
version = "46.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "vtsecops-binary" }}]

[[package]]
name = "vtsecops-binary"
version = "{version}"
source = {{ path = "{wheel}" }}
"#
        );
        integration.put("uv.lock", &lock);
        integration
    }

    /// The same under another folder of the hub.
    pub(crate) fn moved_to(mut self, kind: &str) -> Self {
        let folder = self.folder.parent().unwrap();
        std::fs::rename(folder, folder.with_file_name(kind)).unwrap();
        self.folder = self.root.path().join(format!(
            "content-hub/content/response_integrations/third_party/{kind}/virus_total"
        ));
        self
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.folder.join(path).exists()
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.bytes(path)).unwrap()
    }

    pub(crate) fn yaml(&self, path: &str) -> Value {
        serde_saphyr::from_str(&self.text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn toml(&self, path: &str) -> toml::Table {
        self.text(path)
            .parse()
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Names without ending of the files in a folder that end so, sorted.
    pub(crate) fn stems(&self, folder: &str, ending: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else {
            return Vec::new();
        };
        let mut stems: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(ending)?.to_owned()))
            .filter(|stem| stem != "__init__")
            .collect();
        stems.sort();
        stems
    }

    /// The declarations of a folder, by their file's path.
    pub(crate) fn declarations(&self, folder: &str) -> Vec<(String, Value)> {
        let paths = self
            .stems(folder, ".yaml")
            .into_iter()
            .map(|stem| format!("{folder}/{stem}.yaml"));
        paths.map(|path| (path.clone(), self.yaml(&path))).collect()
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.join(path)).unwrap();
    }

    /// Replaces the last place where the text stands.
    pub(crate) fn change(&self, path: &str, from: &str, to: &str) {
        let text = self.text(path);
        let place = text.rfind(from).unwrap_or_else(|| panic!("{path} has no {from}"));
        self.put(
            path,
            &format!("{}{to}{}", &text[..place], &text[place + from.len()..]),
        );
    }
}
