//! Who asks the same at the same time asks together.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;
use virustotal::{Deadline, Reply};

use crate::refusal::Refusal;

type Outcome = Result<Reply, Refusal>;

/// Questions from which those that have ended are swept out.
const MANY: usize = 256;

/// Questions under way.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<String, Weak<OnceCell<Outcome>>>>);

impl Flights {
    /// What `ask` gives, or what somebody gets who has begun to ask the same and is not through. If that one goes away, the
    /// next one asks. Where that one's time is up and this one's, which ends with `deadline`, is not, it is asked again.
    pub(crate) async fn join(
        &self,
        question: String,
        deadline: &Deadline,
        ask: impl Future<Output = Outcome>,
    ) -> Outcome {
        let mut ask = pin!(ask);
        loop {
            let mut is_own = false;
            let flight = self.under_way(&question);
            let outcome = flight.get_or_init(|| {
                is_own = true;
                ask.as_mut()
            });
            let outcome = outcome.await.clone();
            let has_time = match outcome {
                Err(Refusal::Quota(..)) => deadline.left_for_quota().is_none_or(|left| !left.is_zero()),
                Err(Refusal::Late(_)) => deadline.stopped().is_none(),
                _ => false,
            };
            if is_own || !has_time {
                return outcome;
            }
        }
    }

    fn under_way(&self, question: &str) -> Arc<OnceCell<Outcome>> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.len() > MANY {
            under_way.retain(|_, flight| flight.strong_count() > 0);
        }
        let there = under_way.get(question).and_then(Weak::upgrade);
        // One that is through may still be there, as somebody looks at its answer.
        let there = there.filter(|flight| !flight.initialized());
        there.unwrap_or_else(|| {
            let new = Arc::new(OnceCell::new());
            under_way.insert(question.to_owned(), Arc::downgrade(&new));
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use virustotal::Deadline;

    use super::{Flights, Outcome};
    use crate::refusal::Refusal;

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_the_same_at_once_ask_once_and_later_ones_anew() {
        let (flights, asked) = (Flights::default(), AtomicU32::new(0));
        let ask = async || -> Outcome {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(Refusal::Method)
        };
        let deadline = Deadline::none();
        let join = |question: &str| flights.join(question.to_owned(), &deadline, ask());
        let (first, second, other) = tokio::join!(join("a"), join("a"), join("b"));
        assert_eq!(
            [first, second, other].map(|outcome| outcome.err()),
            [const { Some(Refusal::Method) }; 3]
        );
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert!(join("a").await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 3);
        // One that goes away leaves the question to the next.
        let gone = tokio::time::timeout(Duration::from_millis(1), join("c"));
        let (gone, stays) = tokio::join!(gone, join("c"));
        assert!(gone.is_err() && stays.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_joins_late_does_not_end_with_the_first_ones_time() {
        let (flights, asked) = (Flights::default(), AtomicU32::new(0));
        let join = async |begins_after: u64, waits: u64| {
            tokio::time::sleep(Duration::from_secs(begins_after)).await;
            let waits = Duration::from_secs(waits);
            let deadline = Deadline::after(waits * 2).with_quota_wait(waits);
            let ask = async {
                asked.fetch_add(1, Ordering::SeqCst);
                let _ = deadline.run(tokio::time::sleep(waits)).await;
                Err(Refusal::Quota(None, format!("of the one after {begins_after}")))
            };
            let outcome = flights.join("a".to_owned(), &deadline, ask).await;
            let Err(Refusal::Quota(None, words)) = outcome else {
                panic!("{outcome:?}")
            };
            words
        };
        let told = tokio::join!(join(0, 10), join(8, 10), join(9, 10), join(5, 4));
        assert_eq!(told.0, "of the one after 0");
        // These ask together, once.
        assert_eq!((&*told.1, &*told.2), ("of the one after 8", "of the one after 8"));
        assert_eq!(told.3, "of the one after 0", "its own time was up, too");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
