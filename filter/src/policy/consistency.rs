//! What the parts of a policy must mean together.

#[cfg(test)]
mod tests;

use super::error::{PolicyError, require};
use super::{BodyRule, Mode, Policy, Route, SharedSubject, Tier, TierSubject};
use crate::quota::{self, Quota, Unit};
use crate::signature::Scheme;

pub(super) fn check(policy: &Policy) -> Result<(), PolicyError> {
    signatures_name_hosts(policy)?;
    webhooks_are_held(policy)?;
    issuers_have_tiers(policy)?;
    reports_are_bounded(policy)?;
    quotas_have_names_of_their_own(policy)?;
    networks_are_looser_than_keys(policy)?;
    nonces_fit(policy)
}

/// How many of `nonces` may be planned for: above 80 % only keys below their share are let in.
pub(super) fn room(nonces: u32) -> u64 {
    u64::from(nonces) * 8 / 10
}

/// The most nonces that one key of `tier` can have remembered at once, if a quota bounds them. All
/// quotas hold at once, so the tightest one does.
pub(super) fn nonces_per_key(tier: &Tier, skew: u64) -> Option<u64> {
    tier.of_unit(Unit::Requests)
        .filter(|quota| quota.subject == TierSubject::Key)
        .map(|quota| quota::nonces_per_key(&quota.quota, skew / 1_000))
        .min()
}

fn signatures_name_hosts(policy: &Policy) -> Result<(), PolicyError> {
    let named = !policy.authorities.is_empty() || !takes_signatures(policy);
    require(named, "authorities", || {
        "expected at least one host, because a route takes signatures: else what was signed for one \
         deployment would be good at another"
            .to_owned()
    })
}

/// Standard Webhooks signs the body itself, and a body that streams through is signed too late.
fn webhooks_are_held(policy: &Policy) -> Result<(), PolicyError> {
    let held = |route: &Route| route.signature.takes_signatures() && route.body == BodyRule::Hold;
    let named = policy.schemes.contains(Scheme::StandardWebhooks);
    require(!named || policy.routes.iter().map(AsRef::as_ref).any(held), "schemes", || {
        "standard-webhooks signs the body itself and needs a route that takes signatures and whose \
         body is \"hold\""
            .to_owned()
    })
}

fn issuers_have_tiers(policy: &Policy) -> Result<(), PolicyError> {
    for (index, issuer) in policy.issuers.iter().enumerate() {
        require(
            policy.tiers.contains_key(&issuer.tier),
            &format!("issuers[{index}].tier"),
            || format!("there is no tier {:?}", issuer.tier),
        )?;
    }
    Ok(())
}

fn reports_are_bounded(policy: &Policy) -> Result<(), PolicyError> {
    let reporting = policy.routes.iter().position(|route| route.mode == Mode::Report);
    match (&policy.report, reporting) {
        (None, Some(index)) => {
            let problem =
                "expected \"enforce\", or a `report` with the quota of unverified requests";
            Err(PolicyError::new(format!("routes[{index}].mode"), problem))
        }
        (Some(report), None) => require(report.until.is_some(), "report.until", || {
            "expected the end of the report-only mode, because no route is in it".to_owned()
        }),
        (Some(_), Some(_)) | (None, None) => Ok(()),
    }
}

/// One answer may tell of all quotas that apply, by name.
fn quotas_have_names_of_their_own(policy: &Policy) -> Result<(), PolicyError> {
    let taken = |name: &str| policy.quotas.iter().any(|shared| shared.quota.name == name);
    let report = policy.report.iter().map(|report| ("report".to_owned(), &report.quota));
    let tiers = policy.tiers.iter().flat_map(|(name, tier)| {
        tier.quotas
            .iter()
            .enumerate()
            .map(move |(index, quota)| (format!("tiers.{name}.quotas[{index}].name"), &quota.quota))
    });
    for (path, quota) in report.chain(tiers) {
        require(!taken(&quota.name), &path, || {
            format!("one of the shared quotas has the name {:?} too", quota.name)
        })?;
    }
    Ok(())
}

/// The keys of one office, or of everybody behind one carrier's address, share a network. If it were
/// used up before one of their keys is, strangers could lock the key's owner out.
fn networks_are_looser_than_keys(policy: &Policy) -> Result<(), PolicyError> {
    for (index, shared) in policy.quotas.iter().enumerate() {
        if shared.subject != SharedSubject::Network {
            continue;
        }
        for (name, tier) in &policy.tiers {
            let of_key = || tier.of_unit(shared.quota.unit).map(|quota| &quota.quota);
            let Some(example) = of_key().next() else { continue };
            let looser = of_key().any(|of_key| is_within(of_key, &shared.quota));
            require(looser, &format!("quotas[{index}]"), || {
                format!(
                    "{} for a network is tighter than {} for a single key of tier {name}: all who \
                     share a network would share what one of them was given",
                    written(&shared.quota),
                    written(example),
                )
            })?;
        }
    }
    Ok(())
}

/// Whether whoever stays within `inner` never exceeds `outer`: neither at once nor in the long run.
fn is_within(inner: &Quota, outer: &Quota) -> bool {
    let rate = |quota: &Quota, per: &Quota| u128::from(quota.limit) * u128::from(per.window);
    inner.limit <= outer.limit && rate(inner, outer) <= rate(outer, inner)
}

fn written(quota: &Quota) -> String {
    let unit = match quota.unit {
        Unit::Requests => "requests",
        Unit::Pixels => "pixels",
    };
    format!("{:?} ({} {unit} in {} s)", quota.name, quota.limit, quota.window)
}

/// A store that cannot remember what one key of each tier may use refuses one of them.
fn nonces_fit(policy: &Policy) -> Result<(), PolicyError> {
    if !takes_signatures(policy) {
        return Ok(());
    }
    let needed: Vec<(&str, u64)> = policy
        .tiers
        .iter()
        .filter_map(|(name, tier)| Some((name.as_str(), nonces_per_key(tier, policy.skew)?)))
        .collect();
    let sum = needed.iter().fold(0_u64, |sum, (_, nonces)| sum.saturating_add(*nonces));
    let room = room(policy.replay_nonces);
    require(sum <= room, "replay.nonces", || {
        let terms: Vec<_> =
            needed.iter().map(|(name, nonces)| format!("{name} {nonces}")).collect();
        format!(
            "one key of each tier, at its full rate for {} s, needs {} = {sum} nonces, but 80 % of {} \
             are {room}: remember more nonces, or allow a key fewer requests",
            crate::store::retention(policy.skew / 1_000),
            terms.join(" + "),
            policy.replay_nonces,
        )
    })
}

fn takes_signatures(policy: &Policy) -> bool {
    policy.routes.iter().any(|route| route.signature.takes_signatures())
}
