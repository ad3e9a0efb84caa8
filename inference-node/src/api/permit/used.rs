//! Which permits and which nonces were used.
//!
//! The gate has such a record of its own. This one is the node's, so that a gate that forgets, or
//! two gates that know nothing of each other, cannot make one signature good for two answers.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use filter::permit::{CLOCK_TOLERANCE, Credential, LIFETIME};
use filter::{Claims, PermitId, UnixMillis};

use super::PermitError;
use super::nonces::{NonceLog, NonceName};

/// The longest time that a signature's end counts; a later one is as good as none.
pub(super) const DAY: u64 = 86_400_000;

/// What is recorded of a request.
pub(super) struct Use {
    pub(super) permit: PermitId,
    pub(super) issued_at: UnixMillis,
    /// The nonce of the signature behind it, and until when that verifies.
    pub(super) nonce: Option<(NonceName, UnixMillis)>,
}

impl Use {
    pub(super) fn of(claims: &Claims) -> Self {
        let nonce = match (&claims.credential, &claims.nonce) {
            (Credential::Key(key), Some(nonce)) => {
                Some((NonceName::of(key, nonce), UnixMillis(nonce.until)))
            }
            _ => None,
        };
        Self { permit: claims.id, issued_at: UnixMillis(claims.issued_at), nonce }
    }
}

/// For how long a permit is remembered, of requests that take as long as `longest_wait` to be
/// recorded: two heads with one permit may arrive at both ends of its life, and each of them may
/// then take that long.
pub(super) fn retention(longest_wait: Duration) -> Duration {
    Duration::from_millis(LIFETIME + 2 * CLOCK_TOLERANCE) + longest_wait
}

/// The time by both clocks: one that can be set, and one that only goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) wall: UnixMillis,
    pub(super) steady: Instant,
}

/// What was used, as long as it could be used again.
pub(super) struct Used {
    permits: PermitLog,
    nonces: NonceLog,
}

impl Used {
    /// Remembers the permits of requests that take as long as `longest_wait` to be recorded.
    pub(super) fn new(longest_wait: Duration, now: Instant) -> Self {
        let retention = retention(longest_wait);
        Self {
            permits: PermitLog::new(retention, PermitLog::CAPACITY, now),
            nonces: NonceLog::new(retention, NonceLog::CAPACITY, now),
        }
    }

    /// Records a permit, and the nonce of the signature behind it; both or neither.
    pub(super) fn record(&mut self, used: &Use, now: Now) -> Result<(), PermitError> {
        self.permits.check(used.permit, now.steady)?;
        if let Some((name, until)) = used.nonce {
            self.nonces.check(name, now)?;
            self.nonces.insert(name, until, now);
        }
        self.permits.insert(used.permit);
        Ok(())
    }
}

/// Ids of used permits: two generations, each `retention` long, so an id is remembered for at
/// least one retention and at most two. Memory is bounded by the capacity of both.
struct PermitLog {
    retention: Duration,
    capacity: usize,
    young: HashSet<PermitId>,
    old: HashSet<PermitId>,
    turned: Instant,
}

impl PermitLog {
    /// Permits remembered in one generation: 16 bytes each.
    const CAPACITY: usize = 1 << 18;

    fn new(retention: Duration, capacity: usize, now: Instant) -> Self {
        Self { retention, capacity, young: HashSet::new(), old: HashSet::new(), turned: now }
    }

    /// Whether there is room for `id`, and it is not there.
    fn check(&mut self, id: PermitId, now: Instant) -> Result<(), PermitError> {
        let age = now.saturating_duration_since(self.turned);
        if age >= self.retention {
            self.old = std::mem::take(&mut self.young);
            if age >= 2 * self.retention {
                self.old.clear();
            }
            self.turned = now;
        }
        if self.old.contains(&id) || self.young.contains(&id) {
            return Err(PermitError::Used);
        }
        if self.young.len() >= self.capacity { Err(PermitError::LogFull) } else { Ok(()) }
    }

    fn insert(&mut self, id: PermitId) {
        self.young.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: Duration = Duration::from_secs(10);

    fn id(n: u8) -> PermitId {
        PermitId([n; 16])
    }

    fn use_once(log: &mut PermitLog, n: u8, now: Instant) -> Result<(), PermitError> {
        log.check(id(n), now)?;
        log.insert(id(n));
        Ok(())
    }

    #[test]
    fn a_permit_is_refused_for_at_least_one_retention() {
        let start = Instant::now();
        let mut log = PermitLog::new(RETENTION, 10, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(use_once(&mut log, 1, at(9)), Ok(()));
        for seconds in [9, 10, 18] {
            let again = use_once(&mut log, 1, at(seconds));
            assert_eq!(again, Err(PermitError::Used), "after {seconds} s");
        }
        assert_eq!(use_once(&mut log, 2, at(21)), Ok(()));
        assert_eq!(use_once(&mut log, 1, at(21)), Ok(()));
    }

    #[test]
    fn an_idle_log_forgets_everything() {
        let start = Instant::now();
        let mut log = PermitLog::new(RETENTION, 10, start);
        use_once(&mut log, 1, start).unwrap();
        assert_eq!(use_once(&mut log, 1, start + 2 * RETENTION), Ok(()));
    }

    #[test]
    fn a_full_log_refuses() {
        let start = Instant::now();
        let mut log = PermitLog::new(RETENTION, 2, start);
        use_once(&mut log, 1, start).unwrap();
        use_once(&mut log, 2, start).unwrap();
        assert_eq!(use_once(&mut log, 3, start), Err(PermitError::LogFull));
        assert_eq!(use_once(&mut log, 3, start + RETENTION), Ok(()));
    }
}
