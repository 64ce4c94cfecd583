//! `vtsecops config show|set|unset|path`

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use serde_json::json;
use virustotal::ApiKey;

use super::run::{config_file, config_path, home, variable};
use crate::cli::{ConfigArguments, ConfigVerb};
use crate::failure::Failure;
use crate::output::text::visible;
use crate::settings::{self, API_KEY, ConfigFile, KeySource, Keyring, SETTINGS, Setting, SettingsError};

pub(crate) fn run(arguments: &ConfigArguments) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        ConfigVerb::Show { json, instance } => show(*json, instance.clone()),
        ConfigVerb::Set {
            name,
            value,
            keyring,
            instance,
        } => set(name, value.as_deref(), *keyring, instance.clone()),
        ConfigVerb::Unset {
            name,
            keyring,
            instance,
        } => unset(name, *keyring, instance.clone()),
        ConfigVerb::Path => {
            // Printed even where the file can't be used: it is what somebody who mends it asks for.
            let path = config_path()?.display().to_string();
            crate::print(|out| writeln!(out, "{path}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Name, value, origin.
type Row = (&'static str, String, String);

fn show(as_json: bool, instance: Option<String>) -> Result<ExitCode, Failure> {
    let file = config_file()?.of_instance(instance);
    let resolved = settings::resolve(&Vec::new(), variable, &file)?;
    let mut rows: Vec<Row> = vec![
        match settings::find_key(None, variable, &file, home().as_deref()) {
            Ok((_, source)) => (API_KEY, "***".to_owned(), source.to_string()),
            Err(SettingsError::NoKey | SettingsError::NoKeyOfInstance { .. }) => {
                (API_KEY, String::new(), "not set".to_owned())
            }
            Err(other) => return Err(other.into()),
        },
    ];
    for setting in &SETTINGS {
        let (value, origin) = match resolved.get(setting.name) {
            Some((value, origin)) => (settings::masked(setting.name, value), origin.to_string()),
            None => (String::new(), "not set".to_owned()),
        };
        rows.push((setting.name, value, origin));
    }
    crate::print(|out| match as_json {
        true => {
            let settings: serde_json::Map<_, _> = rows
                .iter()
                .map(|(name, value, origin)| ((*name).to_owned(), json!({"value": value, "from": origin})))
                .collect();
            writeln!(out, "{:#}", serde_json::Value::Object(settings))
        }
        false => {
            let width = rows
                .iter()
                .map(|(_, value, _)| value.chars().count())
                .max()
                .unwrap_or(0)
                .min(60);
            rows.iter().try_for_each(|(name, value, origin)| {
                writeln!(out, "{name:18} {:width$}  {}", visible(value), visible(origin))
            })
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn set(
    name: &str,
    value: Option<&str>,
    keyring: bool,
    instance: Option<String>,
) -> Result<ExitCode, Failure> {
    let name = name.replace('-', "_");
    let mut file = config_file()?.of_instance(instance);
    if name == API_KEY {
        if value.is_some() {
            return Err(Failure::usage(
                "The API key is not taken from the command line: every user of this machine could read it there.\n\
                 Run `vtsecops config set api_key` and type it, or send it to standard input.",
            ));
        }
        let key = ask_for_key()?;
        if keyring {
            Keyring::store(&key, file.instance()).map_err(|problem| {
                Failure::failed(format!(
                    "the keyring did not take the key: {problem}\n\
                     Unlock the keyring, or store the key in the config file: vtsecops config set api_key"
                ))
            })?;
            crate::tell("The API key is in the keyring. Try it: vtsecops ping");
            tell_what_comes_first(&file, |source| *source == KeySource::Keyring);
            return Ok(ExitCode::SUCCESS);
        }
        file.set(API_KEY, Some(&key));
        file.save()?;
        crate::tell(&format!(
            "The API key is in {}, readable by you only. Try it: vtsecops ping",
            file.path().display()
        ));
        tell_what_comes_first(&file, |source| matches!(source, KeySource::ConfigFile(_)));
        return Ok(ExitCode::SUCCESS);
    }
    let setting = known(&name)?;
    let Some(value) = value else {
        return Err(Failure::usage(format!(
            "{name} needs a value: vtsecops config set {name} VALUE"
        )));
    };
    setting.accept(value).map_err(|problem| {
        let value = settings::masked(&name, value);
        Failure::usage(format!("{name} {problem}, not {value:?}"))
    })?;
    file.set(setting.name, Some(value));
    file.save()?;
    Ok(ExitCode::SUCCESS)
}

fn unset(name: &str, keyring: bool, instance: Option<String>) -> Result<ExitCode, Failure> {
    let name = name.replace('-', "_");
    if name == API_KEY && keyring {
        Keyring::remove(instance.as_deref())
            .map_err(|problem| Failure::failed(format!("the keyring did not remove the key: {problem}")))?;
        return Ok(ExitCode::SUCCESS);
    }
    if name != API_KEY {
        known(&name)?;
    }
    let mut file = config_file()?.of_instance(instance);
    if file.text(&name).is_some() {
        file.set(&name, None);
        file.save()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A key that was stored and is not the one that counts is a trap.
fn tell_what_comes_first(file: &ConfigFile, is_this_one: impl Fn(&KeySource) -> bool) {
    match settings::find_key(None, variable, file, home().as_deref()) {
        Ok((_, source)) if !is_this_one(&source) => {
            crate::tell(&format!(
                "It does not count yet: {source} comes first and has a key too."
            ));
        }
        _ => {}
    }
}

fn known(name: &str) -> Result<&'static Setting, Failure> {
    // A value may be the key, and is not shown.
    if let Some((name, _)) = name.split_once('=') {
        return Err(Failure::usage(format!(
            "The name and the value are two words: vtsecops config set {name} VALUE"
        )));
    }
    Setting::named(name).ok_or_else(|| {
        let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        Failure::usage(format!(
            "There is no setting {name:?}. There are {API_KEY}, {}.",
            names.join(", ")
        ))
    })
}

/// From the terminal without echo, else the first line of standard input.
fn ask_for_key() -> Result<String, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::failed(format!("the API key could not be read: {error}"));
    let text = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("VirusTotal API key (not shown): ").map_err(unreadable)?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(unreadable)?;
        line
    };
    ApiKey::parse(&text).map_err(|problem| Failure::usage(format!("{problem}. Nothing was stored.")))?;
    Ok(text.trim().to_owned())
}
