//! The HTTP API, and the document that describes it, which is made from the code (OpenAPI).

mod cases;
mod extract;
mod form;
mod playbooks;
mod runs;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use super::problem::Problem;
pub(crate) use form::EntityForm;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "vtsecops workdesk",
        description = "Cases, their entities, and runs of actions on them. Times are UTC (RFC 3339). Errors are documents of the \
                       kind application/problem+json (RFC 9457), whose detail says what happened and what to do. A token is made \
                       on the page Tokens: its scope `read` is for GET, `act` for everything."
    ),
    modifiers(&ByToken),
    security(("token" = []))
)]
struct Document;

struct ByToken;

impl Modify for ByToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

/// Everything under `/api/v1`.
pub(super) fn router() -> Router<Desk> {
    let (router, document) = parts();
    // A document that can't be written, which does not occur, is an empty one.
    let document: Arc<str> = document.to_pretty_json().unwrap_or_default().into();
    let described = get(move || {
        let document = Arc::clone(&document);
        // For people too, so it may be looked at in a browser.
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (CONTENT_DISPOSITION, "inline"),
        ];
        async move { (headers, document.to_string()) }
    });
    let unknown = || async {
        Problem::new(
            StatusCode::NOT_FOUND,
            "the API has no such address: see /api/v1/openapi.json",
        )
    };
    router
        .route("/api/v1/openapi.json", described)
        .route("/api/v1/{*rest}", axum::routing::any(unknown))
}

fn parts() -> (Router<Desk>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(of_files())
        .routes(routes!(cases::show, cases::change))
        .routes(routes!(cases::entities))
        .routes(routes!(cases::entity))
        .routes(routes!(cases::insights))
        .routes(routes!(cases::wall))
        .routes(routes!(cases::comment))
        .routes(routes!(cases::export))
        .routes(routes!(runs::list, runs::ask))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::json_result))
        .routes(routes!(runs::events))
        .routes(routes!(runs::actions))
        .routes(routes!(runs::instances))
        .routes(routes!(playbooks::list))
        .routes(routes!(playbooks::of_case, playbooks::start))
        .routes(routes!(playbooks::cancel))
        .routes(routes!(playbooks::pending))
        .routes(routes!(playbooks::decide))
        .split_for_parts()
}

/// What large things are sent to.
fn of_files() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(cases::list, cases::create))
        .routes(routes!(cases::create_from_text))
        .routes(routes!(cases::create_from_mail))
        .layer(DefaultBodyLimit::max(super::LARGEST_FILE))
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn the_document_describes_every_address_with_its_errors() {
        let (_, document) = parts();
        let document = serde_json::to_value(&document).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 14, "{:?}", paths.keys());
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("401"), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
            }
        }
    }
}
