//! For how long what is over is kept, and `vtsecops workdesk tidy`.

use std::process::ExitCode;

use workdesk::{Retention, Sealer, Store, Tidied};

use super::base::{self, Place};
use crate::cli::{Connection, RetentionArguments, TidyArguments};
use crate::commands::run::{resolve, runtime, variable};
use crate::failure::Failure;
use crate::stores;

/// By the options, or else by the variables of the environment.
pub(super) fn of(arguments: &RetentionArguments) -> Result<Retention, Failure> {
    Ok(Retention {
        closed_cases: days(arguments.keep_closed_cases, "VTSECOPS_KEEP_CLOSED_CASES")?,
        reports: days(arguments.keep_reports, "VTSECOPS_KEEP_REPORTS")?,
        audit: days(arguments.keep_audit, "VTSECOPS_KEEP_AUDIT")?,
    })
}

/// A number of days; `None` is for ever.
pub(crate) fn days(option: Option<u32>, name: &str) -> Result<Option<u32>, Failure> {
    let told = variable(name).filter(|text| option.is_none() && !text.trim().is_empty());
    let Some(text) = told else { return Ok(option) };
    match text.trim().parse() {
        Ok(days) if days > 0 => Ok(Some(days)),
        _ => Err(Failure::usage(format!(
            "{name} must be a number of days from 1 on, or empty for ever (not {text:?})"
        ))),
    }
}

/// `vtsecops workdesk tidy`
pub(super) fn tidy(arguments: &TidyArguments) -> Result<ExitCode, Failure> {
    let told = Retention {
        closed_cases: arguments.retention.keep_closed_cases,
        reports: arguments.retention.keep_reports,
        audit: arguments.retention.keep_audit,
    };
    // Who says what is to go means nothing else.
    let retention = if told.is_any() {
        told
    } else {
        of(&arguments.retention)?
    };
    if !retention.is_any() {
        return Err(Failure::usage(
            "What is to go? --keep-closed-cases DAYS, --keep-reports DAYS, --keep-audit DAYS; without them all is kept.",
        ));
    }
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    runtime()?.block_on(async {
        // Nothing is sealed or opened.
        let sealer = Sealer::new(&[0; 32]);
        let (store, place) = match base::database(&arguments.database)? {
            Some(database) => {
                let place = Place::Server(database);
                (place.open(sealer).await?, place.to_string())
            }
            None => {
                let folder = base::folder_of(arguments.folder.folder.clone(), &resolved)?;
                let file = base::file_in(&folder)?;
                let place = folder.display().to_string();
                let opened = Store::open_beside(&file, stores::clock(), sealer).await;
                (opened.map_err(|error| failed(&place, &error))?, place)
            }
        };
        let tidied = match arguments.dry_run {
            true => store.tidy_dry(&retention).await,
            false => store.tidy(&retention).await,
        };
        store.close().await;
        let tidied = tidied.map_err(|error| failed(&place, &error))?;
        tell(&tidied, arguments.dry_run, &place)?;
        Ok(ExitCode::SUCCESS)
    })
}

fn failed(place: &str, error: &workdesk::Error) -> Failure {
    Failure::failed(format!("{place}: {error}"))
}

fn tell(tidied: &Tidied, is_dry: bool, place: &str) -> Result<(), Failure> {
    let did = if is_dry { "Would remove" } else { "Removed" };
    crate::print(|out| {
        writeln!(out, "{did} from {place}:")?;
        for (name, number) in tidied.named() {
            writeln!(out, "  {number:>9} {name}")?;
        }
        Ok(())
    })
}
