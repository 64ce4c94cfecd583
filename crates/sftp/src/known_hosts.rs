//! The file of known host keys, as OpenSSH reads it.
//!
//! Names may be lists, patterns (`*`, `?`), negated (`!`), with a port (`[host]:port`) or hashed. `@revoked` lines
//! count; `@cert-authority` lines do not, since host certificates are not asked for. A line that can't be read is
//! passed over, as OpenSSH does.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, PublicKey};
use sha1::Sha1;

use crate::Error;

/// How often a locked file is tried again, and after which pause. Whoever writes to it is done in milliseconds.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The lines of the file that can be read.
#[derive(Default)]
pub(crate) struct KnownHosts {
    lines: Vec<(usize, Entry)>,
}

/// What the file has of a key. Lines count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The host with this key.
    Same,
    /// The host, but with other keys; the line has one of them.
    Other { line: usize },
    /// Nothing of the host.
    Unknown,
    /// The key is revoked for this host.
    Revoked { line: usize },
}

impl KnownHosts {
    /// Reads the file; none is an empty one.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(unusable(path, &error)),
        }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let lines = String::from_utf8_lossy(bytes)
            .lines()
            .enumerate()
            .filter_map(|(place, line)| Some((place + 1, parse_line(line)?)))
            .collect();
        Self { lines }
    }

    /// What is known of the key under the name, which is a host or `[host]:port`, in lower case.
    pub(crate) fn look_up(&self, name: &str, key: &PublicKey) -> Found {
        let is_this = |entry: &Entry| entry.public_key().key_data() == key.key_data();
        let mut found = Found::Unknown;
        for (line, entry) in self.of(name) {
            match entry.marker() {
                Some(Marker::Revoked) if is_this(entry) => return Found::Revoked { line },
                Some(_) => {}
                None if is_this(entry) => found = Found::Same,
                None => match found {
                    Found::Same => {}
                    Found::Unknown => found = Found::Other { line },
                    // The line to name is the one that this key would replace.
                    _ if entry.public_key().algorithm() == key.algorithm() => found = Found::Other { line },
                    _ => {}
                },
            }
        }
        found
    }

    /// The kinds of the keys that are recorded under the name.
    pub(crate) fn algorithms(&self, name: &str) -> Vec<Algorithm> {
        self.of(name)
            .filter(|(_, entry)| entry.marker().is_none())
            .map(|(_, entry)| entry.public_key().algorithm())
            .collect()
    }

    fn of(&self, name: &str) -> impl Iterator<Item = (usize, &Entry)> {
        self.lines
            .iter()
            .filter(move |(_, entry)| names(entry.host_patterns(), name))
            .map(|(line, entry)| (*line, entry))
    }
}

/// Adds the key unless the file got one in the meantime, and says what the file had: only after [`Found::Unknown`] is
/// there a new line.
pub(crate) fn remember(path: &Path, name: &str, key: &PublicKey) -> Result<Found, Error> {
    add(path, name, key).map_err(|error| unusable(path, &error))
}

fn add(path: &Path, name: &str, key: &PublicKey) -> io::Result<Found> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_folder(folder)?;
    }
    let mut file = open_to_append(path)?;
    lock(&file)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let found = KnownHosts::parse(&bytes).look_up(name, key);
    if found == Found::Unknown {
        let data = PublicKey::new(key.key_data().clone(), "")
            .to_openssh()
            .map_err(io::Error::other)?;
        let start = if bytes.last().is_none_or(|last| *last == b'\n') {
            ""
        } else {
            "\n"
        };
        // One write, so that not even a program that knows no locks can come in between.
        file.write_all(format!("{start}{name} {}\n", data.trim_end()).as_bytes())?;
        file.sync_data().or_else(|error| match error.kind() {
            // Such as a device.
            io::ErrorKind::InvalidInput => Ok(()),
            _ => Err(error),
        })?;
    }
    Ok(found)
}

/// The lock goes with the file.
fn lock(file: &File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            // Some network file systems have no locks; the single write must do there.
            Err(TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(io::Error::other("another program keeps it locked"))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open_to_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn unusable(path: &Path, error: &io::Error) -> Error {
    Error::KnownHosts {
        path: path.display().to_string(),
        detail: error.to_string(),
    }
}

/// OpenSSH takes tabs and several blanks between fields, the parser one blank.
fn parse_line(line: &str) -> Option<Entry> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if fields.first()?.starts_with('#') {
        return None;
    }
    fields.join(" ").parse().ok()
}

fn names(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => {
            let mut named = false;
            for pattern in patterns {
                let pattern = pattern.to_ascii_lowercase();
                match pattern.strip_prefix('!') {
                    // One negation that fits overrules all the rest of the line.
                    Some(pattern) if fits(pattern.as_bytes(), name.as_bytes()) => return false,
                    Some(_) => {}
                    None => named |= fits(pattern.as_bytes(), name.as_bytes()),
                }
            }
            named
        }
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok()),
    }
}

/// Whether the text is what the pattern describes: `*` is anything, `?` one byte. Goes back to the last star only, so
/// that no pattern takes longer than the product of the lengths.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut last_star = None;
    while let Some(byte) = text.get(at_text) {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                last_star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else {
                    return false;
                };
                last_star = Some((star, taken + 1));
                at_pattern = star + 1;
                at_text = taken + 1;
            }
        }
    }
    pattern.iter().skip(at_pattern).all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Found, KnownHosts, PublicKey, fits, remember};

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const E: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

    fn key(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    fn look_up(file: &str, name: &str, presented: &str) -> Found {
        KnownHosts::parse(file.as_bytes()).look_up(name, &key(presented))
    }

    #[test]
    fn a_host_is_known_by_any_of_its_keys() {
        let file = format!("files {A}\nfiles {E}\n");
        assert_eq!(look_up(&file, "files", A), Found::Same);
        assert_eq!(look_up(&file, "files", E), Found::Same);
        assert_eq!(look_up(&file, "other", A), Found::Unknown);
        assert_eq!(look_up("", "files", A), Found::Unknown);
    }

    #[test]
    fn a_changed_key_is_noticed_with_its_line_whatever_its_type() {
        let file = format!("# hosts\n\nother {A}\nfiles {E}\nfiles {A}\n");
        assert_eq!(look_up(&file, "files", B), Found::Other { line: 5 });
        assert_eq!(
            look_up(&format!("files {A}\n"), "files", E),
            Found::Other { line: 1 }
        );
        assert_eq!(
            look_up(&format!("files {E}\n"), "files", A),
            Found::Other { line: 1 }
        );
    }

    #[test]
    fn a_revoked_key_is_revoked_wherever_the_line_stands() {
        for file in [
            format!("@revoked files {A}\nfiles {A}\n"),
            format!("files {A}\n@revoked files {A}\n"),
            format!("files {A}\n@revoked * {A}\n"),
        ] {
            assert!(
                matches!(look_up(&file, "files", A), Found::Revoked { .. }),
                "{file}"
            );
        }
        assert_eq!(
            look_up(&format!("@revoked other {A}\n"), "files", A),
            Found::Unknown
        );
        assert_eq!(
            look_up(&format!("@revoked files {A}\n"), "files", B),
            Found::Unknown
        );
    }

    #[test]
    fn an_authority_is_no_host_key() {
        assert_eq!(
            look_up(&format!("@cert-authority * {A}\n"), "files", A),
            Found::Unknown
        );
        assert_eq!(
            look_up(&format!("@cert-authority * {A}\n"), "files", B),
            Found::Unknown
        );
    }

    #[test]
    fn names_are_lists_patterns_negations_ports_and_hashes() {
        for (names, name, known) in [
            ("a,files,b", "files", true),
            ("FILES", "files", true),
            ("*.example.org", "files.example.org", true),
            ("*.example.org", "example.org", false),
            ("file?", "files", true),
            ("file?", "file", false),
            ("*,!files", "files", false),
            ("!files,*", "files", false),
            ("*,!files", "other", true),
            ("!files", "other", false),
            ("[files]:2222", "[files]:2222", true),
            ("files", "[files]:2222", false),
            ("[*.org]:2222", "[a.org]:2222", true),
            ("192.0.2.*", "192.0.2.7", true),
            // Made by ssh-keygen -H from cvs.example.net.
            (
                "|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM=",
                "cvs.example.net",
                false,
            ),
        ] {
            let found = look_up(&format!("{names} {A}\n"), name, A);
            assert_eq!(found == Found::Same, known, "{names} {name}");
        }
    }

    #[test]
    fn a_line_that_can_not_be_read_spoils_no_other() {
        let mut file = b"\xff\xfe nonsense\nfiles\nfiles ssh-ed25519 AAAA\n@what files x y\n".to_vec();
        file.extend(format!("  files\t {A}  a remark # more\r\n").bytes());
        assert_eq!(KnownHosts::parse(&file).look_up("files", &key(A)), Found::Same);
    }

    #[test]
    fn a_key_is_remembered_on_a_line_of_its_own_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("known_hosts");
        assert_eq!(remember(&path, "[files]:2222", &key(A)), Ok(Found::Unknown));
        assert_eq!(remember(&path, "[files]:2222", &key(A)), Ok(Found::Same));
        assert_eq!(
            remember(&path, "[files]:2222", &key(B)),
            Ok(Found::Other { line: 1 })
        );
        std::fs::write(&path, format!("other {B}")).unwrap();
        assert_eq!(remember(&path, "files", &key(A)), Ok(Found::Unknown));
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("other {B}\nfiles {A}\n")
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_is_created() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("known_hosts");
        remember(&path, "files", &key(A)).unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn two_that_meet_a_host_at_once_write_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| remember(&path, "files", &key(A)).unwrap());
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("files {A}\n"));
    }

    /// The plain definition, as slow as it may be.
    fn fits_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), None) => fits_by_definition(rest, text),
            (Some((b'*', rest)), Some((_, text_rest))) => {
                fits_by_definition(rest, text) || fits_by_definition(pattern, text_rest)
            }
            (Some((b'?', rest)), Some((_, text_rest))) => fits_by_definition(rest, text_rest),
            (Some((wanted, rest)), Some((byte, text_rest))) => {
                wanted == byte && fits_by_definition(rest, text_rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_by_their_definition(pattern in "[ab.*?]{0,8}", text in "[ab.]{0,10}") {
            prop_assert_eq!(
                fits(pattern.as_bytes(), text.as_bytes()),
                fits_by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn no_file_is_too_odd_to_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            KnownHosts::parse(&bytes).look_up("files", &key(A));
        }

        #[test]
        fn lines_around_change_nothing(before in "[ -~]{0,40}", after in "[ -~]{0,40}") {
            let file = format!("#{before}\nfiles {A}\n#{after}");
            prop_assert_eq!(look_up(&file, "files", A), Found::Same);
            prop_assert_eq!(look_up(&file, "files", B), Found::Other { line: 2 });
        }
    }
}
