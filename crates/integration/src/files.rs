//! The files of Upload And Scan File: which there are, which of them may leave, and where their bytes are.

mod expand;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod paths;
mod place;
mod remote;
mod rules;
mod spool;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use futures_util::{StreamExt, stream};
use secops::{ParameterError, Parameters};
use virustotal::{Content, Deadline, Error, Stop, Upload, unreadable_because};

pub(crate) use paths::file_name;
pub use paths::{NamedPath, PathListError, path_name, read_path_list, write_path_list};
pub use rules::{RulesError, UploadRules};

use crate::definition::{FILE_PATHS, PASSWORD, PATH_OPTIONS, SERVER, USER};
use crate::lookup::Outcome;
use expand::{Options, expand};
use place::{Kind, Place, Seen};
use remote::Remote;
use rules::Candidate;
use spool::Spooled;

/// Files that are opened, or read for their hash, at the same time.
const AT_ONCE: usize = 8;
/// Enough to tell a file's type.
const HEAD_BYTES: u64 = 8 * 1024;

/// How the action gets at files, where its parameters don't say: given by whoever runs it.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// How servers are met, user and password excepted; without it files of servers can't be had.
    pub servers: Option<sftp::Access>,
    /// What must not be uploaded.
    pub rules: UploadRules,
    /// The environment that the rules are asked about.
    pub environment: Option<String>,
    /// Only files below one of these folders are read on this machine; empty is everywhere.
    pub folders: Vec<PathBuf>,
}

/// What a run has that nobody gave anything.
pub(crate) static NO_FILES: LazyLock<Files> = LazyLock::new(Files::default);

/// One path of the run: the file to upload, or how it ended without one.
pub(crate) struct Wanted {
    /// As it is named to people, and in the JSON result.
    pub(crate) name: String,
    pub(crate) upload: Result<Upload, Outcome>,
    /// The same for every way to name one file.
    pub(crate) real: PathBuf,
}

/// All the files of a run, in their order.
pub(crate) struct Gathered {
    pub(crate) wanted: Vec<Wanted>,
    /// What people must know.
    pub(crate) notices: Vec<String>,
}

/// What the parameters ask for, checked before anything is looked at.
pub(crate) struct Request {
    paths: Vec<NamedPath>,
    options: Options,
    place: Place,
}

impl Request {
    /// # Errors
    /// A parameter that can't be used; nothing was looked at yet.
    pub(crate) fn read(parameters: &Parameters, files: &Files) -> Result<Self, ParameterError> {
        let text = parameters.required_text(FILE_PATHS)?;
        let invalid = |error: PathListError| {
            let expected = format!("paths separated by commas ({error})");
            ParameterError::invalid(FILE_PATHS, &expected, &text)
        };
        let paths = read_path_list(&text).map_err(invalid)?;
        if paths.is_empty() {
            return Err(ParameterError::Missing { name: FILE_PATHS });
        }
        Ok(Self {
            paths,
            options: options(parameters)?,
            place: place(parameters, files)?,
        })
    }

    /// Finds and opens the files; nothing is read but what the rules need.
    pub(crate) async fn gather(self, files: &Files, deadline: &Deadline) -> Gathered {
        let Self {
            paths,
            options,
            place,
        } = self;
        let names: Vec<String> = paths.iter().map(|named| named.name.clone()).collect();
        let found = match deadline.run(expand(&place, paths, options)).await {
            Ok(found) => found,
            Err(stop) => return stopped(names, stop),
        };
        let opened = found.into_iter().map(|(name, path)| {
            let place = &place;
            async move {
                let path = match path {
                    Ok(path) => path,
                    Err(why) => return Wanted::failed(name, PathBuf::new(), Outcome::Failed(why)),
                };
                let opening = open(place, files, options, name.clone(), path.clone());
                match deadline.run(opening).await {
                    Ok(Ok((upload, real))) => Wanted {
                        name,
                        upload: Ok(upload),
                        real,
                    },
                    Ok(Err(outcome)) => Wanted::failed(name, path, outcome),
                    Err(stop) => Wanted::failed(name, path, Outcome::Stopped(stop)),
                }
            }
        });
        let opened: Vec<_> = opened.collect();
        let wanted = stream::iter(opened).buffered(AT_ONCE).collect().await;
        let notices = match &place {
            Place::Server(remote) => remote.notice().await.into_iter().collect(),
            Place::Here => Vec::new(),
        };
        Gathered { wanted, notices }
    }
}

impl Wanted {
    fn failed(name: String, real: PathBuf, outcome: Outcome) -> Self {
        Self {
            name,
            upload: Err(outcome),
            real,
        }
    }
}

fn stopped(names: Vec<String>, stop: Stop) -> Gathered {
    let wanted = names
        .into_iter()
        .map(|name| Wanted::failed(name, PathBuf::new(), Outcome::Stopped(stop)));
    Gathered {
        wanted: wanted.collect(),
        notices: Vec::new(),
    }
}

/// SHA-256 of each file, in their order.
pub(crate) async fn hashes(
    uploads: &[&Upload],
    deadline: &Deadline,
) -> Vec<Result<virustotal::FileHash, Outcome>> {
    let hashes = uploads.iter().map(|upload| async move {
        let hash = deadline.run(upload.sha256()).await.map_err(Outcome::Stopped)?;
        hash.map_err(|error| failed(&error))
    });
    let hashes: Vec<_> = hashes.collect();
    stream::iter(hashes).buffered(AT_ONCE).collect().await
}

/// A file's trouble without its path, which stands before it anyway.
pub(crate) fn failed(error: &Error) -> Outcome {
    match error {
        Error::File { detail, .. } => Outcome::Failed(detail.clone()),
        other => Outcome::failed(other),
    }
}

async fn open(
    place: &Place,
    files: &Files,
    options: Options,
    name: String,
    path: PathBuf,
) -> Result<(Upload, PathBuf), Outcome> {
    let in_words = |error: io::Error| Outcome::Failed(unreadable_because(&error));
    let named = place.look(&path).await.map_err(in_words)?;
    if named.kind == Kind::Link && !options.links {
        return Err(Outcome::Failed(
            "it is a symbolic link; ask for what it leads to, or follow links".to_owned(),
        ));
    }
    let real = place.canonical(&path).await.map_err(in_words)?;
    if matches!(place, Place::Here) {
        check_folder(files, &real).await?;
    }
    // Without links the path and the real one lead to the same file.
    let target = match named.kind {
        Kind::Link => place.look(&real).await.map_err(in_words)?,
        _ => named,
    };
    let content = content(place, &real, target, options).await.map_err(in_words)?;
    let upload = Upload::of(content, name).await.map_err(|error| failed(&error))?;
    let head = match files.rules.need_content() {
        true => upload.head(HEAD_BYTES).await.map_err(|error| failed(&error))?,
        false => Vec::new(),
    };
    let candidate = Candidate {
        paths: [&path, &real],
        size_bytes: upload.size_bytes(),
        head: &head,
        environment: files.environment.as_deref(),
    };
    match files.rules.refusal(&candidate) {
        Some(rule) => Err(Outcome::Refused(format!("the upload rule {rule:?} refuses it"))),
        None => Ok((upload, real)),
    }
}

async fn content(place: &Place, real: &Path, target: Seen, options: Options) -> io::Result<Arc<dyn Content>> {
    match target.kind {
        Kind::File if target.size_bytes > 0 || !options.special => {}
        Kind::Folder => {
            return Err(io::Error::other(
                "it is a folder; name its files, or ask for folders",
            ));
        }
        Kind::File | Kind::Special if options.special && matches!(place, Place::Here) => {
            return Ok(Arc::new(Spooled::of(real).await?));
        }
        Kind::Special if options.special => {
            return Err(io::Error::other(
                "it is no regular file; such are read on this machine only",
            ));
        }
        _ => return Err(io::Error::other("it is not a regular file")),
    }
    place.content(real)
}

/// Whether files may be read there at all.
async fn check_folder(files: &Files, real: &Path) -> Result<(), Outcome> {
    if files.folders.is_empty() {
        return Ok(());
    }
    for folder in &files.folders {
        // A folder that is not there holds no file.
        if let Ok(folder) = tokio::fs::canonicalize(folder).await
            && real.starts_with(folder)
        {
            return Ok(());
        }
    }
    Err(Outcome::Refused("it is not below an allowed folder".to_owned()))
}

/// The words of `Path Options`, as they may be typed.
const PATTERNS: &str = "patterns";
const FOLDERS: &str = "folders";
const LINKS: &str = "links";
const SPECIAL: &str = "special files";

fn options(parameters: &Parameters) -> Result<Options, ParameterError> {
    let mut options = Options::default();
    let text = parameters.text(PATH_OPTIONS)?.unwrap_or_default();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        match word.to_ascii_lowercase().as_str() {
            PATTERNS => options.patterns = true,
            FOLDERS => options.folders = true,
            LINKS => options.links = true,
            SPECIAL => options.special = true,
            _ => {
                let expected = format!("some of {PATTERNS}, {FOLDERS}, {LINKS}, {SPECIAL}");
                return Err(ParameterError::invalid(PATH_OPTIONS, &expected, word));
            }
        }
    }
    Ok(options)
}

fn place(parameters: &Parameters, files: &Files) -> Result<Place, ParameterError> {
    let Some(text) = parameters.text(SERVER)? else {
        return Ok(Place::Here);
    };
    let invalid = |expected: &str| ParameterError::invalid(SERVER, expected, &text);
    let Some(access) = &files.servers else {
        return Err(invalid("empty: files of servers can't be had here"));
    };
    let address = sftp::Address::parse(&text)
        .map_err(|error| invalid(&format!("a host, host:port or [IPv6 address]:port ({error})")))?;
    let mut access = access.clone();
    if let Some(user) = parameters.text(USER)? {
        access.login.user = user;
    }
    if access.login.user.is_empty() {
        return Err(ParameterError::Missing { name: USER });
    }
    access.login.password = parameters.secret(PASSWORD)?.or(access.login.password);
    Ok(Place::Server(Arc::new(Remote::new(address, access))))
}
