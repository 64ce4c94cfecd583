//! Tells a page that something of its case has changed; the page then asks for itself again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval_at};

use super::Desk;
use super::auth::{LoggedIn, token};
use crate::{Error, Person, Scope};

/// How long changes are gathered: a run that comes to its end makes several.
const GATHERING: Duration = Duration::from_millis(200);
/// How often a page looks at the progress of a step, which is no change of the case.
const PROGRESS: Duration = Duration::from_secs(2);
/// How often is looked, without an event, whether whoever watches still may.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What lets in whoever watches.
pub(super) enum Pass {
    /// A session. Watching is using it: a browser watches only while the page is seen.
    Session(String),
    /// A token of the HTTP API.
    Token(String),
}

impl Pass {
    /// Whether it still does. While the database has trouble nobody is sent away.
    async fn holds(&self, desk: &Desk) -> bool {
        match self {
            Self::Session(token) => !matches!(desk.store().person_of(token).await, Ok(None)),
            Self::Token(token) => !matches!(
                desk.store().bearer(token, Scope::Read).await,
                Ok(None) | Err(Error::NotAllowed(_))
            ),
        }
    }
}

pub(super) async fn of_case(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    headers: HeaderMap,
    Path(case): Path<i64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let session = token(&headers, desk.shared.is_secure).unwrap_or_default();
    stream(desk, Pass::Session(session), case, &person).await
}

/// An event whenever something of the case has changed, for as long as the pass holds.
pub(super) async fn stream(
    desk: Desk,
    pass: Pass,
    case: i64,
    person: &Person,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Error> {
    desk.store().case(case).await?;
    // It is held for as long as somebody listens, which has no other end.
    let place = desk.shared.listeners.take(person.name.clone()).ok_or_else(|| {
        Error::Busy(
            "so many pages wait for changes that there is no place for one more: close some".to_owned(),
        )
    })?;
    let changes = desk.store().watch();
    let listener = (desk.shared.metrics.listener(), place);
    let looks = interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
    let events = unfold(
        (changes, looks, pass, desk, listener),
        move |(mut changes, mut looks, pass, desk, listener)| async move {
            loop {
                let is_busy = desk.engine().is_busy(case);
                tokio::select! {
                    changed = changes.recv() => match changed {
                        Ok(changed) if changed.case != case => continue,
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    },
                    () = tokio::time::sleep(PROGRESS), if is_busy => {}
                    _ = looks.tick() => match pass.holds(&desk).await {
                        true => continue,
                        false => return None,
                    },
                    () = desk.engine().halted() => return None,
                }
                tokio::time::sleep(GATHERING).await;
                while changes.try_recv().is_ok() {}
                if !pass.holds(&desk).await {
                    return None;
                }
                let changed = Event::default().data("changed");
                return Some((Ok(changed), (changes, looks, pass, desk, listener)));
            }
        },
    );
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
