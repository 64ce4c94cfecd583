//! From paths as they are given to files: patterns and folders, where they are asked for.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use virustotal::unreadable_because;

use super::paths::{NamedPath, path_name};
use super::place::{Kind, NO_TEXT, Named, Place};
use crate::words::shown;

/// How much of a tree is looked at: a slip such as `/**` must end.
const MOST_FILES: usize = 10_000;
const MOST_FOLDERS: usize = 100_000;

/// What else than a file a path may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `*`, `?`, `[…]`, `{…}` and `**` stand for names.
    pub(super) patterns: bool,
    /// A folder stands for the files below it.
    pub(super) folders: bool,
    /// A link stands for what it leads to.
    pub(super) links: bool,
    /// Devices, pipes and files of `/proc` are read too.
    pub(super) special: bool,
}

/// A file to upload, or why a path gives none.
pub(super) type Found = (String, Result<PathBuf, String>);

/// The files that the paths stand for, in order, each once.
pub(super) async fn expand(place: &Place, paths: Vec<NamedPath>, options: Options) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut seen = BTreeSet::new();
    for named in paths {
        for (name, path) in expand_one(place, named, options).await {
            if seen.insert(name.clone()) {
                found.push((name, path));
            }
        }
    }
    found
}

async fn expand_one(place: &Place, named: NamedPath, options: Options) -> Vec<Found> {
    let NamedPath { name, path } = named;
    let is_pattern = options.patterns && path.to_str().is_some_and(has_pattern);
    let walked = match place.look(&path).await {
        Ok(seen) if options.folders && leads_to_folder(place, &path, seen.kind, options).await => {
            Walk::new(place, options, None).run(path).await
        }
        // A file may be called like a pattern.
        Ok(_) => return vec![(name, Ok(path))],
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern => match Pattern::read(&path) {
            Ok(pattern) => {
                let start = pattern.start.clone();
                Walk::new(place, options, Some(pattern)).run(start).await
            }
            Err(error) => return vec![(name, Err(error))],
        },
        Err(error) => Err(error),
    };
    match walked {
        Ok(found) if found.is_empty() => vec![(name, Err("it stands for no file".to_owned()))],
        Ok(found) => found,
        Err(error) => vec![(name, Err(unreadable_because(&error)))],
    }
}

async fn leads_to_folder(place: &Place, path: &Path, kind: Kind, options: Options) -> bool {
    let target = match kind {
        Kind::Folder => return true,
        Kind::Link if options.links => place.canonical(path).await,
        _ => return false,
    };
    match target {
        Ok(target) => place
            .look(&target)
            .await
            .is_ok_and(|seen| seen.kind == Kind::Folder),
        Err(_) => false,
    }
}

fn has_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

pub(super) struct Pattern {
    pub(super) matcher: GlobMatcher,
    /// The folders before the first part that is a pattern.
    pub(super) start: PathBuf,
    /// Parts of the longest path that can fit.
    pub(super) deepest: usize,
}

impl Pattern {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let glob = GlobBuilder::new(&path.to_string_lossy())
            .literal_separator(true)
            .build()
            .map_err(|error| shown(&format!("the pattern can't be read: {error}")))?;
        let is_literal = |part: &Component<'_>| {
            let text = part.as_os_str().to_string_lossy();
            // What is escaped is not called as it is written.
            !has_pattern(&text) && !text.contains('\\')
        };
        let start: PathBuf = path.components().take_while(is_literal).collect();
        let is_bottomless = path.components().any(|part| part.as_os_str() == "**");
        Ok(Self {
            matcher: glob.compile_matcher(),
            start: if start.as_os_str().is_empty() {
                HERE.into()
            } else {
                start
            },
            deepest: if is_bottomless {
                usize::MAX
            } else {
                path.components().count()
            },
        })
    }
}

/// The folder that relative paths begin in.
const HERE: &str = ".";

struct Walk<'a> {
    place: &'a Place,
    options: Options,
    /// What a path must fit; without one, everything is wanted.
    pattern: Option<Pattern>,
    found: Vec<Found>,
    /// Folders to look into, and whether everything below is wanted.
    open: Vec<(PathBuf, bool)>,
}

impl<'a> Walk<'a> {
    fn new(place: &'a Place, options: Options, pattern: Option<Pattern>) -> Self {
        Self {
            place,
            options,
            pattern,
            found: Vec::new(),
            open: Vec::new(),
        }
    }

    /// All that is wanted below `start`, by name. Links to folders are not followed on the way: they lead anywhere, and
    /// round in circles.
    async fn run(mut self, start: PathBuf) -> io::Result<Vec<Found>> {
        self.open.push((start, self.pattern.is_none()));
        let mut folders = 0;
        while let Some((folder, is_whole)) = self.open.pop() {
            folders += 1;
            if folders > MOST_FOLDERS || self.found.len() > MOST_FILES {
                return Err(io::Error::other(format!(
                    "there are more than {MOST_FILES} files or {MOST_FOLDERS} folders; name a smaller part"
                )));
            }
            match self.place.list(&folder).await {
                Ok(names) => {
                    for named in names {
                        self.take(&folder, &named, is_whole);
                    }
                }
                Err(error) if folders == 1 => return Err(error),
                // The rest of the tree can be had all the same.
                Err(error) => self
                    .found
                    .push((path_name(&folder), Err(unreadable_because(&error)))),
            }
        }
        self.found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(self.found)
    }

    fn take(&mut self, folder: &Path, named: &Named, is_whole: bool) {
        let path = match folder.as_os_str() == HERE {
            true => PathBuf::from(&named.name),
            false => folder.join(&named.name),
        };
        let fits = is_whole
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.matcher.is_match(&path));
        let deepest = self
            .pattern
            .as_ref()
            .map_or(usize::MAX, |pattern| pattern.deepest);
        match named.kind {
            Kind::Folder => {
                let is_whole = fits && self.options.folders;
                if is_whole || path.components().count() < deepest {
                    self.open.push((path, is_whole));
                }
            }
            Kind::Link if !self.options.links => {}
            Kind::Special if !self.options.special => {}
            _ if !fits => {}
            _ if !named.is_exact => self.found.push((path_name(&path), Err(NO_TEXT.to_owned()))),
            _ => self.found.push((path_name(&path), Ok(path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Pattern;

    #[test]
    fn the_search_begins_above_the_first_part_that_is_not_called_as_it_is_written() {
        for (pattern, start) in [
            ("/srv/a/*.exe", "/srv/a"),
            ("/srv/[ab]/c", "/srv"),
            ("*", "."),
            // Escaped, they are the names `a` and `b*`.
            ("/srv/\\a/\\b*", "/srv"),
        ] {
            assert_eq!(
                Pattern::read(Path::new(pattern)).unwrap().start,
                Path::new(start),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_pattern_can_not_write_to_the_terminal_by_what_is_wrong_with_it() {
        let words = Pattern::read(Path::new("/a\u{1b}[2J")).err().unwrap();
        assert!(
            !words.contains(char::is_control) && words.contains("can't be read"),
            "{words:?}"
        );
    }
}
