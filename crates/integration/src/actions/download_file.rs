//! Download File: files of VirusTotal, each in a ZIP that only opens with the usual password.

use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use secops::{ActionResult, ParameterError};
use serde_json::json;
use virustotal::{Downloaded, Error, ObjectId, QUARANTINE_PASSWORD, Quarantined};

use super::told::{Ending, Told};
use super::{Action, Run};
use crate::definition::FOLDER;
use crate::lookup::Outcome;
use crate::render;

pub(super) async fn run(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let folder = PathBuf::from(run.context.parameters.required_text(FOLDER)?);
    if !folder.is_dir() {
        return Err(ParameterError::invalid(
            FOLDER,
            "a folder that is there",
            &folder.display().to_string(),
        ));
    }
    let plan = Action::DownloadFile.plan(run.context);
    let downloads = plan
        .groups
        .iter()
        .map(|group| download(run, &group.object, &folder));
    let told = join_all(downloads).await;
    Ok(Ending {
        action: Action::DownloadFile,
        words: &render::message::DOWNLOAD_WORDS,
        run,
        plan: &plan,
        told,
    }
    .conclude())
}

async fn download(run: Run<'_>, object: &ObjectId, folder: &Path) -> Result<Told, Outcome> {
    let ObjectId::File(file) = object else {
        return Err(Outcome::Failed("it is no file".to_owned()));
    };
    match run.client.download(file, folder, run.deadline).await {
        Ok(Downloaded::Saved(there)) => Ok(told(&there, "saved as")),
        Ok(Downloaded::Kept(there)) => Ok(told(&there, "nothing was asked: it is there already, as")),
        Err(Error::Missing) => Err(Outcome::Missing),
        Err(error) => Err(Outcome::failed(&error)),
    }
}

fn told(there: &Quarantined, how: &str) -> Told {
    let (path, size_bytes) = (there.path.display().to_string(), there.size_bytes);
    Told {
        remark: Some(format!(
            "{how} {path}, {size_bytes} bytes; its password is {QUARANTINE_PASSWORD}"
        )),
        report: Some(json!({"path": path, "size_bytes": size_bytes, "password": QUARANTINE_PASSWORD})),
        ..Told::default()
    }
}
