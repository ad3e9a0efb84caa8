//! The node takes a request only with a gate's permit for exactly that request, and only once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use filter::key::Standing;
use filter::permit::{self, CLOCK_TOLERANCE, Invalid, LIFETIME};
use filter::{Claims, Environment, KeyRing, PermitId, PermitKey, UnixMillis};

/// Why a permit does not cover a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PermitError {
    /// There is none.
    #[error("the request carries no permit")]
    Missing,
    /// There is more than one.
    #[error("the request carries more than one permit")]
    Several,
    /// It is not a valid permit of a known gate.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It was made for another request; names what differs.
    #[error("the permit was made for another {0}")]
    Mismatch(&'static str),
    /// It was made before this process started, so its use may have been forgotten.
    #[error("the permit was made before this server started")]
    BeforeStart,
    /// It was used before.
    #[error("the permit was used before")]
    Used,
    /// The key behind it is no longer valid here.
    #[error("the key was withdrawn")]
    KeyWithdrawn,
    /// Whether the key is valid cannot be told.
    #[error("the key records cannot be read")]
    KeysUnavailable,
    /// No more permits can be remembered; without memory none is accepted.
    #[error("too many permits are remembered")]
    LogFull,
}

/// Opens permits for one deployment.
pub struct Permits {
    keys: Vec<PermitKey>,
    audience: String,
    environment: Environment,
    started: UnixMillis,
    used: Mutex<UsedLog>,
}

impl Permits {
    /// Takes permits sealed with `keys` for `audience` and `environment`, made after `started`.
    /// A permit's body may take as long as `upload_deadline` to arrive.
    pub fn new(
        keys: Vec<PermitKey>,
        audience: String,
        environment: Environment,
        started: UnixMillis,
        upload_deadline: Duration,
    ) -> Self {
        // Two heads with one permit may arrive at both ends of its life, and each body may then
        // take until its deadline before the permit is recorded.
        let retention = Duration::from_millis(LIFETIME + 2 * CLOCK_TOLERANCE) + upload_deadline;
        let used = Mutex::new(UsedLog::new(retention, UsedLog::CAPACITY, Instant::now()));
        Self { keys, audience, environment, started, used }
    }

    /// Opens the permit of a request head and compares it with the request and the key records.
    pub fn open(
        &self,
        head: &Parts,
        ring: &impl KeyRing,
        now: UnixMillis,
    ) -> Result<Claims, PermitError> {
        let mut permits = head.headers.get_all(permit::HEADER).iter();
        let first = permits.next().ok_or(PermitError::Missing)?;
        if permits.next().is_some() {
            return Err(PermitError::Several);
        }
        let text = first.to_str().map_err(|_| Invalid::Malformed)?;
        let claims = permit::open(text, &self.keys, now)?;
        if claims.issued_at.saturating_add(CLOCK_TOLERANCE) < self.started.0 {
            return Err(PermitError::BeforeStart);
        }
        self.compare(&claims, head)?;
        let record = ring.find(&claims.key).map_err(|_| PermitError::KeysUnavailable)?;
        match record {
            Some(record)
                if record.standing(now) == Standing::Valid
                    && record.principal == claims.principal
                    && record.environment == claims.environment =>
            {
                Ok(claims)
            }
            _ => Err(PermitError::KeyWithdrawn),
        }
    }

    /// Records the permit as used: called once, when nothing can go wrong any more but the work.
    pub fn use_once(&self, id: PermitId) -> Result<(), PermitError> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id, Instant::now())
    }

    fn compare(&self, claims: &Claims, head: &Parts) -> Result<(), PermitError> {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str());
        let same = [
            (claims.audience == self.audience, "audience"),
            (claims.environment == self.environment, "environment"),
            (claims.method == head.method.as_str(), "method"),
            (claims.target == target, "path"),
            (field_is(&head.headers, header::CONTENT_TYPE, &claims.content_type), "content type"),
            (
                field_is(&head.headers, header::CONTENT_LENGTH, &claims.content_length.to_string()),
                "content length",
            ),
        ];
        match same.into_iter().find(|(same, _)| !same) {
            None => Ok(()),
            Some((_, what)) => Err(PermitError::Mismatch(what)),
        }
    }
}

fn field_is(headers: &HeaderMap, name: header::HeaderName, expected: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|value| value.as_bytes() == expected.as_bytes())
        && values.next().is_none()
}

/// Ids of used permits: two generations, each `retention` long, so an id is remembered for at
/// least one retention and at most two. Memory is bounded by the capacity of both.
struct UsedLog {
    retention: Duration,
    capacity: usize,
    young: HashSet<PermitId>,
    old: HashSet<PermitId>,
    turned: Instant,
}

impl UsedLog {
    /// Permits remembered in one generation: 16 bytes each.
    const CAPACITY: usize = 1 << 18;

    fn new(retention: Duration, capacity: usize, now: Instant) -> Self {
        Self { retention, capacity, young: HashSet::new(), old: HashSet::new(), turned: now }
    }

    fn insert(&mut self, id: PermitId, now: Instant) -> Result<(), PermitError> {
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
        if self.young.len() >= self.capacity {
            return Err(PermitError::LogFull);
        }
        self.young.insert(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: Duration = Duration::from_secs(10);

    fn id(n: u8) -> PermitId {
        PermitId([n; 16])
    }

    #[test]
    fn a_permit_is_refused_for_at_least_one_retention() {
        let start = Instant::now();
        let mut log = UsedLog::new(RETENTION, 10, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(log.insert(id(1), at(9)), Ok(()));
        for seconds in [9, 10, 18] {
            assert_eq!(log.insert(id(1), at(seconds)), Err(PermitError::Used), "after {seconds} s");
        }
        assert_eq!(log.insert(id(2), at(21)), Ok(()));
        assert_eq!(log.insert(id(1), at(21)), Ok(()));
    }

    #[test]
    fn an_idle_log_forgets_everything() {
        let start = Instant::now();
        let mut log = UsedLog::new(RETENTION, 10, start);
        log.insert(id(1), start).unwrap();
        assert_eq!(log.insert(id(1), start + 2 * RETENTION), Ok(()));
    }

    #[test]
    fn a_full_log_refuses() {
        let start = Instant::now();
        let mut log = UsedLog::new(RETENTION, 2, start);
        log.insert(id(1), start).unwrap();
        log.insert(id(2), start).unwrap();
        assert_eq!(log.insert(id(3), start), Err(PermitError::LogFull));
        assert_eq!(log.insert(id(3), start + RETENTION), Ok(()));
    }
}
