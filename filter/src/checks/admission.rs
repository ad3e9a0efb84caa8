//! The request is used for the first time, and whoever asks is within its quotas.
//!
//! Both are one question to the host's store (see [`Lookup::Admit`]): quotas are looked at, the
//! nonce is recorded, then the quotas are charged. A captured request cannot burn its owner's quota,
//! and whoever is over a quota cannot fill the table of nonces.

use http::HeaderName;

use crate::Policy;
use crate::address::{self, Client};
use crate::checks::credential::Authenticated;
use crate::policy::{SharedSubject, TierSubject};
use crate::quota::{Charge, Quota, Remaining, Subject, Unit, fields};
use crate::store::{Answer, FirstUse, Lookup, Refusal, first_use};

/// Evidence that a request was admitted, with what is left of the quotas that it was charged to.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    pub(crate) remaining: Vec<Remaining>,
}

impl Admitted {
    /// Adds what is left of further quotas.
    pub(crate) fn extend(&mut self, further: Self) {
        self.remaining.extend(further.remaining);
    }

    /// The `RateLimit` fields of the answer.
    pub(crate) fn fields(&self) -> Vec<(HeaderName, String)> {
        rate_limit(&self.remaining)
    }
}

/// The fields that tell how quotas stand (draft-ietf-httpapi-ratelimit-headers-11); none where there
/// are no quotas.
pub(crate) fn rate_limit(quotas: &[Remaining]) -> Vec<(HeaderName, String)> {
    let policy = fields::policy(quotas).map(|value| ("ratelimit-policy", value));
    let limits = fields::limits(quotas).map(|value| ("ratelimit", value));
    let field = |(name, value)| (HeaderName::from_static(name), value);
    policy.into_iter().chain(limits).map(field).collect()
}

/// Why a request was not admitted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The key's tier is none of the policy's.
    #[error("the policy has no tier {tier}")]
    TierUnknown {
        /// The tier's name.
        tier: String,
    },
    /// The nonce was used before.
    #[error("the signature was used before: sign again with a fresh nonce")]
    Replayed,
    /// The signature is older than the memory of nonces.
    #[error("the signature was made before this gate began to remember nonces: sign again")]
    BeforeStart,
    /// No more nonces can be remembered.
    #[error("no more nonces can be remembered now")]
    Full,
    /// A quota is used up.
    #[error("{}", exceeded(.quota, *.signed))]
    Exceeded {
        /// The quota.
        quota: Remaining,
        /// When to come back, in whole seconds; `None` if the request is larger than the quota.
        retry_after: Option<u64>,
        /// Whether the request bore a nonce that is used now.
        signed: bool,
    },
    /// The store cannot answer.
    #[error("quotas and nonces cannot be looked up now")]
    Unavailable,
}

impl Error {
    /// Whether it is a quota that is used up. Only that can be reported instead of refused.
    pub(crate) fn is_a_quota(&self) -> bool {
        matches!(self, Self::Exceeded { .. })
    }

    /// Whether it is the store that fails, and not the request.
    pub(crate) fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

fn exceeded(quota: &Remaining, signed: bool) -> String {
    let Remaining { name, limit, window, .. } = quota;
    let unit = match quota.unit {
        Unit::Requests => "requests",
        Unit::Pixels => "pixels",
    };
    let again = if signed { "; sign again with a fresh nonce" } else { "" };
    format!("the quota {name} of {limit} {unit} in {window} s is used up{again}")
}

/// What the store is asked before the body: the nonce, and one request for each quota of requests.
/// `None` where there is nothing to ask.
pub(crate) fn question(
    policy: &Policy,
    who: &Authenticated,
    client: &Client,
) -> Result<Option<Lookup>, Error> {
    let charges = charges(policy, who, client, Unit::Requests, 1)?;
    // Whoever has the key but not its secret must not use up nonces of those who have both.
    let nonce = if who.is_signed_with_its_body() { None } else { first_use_by(policy, who) };
    let nothing = nonce.is_none() && charges.is_empty();
    Ok((!nothing).then_some(Lookup::Admit { nonce, charges }))
}

/// The use of the nonce of whoever signed, if there is one.
pub(crate) fn first_use_by(policy: &Policy, who: &Authenticated) -> Option<FirstUse> {
    let signed = who.signed.as_ref()?;
    let nonce = signed.nonce.as_deref()?;
    Some(first_use(&who.subject(), nonce, signed.created, policy.skew / 1000))
}

/// What an image costs, in pixels of every quota of pixels; nothing where there is none.
pub(crate) fn price(
    policy: &Policy,
    who: &Authenticated,
    client: &Client,
    pixels: u64,
) -> Result<Vec<Charge>, Error> {
    charges(policy, who, client, Unit::Pixels, pixels)
}

/// Reads the store's answer.
pub(crate) fn check(answer: Answer, signed: bool) -> Result<Admitted, Error> {
    match answer {
        Answer::Granted(remaining) => Ok(Admitted { remaining }),
        Answer::Refused(Refusal::Replayed) => Err(Error::Replayed),
        Answer::Refused(Refusal::BeforeStart) => Err(Error::BeforeStart),
        Answer::Refused(Refusal::Full) => Err(Error::Full),
        Answer::Refused(Refusal::Exceeded { quota, retry_after }) => {
            Err(Error::Exceeded { quota, retry_after, signed })
        }
        Answer::Unavailable => Err(Error::Unavailable),
    }
}

fn charges(
    policy: &Policy,
    who: &Authenticated,
    client: &Client,
    unit: Unit,
    amount: u64,
) -> Result<Vec<Charge>, Error> {
    let mut charges = Vec::new();
    let mut charge = |subject, quota: &Quota| {
        if quota.unit == unit {
            charges.push(Charge { subject, quota: quota.clone(), amount });
        }
    };
    if who.is_verified() {
        let tier = policy.tiers.get(&who.tier);
        let tier = tier.ok_or_else(|| Error::TierUnknown { tier: who.tier.clone() })?;
        for of_tier in &tier.quotas {
            let subject = match of_tier.subject {
                TierSubject::Key => Subject::Key(who.subject()),
                TierSubject::Principal => Subject::Principal(who.principal.clone()),
            };
            charge(subject, &of_tier.quota);
        }
    } else if let Some(report) = &policy.report {
        charge(Subject::Principal(who.principal.clone()), &report.quota);
    }
    for shared in &policy.quotas {
        match shared.subject {
            SharedSubject::Everyone => charge(Subject::Everyone, &shared.quota),
            // Behind a proxy that names no client, one network would be everybody.
            SharedSubject::Network if client.is_proxy => {}
            SharedSubject::Network => {
                let network = client.address.and_then(|client| address::networks(client).next());
                if let Some(network) = network {
                    charge(Subject::Network(network), &shared.quota);
                }
            }
        }
    }
    Ok(charges)
}
