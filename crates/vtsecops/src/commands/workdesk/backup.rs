//! `vtsecops workdesk backup` and `restore`: a workdesk in a folder, as a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};
use workdesk::{Backup, Sealer, back_up, check_backup, fold};

use super::base::{self, Place};
use crate::cli::{BackupArguments, Connection, DatabaseArguments, RestoreArguments};
use crate::commands::run::{config_path, resolve, runtime};
use crate::failure::Failure;
use crate::files::{folder_of, write_for_owner};
use crate::settings::Resolved;
use crate::stores;

/// The database's files in a folder, beside the first one: what was written last, and what of it is in memory.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// `vtsecops workdesk backup`
pub(super) fn make(arguments: &BackupArguments) -> Result<ExitCode, Failure> {
    in_a_folder(&arguments.database, "pg_dump --format=custom --file FILE NAME")?;
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let folder = base::folder_of(arguments.folder.folder.clone(), &resolved)?;
    let from = base::file_in(&folder)?;
    let runtime = runtime()?;
    let to = &arguments.file;
    if to.exists() && !arguments.force {
        return Err(Failure::usage(format!(
            "{} is there already; --force writes over it.",
            to.display()
        )));
    }
    let unwritable = |error: std::io::Error| Failure::failed(format!("{}: {error}", to.display()));
    // Readable by its owner only from its first byte on; in its place only when it is whole.
    let new = tempfile::Builder::new()
        .prefix(".workdesk-backup-")
        .tempfile_in(folder_of(to))
        .map_err(unwritable)?;
    let holds = runtime.block_on(async {
        back_up(&from, new.path()).await.map_err(|error| {
            Failure::failed(format!(
                "{} can't be copied to {}: {error}",
                from.display(),
                to.display()
            ))
        })?;
        check(new.path(), to).await
    })?;
    File::open(new.path())
        .and_then(|file| file.sync_all())
        .map_err(unwritable)?;
    let digest = digest(new.path()).map_err(unwritable)?;
    new.persist(to).map_err(|error| unwritable(error.error))?;
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    write_for_owner(&with(to, ".sha256"), &format!("{digest}  {name}\n")).map_err(unwritable)?;
    crate::print(|out| {
        writeln!(
            out,
            "Copied {} to {}: {}.",
            folder.display(),
            to.display(),
            told(&holds)
        )?;
        writeln!(out, "Not in it, and yours to keep:")?;
        writeln!(
            out,
            "  the key that seals: {}, or where --key-file says; apart from the copy, for who has both can read the instances' settings",
            folder.join("workdesk.key").display()
        )?;
        for (path, what) in left_out(&folder, &resolved) {
            writeln!(out, "  {what}: {}", path.display())?;
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What else makes a workdesk, where it is there.
fn left_out(folder: &Path, resolved: &Resolved) -> Vec<(PathBuf, &'static str)> {
    let state = stores::gateway(resolved);
    let known = [
        (
            Some(folder.join("runs")),
            "journals of runs under way, without which what they submitted may be submitted again",
        ),
        (
            stores::ledger_file(resolved),
            "the quota ledger, without which today's calls are counted from nothing",
        ),
        (
            state.map(|state| state.join("gateway-tokens.json")),
            "the gateway's tokens",
        ),
        (config_path().ok(), "the config file"),
    ];
    let there = known.into_iter().filter_map(|(path, what)| Some((path?, what)));
    there.filter(|(path, _)| path.exists()).collect()
}

/// `vtsecops workdesk restore`
pub(super) fn restore(arguments: &RestoreArguments) -> Result<ExitCode, Failure> {
    in_a_folder(
        &arguments.database,
        "pg_restore --exit-on-error --no-owner --dbname NEW FILE",
    )?;
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let from = &arguments.file;
    // While it lasts no workdesk can write into the folder.
    let place = Place::folder(arguments.folder.folder.clone(), &resolved)?;
    let Place::Folder(folder, _) = &place else {
        return Err(Failure::failed("there is no folder"));
    };
    let unreadable = |error: std::io::Error| Failure::failed(format!("{}: {error}", from.display()));
    let unwritable = |error: std::io::Error| Failure::failed(format!("{}: {error}", folder.display()));
    let is_compared = compare(from)?;
    let runtime = runtime()?;
    // It is looked through where nobody else has it, and beside the place that it goes to.
    let mut new = tempfile::Builder::new()
        .prefix(".workdesk-restore-")
        .tempfile_in(folder)
        .map_err(unwritable)?;
    match with(from, "-wal").exists() {
        // A file that was served: what was written last stands beside it.
        true => runtime.block_on(async {
            let copied = back_up(from, new.path()).await;
            copied.map_err(|error| Failure::failed(format!("{}: {error}", from.display())))
        })?,
        false => {
            let mut copy = File::open(from).map_err(unreadable)?;
            std::io::copy(&mut copy, new.as_file_mut()).map_err(unwritable)?;
        }
    }
    let holds = runtime.block_on(check(new.path(), from))?;
    give_to_owner_of(folder, new.path());
    new.as_file().sync_all().map_err(unwritable)?;
    // One that can't be is kept as it is, with the files beside it.
    let _ = runtime.block_on(async {
        fold(&folder.join("workdesk.db"))
            .await
            .map_err(|error| place.failed(&error))
    });
    let former = put_in_place(folder, new).map_err(unwritable)?;
    let journals = set_aside(folder, &holds.unfinished, former.name()).map_err(unwritable)?;
    let key_file = arguments
        .key_file
        .clone()
        .unwrap_or_else(|| folder.join("workdesk.key"));
    let key = fs::read_to_string(&key_file).ok();
    let sealer = key.as_deref().and_then(Sealer::from_text);
    let closed = holds.not_opened_by(sealer.as_ref());
    crate::print(|out| {
        writeln!(
            out,
            "Restored {} into {}: {}.",
            from.display(),
            folder.display(),
            told(&holds)
        )?;
        if let Former::Kept(path) = &former {
            writeln!(out, "What was there is kept as {}.", path.display())?;
        }
        if journals > 0 {
            writeln!(
                out,
                "{journals} journals of runs that the copy does not know were put beside it."
            )?;
        }
        if !is_compared {
            writeln!(
                out,
                "There is no {}: only the form of the copy was checked, not each byte.",
                with(from, ".sha256").display()
            )?;
        }
        if !holds.unfinished.is_empty() {
            writeln!(
                out,
                "{} runs were under way then; they are taken up again: what they have submitted since may be submitted once more.",
                holds.unfinished.len()
            )?;
        }
        Ok(())
    })?;
    if sealer.is_none() && !closed.is_empty() {
        crate::tell(&format!(
            "There is no usable key that seals at {}: put the copy's own there before the start, or a new one is made.",
            key_file.display()
        ));
    }
    if !closed.is_empty() {
        crate::tell(&base::other_key(&closed));
    }
    Ok(ExitCode::SUCCESS)
}

/// A workdesk on a server is copied with the server's own tools.
fn in_a_folder(arguments: &DatabaseArguments, instead: &str) -> Result<(), Failure> {
    match base::database(arguments)? {
        None => Ok(()),
        Some(database) => Err(Failure::usage(format!(
            "The workdesk is on PostgreSQL ({database}), which has tools of its own for that: {instead} (docs/operations.md). For one in a folder, \
             take VTSECOPS_DATABASE away."
        ))),
    }
}

/// What a copy holds; `named` is what people know it as.
async fn check(file: &Path, named: &Path) -> Result<Backup, Failure> {
    check_backup(file).await.map_err(|error| {
        Failure::failed(format!(
            "{} can't be used, and nothing was changed: {error}",
            named.display()
        ))
    })
}

fn told(holds: &Backup) -> String {
    let Backup {
        cases, runs, people, ..
    } = holds;
    format!("{cases} cases, {runs} runs, {people} people")
}

/// Whether there was something to compare the copy with.
fn compare(file: &Path) -> Result<bool, Failure> {
    let wanted = match fs::read_to_string(with(file, ".sha256")) {
        Ok(wanted) => wanted,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(Failure::failed(format!(
                "{}: {error}",
                with(file, ".sha256").display()
            )));
        }
    };
    let found = digest(file).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    match wanted.split_whitespace().next() == Some(&found) {
        true => Ok(true),
        false => Err(Failure::failed(format!(
            "{} can't be used, and nothing was changed: it is damaged, for its SHA-256 is not the one in {}",
            file.display(),
            with(file, ".sha256").display()
        ))),
    }
}

/// Root restores for the user whose workdesk it is.
#[cfg(unix)]
fn give_to_owner_of(folder: &Path, file: &Path) {
    use std::os::unix::fs::{MetadataExt, chown};
    if let Ok(known) = fs::metadata(folder) {
        // Who may not is the owner already, or is told at the start that the file can't be read.
        let _ = chown(file, Some(known.uid()), Some(known.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner_of(_: &Path, _: &Path) {}

/// What was there before.
enum Former {
    Nothing,
    Kept(PathBuf),
}

impl Former {
    fn name(&self) -> Option<&Path> {
        match self {
            Self::Nothing => None,
            Self::Kept(path) => Some(path),
        }
    }
}

/// Puts the new file in the place of the former one, which is kept with what was written last.
fn put_in_place(folder: &Path, new: tempfile::NamedTempFile) -> std::io::Result<Former> {
    let file = folder.join("workdesk.db");
    let mut former = Former::Nothing;
    if file.exists() {
        let kept = unused(folder);
        // The parts of the former one stay together: its last writes belong to no other.
        for beside in BESIDE {
            move_if_there(&with(&file, beside), &with(&kept, beside))?;
        }
        fs::rename(&file, &kept)?;
        former = Former::Kept(kept);
    }
    new.persist(&file).map_err(|error| error.error)?;
    // So that a loss of power does not take the names back.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(former)
}

fn unused(folder: &Path) -> PathBuf {
    let at = stores::clock().now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let named = |number: u32| match number {
        0 => folder.join(format!("before-{at}.db")),
        _ => folder.join(format!("before-{at}-{number}.db")),
    };
    let free = (0..).map(named).find(|path| !path.exists());
    free.unwrap_or_else(|| named(0))
}

/// Takes journals away of runs that the copy has not under way: a run that comes later gets the same number. Gives their number.
fn set_aside(folder: &Path, unfinished: &[i64], former: Option<&Path>) -> std::io::Result<usize> {
    let Some(former) = former else { return Ok(0) };
    let aside = former.with_extension("runs");
    let mut moved = 0;
    for file in fs::read_dir(folder.join("runs")).into_iter().flatten() {
        let path = file?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let run = name.split('.').next().and_then(|run| run.parse::<i64>().ok());
        if run.is_some_and(|run| unfinished.contains(&run)) {
            continue;
        }
        fs::create_dir_all(&aside)?;
        fs::rename(&path, aside.join(&name))?;
        moved += usize::from(name.ends_with(".db"));
    }
    Ok(moved)
}

fn move_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn digest(file: &Path) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(file)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = std::io::Read::read(&mut file, &mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => break,
            Some(bytes) => hasher.update(bytes),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The path with something behind its name.
fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
