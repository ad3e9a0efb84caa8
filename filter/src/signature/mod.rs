//! The signature of a request: which one it presents, and whether it verifies.
//!
//! Reading comes first and costs little ([`presented`]); then the caller finds the key, whose record
//! says which one scheme and which algorithm it may be used with; then everything that needs no
//! cryptography is judged ([`Presented::prepare`]); and only then the signature is verified
//! ([`Prepared::verify`]). A nonce may be recorded after that, and not before, or strangers could use up
//! other people's nonces.
//!
//! ```text
//!  head ─▶ presented ─▶ Presented ─ key ─▶ prepare ─▶ Prepared ─▶ verify ─▶ Verified
//! ```
//!
//! RFC 9421 and the simple scheme cover the whole request. The schemes of other gateways are off unless
//! a policy accepts them, and what they leave open is in [`Verified::weaker`].

mod authority;
pub mod client;
mod compat;
mod error;
mod fields;
mod freshness;
mod percent;
mod prepared;
mod rfc9421;
#[cfg(test)]
mod sample;
mod scheme;
mod simple;
mod weaker;

use zeroize::Zeroizing;

use compat::{cavage, cloudflare, webhooks};

pub use error::Error;
pub use prepared::{BodyMac, Prepared, Verified};
pub use scheme::{Scheme, Schemes};
pub use weaker::{Part, Weaker};

use crate::algorithm::Algorithm;
use crate::public_key::PublicKey;
use crate::{RequestHead, UnixMillis};

/// The one signature that a request presents; nothing of it is verified.
#[must_use]
pub struct Presented<'a>(Kind<'a>);

enum Kind<'a> {
    Rfc9421(rfc9421::Presented<'a>),
    Simple(simple::Presented<'a>),
    Cavage(cavage::Presented<'a>),
    Webhooks(webhooks::Presented<'a>),
    Cloudflare(cloudflare::Presented<'a>),
}

/// What a signature must satisfy besides being right.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The hosts, with ports other than 443, that requests may be for, in lower case. Where there are
    /// none, any single one will do.
    pub authorities: &'a [String],
    /// The most milliseconds between the signer's time and ours, either way.
    pub skew: u64,
    /// Whether the request has a body.
    pub has_body: bool,
    /// The algorithm that the key's record names.
    pub algorithm: Algorithm,
}

/// What verifies a signature. No `Debug`: it must not reach a log.
pub enum VerificationKey {
    /// A secret that signer and verifier share.
    Secret(Zeroizing<Vec<u8>>),
    /// The public half of the signer's key.
    Public(PublicKey),
}

/// Reads which signature a request presents, if it presents one.
///
/// A scheme of another gateway is only looked for if `accepted` holds it; RFC 9421 and the simple scheme
/// always are, because a signature that is present must verify.
///
/// # Errors
/// [`Error::Ambiguous`] for two signatures: of two schemes, or two of RFC 9421 with our tag.
pub fn presented<'a>(
    head: &RequestHead<'a>,
    accepted: Schemes,
) -> Result<Option<Presented<'a>>, Error> {
    let mut found = None;
    for scheme in announced(head, accepted).iter() {
        let kind = match scheme {
            Scheme::Rfc9421 => rfc9421::presented(head)?.map(Kind::Rfc9421),
            Scheme::Simple => Some(Kind::Simple(simple::presented(head)?)),
            Scheme::KongHmac => Some(Kind::Cavage(cavage::presented(head, cavage::Dialect::Kong)?)),
            Scheme::ApisixHmac => {
                Some(Kind::Cavage(cavage::presented(head, cavage::Dialect::Apisix)?))
            }
            Scheme::StandardWebhooks => Some(Kind::Webhooks(webhooks::presented(head)?)),
            Scheme::CloudflareTimed => Some(Kind::Cloudflare(cloudflare::presented(head)?)),
        };
        if kind.is_some_and(|kind| found.replace(Presented(kind)).is_some()) {
            return Err(Error::Ambiguous);
        }
    }
    Ok(found)
}

/// The schemes that a request seems to use, told by the names of its fields alone.
fn announced(head: &RequestHead<'_>, accepted: Schemes) -> Schemes {
    let names = head.headers.iter().filter_map(|(name, value)| match name {
        "signature-input" | "signature" => Some(Scheme::Rfc9421),
        simple::SIGNATURE => Some(Scheme::Simple),
        webhooks::SIGNATURE => Some(Scheme::StandardWebhooks),
        "authorization" | "proxy-authorization" => cavage::announced(name, value),
        _ => None,
    });
    let query = cloudflare::announced(head.target).then_some(Scheme::CloudflareTimed);
    names
        .chain(query)
        .filter(|&scheme| Schemes::STANDARD.contains(scheme) || accepted.contains(scheme))
        .collect()
}

impl Presented<'_> {
    /// How the request is signed.
    pub fn scheme(&self) -> Scheme {
        match &self.0 {
            Kind::Rfc9421(_) => Scheme::Rfc9421,
            Kind::Simple(_) => Scheme::Simple,
            Kind::Cavage(presented) => presented.scheme(),
            Kind::Webhooks(_) => Scheme::StandardWebhooks,
            Kind::Cloudflare(_) => Scheme::CloudflareTimed,
        }
    }

    /// The key id that the signature names. `None` where it names none: Standard Webhooks and
    /// Cloudflare never do, and the simple scheme may leave it to the API key beside it.
    pub fn key_id(&self) -> Option<&str> {
        match &self.0 {
            Kind::Rfc9421(presented) => presented.key_id(),
            Kind::Simple(presented) => presented.key_id(),
            Kind::Cavage(presented) => Some(presented.key_id()),
            Kind::Webhooks(_) | Kind::Cloudflare(_) => None,
        }
    }

    /// Judges everything but the signature itself: what it covers, when it was made, for which host,
    /// and whether `key` and algorithm go together. `head` must be the one it was read from.
    pub fn prepare(
        self,
        head: &RequestHead<'_>,
        terms: &Terms<'_>,
        key: VerificationKey,
        now: UnixMillis,
    ) -> Result<Prepared, Error> {
        let scheme = self.scheme();
        let draft = match self.0 {
            Kind::Rfc9421(presented) => presented.prepare(head, terms, now),
            Kind::Simple(presented) => presented.prepare(head, terms, now),
            Kind::Cavage(presented) => presented.prepare(head, terms, now),
            Kind::Webhooks(presented) => presented.prepare(terms, now),
            Kind::Cloudflare(presented) => presented.prepare(terms, now),
        }?;
        Prepared::new(scheme, draft, key, terms.algorithm)
    }
}

/// The value of `Accept-Signature` (RFC 9421 §5.1): the signature that a request should carry, with or
/// without a body.
pub fn accept_signature(has_body: bool) -> String {
    rfc9421::accept_signature(has_body)
}

#[cfg(test)]
mod tests;
