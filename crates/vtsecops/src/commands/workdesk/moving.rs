//! `vtsecops workdesk migrate`

use std::process::ExitCode;

use virustotal::quota::Ledger;
use virustotal::{Database, Journals};

use super::base::{self, Place};
use crate::cli::{Connection, MigrateArguments};
use crate::commands::run::resolve;
use crate::failure::Failure;
use crate::progress::Teller;
use crate::settings::Resolved;
use crate::stores;

pub(crate) fn run(arguments: &MigrateArguments) -> Result<ExitCode, Failure> {
    let (resolved, _) = resolve(&Vec::new(), &Connection::default())?;
    let database = base::database(&arguments.database)?.ok_or_else(|| {
        Failure::usage("Where to? --database postgres://user@host/name, or VTSECOPS_DATABASE.")
    })?;
    // While it lasts no workdesk can write into the folder.
    let from = Place::folder(arguments.folder.folder.clone(), &resolved)?;
    let Place::Folder(folder, _) = &from else {
        return Err(Failure::failed("there is no folder"));
    };
    base::file_in(folder)?;
    let sealer = from.sealer(arguments.key_file.as_deref())?;
    let to = Place::Server(database.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("nothing can be moved: {error}")))?;
    runtime.block_on(async {
        let source = from.open(sealer.clone()).await?;
        let target = to.open(sealer).await?;
        let moved = source.copy_into(&target).await.map_err(|error| to.failed(&error))?;
        let notify = Teller::new(false).notify();
        let journals = Journals::shared(&database, stores::clock(), notify);
        let runs = journals.take_over(&folder.join("runs")).await;
        let runs = runs.map_err(|error| Failure::failed(format!("the journals of runs under way: {error}")))?;
        let counted = count_on(&database, &resolved).await;
        source.close().await;
        target.close().await;
        crate::print(|out| {
            writeln!(out, "Moved from {from} to {to}:")?;
            for (table, rows) in &moved {
                writeln!(out, "  {rows:>9} {table}")?;
            }
            writeln!(out, "  {runs:>9} journals of runs under way")?;
            match &counted {
                Ok(calls) => writeln!(out, "  {calls:>9} calls of today, counted on with those of this hour and month")?,
                Err(words) => writeln!(out, "Calls that were counted before are not: {words}. The new ledger begins with none.")?,
            }
            writeln!(out, "People sign in again: sessions are not moved. Their tokens are.")?;
            writeln!(
                out,
                "Give every server and worker the key that seals: --key-file. What is in the folder is left as it is."
            )
        })?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Adds what this user's ledger has counted to the one that is shared; gives the calls of today.
async fn count_on(database: &Database, resolved: &Resolved) -> Result<u64, String> {
    let Some(file) = stores::ledger_file(resolved) else {
        return Ok(0);
    };
    let ledger = Ledger::shared(database, stores::clock(), Teller::new(false).notify());
    let taken = ledger.take_over(&file).await;
    taken.map_err(|error| format!("{}: {error}", file.display()))
}
