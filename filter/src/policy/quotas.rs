//! Who may use how much.

use serde::Deserialize;

use crate::quota::{Quota, Unit};

/// What a tier allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tier {
    /// The quotas of its keys and principals; empty if nothing is limited.
    pub quotas: Vec<TierQuota>,
}

/// A quota that every key or principal of a tier has for itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TierQuota {
    /// Whose it is.
    pub subject: TierSubject,
    /// How much.
    pub quota: Quota,
}

/// Whose the quota of a tier is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TierSubject {
    /// Each key has it for itself.
    Key,
    /// All keys and tokens of a principal share it.
    Principal,
}

/// A quota that does not ask who the request is from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SharedQuota {
    /// Who shares it.
    pub subject: SharedSubject,
    /// How much.
    pub quota: Quota,
}

/// Who shares a quota.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SharedSubject {
    /// Each client network has it for itself: /32 of IPv4, /64 of IPv6.
    Network,
    /// All requests share it.
    Everyone,
}

impl Tier {
    /// The quotas of `unit`. Each bounds what one key can use, also that of its principal.
    pub(super) fn of_unit(&self, unit: Unit) -> impl Iterator<Item = &TierQuota> {
        self.quotas.iter().filter(move |quota| quota.quota.unit == unit)
    }
}
