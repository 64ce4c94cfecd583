//! Who asks the same at the same time asks together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;
use virustotal::Reply;

use crate::refusal::Refusal;

type Outcome = Result<Reply, Refusal>;

/// Questions from which those that have ended are swept out.
const MANY: usize = 256;

/// Questions under way.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<String, Weak<OnceCell<Outcome>>>>);

impl Flights {
    /// What `ask` gives, or what somebody gets who has begun to ask the same and is not through. If that one goes away, the
    /// next one asks.
    pub(crate) async fn join(&self, question: String, ask: impl Future<Output = Outcome>) -> Outcome {
        let flight = {
            let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if under_way.len() > MANY {
                under_way.retain(|_, flight| flight.strong_count() > 0);
            }
            let there = under_way.get(&question).and_then(Weak::upgrade);
            there.unwrap_or_else(|| {
                let new = Arc::new(OnceCell::new());
                under_way.insert(question, Arc::downgrade(&new));
                new
            })
        };
        flight.get_or_init(|| ask).await.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

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
        let join = |question: &str| flights.join(question.to_owned(), ask());
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
}
