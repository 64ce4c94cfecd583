//! What of the repository's history stands in what is released.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::asked::asked;

/// The time of the source, in seconds since 1970: `SOURCE_DATE_EPOCH` where it is set, else the commit's.
///
/// # Errors
/// Where there is neither.
pub(crate) fn date(root: &Path) -> Result<i64, Box<dyn Error>> {
    if let Ok(set) = std::env::var("SOURCE_DATE_EPOCH") {
        return set
            .parse()
            .map_err(|_| format!("SOURCE_DATE_EPOCH is no number of seconds: {set}").into());
    }
    let committed = asked(git(root).args(["log", "-1", "--format=%ct"]))
        .map_err(|error| format!("the time of the source is not known; set SOURCE_DATE_EPOCH ({error})"))?;
    Ok(committed.trim().parse()?)
}

/// The commit, with a mark where files differ from it. None outside a repository.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let commit = asked(git(root).args(["rev-parse", "HEAD"])).ok()?;
    let mark = if is_changed(root) { "-changed" } else { "" };
    Some(format!("{}{mark}", commit.trim()))
}

/// Whether a file differs from the commit, or is none of its files and not ignored either.
pub(crate) fn is_changed(root: &Path) -> bool {
    asked(git(root).args(["status", "--porcelain"])).is_ok_and(|changes| !changes.is_empty())
}

/// Settings that lead to another repository, as a hook has them, do not count.
pub(crate) fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(root)
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE");
    git
}
