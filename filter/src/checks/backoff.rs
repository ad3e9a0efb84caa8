//! Networks whose credentials keep failing are answered later, and cost less.
//!
//! Only a request whose own credential fails is ever answered by this: a valid credential always
//! passes, whoever else shares its network. Verifications with a public key, which cost a gate more
//! than a stranger's forgery costs the stranger, are rationed while a network fails, and not stopped.

use crate::address::{self, Client};
use crate::policy::Failures;
use crate::quota::{Charge, Quota, Subject, Unit};
use crate::store::{Answer, Lookup, Refusal};

/// Wider networks collect the failures of all within them, and may have more of them: the factor
/// for IPv6 /64, /56 and /48. An IPv4 address is the only network of its kind.
const ALLOWANCE: [u64; 3] = [1, 4, 16];

/// Why a request whose credential failed is told to come back later.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// Too many credentials failed.
    #[error("too many credentials from this network were wrong: try again in {retry_after} s")]
    Failing {
        /// When to come back, in whole seconds.
        retry_after: u64,
    },
    /// The ration of verifications with a public key is used up.
    #[error(
        "too many credentials from this network were wrong, and signatures like this one are \
         rationed: try again in {retry_after} s"
    )]
    Rationed {
        /// When to come back, in whole seconds.
        retry_after: u64,
    },
}

/// Counts one failure of the client's networks; `None` where they cannot be told.
pub(crate) fn failure(failures: &Failures, client: &Client) -> Option<Lookup> {
    let charges = counted(failures, client);
    (!charges.is_empty()).then_some(Lookup::Take { charges })
}

/// Asks whether the client's networks are failing; `None` where they cannot be told.
pub(crate) fn standing(failures: &Failures, client: &Client) -> Option<Lookup> {
    let mut charges = counted(failures, client);
    for charge in &mut charges {
        charge.amount = 0;
    }
    (!charges.is_empty()).then_some(Lookup::Take { charges })
}

/// Whether a network has used up its failures.
pub(crate) fn is_failing(answer: &Answer) -> bool {
    match answer {
        Answer::Granted(remaining) => remaining.iter().any(|left| left.remaining == 0),
        Answer::Refused(_) => true,
        // A store that cannot say must not stop a valid credential here.
        Answer::Unavailable => false,
    }
}

/// Takes one verification from the ration of the client's network.
pub(crate) fn ration(failures: &Failures, client: &Client) -> Option<Lookup> {
    let quota =
        Quota { limit: failures.verifications.into(), ..quota(failures, "verifications", 1) };
    let subject = Subject::Ration(networks(client).next()?);
    Some(Lookup::Take { charges: vec![Charge { subject, quota, amount: 1 }] })
}

/// What the client is told besides that its credential failed.
pub(crate) fn after_failure(answer: &Answer) -> Result<(), Error> {
    let failing = |retry_after| Error::Failing { retry_after };
    retry_after(answer).map_or(Ok(()), |seconds| Err(failing(seconds)))
}

/// Whether a costly verification may begin. A store that cannot say must not stop a valid
/// credential; it refuses the request later, when it is asked about quotas and nonces.
pub(crate) fn check_ration(answer: &Answer) -> Result<(), Error> {
    let rationed = |retry_after| Error::Rationed { retry_after };
    retry_after(answer).map_or(Ok(()), |seconds| Err(rationed(seconds)))
}

fn retry_after(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Refused(Refusal::Exceeded { quota, retry_after }) => {
            Some(retry_after.unwrap_or(quota.window))
        }
        Answer::Granted(_) | Answer::Refused(_) | Answer::Unavailable => None,
    }
}

fn counted(failures: &Failures, client: &Client) -> Vec<Charge> {
    let counted = |(network, allowance)| Charge {
        subject: Subject::Failures(network),
        quota: quota(failures, "failures", allowance),
        amount: 1,
    };
    networks(client).zip(ALLOWANCE).map(counted).collect()
}

/// The client's networks, the narrowest first; none behind a proxy that names no client.
fn networks(client: &Client) -> impl Iterator<Item = ipnet::IpNet> {
    let address = client.address.filter(|_| !client.is_proxy);
    address.into_iter().flat_map(address::networks)
}

fn quota(failures: &Failures, name: &str, allowance: u64) -> Quota {
    Quota {
        name: name.to_owned(),
        unit: Unit::Requests,
        limit: u64::from(failures.limit).saturating_mul(allowance),
        window: failures.window,
    }
}
