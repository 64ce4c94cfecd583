//! What a request brings, or a problem that says what is wrong with it.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::server::Desk;
use crate::server::metrics::Who;
use crate::server::problem::Problem;
use crate::{Person, Scope};

/// The token that a request shows.
pub(super) struct Shown(pub(super) Option<String>);

impl<S: Sync> FromRequestParts<S> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = header.and_then(|text| text.split_once(' '));
        let token = token.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
        Ok(Self(token.map(|(_, token)| token.trim().to_owned())))
    }
}

/// Whose token the request shows. Who only looks needs the scope `read`, everybody else `act`.
pub(super) struct Caller(pub(super) Person);

impl FromRequestParts<Desk> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let Ok(Shown(token)) = Shown::from_request_parts(parts, desk).await;
        let scope = match parts.method {
            Method::GET | Method::HEAD => Scope::Read,
            _ => Scope::Act,
        };
        let bearer = match token {
            Some(token) => desk.store().bearer(&token, scope).await?,
            None => None,
        };
        let unknown = "the header Authorization has no token that is known here, or it has ended: make one on the page Tokens, \
                       and send it as Bearer";
        let bearer = bearer.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, unknown))?;
        Who::of(&parts.extensions).is_bearer(&bearer);
        Ok(Self(bearer.person))
    }
}

/// A part of the path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Desk> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, desk).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|wrong| Problem::new(wrong.status(), wrong.body_text()))
    }
}

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Desk> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, desk).await;
        query
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|wrong| Problem::new(wrong.status(), wrong.body_text()))
    }
}

/// A body of JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Desk> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Problem> {
        let json = axum::Json::from_request(request, desk).await;
        json.map(|axum::Json(value)| Self(value))
            .map_err(|wrong| Problem::new(wrong.status(), wrong.body_text()))
    }
}

/// A body of any kind.
pub(super) struct Content(pub(super) Bytes);

impl FromRequest<Desk> for Content {
    type Rejection = Problem;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Problem> {
        Ok(Self(Bytes::from_request(request, desk).await?))
    }
}

impl From<BytesRejection> for Problem {
    fn from(wrong: BytesRejection) -> Self {
        Self::new(wrong.status(), wrong.body_text())
    }
}
