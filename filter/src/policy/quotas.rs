//! Who may use how much.

use serde::Deserialize;

use crate::quota::{Quota, Unit};

/// What becomes of a request whose quotas cannot be looked up, because the host's store fails. A nonce
/// that cannot be looked up refuses in any case.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnStoreFailure {
    /// It is refused with 503.
    #[default]
    Refuse,
    /// It goes on uncounted, and its event says so.
    Allow,
}

/// What a tier allows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tier {
    /// The quotas of its keys and principals; empty if nothing is limited.
    pub quotas: Vec<TierQuota>,
    /// How many requests of one of them may be under way at the node at once, if that is limited.
    pub concurrent: Option<u16>,
    /// Whose images the node's models take first.
    pub priority: Priority,
}

/// Whose images the node's models take first. None of them starves.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After the others.
    Low,
    /// What a tier has that does not say.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The word of the policy file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
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
