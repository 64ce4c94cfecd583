//! The system's keyring: Secret Service on Linux, Keychain on macOS, Credential Manager on Windows.
//!
//! A server or a container has none; then reading means "no key there", at once, and storing says so.

use std::sync::mpsc;
use std::time::Duration;

use keyring_core::{CredentialStore, Entry};

/// The entry of this program, or of one instance.
pub(crate) struct Keyring;

const SERVICE: &str = "vtsecops";
const USER: &str = "api-key";
/// A keyring that asks a person to unlock it is not waited for longer when a script runs.
const MOST: Duration = Duration::from_secs(1);

impl Keyring {
    /// The stored key, if there is a keyring and it holds one.
    pub(crate) fn read(instance: Option<&str>) -> Option<String> {
        if !is_there() {
            return None;
        }
        let (sender, receiver) = mpsc::channel();
        let user = user(instance);
        // The thread ends with the process if the keyring never answers.
        std::thread::spawn(move || {
            let _ = sender
                .send(entry(&user).and_then(|entry| entry.get_password().map_err(|error| error.to_string())));
        });
        receiver.recv_timeout(MOST).ok()?.ok()
    }

    /// Stores the key.
    ///
    /// # Errors
    /// There is no keyring, or it refuses, in its words.
    pub(crate) fn store(key: &str, instance: Option<&str>) -> Result<(), String> {
        entry(&user(instance))?
            .set_password(key)
            .map_err(|error| error.to_string())
    }

    /// Removes the key; none there is fine.
    ///
    /// # Errors
    /// As for [`Keyring::store`].
    pub(crate) fn remove(instance: Option<&str>) -> Result<(), String> {
        match entry(&user(instance))?.delete_credential() {
            Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn user(instance: Option<&str>) -> String {
    instance.map_or_else(|| USER.to_owned(), |instance| format!("{USER} {instance}"))
}

fn entry(user: &str) -> Result<Entry, String> {
    if !is_there() {
        return Err("this machine has no keyring service (no D-Bus session)".to_owned());
    }
    let store = store().map_err(|error| error.to_string())?;
    let credential = store
        .build(SERVICE, user, None)
        .map_err(|error| error.to_string())?;
    Ok(credential)
}

/// Whether it is worth asking: without a session bus there is no Secret Service.
fn is_there() -> bool {
    if cfg!(not(target_os = "linux")) {
        return true;
    }
    let bus = || {
        Some(
            std::path::Path::new(&std::env::var_os("XDG_RUNTIME_DIR")?)
                .join("bus")
                .exists(),
        )
    };
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some() || bus().unwrap_or(false)
}

#[cfg(target_os = "linux")]
fn store() -> keyring_core::Result<std::sync::Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn store() -> keyring_core::Result<std::sync::Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(windows)]
fn store() -> keyring_core::Result<std::sync::Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn store() -> keyring_core::Result<std::sync::Arc<CredentialStore>> {
    Err(keyring_core::Error::NotSupportedByStore(
        "this system has no keyring that is known here".to_owned(),
    ))
}
