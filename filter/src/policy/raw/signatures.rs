//! What signatures may look like, and how long they are remembered, in the policy file.

use serde::Deserialize;

use super::authority::Authority;
use crate::policy::error::{PolicyError, require};
use crate::policy::units::Duration;
use crate::policy::{REPLAY_NONCES_DEFAULT, SKEW_MAX};
use crate::signature::{Scheme, Schemes};

/// The most authorities.
pub(super) const AUTHORITIES_MAX: usize = 64;
/// The fewest nonces that a store can be told to remember.
const NONCES_MIN: u32 = 1024;
/// The most nonces that a store can remember.
const NONCES_MAX: u32 = 393_216;

/// How many nonces a gate remembers.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Replay"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawReplay {
    /// The nonces of all keys together. One key of each tier, at its full rate, must fit into 80 %.
    #[cfg_attr(feature = "schema", schemars(range(min = NONCES_MIN, max = NONCES_MAX)))]
    nonces: u32,
}

pub(super) fn check_authorities(raw: Vec<Authority>) -> Result<Vec<String>, PolicyError> {
    require(raw.len() <= AUTHORITIES_MAX, "authorities", || {
        format!("expected at most {AUTHORITIES_MAX} authorities")
    })?;
    Ok(raw.into_iter().map(|authority| authority.0).collect())
}

pub(super) fn check_skew(raw: Option<Duration>) -> Result<u64, PolicyError> {
    let skew = raw.map_or(SKEW_MAX, |skew| skew.seconds.saturating_mul(1_000));
    require((1..=SKEW_MAX).contains(&skew), "skew", || "expected 1s to 300s".to_owned())?;
    Ok(skew)
}

pub(super) fn check_schemes(raw: Option<Vec<Scheme>>) -> Result<Schemes, PolicyError> {
    let Some(raw) = raw else { return Ok(Schemes::STANDARD) };
    let schemes: Schemes = raw.iter().copied().collect();
    require(!raw.is_empty() && schemes.iter().count() == raw.len(), "schemes", || {
        "expected at least one scheme, and each once".to_owned()
    })?;
    Ok(schemes)
}

pub(super) fn check_replay(raw: Option<RawReplay>) -> Result<u32, PolicyError> {
    let nonces = raw.map_or(REPLAY_NONCES_DEFAULT, |replay| replay.nonces);
    require((NONCES_MIN..=NONCES_MAX).contains(&nonces), "replay.nonces", || {
        format!("expected {NONCES_MIN} to {NONCES_MAX}, got {nonces}")
    })?;
    Ok(nonces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sizes;

    #[test]
    fn a_store_can_remember_as_much_as_a_policy_may_ask_for() {
        assert!(Sizes::holding(NONCES_MAX.into(), 1, 1).is_some());
        assert!(Sizes::holding(u64::from(NONCES_MAX) + 1, 1, 1).is_none());
    }
}
