//! Who tokens are taken from, and on which terms.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::{Error, Jwks};
use crate::algorithm::Algorithm;
use crate::key::NAME_MAX;

/// The most seconds that a token may be valid for.
pub const LIFETIME_MAX: u64 = 7 * 24 * 60 * 60;
/// The most seconds that the clocks of an issuer and a gate may be taken to differ.
pub const SKEW_MAX: u64 = 300;
/// The least bytes of a secret for HS256 (RFC 7518 §3.2).
pub const SECRET_MIN: usize = 32;
/// The longest name of an issuer: a principal's name holds it and up to 24 bytes more.
const ISSUER_NAME_MAX: usize = 40;

/// One issuer that tokens are taken from.
///
/// Whatever is left empty here takes no token; [`check`](Self::check) says so before one comes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuer {
    /// Our own short name for it, which begins the principal's.
    pub name: String,
    /// Its `iss`, exactly.
    pub issuer: String,
    /// Of which at least one must be in a token's `aud`.
    pub audiences: Vec<String>,
    /// The algorithms that its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Its public keys.
    pub keys: Jwks,
    /// The name of the host's secret for HS256, which is verified with nothing else.
    pub hmac_secret: Option<String>,
    /// The `typ` that tokens for this use have, compared without case and without `application/`;
    /// `""` also takes tokens without one. See [`default_types`].
    pub types: Vec<String>,
    /// How long a token may be valid, in seconds, from its `iat` to its `exp`. A token without
    /// `iat` is refused: its lifetime cannot be known.
    pub max_lifetime: u64,
    /// Whether a token without `jti` is refused, since it cannot be revoked singly.
    pub require_jti: bool,
    /// The claim that holds the scopes, as a list or as words between spaces.
    pub scope_claim: String,
    /// The tier of everyone who comes with its tokens.
    pub tier: String,
    /// How far its clock may differ, in seconds.
    pub skew: u64,
}

/// The types of access tokens: `JWT`, which many issuers write, and `at+jwt` (RFC 9068 §2.1).
pub fn default_types() -> Vec<String> {
    vec!["JWT".to_owned(), "at+jwt".to_owned()]
}

/// Where a host keeps secrets for HS256, by name.
pub trait HmacSecrets {
    /// The secret of that name, if there is one. To answer none refuses the token.
    fn find(&self, name: &str) -> Option<Zeroizing<Vec<u8>>>;
}

/// What is wrong with an issuer: the field, and what was expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field}: {expected}")]
pub struct IssuerError {
    /// The field of [`Issuer`].
    pub field: &'static str,
    /// What was expected of it.
    pub expected: &'static str,
}

impl Issuer {
    /// Checks that tokens can come from this issuer at all, and within the limits of this module.
    pub fn check(&self) -> Result<(), IssuerError> {
        let require = |holds: bool, field, expected| {
            if holds { Ok(()) } else { Err(IssuerError { field, expected }) }
        };
        let some =
            |texts: &[String]| !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
        let hmac = self.algorithms.contains(&Algorithm::HmacSha256);
        let distinct: BTreeSet<_> = self.algorithms.iter().collect();
        let own_name =
            is_name(&self.name) && self.name.len() <= ISSUER_NAME_MAX && !self.name.contains(':');
        require(own_name, "name", "expected 1 to 40 letters, digits, '-', '_' or '.'")?;
        require(!self.issuer.is_empty(), "issuer", "expected the `iss` of the tokens")?;
        require(some(&self.audiences), "audiences", "expected at least one, and none empty")?;
        require(!self.algorithms.is_empty(), "algorithms", "expected at least one")?;
        require(distinct.len() == self.algorithms.len(), "algorithms", "expected each once")?;
        let mut public = self.algorithms.iter().filter(|algorithm| algorithm.is_asymmetric());
        require(
            public.all(|algorithm| self.keys.verifies(*algorithm)),
            "keys",
            "expected a key for every asymmetric algorithm",
        )?;
        require(
            hmac == self.hmac_secret.is_some(),
            "hmac_secret",
            "expected the name of a secret with hmac-sha256, and none without",
        )?;
        require(!self.types.is_empty(), "types", "expected at least one")?;
        require(
            (1..=LIFETIME_MAX).contains(&self.max_lifetime),
            "max_lifetime",
            "expected 1 second to 7 days",
        )?;
        require(!self.scope_claim.is_empty(), "scope_claim", "expected the name of a claim")?;
        require(is_name(&self.tier), "tier", "expected the name of a tier")?;
        require(self.skew <= SKEW_MAX, "skew", "expected at most 300 seconds")
    }

    /// Checks a token's `typ` (RFC 8725 §3.11), so that a token made for something else, such as an
    /// ID token with a type of its own, is not taken.
    pub(super) fn check_type(&self, typ: Option<&str>) -> Result<(), Error> {
        let typ = short_type(typ.unwrap_or_default());
        let listed = self.types.iter().any(|listed| short_type(listed).eq_ignore_ascii_case(typ));
        if listed { Ok(()) } else { Err(Error::OtherType) }
    }
}

/// Names go into permits, metrics and logs: short, printable, nothing to escape.
pub(super) fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// A `typ` without the prefix that may be left out (RFC 7515 §4.1.9).
fn short_type(typ: &str) -> &str {
    match typ.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests;
