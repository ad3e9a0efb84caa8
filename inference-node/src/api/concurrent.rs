//! How many requests of one holder may be under way at once, as the tiers of the policy say.
//!
//! A request is counted from before its body to its answer, so that slow uploads count too and nothing that is over
//! the limit is read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::ApiError;
use crate::holder::Holder;

/// The requests under way of those who are limited. It has no entry for a holder without one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Concurrent(Arc<Mutex<HashMap<Holder, u16>>>);

/// One request under way; dropping it ends it.
pub(crate) struct Place(Option<(Concurrent, Holder)>);

impl Concurrent {
    /// Counts one more request of `holder`, who may have `most`; where that is not limited, nothing is counted.
    pub(crate) fn enter(&self, holder: Holder, most: Option<u16>) -> Result<Place, ApiError> {
        let Some(most) = most else { return Ok(Place(None)) };
        let mut under_way = self.lock();
        let had = under_way.get(&holder).copied().unwrap_or(0);
        if had >= most {
            return Err(ApiError::TooManyAtOnce(most));
        }
        under_way.insert(holder.clone(), had + 1);
        Ok(Place(Some((self.clone(), holder))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, u16>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((concurrent, holder)) = self.0.take() else { return };
        let mut under_way = concurrent.lock();
        match under_way.get_mut(&holder) {
            Some(had) if *had > 1 => *had -= 1,
            _ => drop(under_way.remove(&holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use filter::KeyId;

    use super::*;

    #[test]
    fn one_may_have_so_many_and_others_theirs() {
        let concurrent = Concurrent::default();
        let key = |text: &str| Holder::Key(KeyId::parse(text).unwrap());
        let (a, b) = (key("aaaaaaaaaa"), key("bbbbbbbbbb"));
        let first = concurrent.enter(a.clone(), Some(2)).unwrap();
        let _second = concurrent.enter(a.clone(), Some(2)).unwrap();
        let code = |refused: Result<Place, ApiError>| refused.err().map(|error| error.code());
        assert_eq!(code(concurrent.enter(a.clone(), Some(2))), Some("too-many-at-once"));
        let _other = concurrent.enter(b, Some(1)).unwrap();
        drop(first);
        assert!(concurrent.enter(a, Some(2)).is_ok());
    }

    #[test]
    fn nothing_is_left_of_those_who_have_nothing_under_way() {
        let concurrent = Concurrent::default();
        drop(concurrent.enter(Holder::Unverified, Some(1)).unwrap());
        let _unlimited = concurrent.enter(Holder::Unverified, None).unwrap();
        assert!(concurrent.lock().is_empty());
    }
}
