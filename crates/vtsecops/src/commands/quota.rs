//! `vtsecops quota`

mod allowance;
mod shares;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use virustotal::quota::{KeyUse, Ledger};

use self::allowance::Told;
use super::run::{resolve, runtime};
use super::workdesk::base;
use crate::cli::{Connection, QuotaArguments};
use crate::failure::Failure;
use crate::output::text::visible;
use crate::progress::Teller;
use crate::stores;

pub(crate) fn run(arguments: &QuotaArguments) -> Result<ExitCode, Failure> {
    let connection = Connection {
        api_key_file: arguments.api_key_file.clone(),
        instance: arguments.instance.clone(),
        ..Connection::default()
    };
    let (resolved, file) = resolve(&Vec::new(), &connection)?;
    let runtime = runtime()?;
    let notify = Teller::new(false).notify();
    let database = base::database(&arguments.database)?;
    let ledger = Arc::new(match &database {
        Some(database) => Ledger::shared(database, stores::clock(), notify),
        None => stores::ledger(&resolved, notify),
    });
    if !arguments.shares.is_empty() {
        runtime.block_on(shares::keep(&arguments.shares, arguments.key.as_deref(), &ledger))?;
    }
    let told = match &arguments.user {
        Some(user) => Some(runtime.block_on(allowance::ask(user, &connection, &resolved, &file, &ledger))?),
        None => None,
    };
    let keys = runtime.block_on(ledger.known_keys());
    let keys = keys.ok_or_else(|| {
        let place = database.map_or_else(|| "The ledger".to_owned(), |database| database.to_string());
        Failure::failed(format!(
            "{place} does not answer. Check the address and the network, and whether it runs."
        ))
    })?;
    let now = stores::clock().now();
    crate::print(|out| match arguments.json {
        true => writeln!(out, "{:#}", as_json(&keys, told.as_ref())),
        false => {
            as_text(&keys, now, out)?;
            told.iter().try_for_each(|told| told.as_text(out))
        }
    })?;
    if let Some(told) = told.filter(|_| arguments.save) {
        told.save(file)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(keys: &[KeyUse], told: Option<&Told>) -> Value {
    let key = |known: &KeyUse| {
        let windows: serde_json::Map<String, Value> = known
            .windows
            .iter()
            .map(|window| {
                let value = json!({
                    "used": window.used,
                    "limit": window.limit,
                    "left": window.left(),
                    "next_free": window.next_free,
                });
                (window.window.name().to_owned(), value)
            })
            .collect();
        let waiting: Vec<Value> = known
            .waiting
            .iter()
            .map(|run| {
                json!({
                    "priority": run.priority.name(), "environment": run.environment, "calls": run.wants, "since": run.since
                })
            })
            .collect();
        let environments: Vec<Value> = known
            .environments
            .iter()
            .map(|own| {
                json!({
                    "environment": own.name, "share_percent": own.share, "today": own.today, "this_month": own.this_month
                })
            })
            .collect();
        json!({
            "key": known.id,
            "label": known.label,
            "windows": windows,
            "next_free": known.next_free,
            "refused_until": known.closed_until,
            "used_at": known.used_at,
            "waiting": waiting,
            "environments": environments,
        })
    };
    let mut document = json!({"keys": keys.iter().map(key).collect::<Vec<_>>()});
    if let (Some(told), Some(document)) = (told, document.as_object_mut()) {
        document.insert("virustotal".to_owned(), told.as_json());
    }
    document
}

fn as_text(keys: &[KeyUse], now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    if keys.is_empty() {
        return writeln!(out, "No call has been counted on this machine yet.");
    }
    for (index, known) in keys.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        writeln!(
            out,
            "Key {} ({}), next free slot {}",
            visible(&known.label),
            known.id,
            moment(known.next_free, now)
        )?;
        writeln!(
            out,
            "  {:8}{:>8}{:>8}{:>8}   next slot",
            "window", "used", "limit", "left"
        )?;
        for window in &known.windows {
            let number =
                |number: Option<u32>| number.map_or_else(|| "–".to_owned(), |number| number.to_string());
            writeln!(
                out,
                "  {:8}{:>8}{:>8}{:>8}   {}",
                window.window.name(),
                window.used,
                number(window.limit),
                number(window.left()),
                moment(window.next_free, now)
            )?;
        }
        if let Some(until) = known.closed_until {
            writeln!(
                out,
                "  VirusTotal has refused a call, so others use this key too; nothing is sent before {}.",
                clock_time(until, now)
            )?;
        }
        for run in &known.waiting {
            writeln!(
                out,
                "  waiting since {}: {} calls for a {}{}",
                clock_time(run.since, now),
                run.wants,
                run.priority.name(),
                match run.environment.as_str() {
                    "" => String::new(),
                    name => format!(" of {}", visible(name)),
                }
            )?;
        }
        environments(known, out)?;
    }
    Ok(())
}

/// Who used what, where there is more than one environment or something is kept for one.
fn environments(known: &KeyUse, out: &mut dyn Write) -> io::Result<()> {
    if !known.is_shared_out() {
        return Ok(());
    }
    writeln!(out, "  {:>8}{:>8}{:>8}   environment", "share", "today", "month")?;
    for own in &known.environments {
        let share = own
            .share
            .map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
        let name = match own.name.as_str() {
            "" => "(none in particular)".to_owned(),
            name => visible(name).to_string(),
        };
        writeln!(out, "  {share:>8}{:>8}{:>8}   {name}", own.today, own.this_month)?;
    }
    Ok(())
}

/// `now`, or `in 43 s (10:03:12 UTC)`.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
    match wait.is_zero() {
        true => "now".to_owned(),
        false => format!(
            "in {} ({})",
            virustotal::quota::in_words(wait),
            clock_time(at, now)
        ),
    }
}

/// The time in UTC, with the date where it is another day.
fn clock_time(at: Timestamp, now: Timestamp) -> String {
    let (at, now) = (TimeZone::UTC.to_datetime(at), TimeZone::UTC.to_datetime(now));
    let format = match at.date() == now.date() {
        true => "%H:%M:%S UTC",
        false => "%Y-%m-%d %H:%M UTC",
    };
    at.strftime(format).to_string()
}
