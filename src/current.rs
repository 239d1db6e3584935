//! A value that is replaced as a whole while others use it: the configuration and what is made of it.

use std::sync::{Arc, PoisonError, RwLock};

/// What is valid now. Who has taken it keeps it as it was.
#[derive(Debug)]
pub struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    /// Begins with this value.
    pub fn new(value: impl Into<Arc<T>>) -> Self {
        Self(RwLock::new(value.into()))
    }

    /// The value as it is at this moment.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on it is this one.
    pub fn replace(&self, value: impl Into<Arc<T>>) {
        let value = value.into();
        let old = {
            let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, value)
        };
        // Not under the lock: it may be large.
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_taken_a_value_keeps_it_and_who_asks_later_gets_the_new_one() {
        let current = Current::<String>::new(String::from("old"));
        let taken = current.get();
        current.replace(String::from("new"));
        assert_eq!((taken.as_str(), current.get().as_str()), ("old", "new"));
    }
}
