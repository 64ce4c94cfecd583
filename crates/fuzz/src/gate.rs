//! What administrators write, or programs for them: configuration, tokens, hosts that are known.

use gateway::Tokens;
use sftp::fuzzing::{Known, line, look_up, shown};
use sftp::{Address, Fingerprint, HostKeys};
use vtsecops::settings::ConfigFile;

use crate::{check_words, parts};

/// The command line's configuration file, and a list of values.
pub(crate) fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match ConfigFile::parse("/c.toml".into(), &text) {
        Ok(file) => assert_eq!(format!("{file:?}"), "ConfigFile { path: \"/c.toml\", .. }"),
        Err(error) => check_words(&error.to_string(), 4000 + 2 * text.len()),
    }
    for value in vtsecops::input::lines(data) {
        assert!(!value.is_empty() && value.trim() == value && !value.starts_with('#'));
        assert!(!value.contains('\n'));
    }
}

/// The gateway's file of tokens.
pub(crate) fn tokens(data: &[u8]) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
    }
    FOLDER.with(|folder| {
        std::fs::write(folder.path().join("gateway-tokens.json"), data).unwrap();
        match Tokens::new(folder.path()).list() {
            Ok(tokens) => {
                for token in tokens {
                    assert!(!format!("{token:?}").is_empty());
                }
            }
            Err(error) => check_words(&error.to_string(), 1000),
        }
    });
}

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

/// The known hosts, and the address of a server.
pub(crate) fn known_hosts(data: &[u8]) {
    let [file, address] = parts(data);
    let text = String::from_utf8_lossy(address);
    for letter in shown(&text).chars() {
        assert!(!letter.is_control());
    }
    match text.parse::<HostKeys>() {
        Ok(policy) => assert_eq!(policy.to_string().parse(), Ok(policy)),
        Err(error) => check_words(&error.to_string(), 200),
    }
    let _ = Fingerprint::parse(&text);
    let address = match Address::parse(&text) {
        Ok(address) => address,
        Err(error) => {
            check_words(&error.to_string(), 200);
            Address::parse("files.example.org:2222").unwrap()
        }
    };
    assert_eq!(Address::parse(&address.to_string()).as_ref(), Ok(&address));
    let known = |file: &[u8], key| look_up(file, &address, key).unwrap();
    let before = known(file, A);
    // A line more makes the key known, whatever stood before, unless it was revoked.
    let more = [file, b"\n", line(&address, A).as_bytes()].concat();
    let after = match before {
        Known::Revoked => Known::Revoked,
        _ => Known::Same,
    };
    assert_eq!(known(&more, A), after);
    // Of another key of that server it is known that it is another.
    assert_ne!(known(&more, B), Known::Unknown);
    let revoked = [&more[..], b"@revoked ", line(&address, A).as_bytes()].concat();
    assert_eq!(known(&revoked, A), Known::Revoked);
}
