//! What VirusTotal itself allows, and how it becomes the limits that are kept to.

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use virustotal::quota::Ledger;
use virustotal::{Allowance, Client, Deadline, Error};

use crate::cli::Connection;
use crate::commands::run::{home, variable};
use crate::failure::Failure;
use crate::output::text::visible;
use crate::settings::{self, ConfigFile, Resolved, Setting};

/// What VirusTotal has said of a user.
pub(super) struct Told {
    user: String,
    allowances: Vec<Allowance>,
}

/// Asks VirusTotal.
pub(super) async fn ask(
    user: &str,
    connection: &Connection,
    resolved: &Resolved,
    file: &ConfigFile,
    ledger: &Arc<Ledger>,
) -> Result<Told, Failure> {
    let key_file = connection.api_key_file.as_deref();
    let (key, _) = settings::find_key(key_file, variable, file, home().as_deref())?;
    let mut settings = resolved.to_virustotal(key);
    settings.ledger = Some(Arc::clone(ledger));
    settings.key_label = file.instance().unwrap_or("default").to_owned();
    let client = Client::new(settings).map_err(|error| Failure::usage(error.to_string()))?;
    let deadline = resolved.timeout().map_or_else(Deadline::none, Deadline::after);
    let user = user.trim().to_owned();
    match client.allowances(&user, &deadline).await {
        Ok(allowances) => Ok(Told { user, allowances }),
        Err(Error::Missing) => Err(Failure::failed(format!(
            "VirusTotal knows no user {user:?}. The name is in the menu of the key's owner at VirusTotal."
        ))),
        Err(Error::Forbidden { .. }) => Err(Failure::failed(format!(
            "VirusTotal tells this key nothing about {user:?}: give the name of the key's own owner."
        ))),
        Err(Error::Settings(problem)) => Err(Failure::usage(problem)),
        Err(error) => Err(Failure::failed(error.to_string())),
    }
}

impl Told {
    pub(super) fn as_text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.allowances.is_empty() {
            return writeln!(out, "\nVirusTotal tells no limits of {}.", visible(&self.user));
        }
        writeln!(
            out,
            "\nVirusTotal itself, of {} on all machines",
            visible(&self.user)
        )?;
        for told in &self.allowances {
            let number =
                |number: Option<u64>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
            writeln!(
                out,
                "  {:8}{:>8}{:>8}{:>8}",
                told.window.name(),
                told.used,
                number(told.allowed),
                number(left(told))
            )?;
        }
        Ok(())
    }

    pub(super) fn as_json(&self) -> Value {
        let windows: Map<String, Value> = self
            .allowances
            .iter()
            .map(|told| {
                let value = json!({"used": told.used, "limit": told.allowed, "left": left(told)});
                (told.window.name().to_owned(), value)
            })
            .collect();
        json!({"user": self.user, "windows": windows})
    }

    /// Makes them the limits of the config file.
    pub(super) fn save(&self, mut file: ConfigFile) -> Result<(), Failure> {
        let mut saved = Vec::new();
        for told in &self.allowances {
            let name = format!("quota_per_{}", told.window.name());
            let value = told
                .allowed
                .map_or_else(|| "none".to_owned(), |allowed| allowed.to_string());
            file.set(&name, Some(&value));
            if let Some(setting) = Setting::named(&name)
                && variable(setting.variable).is_some()
            {
                crate::tell(&format!(
                    "{name} of the config file does not count yet: {} comes first.",
                    setting.variable
                ));
            }
            saved.push(format!("{name} = {value}"));
        }
        if saved.is_empty() {
            return Ok(());
        }
        file.save()?;
        crate::tell(&format!(
            "From now on {}, in {}. Of minutes VirusTotal says nothing.",
            saved.join(", "),
            file.path().display()
        ));
        Ok(())
    }
}

fn left(told: &Allowance) -> Option<u64> {
    told.allowed.map(|allowed| allowed.saturating_sub(told.used))
}
