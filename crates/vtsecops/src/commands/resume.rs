//! `vtsecops resume`: goes on with a run that was cut off.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use virustotal::journal::{self, Unfinished};

use super::run::{self, Order, resolve};
use crate::cli::{Connection, ResumeArguments};
use crate::failure::Failure;
use crate::saved::Saved;
use crate::settings::{self, Flags, Setting};
use crate::stores;

pub(crate) fn run(arguments: &ResumeArguments) -> Result<ExitCode, Failure> {
    let flags: Flags = settings::flags(
        &Connection::default(),
        &arguments.waiting,
        &arguments.showing,
        None,
        None,
    );
    let (resolved, _) = resolve(&flags, &Connection::default())?;
    let folder = stores::runs(&resolved).ok_or_else(|| {
        Failure::usage("There is no home folder for runs; name one in VTSECOPS_STATE_FOLDER.")
    })?;
    let runs = journal::unfinished(&folder);
    match &arguments.id {
        Some(id) if arguments.forget => forget(&folder, id),
        _ if arguments.list => list(&runs),
        id => go_on(choose(&runs, id.as_deref())?, flags, arguments),
    }
}

fn choose<'a>(runs: &'a [Unfinished], id: Option<&str>) -> Result<&'a Unfinished, Failure> {
    let run = match (id, runs) {
        (Some(id), _) => runs.iter().find(|run| run.id == id).ok_or_else(|| {
            Failure::usage(format!(
                "There is no run {id:?} to go on with. See them all: vtsecops resume --list"
            ))
        }),
        (None, []) => Err(Failure::usage("There is no run to go on with.")),
        (None, [only]) => Ok(only),
        (None, several) => Err(Failure::usage(format!(
            "There are {} runs. Say which one:\n{}",
            several.len(),
            several.iter().map(line).collect::<Vec<_>>().join("\n")
        ))),
    }?;
    match run.is_running {
        true => Err(Failure::usage(format!(
            "The run {} goes on in another process.",
            run.id
        ))),
        false => Ok(run),
    }
}

fn go_on(run: &Unfinished, own: Flags, arguments: &ResumeArguments) -> Result<ExitCode, Failure> {
    let later = || {
        Failure::usage(format!(
            "The run {} was written by another version of vtsecops, and can't be gone on with. Forget it: \
             vtsecops resume {} --forget",
            run.id, run.id
        ))
    };
    let saved = Saved::from_text(&run.command).ok_or_else(later)?;
    let action = saved.action().ok_or_else(later)?;
    if let Some(folder) = &saved.folder
        && std::env::set_current_dir(folder).is_err()
    {
        tracing::info!("the folder of the run is gone");
    }
    let connection = Connection {
        instance: saved.instance.clone(),
        api_key_file: saved.key_file.clone(),
        ..Connection::default()
    };
    let earlier = saved
        .settings
        .iter()
        .filter_map(|(name, value)| Some((Setting::named(name)?.name, Some(value.clone()))));
    // What is said now comes before what was said then.
    let flags: Flags = own
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .chain(earlier)
        .collect();
    let (resolved, file) = resolve(&flags, &connection)?;
    let order = Order {
        action,
        targets: saved.targets,
        parameters: saved.parameters,
        policy: settings::policy_of(action, &resolved)?,
        connection: &connection,
        waiting: &arguments.waiting,
        showing: &arguments.showing,
        environment: saved.environment,
        resumes: Some(run.id.clone()),
    };
    run::run(order, &resolved, &file)
}

fn list(runs: &[Unfinished]) -> Result<ExitCode, Failure> {
    crate::print(|out| match runs {
        [] => writeln!(out, "There is no run to go on with."),
        runs => runs.iter().try_for_each(|run| writeln!(out, "{}", line(run))),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(run: &Unfinished) -> String {
    let what = Saved::from_text(&run.command).map_or_else(
        || "of another version".to_owned(),
        |saved| {
            let name = saved.action().map_or("?", |action| action.definition().name);
            match saved.targets.len() {
                // Files are no entities.
                0 => name.to_owned(),
                entities => format!("{name} on {entities} entities"),
            }
        },
    );
    format!(
        "{}  {}  {what}, {} answers and {} submissions kept{}",
        run.id,
        run.begun_at.strftime("%Y-%m-%d %H:%M UTC"),
        run.answers,
        run.submissions,
        if run.is_running { ", running" } else { "" }
    )
}

fn forget(folder: &Path, id: &str) -> Result<ExitCode, Failure> {
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(Failure::usage(format!("{id:?} names no run.")));
    }
    journal::forget(folder, id).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::usage(format!("The run {id} goes on in another process.")),
        _ => Failure::failed(format!("The run {id} can't be forgotten: {error}")),
    })?;
    Ok(ExitCode::SUCCESS)
}
