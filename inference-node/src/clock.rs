//! The wall clock and the system's randomness, in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use filter::{PermitId, UnixMillis};

/// The time now. A clock before 1970 reads as 1970, when every permit is from the future.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// An id for a request that has none; all zeros if the system has no randomness, for it names only
/// an answer.
pub fn random_id() -> PermitId {
    let mut id = [0; 16];
    let _ = getrandom::fill(&mut id);
    PermitId(id)
}
