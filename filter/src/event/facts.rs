//! What is known when an inspection ends, before it is masked.

use std::net::IpAddr;

use super::Image;
use crate::permit::PermitId;
use crate::policy::Mode;
use crate::quota::Remaining;
use crate::signature::{Scheme, Weaker};
use crate::{Environment, UnixMillis};

/// What is known when an inspection ends, as it is; [`Event::new`](super::Event::new) masks it.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The id of the request, which is also its permit's.
    pub request_id: PermitId,
    /// When the inspection began.
    pub time: UnixMillis,
    /// The gate's name.
    pub gate: &'a str,
    /// The gate's environment.
    pub environment: Environment,
    /// The policy's epoch.
    pub epoch: u64,
    /// The route's name, if the request named one.
    pub route: Option<&'a str>,
    /// The method, as sent.
    pub method: &'a str,
    /// The target, as sent, with its query.
    pub target: &'a str,
    /// The client's address, if it is known.
    pub client: Option<IpAddr>,
    /// What kind of credential was presented.
    pub credential: Credential<'a>,
    /// Whom the request says it is from: a key id or a token's issuer, never the credential itself.
    /// Nothing proves it.
    pub claimed: Option<&'a str>,
    /// Whom the credential proved the request to be from.
    pub verified: Option<Identity<'a>>,
    /// Whether failed checks were enforced.
    pub mode: Mode,
    /// How the inspection ended.
    pub outcome: Outcome<'a>,
    /// The codes of the checks that failed and were only reported, or passed over by the policy's leave.
    pub failed: &'a [&'a str],
    /// What the signature leaves uncovered.
    pub weaker: Weaker,
    /// What the image header declares, if it was judged.
    pub image: Option<Image>,
    /// The declared length of the body in bytes.
    pub content_length: Option<u64>,
    /// What is left of the quotas that apply.
    pub quotas: &'a [Remaining],
    /// SHA-256 of the nonce, if a signature covers one.
    pub nonce: Option<[u8; 32]>,
    /// Whether the answer came from the rejection cache.
    pub cached: bool,
}

/// What kind of credential a request presents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credential<'a> {
    /// None, or none that could be read.
    None,
    /// An API key.
    Key,
    /// A key that was made elsewhere.
    Imported,
    /// A signature, of this scheme.
    Signature(Scheme),
    /// An API key and a signature of the same key id, of this scheme.
    KeyAndSignature(Scheme),
    /// A token; holds the policy's name for its issuer, if it has one.
    Token(Option<&'a str>),
}

/// Whom a credential proved a request to be from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity<'a> {
    /// The key's id.
    pub key: Option<&'a str>,
    /// The token's id (RFC 7519 §4.1.7).
    pub jti: Option<&'a str>,
    /// Whom the credential acts for.
    pub principal: &'a str,
    /// The tier whose quotas apply.
    pub tier: &'a str,
}

/// How an inspection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome<'a> {
    /// Every check passed.
    Released,
    /// Checks failed, and the request went on because they are only reported.
    Reported,
    /// A check failed, and the request was refused.
    Rejected {
        /// The public code.
        code: &'a str,
        /// The internal reason.
        reason: &'a str,
        /// The status of the answer.
        status: u16,
    },
}
