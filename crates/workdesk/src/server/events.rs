//! Tells a page that something of its case has changed; the page then asks for itself again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::broadcast::error::RecvError;

use super::Desk;
use super::auth::LoggedIn;
use crate::{Error, Person};

/// How long changes are gathered: a run that comes to its end makes several.
const GATHERING: Duration = Duration::from_millis(200);
/// How often a page looks at the progress of a step, which is no change of the case.
const PROGRESS: Duration = Duration::from_secs(2);

pub(super) async fn of_case(
    State(desk): State<Desk>,
    LoggedIn(person): LoggedIn,
    Path(case): Path<i64>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    stream(desk, case, &person).await
}

/// An event whenever something of the case has changed.
pub(super) async fn stream(
    desk: Desk,
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
    let events = unfold(
        (changes, desk, listener),
        move |(mut changes, desk, listener)| async move {
            loop {
                let is_busy = desk.engine().is_busy(case);
                tokio::select! {
                    changed = changes.recv() => match changed {
                        Ok(changed) if changed.case != case => continue,
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    },
                    () = tokio::time::sleep(PROGRESS), if is_busy => {}
                    () = desk.engine().halted() => return None,
                }
                tokio::time::sleep(GATHERING).await;
                while changes.try_recv().is_ok() {}
                return Some((Ok(Event::default().data("changed")), (changes, desk, listener)));
            }
        },
    );
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
