//! What must be remembered between requests, as a question and its answer.
//!
//! The filter only asks; a [`Store`] of the host answers. [`PagedStore`] is one that works on any
//! memory which can compare and set: the shared data of proxy-wasm, or a map in this process.

mod counters;
mod memory;
mod nonces;
mod paged;
mod start;
mod tags;

use std::sync::Arc;

pub use memory::{LocalMemory, SharedMemory, Written};
pub use paged::PagedStore;
pub use start::{PAGES_MAX, Sizes};
pub use tags::TagKey;

use serde::{Deserialize, Serialize};

use crate::quota::{Charge, Remaining};
use crate::{Clock, UnixMillis};

/// How much longer than its signature can verify a nonce is kept, in seconds.
pub const GRACE: u64 = 60;

/// A question only the host can answer.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub enum Lookup {
    /// May this request go on? One question: a quota that is spent refuses before the nonce is
    /// recorded, and only a nonce that is new lets the charges be taken, so that neither a request
    /// over its quota fills the store nor a replayed one spends its owner's quota.
    Admit {
        /// The nonce of a signature that verifies; `None` where nothing was signed.
        nonce: Option<FirstUse>,
        /// What the request costs.
        charges: Vec<Charge>,
    },
    /// Take these charges, all or none.
    Take {
        /// What is taken.
        charges: Vec<Charge>,
    },
}

impl Lookup {
    /// Whether it asks about a nonce.
    pub(crate) fn has_nonce(&self) -> bool {
        matches!(self, Self::Admit { nonce: Some(_), .. })
    }

    /// The same question about the nonce and nothing else, if it asks about both.
    pub(crate) fn nonce_alone(self) -> Option<Self> {
        match self {
            Self::Admit { nonce: Some(nonce), charges } if !charges.is_empty() => {
                Some(Self::Admit { nonce: Some(nonce), charges: Vec::new() })
            }
            Self::Admit { .. } | Self::Take { .. } => None,
        }
    }
}

/// The first use of a nonce, and how long it must be remembered.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub struct FirstUse {
    /// The key id, or another stable id of the credential, in at most 64 bytes: a nonce is used by
    /// its owner only, or one client could burn another's.
    pub key: String,
    /// The nonce, as sent.
    pub nonce: String,
    /// When the signature says that it was made.
    pub created: UnixMillis,
    /// The first time at which the nonce may be forgotten; see [`first_use`].
    pub until: UnixMillis,
}

/// The first use of a nonce by `key`, in a signature made at `created` that verifies for `skew`
/// seconds before and after. It is counted from `created`, not from now: a signature dated ahead
/// verifies for up to twice the skew from now.
pub fn first_use(key: &str, nonce: &str, created: UnixMillis, skew: u64) -> FirstUse {
    let until = created.plus(skew.saturating_add(GRACE).saturating_mul(1000));
    FirstUse { key: key.to_owned(), nonce: nonce.to_owned(), created, until }
}

/// The longest time in seconds that a nonce is kept: that of a signature dated `skew` seconds ahead.
pub const fn retention(skew: u64) -> u64 {
    skew.saturating_mul(2).saturating_add(GRACE)
}

/// The host's answer.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub enum Answer {
    /// Yes; what is left after each of the charges, in their order.
    Granted(Vec<Remaining>),
    /// No.
    Refused(Refusal),
    /// The store could not say.
    Unavailable,
}

/// Why the answer is no.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize, Serialize)]
pub enum Refusal {
    /// The nonce was used before.
    Replayed,
    /// The signature is older than what the store can remember: it was made before this volatile
    /// store began, or the wall clock was set back to a time whose nonces are forgotten.
    BeforeStart,
    /// There is no room for the nonce, or none under this key's fair share.
    Full,
    /// A quota does not suffice; of several, the one that takes longest.
    Exceeded {
        /// How the quota stands.
        quota: Remaining,
        /// Whole seconds, rounded up and at least one, until it suffices if nobody else takes of
        /// it; `None` if the amount is more than the whole limit, and so never granted.
        retry_after: Option<u64>,
    },
}

/// A host's memory, for hosts that can answer without waiting.
pub trait Store {
    /// Answers one lookup at the host's time `clock`.
    ///
    /// A store may always answer [`Answer::Unavailable`] or refuse; requests then fail. Taking more
    /// than was asked, or taking and then failing, costs a client some of its quota. Not safe are:
    /// granting one nonce twice, be it to two callers at once; forgetting one before its `until`,
    /// which includes starting empty without refusing what was signed before; and answering
    /// `Granted` when it is not known.
    fn resolve(&self, lookup: &Lookup, clock: Clock) -> Answer;

    /// Gives back the pixels among `charges`, never the requests.
    ///
    /// The caller sees to it that a charge is given back once, and soon: the store does not know
    /// which it has given back. Not giving back is safe, the quota then refills by itself; giving
    /// back twice is not, it makes work free.
    fn refund(&self, charges: &[Charge], clock: Clock);
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn resolve(&self, lookup: &Lookup, clock: Clock) -> Answer {
        (**self).resolve(lookup, clock)
    }

    fn refund(&self, charges: &[Charge], clock: Clock) {
        (**self).refund(charges, clock);
    }
}

#[cfg(test)]
mod tests;
