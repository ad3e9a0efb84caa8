//! What is allowed, after it has been checked.
//!
//! The file's shape is in `raw/`, and what its parts must mean together in `consistency.rs`; a
//! [`Policy`] in hand is already right. The shape is published as `filter/policy.schema.json`.

mod consistency;
mod error;
#[cfg(test)]
mod example;
mod quotas;
mod raw;
mod route;
mod units;

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;

use crate::UnixMillis;
use crate::jwt::Issuer;
use crate::quota::Quota;
use crate::signature::Schemes;
use crate::store::Sizes;

pub use error::PolicyError;
pub use quotas::{
    OnStoreFailure, Priority, SharedQuota, SharedSubject, Tier, TierQuota, TierSubject,
};
pub use route::{
    BodyRule, Dialect, HELD_BODY_MAX, HELD_BYTES_MAX, ImageLimits, Mode, Route, SCANS_DEFAULT,
    SCANS_MAX, SignatureRule, WEIGHT_MAX,
};

/// The most bytes the image header may be held up to, whatever the policy says: it must stay below
/// the buffers of every host.
pub const HEADER_BYTES_MAX: u64 = 1024 * 1024;
/// How far into the body the image header may reach where the policy does not say.
pub const HEADER_BYTES_DEFAULT: u64 = 512 * 1024;
/// How far the clocks of signers may differ at most, in milliseconds, and where the policy does not
/// say.
pub const SKEW_MAX: u64 = 300_000;
/// How many nonces a gate remembers where the policy does not say.
pub const REPLAY_NONCES_DEFAULT: u32 = 131_072;

/// What is allowed: the routes, and what each of them takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// How far into the body, in bytes, an image header may reach before it is refused.
    pub header_bytes: u64,
    /// The proxies whose word on the client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The hosts that signatures may name, in lower case and without the default port.
    pub authorities: Vec<String>,
    /// How far the clock of a signer may differ, in milliseconds.
    pub skew: u64,
    /// The ways of signing that are understood.
    pub schemes: Schemes,
    /// How many nonces a gate remembers.
    pub replay_nonces: u32,
    /// What becomes of a request whose quotas cannot be looked up.
    pub on_store_failure: OnStoreFailure,
    /// When failed credentials from one network are answered 429.
    pub failures: Failures,
    /// Quotas that do not ask who a request is from.
    pub quotas: Vec<SharedQuota>,
    /// The tiers by name, and what their keys may use.
    pub tiers: BTreeMap<String, Tier>,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// The origins whose pages may read the answers.
    pub origins: Vec<String>,
    /// What may pass although checks failed.
    pub report: Option<Report>,
    /// The routes; anything else does not exist.
    pub routes: Vec<Arc<Route>>,
}

/// When failed credentials from one network are answered 429, in the place of the failure. A valid
/// credential always passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failures {
    /// How many failures in the window are answered as failures.
    pub limit: u32,
    /// The window in seconds.
    pub window: u64,
    /// How many signatures of public keys are verified in the window for a network beyond the limit.
    pub verifications: u32,
}

/// Failures where the policy does not say.
impl Default for Failures {
    fn default() -> Self {
        Self { limit: 60, window: 60, verifications: 20 }
    }
}

/// The report-only mode.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// Until then every route only reports; from then on, those that say so.
    pub until: Option<UnixMillis>,
    /// What all requests whose credential failed share.
    pub quota: Quota,
}

impl Policy {
    /// Reads a policy file (JSON). Unknown fields are refused, and an error names the field's path.
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        let policy = raw::parse(json)?;
        consistency::check(&policy)?;
        Ok(policy)
    }

    /// The route of a method and a path without query, or the methods that the path does take.
    pub fn route(&self, method: &str, path: &str) -> Result<&Arc<Route>, Vec<&str>> {
        let at_path = || self.routes.iter().filter(|route| route.path == path);
        at_path()
            .find(|route| route.method == method)
            .ok_or_else(|| at_path().map(|route| route.method.as_str()).collect())
    }

    /// How large the store of a gate must be.
    pub fn store_sizes(&self) -> Sizes {
        let (_, keys, networks) = Sizes::default().capacity();
        Sizes::holding(consistency::room(self.replay_nonces), keys, networks).unwrap_or_default()
    }

    /// What a failed check on `route` does at `now`.
    pub fn mode(&self, route: &Route, now: UnixMillis) -> Mode {
        let until = self.report.as_ref().and_then(|report| report.until);
        if until.is_some_and(|until| now < until) { Mode::Report } else { route.mode }
    }

    /// The most nonces that one key of `tier` can have remembered at once. Without a quota of
    /// requests, or without such a tier, nothing but the size of the store bounds it.
    pub fn nonces_per_key(&self, tier: &str) -> u64 {
        let room = consistency::room(self.replay_nonces);
        let tier = self.tiers.get(tier);
        tier.and_then(|tier| consistency::nonces_per_key(tier, self.skew))
            .map_or(room, |nonces| nonces.min(room))
    }
}

/// The JSON Schema (2020-12) of a policy file.
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    raw::schema()
}
