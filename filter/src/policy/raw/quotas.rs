//! Quotas and tiers in the policy file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::name::Name;
use crate::policy::error::{PolicyError, require};
use crate::policy::units::Duration;
use crate::policy::{Priority, SharedQuota, SharedSubject, Tier, TierQuota, TierSubject};
use crate::quota::{Quota, Unit};

/// The most quotas of one tier, and the most that all share.
pub(super) const QUOTAS_MAX: usize = 8;
/// The most tiers.
pub(super) const TIERS_MAX: usize = 16;
/// The longest window in seconds.
const WINDOW_MAX: u64 = 24 * 3_600;
/// The most requests of one key that a tier may allow at once.
pub(super) const CONCURRENT_MAX: u16 = 1_000;
/// Pixels of a megapixel.
const MEGA: u64 = 1_000_000;

/// Requests or megapixels in a window.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "QuotaOf{S}", extend("oneOf" = [
    { "required": ["requests"] },
    { "required": ["megapixels"] },
])))]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuota<S> {
    /// The name in `RateLimit` fields, metrics and messages.
    name: Name,
    /// Who has it or shares it.
    subject: S,
    /// How many requests.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    requests: Option<u32>,
    /// How many megapixels, each times the weight of its route.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    megapixels: Option<u32>,
    /// The window, 1 s to 24 h.
    window: Duration,
}

/// What the keys of a tier may use.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Tier"))]
#[serde(deny_unknown_fields)]
pub(super) struct RawTier {
    /// The quotas, which all hold at once; an empty list limits nothing.
    #[cfg_attr(feature = "schema", schemars(length(max = QUOTAS_MAX)))]
    quotas: Vec<RawQuota<TierSubject>>,
    /// How many requests with an image each of its keys, or of its principals with tokens, may have under way at
    /// the node at once; as many as the node takes if left out.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = CONCURRENT_MAX)))]
    concurrent: Option<u16>,
    /// Whose images the node's models take first; `normal` if left out.
    #[serde(default)]
    priority: Priority,
}

pub(super) fn check_shared(
    raw: Vec<RawQuota<SharedSubject>>,
) -> Result<Vec<SharedQuota>, PolicyError> {
    let quotas = check_list(raw, "quotas")?;
    Ok(quotas.into_iter().map(|(subject, quota)| SharedQuota { subject, quota }).collect())
}

pub(super) fn check_tiers(
    raw: BTreeMap<Name, RawTier>,
) -> Result<BTreeMap<String, Tier>, PolicyError> {
    require((1..=TIERS_MAX).contains(&raw.len()), "tiers", || {
        format!("expected 1 to {TIERS_MAX} tiers")
    })?;
    let mut tiers = BTreeMap::new();
    for (Name(name), raw) in raw {
        let quotas = check_list(raw.quotas, &format!("tiers.{name}.quotas"))?;
        let quota = |(subject, quota)| TierQuota { subject, quota };
        let RawTier { concurrent, priority, .. } = raw;
        let fits = concurrent.is_none_or(|most| (1..=CONCURRENT_MAX).contains(&most));
        require(fits, &format!("tiers.{name}.concurrent"), || {
            format!("expected 1 to {CONCURRENT_MAX}")
        })?;
        let quotas = quotas.into_iter().map(quota).collect();
        tiers.insert(name, Tier { quotas, concurrent, priority });
    }
    Ok(tiers)
}

/// A number of requests in a window.
pub(super) fn requests(
    name: &str,
    requests: u32,
    window: Duration,
    at: &str,
) -> Result<Quota, PolicyError> {
    quota(name, (Unit::Requests, "requests", requests.into()), window, at)
}

fn check_list<S>(raw: Vec<RawQuota<S>>, at: &str) -> Result<Vec<(S, Quota)>, PolicyError> {
    require(raw.len() <= QUOTAS_MAX, at, || format!("expected at most {QUOTAS_MAX} quotas"))?;
    let mut quotas: Vec<(S, Quota)> = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("{at}[{index}]");
        let amount = match (raw.requests, raw.megapixels) {
            (Some(requests), None) => (Unit::Requests, "requests", requests.into()),
            (None, Some(megapixels)) => (Unit::Pixels, "megapixels", u64::from(megapixels) * MEGA),
            (None, None) | (Some(_), Some(_)) => {
                let problem = "expected either requests or megapixels";
                return Err(PolicyError::new(at, problem));
            }
        };
        let quota = quota(&raw.name.0, amount, raw.window, &at)?;
        let taken = quotas.iter().any(|(_, other)| other.name == quota.name);
        require(!taken, &format!("{at}.name"), || "another quota here has this name".to_owned())?;
        quotas.push((raw.subject, quota));
    }
    Ok(quotas)
}

fn quota(
    name: &str,
    (unit, field, limit): (Unit, &str, u64),
    window: Duration,
    at: &str,
) -> Result<Quota, PolicyError> {
    require(limit > 0, &format!("{at}.{field}"), || "expected a number above 0".to_owned())?;
    let window = window.seconds;
    require((1..=WINDOW_MAX).contains(&window), &format!("{at}.window"), || {
        "expected 1s to 24h".to_owned()
    })?;
    Ok(Quota { name: name.to_owned(), unit, limit, window })
}
