//! Places that many share and nobody can take all of.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct Places<K> {
    taken: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
    most_of_one: usize,
}

/// One of them; free again when dropped.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    taken: Arc<Mutex<HashMap<K, usize>>>,
    whose: K,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// So many, and for one so many of them.
    #[must_use]
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
            most_of_one,
        }
    }

    /// A place; none where all are taken, or as many as one may have.
    #[must_use]
    pub fn take(&self, whose: K) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&whose).copied().unwrap_or(0);
        if taken.values().sum::<usize>() >= self.most || own >= self.most_of_one {
            return None;
        }
        taken.insert(whose.clone(), own + 1);
        Some(Place {
            taken: Arc::clone(&self.taken),
            whose,
        })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn one_takes_some_and_all_no_more_than_there_are() {
        let places = Places::new(3, 2);
        let first = places.take("a");
        let second = places.take("a");
        assert!(first.is_some() && second.is_some());
        assert!(places.take("a").is_none(), "others want one, too");
        let third = places.take("b");
        assert!(third.is_some() && places.take("c").is_none());
        drop((first, second, third));
        assert!(places.take("c").is_some());
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
