//! Nonces of signatures that were used.
//!
//! A nonce is remembered until its signature cannot verify any more, and until the last request that
//! a gate let through by then has reached its turn here. That is judged by the wall clock, which can
//! be set, and by the steady clock as well: whichever of them says so later. Memory is bounded; a
//! log that is full refuses.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use filter::checks::admission;
use filter::permit::Nonce;
use filter::{KeyId, UnixMillis};
use sha2::{Digest as _, Sha256};

use super::PermitError;
use super::used::{DAY, Now};
use crate::clock::millis;

/// How often a full log looks for what it may forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// A log this small is not looked through.
const SMALL: usize = 1024;

/// A nonce of one key: what the keys of others do with the same nonce does not matter.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct NonceName([u8; 16]);

impl NonceName {
    pub(super) fn of(key: &KeyId, nonce: &Nonce) -> Self {
        // A key id always has ten digits, so the two cannot flow into each other.
        let digest: [u8; 32] =
            Sha256::new().chain_update(key.as_str()).chain_update(&nonce.sha256).finalize().into();
        let mut name = [0; 16];
        name.copy_from_slice(&digest[..16]);
        Self(name)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The nonces that were used.
pub(super) struct NonceLog {
    /// How long a nonce is remembered after its signature has ceased to verify.
    retention: Duration,
    capacity: usize,
    used: HashMap<NonceName, Until>,
    /// At this many entries, those that are over are forgotten.
    sweep_at: usize,
    swept: Instant,
}

/// How long a nonce is remembered, by both clocks.
#[derive(Clone, Copy)]
struct Until {
    wall: UnixMillis,
    steady: Instant,
}

impl Until {
    fn is_over(self, now: Now) -> bool {
        now.wall > self.wall && now.steady >= self.steady
    }
}

impl NonceLog {
    /// Nonces remembered: about 64 bytes each.
    pub(super) const CAPACITY: usize = 1 << 18;

    pub(super) fn new(retention: Duration, capacity: usize, now: Instant) -> Self {
        let sweep_at = capacity.min(SMALL);
        Self { retention, capacity, used: HashMap::new(), sweep_at, swept: now }
    }

    /// Whether there is room for a nonce, and it was not used.
    pub(super) fn check(&mut self, name: NonceName, now: Now) -> Result<(), PermitError> {
        if self.used.get(&name).is_some_and(|until| !until.is_over(now)) {
            return Err(PermitError::at_the_gate(admission::Error::Replayed));
        }
        if self.used.len() >= self.sweep_at {
            self.sweep(now);
        }
        if self.used.len() >= self.capacity {
            return Err(PermitError::at_the_gate(admission::Error::Full));
        }
        Ok(())
    }

    /// Remembers a nonce of a signature that verifies until `until`.
    pub(super) fn insert(&mut self, name: NonceName, until: UnixMillis, now: Now) {
        let left = until.0.saturating_sub(now.wall.0).min(DAY);
        let until = Until {
            wall: until.plus(millis(self.retention)),
            steady: now.steady + Duration::from_millis(left) + self.retention,
        };
        self.used.insert(name, until);
    }

    /// Forgets what is over. The next sweep comes when the log has doubled, so that one insertion
    /// costs the same however many there are; a log that stays full is swept once a second.
    fn sweep(&mut self, now: Now) {
        let full = self.used.len() >= self.capacity;
        if full && now.steady.saturating_duration_since(self.swept) < SWEEP_EVERY {
            return;
        }
        self.used.retain(|_, until| !until.is_over(now));
        self.sweep_at = (2 * self.used.len()).max(SMALL).min(self.capacity);
        self.swept = now.steady;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: UnixMillis = UnixMillis(1_700_000_000_000);
    const MINUTE: u64 = 60_000;
    const RETENTION: Duration = Duration::from_secs(100);

    fn used() -> PermitError {
        PermitError::at_the_gate(admission::Error::Replayed)
    }

    fn full() -> PermitError {
        PermitError::at_the_gate(admission::Error::Full)
    }

    struct Clocks(Instant);

    impl Clocks {
        /// Both clocks, `wall` and `steady` milliseconds after the start.
        fn at(&self, wall: i64, steady: u64) -> Now {
            Now {
                wall: UnixMillis(WALL.0.saturating_add_signed(wall)),
                steady: self.0 + Duration::from_millis(steady),
            }
        }

        fn log(&self, capacity: usize) -> NonceLog {
            NonceLog::new(RETENTION, capacity, self.0)
        }
    }

    fn name(n: u32) -> NonceName {
        let key = KeyId::parse("0123456789").unwrap();
        NonceName::of(&key, &Nonce { sha256: format!("{n:064x}"), until: 0 })
    }

    fn use_once(log: &mut NonceLog, n: u32, until: u64, now: Now) -> Result<(), PermitError> {
        log.check(name(n), now)?;
        log.insert(name(n), UnixMillis(until), now);
        Ok(())
    }

    #[test]
    fn a_nonce_is_refused_until_its_end_and_the_retention_have_passed() {
        let clocks = Clocks(Instant::now());
        let mut log = clocks.log(10);
        let until = WALL.0 + 10 * MINUTE;
        use_once(&mut log, 1, until, clocks.at(0, 0)).unwrap();
        let end = 10 * MINUTE + millis(RETENTION);
        for after in [0, 10 * MINUTE, end] {
            let now = clocks.at(i64::try_from(after).unwrap(), after);
            assert_eq!(log.check(name(1), now), Err(used()), "{after}");
        }
        let now = clocks.at(i64::try_from(end + 1).unwrap(), end + 1);
        assert_eq!(log.check(name(1), now), Ok(()));
        assert_eq!(log.check(name(2), clocks.at(0, 0)), Ok(()));
    }

    #[test]
    fn a_wall_clock_that_is_set_forwards_or_back_makes_nobody_forget() {
        let clocks = Clocks(Instant::now());
        let mut log = clocks.log(10);
        let until = WALL.0 + 10 * MINUTE;
        use_once(&mut log, 1, until, clocks.at(0, 0)).unwrap();
        let hour = i64::try_from(60 * MINUTE).unwrap();
        // An hour forwards a second later: the steady clock knows better.
        assert_eq!(log.check(name(1), clocks.at(hour, 1000)), Err(used()));
        // An hour back, half an hour later: by the wall clock the signature verifies again.
        let back = clocks.at(-hour / 2, 30 * MINUTE);
        assert_eq!(log.check(name(1), back), Err(used()));
        assert_eq!(log.check(name(1), clocks.at(hour, 60 * MINUTE)), Ok(()));
    }

    #[test]
    fn each_key_has_nonces_of_its_own() {
        let nonce = Nonce { sha256: "00".repeat(32), until: 0 };
        let of = |key: &str| NonceName::of(&KeyId::parse(key).unwrap(), &nonce);
        assert_ne!(of("0000000000"), of("0000000001"));
        assert_eq!(of("0000000000"), of("0000000000"));
    }

    #[test]
    fn a_full_log_refuses_until_something_is_over() {
        let clocks = Clocks(Instant::now());
        let mut log = clocks.log(2);
        for (n, minutes) in [(1, 1), (2, 10)] {
            use_once(&mut log, n, WALL.0 + minutes * MINUTE, clocks.at(0, 0)).unwrap();
        }
        assert_eq!(log.check(name(3), clocks.at(1000, 1000)), Err(full()));
        let later = clocks.at(3 * 60_000, 3 * MINUTE);
        assert_eq!(use_once(&mut log, 3, WALL.0 + 10 * MINUTE, later), Ok(()));
        assert_eq!(log.check(name(2), later), Err(used()));
        assert_eq!(log.used.len(), 2);
    }

    #[test]
    fn what_is_over_is_forgotten_long_before_the_log_is_full() {
        let clocks = Clocks(Instant::now());
        let mut log = clocks.log(NonceLog::CAPACITY);
        for n in 0..50_000u32 {
            let after = u64::from(n) * 10;
            let now = clocks.at(i64::try_from(after).unwrap(), after);
            use_once(&mut log, n, now.wall.0 + 10_000, now).unwrap();
        }
        // 110 seconds at 100 a second are live; twice that may be there.
        assert!((11_000..=22_000).contains(&log.used.len()), "{}", log.used.len());
    }

    #[test]
    fn an_end_that_never_comes_is_no_danger() {
        let clocks = Clocks(Instant::now());
        let mut log = clocks.log(10);
        use_once(&mut log, 1, u64::MAX, clocks.at(0, 0)).unwrap();
        assert_eq!(log.check(name(1), clocks.at(0, 5 * DAY)), Err(used()));
    }
}
