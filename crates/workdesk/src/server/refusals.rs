//! Passwords and log-ins that were refused, in the audit log: each of them, but of a flood so many a minute, and then how many more there were.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Desk;
use super::layout::visible;

const MINUTE: Duration = Duration::from_secs(60);
/// Entries of a minute.
const MOST: u32 = 20;
/// Characters of a reason.
const LONGEST: usize = 200;
/// What stands there in place of a name that nobody has: people type their password there, too.
const NOBODY: &str = "somebody unknown";

/// See the module.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Minute>);

/// The minute that is under way.
#[derive(Default)]
struct Minute {
    begun: Option<Instant>,
    written: u32,
    left_out: u64,
}

/// What is to be done with a refusal.
#[derive(Debug, PartialEq, Eq)]
enum Noted {
    /// Write it down.
    Write,
    /// Nothing: it is counted.
    Counted,
    /// It is the first that is only counted: come back then, and write down how many there are.
    ComeBack(Duration),
}

impl Refusals {
    fn note(&self, now: Instant) -> Noted {
        let mut minute = self.minute();
        let gone = minute.begun.map(|begun| now.saturating_duration_since(begun));
        // Who comes back closes a minute in which some were left out.
        if gone.is_none_or(|gone| gone >= MINUTE) && minute.left_out == 0 {
            *minute = Minute {
                begun: Some(now),
                ..Minute::default()
            };
        }
        if minute.written < MOST {
            minute.written += 1;
            return Noted::Write;
        }
        minute.left_out += 1;
        match minute.left_out {
            1 => Noted::ComeBack(MINUTE.saturating_sub(gone.unwrap_or_default())),
            _ => Noted::Counted,
        }
    }

    /// The minute is over; gives how many were left out.
    fn close(&self) -> u64 {
        std::mem::take(&mut *self.minute()).left_out
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down that somebody was refused by that part of the workdesk, with the name they gave, and why.
pub(super) async fn refused(desk: &Desk, by: &str, name: &str, why: &str) {
    match desk.shared.refusals.note(Instant::now()) {
        Noted::Counted => {}
        Noted::Write => {
            let known = match desk.store().name_like(name).await {
                Ok(known) => known,
                Err(error) => return unwritten(&error),
            };
            let object = known.as_deref().unwrap_or(NOBODY);
            let why: String = visible(why).chars().take(LONGEST).collect();
            if let Err(error) = desk.store().note(by, "refused a log-in", object, &why).await {
                unwritten(&error);
            }
        }
        Noted::ComeBack(wait) => {
            let desk = desk.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = desk.engine().halted() => {}
                }
                let more = desk.shared.refusals.close();
                let detail = format!("and {more} more within a minute");
                if let Err(error) = desk
                    .store()
                    .note("the workdesk", "refused log-ins", "", &detail)
                    .await
                {
                    unwritten(&error);
                }
            });
        }
    }
}

/// Who is refused stays refused.
fn unwritten(error: &crate::Error) {
    tracing::error!(%error, "a refused log-in is not in the audit log");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_so_many_are_written_and_the_rest_is_counted_once() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for second in 0..20 {
            assert_eq!(refusals.note(now + Duration::from_secs(second)), Noted::Write);
        }
        let later = now + Duration::from_secs(40);
        assert_eq!(refusals.note(later), Noted::ComeBack(Duration::from_secs(20)));
        for _ in 0..122 {
            assert_eq!(refusals.note(later), Noted::Counted);
        }
        // Nobody has come back yet: none is lost.
        assert_eq!(refusals.note(now + MINUTE), Noted::Counted);
        assert_eq!(refusals.close(), 124);
        assert_eq!(refusals.note(now + MINUTE), Noted::Write);
        // A minute without a flood needs nobody to close it.
        assert_eq!(refusals.note(now + MINUTE * 3), Noted::Write);
        assert_eq!(refusals.close(), 0);
    }
}
