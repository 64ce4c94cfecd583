//! Keys of the programs that are running: each opens the case of its run, for as long as it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::store::new_token;

/// Which run each key is for. It is never written down: a program does not outlive the workdesk.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Mutex<HashMap<String, i64>>>);

/// A key, valid until it is dropped.
pub(super) struct RunKey {
    pub(super) text: String,
    keys: Keys,
}

impl Keys {
    pub(super) fn issue(&self, run: i64) -> RunKey {
        let text = new_token();
        self.lock().insert(text.clone(), run);
        RunKey {
            text,
            keys: self.clone(),
        }
    }

    pub(super) fn run_of(&self, key: &str) -> Option<i64> {
        self.lock().get(key).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RunKey {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn a_key_is_for_one_run_and_ends_with_it() {
        let keys = Keys::default();
        let (one, two) = (keys.issue(1), keys.issue(2));
        assert_eq!(
            (keys.run_of(&one.text), keys.run_of(&two.text)),
            (Some(1), Some(2))
        );
        let text = one.text.clone();
        drop(one);
        assert_eq!((keys.run_of(&text), keys.run_of(&two.text)), (None, Some(2)));
    }
}
