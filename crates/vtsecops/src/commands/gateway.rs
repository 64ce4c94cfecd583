//! `vtsecops gateway`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use entrance::Tls;
use gateway::{Allowance, Bounds, Error, Gateway, Rights, Serving, Token, Tokens, audit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use virustotal::quota::Ledger;
use virustotal::quota::Priority;

use super::run::{home, resolve, runtime_of_server, variable};
use super::workdesk::tls;
use crate::cli::{
    AuditArguments, Connection, GatewayArguments, GatewayServing, GatewayVerb, Showing, TokenAdd, TokenVerb,
    Waiting,
};
use crate::commands::workdesk::{base, retention};
use crate::failure::Failure;
use crate::progress::Teller;
use crate::settings::{self, Flags, Resolved};
use crate::{ending, stores, telemetry};

/// The key's name in the ledger where no instance is named.
const DEFAULT_LABEL: &str = "default";
/// How long before its end a token is told to be renewed.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(crate) fn run(arguments: &GatewayArguments) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        None => serve(&arguments.serving),
        Some(GatewayVerb::Audit(arguments)) => audit(arguments),
        Some(GatewayVerb::Token { verb }) => {
            let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
            let folder = folder(&resolved)?;
            match verb {
                TokenVerb::Add(arguments) => add(&folder, arguments, &resolved),
                TokenVerb::List { json, all } => list(&folder, *json, *all),
                TokenVerb::Revoke { name } => {
                    Tokens::new(&folder)
                        .revoke(name, stores::clock().now())
                        .map_err(failed)?;
                    crate::print(|out| {
                        writeln!(out, "{name} is revoked; a gateway that runs knows already.")
                    })?;
                    Ok(ExitCode::SUCCESS)
                }
            }
        }
    }
}

fn failed(error: Error) -> Failure {
    match error {
        Error::Usage(words) => Failure::usage(words),
        other => Failure::failed(other.to_string()),
    }
}

fn folder(resolved: &Resolved) -> Result<PathBuf, Failure> {
    let folder = stores::gateway(resolved);
    folder.ok_or_else(|| Failure::usage("There is no home folder; name one in VTSECOPS_STATE_FOLDER."))
}

fn serve(arguments: &GatewayServing) -> Result<ExitCode, Failure> {
    let _telemetry = telemetry::of_server(&arguments.telemetry, "vtsecops-gateway")?;
    let tls = tls(&arguments.tls)?;
    if tls.is_none() && !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "Without TLS the gateway listens on loopback addresses only, as tokens could be read on their way: give it --tls-cert \
             and --tls-key, or put a proxy with TLS in front of it (and say how tools reach that: --public-url).",
        ));
    }
    // Before look-ups get a thread.
    let runtime = runtime_of_server("the gateway")?;
    let serving = serving(arguments, tls.is_some())?;
    let folder = serving.folder.clone();
    let has_tokens = Tokens::new(&folder)
        .list()
        .map_err(failed)?
        .iter()
        .any(|token| token.counts(stores::clock().now()));
    let gateway = Gateway::new(serving).map_err(failed)?;
    runtime.block_on(listen(arguments, gateway, tls, &folder, has_tokens))
}

fn serving(arguments: &GatewayServing, is_secure: bool) -> Result<Serving, Failure> {
    let connection = &arguments.connection;
    let mut flags = flags(connection);
    flags.push(("upload_rules", arguments.upload_rules.clone()));
    let (resolved, file) = resolve(&flags, connection)?;
    let key_file = connection.api_key_file.as_deref();
    let (key, source) = settings::find_key(key_file, variable, &file, home().as_deref())?;
    tracing::info!(%source, "API key found");
    let environment = connection.environment.as_deref();
    let rules = settings::files(&resolved, environment, None, variable, home().as_deref())?.rules;
    let notify = Teller::new(false).notify();
    let mut settings = resolved.to_virustotal(key);
    let (ledger, cache) = match base::database(&arguments.database)? {
        Some(database) => (
            Ledger::shared(&database, stores::clock(), notify.clone()),
            stores::shared_cache(&database, &resolved, notify.clone()),
        ),
        None => (
            stores::ledger(&resolved, notify.clone()),
            stores::cache(&resolved, notify.clone()),
        ),
    };
    settings.ledger = Some(Arc::new(ledger));
    settings.cache = resolved.keeps_reports().then(|| Arc::new(cache));
    file.instance()
        .unwrap_or(DEFAULT_LABEL)
        .clone_into(&mut settings.key_label);
    settings.notify = notify;
    Ok(Serving {
        folder: folder(&resolved)?,
        settings,
        clock: stores::clock(),
        wait: arguments.wait,
        never_upload: arguments.never_upload || resolved.text("upload_policy") == Some("never"),
        rules,
        environment: connection.environment.clone(),
        public_url: arguments.public_url.clone(),
        is_secure,
        open_metrics: arguments.open_metrics,
        bounds: Bounds::default(),
    })
}

fn flags(connection: &Connection) -> Flags {
    let (waiting, showing) = (Waiting::default(), Showing::default());
    settings::flags(connection, &waiting, &showing, None, None)
}

async fn listen(
    arguments: &GatewayServing,
    gateway: Gateway,
    tls: Option<Tls>,
    folder: &Path,
    has_tokens: bool,
) -> Result<ExitCode, Failure> {
    if let Some(days) = retention::days(arguments.keep_audit, "VTSECOPS_KEEP_AUDIT")? {
        gateway.keep_audit_for(days);
    }
    let listen = arguments.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::failed(format!("the gateway can't listen on {listen}: {error}")))?;
    let address = listener.local_addr().unwrap_or(listen);
    let scheme = if tls.is_some() { "https" } else { "http" };
    let usual = format!("{scheme}://{address}");
    let origin = arguments.public_url.as_deref().unwrap_or(&usual);
    let origin = origin.trim_end_matches('/');
    crate::print(|out| {
        writeln!(
            out,
            "The gateway is at {origin}/vtapi/v2/ and {origin}/api/v3/, its tokens and audit trail in {}",
            folder.display()
        )?;
        if !has_tokens {
            writeln!(
                out,
                "There is no token yet. Make one for each tool: vtsecops gateway token add NAME"
            )?;
        }
        writeln!(out, "Ctrl-C ends it.")
    })?;
    let stop = ending::asked_for();
    match tls {
        Some(tls) => gateway.serve(tls.listen(listener), stop).await,
        None => gateway.serve(listener, stop).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(folder: &Path, arguments: &TokenAdd, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let allowance = match (&arguments.share, arguments.per_day) {
        (Some(share), _) => Allowance::Share(percent(share)?),
        (None, Some(calls)) => Allowance::PerDay(calls),
        (None, None) => Allowance::Whole,
    };
    // A share of nothing known would let nothing through: better now than when the tool asks.
    let calls = allowance.calls(&resolved.limits()).map_err(failed)?;
    let priority = Priority::ALL
        .into_iter()
        .find(|priority| priority.name() == arguments.priority);
    let rights = Rights {
        priority: priority.unwrap_or(Priority::Playbook),
        allowance,
        no_upload: arguments.no_upload,
    };
    let now = stores::clock().now();
    let end = |days: u32| now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
    let ends_at = arguments.days.map(end).transpose();
    let ends_at = ends_at.map_err(|error| Failure::usage(format!("--days: {error}")))?;
    let token = Tokens::new(folder)
        .add(&arguments.name, rights, now, ends_at)
        .map_err(failed)?;
    let bound = calls.map_or_else(String::new, |calls| format!(", at most {calls} calls a day"));
    let bound = bound + &ends_at.map_or_else(String::new, |end| format!(", until {}", day(end)));
    crate::tell(&format!(
        "The token of {} ({}{bound}). It is shown this once; only its hash is kept.",
        arguments.name, arguments.priority
    ));
    crate::print(|out| writeln!(out, "{}", token.expose_secret()))?;
    Ok(ExitCode::SUCCESS)
}

fn percent(text: &str) -> Result<u8, Failure> {
    let number = text.trim().trim_end_matches('%').trim().parse().ok();
    number.filter(|number| (1..=100).contains(number)).ok_or_else(|| {
        Failure::usage(format!(
            "--share must be a percentage from 1% to 100% (not {text:?})"
        ))
    })
}

fn list(folder: &Path, as_json: bool, all: bool) -> Result<ExitCode, Failure> {
    let tokens = Tokens::new(folder).list().map_err(failed)?;
    let now = stores::clock().now();
    let today = TimeZone::UTC.to_datetime(now).date();
    let used = audit::calls_on(folder, today).map_err(failed)?;
    let shown: Vec<(&Token, u64)> = tokens
        .iter()
        // One that has ended is still in some tool, which somebody looks for.
        .filter(|token| all || token.revoked_at.is_none())
        .map(|token| (token, used.get(&token.id).copied().unwrap_or(0)))
        .collect();
    crate::print(|out| match as_json {
        true => writeln!(out, "{:#}", document(&shown)),
        false => out.write_all(table(&shown, now).as_bytes()),
    })?;
    for (token, _) in shown {
        if let Some(words) = end_is_near(token, now) {
            crate::tell(&words);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn document(tokens: &[(&Token, u64)]) -> Value {
    let token = |(token, used): &(&Token, u64)| {
        let (per_day, share) = match token.rights.allowance {
            Allowance::Whole => (None, None),
            Allowance::PerDay(calls) => (Some(calls), None),
            Allowance::Share(percent) => (None, Some(percent)),
        };
        json!({
            "name": token.name, "id": token.id, "priority": token.rights.priority.name(), "per_day": per_day,
            "share_percent": share, "no_upload": token.rights.no_upload, "calls_today": used,
            "created_at": token.created_at, "ends_at": token.ends_at, "revoked_at": token.revoked_at,
        })
    };
    json!({"tokens": tokens.iter().map(token).collect::<Vec<_>>()})
}

fn day(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).date().to_string()
}

/// What to do, while there is time, about a token that ends soon.
fn end_is_near(token: &Token, now: Timestamp) -> Option<String> {
    let left = token.ends_at?.duration_since(now);
    let is_near = token.counts(now) && left < SOON;
    is_near.then(|| {
        let (name, days) = (&token.name, left.as_hours() / 24);
        format!(
            "{name} ends in {days} days: make a token of another name for whoever uses it, then revoke {name}."
        )
    })
}

fn table(tokens: &[(&Token, u64)], now: Timestamp) -> String {
    if tokens.is_empty() {
        return "There is no token. Make one for each tool: vtsecops gateway token add NAME\n".to_owned();
    }
    let mut text = format!(
        "{:20} {:10} {:>9} {:>11}  {:9} {}\n",
        "name", "priority", "a day", "calls today", "submits", "since"
    );
    for (token, used) in tokens {
        let bound = match token.rights.allowance {
            Allowance::Whole => "–".to_owned(),
            Allowance::PerDay(calls) => calls.to_string(),
            Allowance::Share(percent) => format!("{percent}%"),
        };
        let end = match (token.revoked_at, token.ends_at) {
            (Some(at), _) => format!(", revoked {}", day(at)),
            (None, Some(end)) if token.has_ended(now) => format!(", ended {}", day(end)),
            (None, Some(end)) => format!(", until {}", day(end)),
            (None, None) => String::new(),
        };
        // Writing to memory does not fail.
        let _ = writeln!(
            text,
            "{:20} {:10} {bound:>9} {used:>11}  {:9} {}{end}",
            token.name,
            token.rights.priority.name(),
            if token.rights.no_upload { "no" } else { "yes" },
            day(token.created_at),
        );
    }
    text
}

fn audit(arguments: &AuditArguments) -> Result<ExitCode, Failure> {
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let folder = folder(&resolved)?;
    let since = arguments.since.as_deref().map(since).transpose()?;
    let mut trouble = Ok(());
    crate::print(|out| {
        let mut written = Ok(());
        let read = audit::read(&folder, |entry| {
            let is_theirs = arguments
                .token
                .as_ref()
                .is_none_or(|name| entry.token.as_ref() == Some(name));
            if written.is_ok()
                && is_theirs
                && since.is_none_or(|since| entry.at >= since)
                && let Ok(line) = serde_json::to_string(&entry)
            {
                written = writeln!(out, "{line}");
            }
        });
        trouble = read.map_err(failed);
        written
    })?;
    trouble.map(|()| ExitCode::SUCCESS)
}

/// A time, a day, or how long ago.
fn since(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<Date>()
        && let Ok(at) = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0))
    {
        return Ok(at);
    }
    let ago = settings::duration(text).ok().flatten();
    let at = ago.and_then(|ago| stores::clock().now().checked_sub(ago).ok());
    at.ok_or_else(|| {
        Failure::usage(format!(
            "--since must be a time (2026-11-01T08:00:00Z), a day (2026-11-01) or how long ago (24h, 7d), not {text:?}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{percent, since};

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!(percent("40%").unwrap(), 40);
        assert_eq!(percent(" 5 % ").unwrap(), 5);
        for text in ["0%", "101%", "half", "-3", ""] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn since_is_a_time_a_day_or_how_long_ago() {
        assert_eq!(
            since("2026-11-01T08:00:00Z").unwrap().to_string(),
            "2026-11-01T08:00:00Z"
        );
        assert_eq!(since("2026-11-01").unwrap().to_string(), "2026-11-01T00:00:00Z");
        assert!(since("24h").unwrap() > since("2d").unwrap());
        assert!(since("yesterday").is_err());
    }
}
