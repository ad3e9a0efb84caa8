//! How much a subject may use in a window of time, in requests or in pixels.
//!
//! The arithmetic is in [`gcra`] and the header fields are in [`fields`]; who remembers the state is
//! a [`Store`](crate::store::Store).

pub mod fields;
pub mod gcra;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The largest limit that is honoured as written: the largest Integer of a structured field
/// (RFC 9651 §3.3.1). A larger one counts as this.
pub const LIMIT_MAX: u64 = 999_999_999_999_999;
/// The longest window that is honoured as written, in seconds: 366 days. A longer one counts as this.
pub const WINDOW_MAX: u64 = 366 * 86_400;

/// What a quota counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Pixels: width times height times frames, times the route's weight.
    Pixels,
}

/// So much in so long a window. The whole limit may be used at once, and comes back evenly.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Quota {
    /// The name of the policy in the `RateLimit` fields; printable ASCII.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// How much there is in one window.
    pub limit: u64,
    /// How long the window is, in seconds.
    pub window: u64,
}

/// Whose quota it is.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub enum Subject {
    /// One key, by its id.
    Key(String),
    /// One principal, whichever of its keys is used.
    Principal(String),
    /// The network a client is in, already cut to the length that is counted.
    Network(IpNet),
    /// All requests together.
    Everyone,
    /// Failed authentications from a network.
    Failures(IpNet),
    /// Costly verifications that a network may still cause after failures.
    Ration(IpNet),
}

/// So much of a subject's quota.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Charge {
    /// Whose quota.
    pub subject: Subject,
    /// Which of them.
    pub quota: Quota,
    /// How much, in the quota's unit. Zero only asks what is left.
    pub amount: u64,
}

/// What is left of a quota.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct Remaining {
    /// The name of the policy.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// How much there is in one window.
    pub limit: u64,
    /// How long the window is, in seconds.
    pub window: u64,
    /// How much may be used at once now.
    pub remaining: u64,
    /// Whole seconds, rounded up, within which no more than `remaining` can be used.
    pub reset: u64,
}

impl Remaining {
    /// The quota as it stands at `level`.
    pub fn new(quota: &Quota, level: gcra::Level) -> Self {
        Self {
            name: quota.name.clone(),
            unit: quota.unit,
            limit: quota.limit,
            window: quota.window,
            remaining: level.remaining,
            reset: level.next.div_ceil(1000),
        }
    }
}

/// The most nonces of one key that a store has to remember at once: what the quota lets through
/// while one is kept. A policy whose tiers sum to more than the store holds cannot be honoured.
///
/// `skew` is the tolerance of the signatures' clocks in seconds.
pub fn nonces_per_key(quota: &Quota, skew: u64) -> u64 {
    let kept = u128::from(crate::store::retention(skew));
    let limit = u128::from(quota.limit);
    // The limit at once, and what comes back of it while the first nonce is still kept.
    let refilled = (limit * kept).div_ceil(u128::from(quota.window.max(1)));
    u64::try_from(limit + refilled).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_needs_room_for_its_burst_and_for_what_comes_back_while_a_nonce_is_kept() {
        let quota = |limit, window| Quota { name: "q".into(), unit: Unit::Requests, limit, window };
        // With 300 s of skew a nonce is kept for 660 s at most: eleven windows of a minute.
        assert_eq!(nonces_per_key(&quota(60, 60), 300), 60 + 11 * 60);
        // 10 a day: the burst, and the one that comes back within eleven minutes, rounded up.
        assert_eq!(nonces_per_key(&quota(10, 86_400), 300), 11);
        assert_eq!(nonces_per_key(&quota(u64::MAX, 0), u64::MAX), u64::MAX);
    }
}
