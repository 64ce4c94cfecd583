//! A case as a file.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::Desk;
use super::auth::LoggedIn;
use crate::{Error, Format, export};

/// Links to every form of it.
pub(super) fn links(case: i64) -> Markup {
    html! {
        details.card {
            summary { "Export" }
            ul {
                @for format in Format::ALL {
                    li { a href=(format!("/cases/{case}/export/{}", format.name())) { (words(format)) } }
                }
            }
        }
    }
}

fn words(format: Format) -> &'static str {
    match format {
        Format::Json => "JSON: everything",
        Format::Csv => "CSV: one row an entity",
        Format::Markdown => "Markdown: a report",
        Format::Pdf => "PDF: the report, to be printed",
        Format::Stix => "STIX 2.1 bundle",
        Format::Misp => "MISP event",
    }
}

pub(super) async fn file(
    State(desk): State<Desk>,
    LoggedIn(_): LoggedIn,
    Path((case, format)): Path<(i64, String)>,
) -> Result<Response, Error> {
    exported(&desk, case, &format).await
}

/// The file, to be saved.
pub(super) async fn exported(desk: &Desk, case: i64, format: &str) -> Result<Response, Error> {
    let format = Format::named(format).ok_or_else(|| {
        let names = Format::ALL.map(Format::name).join(", ");
        Error::Invalid(format!("there is no format {format:?}; there are: {names}"))
    })?;
    let record = desk.store().record(case).await?;
    // A large case takes its time, which others must not wait for.
    let bytes = tokio::task::spawn_blocking(move || export(&record, format));
    let bytes = bytes.await.map_err(|error| Error::Damaged(error.to_string()))??;
    let name = format!("attachment; filename=\"case-{case}.{}\"", format.file_ending());
    let headers = [
        (CONTENT_TYPE, format.media_type().to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, bytes).into_response())
}
