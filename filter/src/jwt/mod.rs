//! JSON Web Tokens from named issuers (RFC 7519, RFC 8725), as signed compact tokens (RFC 7515).
//!
//! ```text
//! parse(bytes) ─▶ Presented ─ prepare(issuers, secrets, now) ─▶ Prepared ─ verify() ─▶ Verified
//!   form only                  issuer, key, type, claims          the signature
//! ```
//!
//! Everything cheap comes before the signature, and nothing of a token is told before it verifies.
//! What a token may be signed with comes from its issuer and the issuer's keys: its own header picks
//! one of them by name and decides nothing else. `jku`, `jwk`, `x5u` and `x5c` are never read.

mod claims;
mod error;
mod issuer;
mod json;
mod jwks;
mod jws;

pub use claims::Verified;
pub use error::Error;
pub use issuer::{
    HmacSecrets, Issuer, IssuerError, LIFETIME_MAX, SECRET_MIN, SKEW_MAX, default_types,
};
pub use jwks::{JWKS_MAX, Jwks, JwksError};

use claims::Claims;
use jws::{Jws, Verifier};

use crate::UnixMillis;
use crate::algorithm::Algorithm;

/// The longest token, in bytes.
pub const TOKEN_MAX: usize = 8 * 1024;

/// A token whose form is right. Nothing in it is believed yet.
pub struct Presented {
    jws: Jws,
    claims: Claims,
}

/// A token whose claims are right for its issuer, if its signature is.
pub struct Prepared {
    jws: Jws,
    verifier: Verifier,
    content: Verified,
}

/// Reads a token: three parts in strict base64url, of which the first two are JSON objects without
/// duplicate members, at most [`TOKEN_MAX`] bytes, signed with an algorithm that is known here.
pub fn parse(token: &[u8]) -> Result<Presented, Error> {
    let jws = Jws::parse(token)?;
    let claims = Claims::parse(&jws.payload)?;
    Ok(Presented { jws, claims })
}

impl Presented {
    /// Finds the issuer and the key, and checks all claims at the time `now`.
    ///
    /// The issuer must be the only one of `issuers` with exactly the token's `iss`. The key is the
    /// one its `kid` names or, without a `kid`, the only one that fits.
    pub fn prepare(
        self,
        issuers: &[Issuer],
        secrets: &dyn HmacSecrets,
        now: UnixMillis,
    ) -> Result<Prepared, Error> {
        let Self { jws, claims } = self;
        let issuer = only(issuers, claims.issuer()?).ok_or(Error::UnknownIssuer)?;
        let verifier = verifier(issuer, &jws, secrets)?;
        issuer.check_type(jws.typ.as_deref())?;
        let content = claims.check(issuer, now)?;
        Ok(Prepared { jws, verifier, content })
    }
}

impl Prepared {
    /// Whether the signature is asymmetric, which costs far more to verify than a hash.
    pub fn is_asymmetric(&self) -> bool {
        self.jws.algorithm.is_asymmetric()
    }

    /// The policy's name for the issuer that the token says it is from.
    pub(crate) fn issuer(&self) -> &str {
        &self.content.issuer
    }

    /// The id that the token says it has. Nothing proves it yet: it may be used to refuse, only.
    pub(crate) fn jti(&self) -> Option<&str> {
        self.content.jti.as_deref()
    }

    /// Verifies the signature, and only then tells what the token says.
    pub fn verify(self) -> Result<Verified, Error> {
        self.jws.verify(&self.verifier)?;
        Ok(self.content)
    }
}

fn only<'a>(issuers: &'a [Issuer], name: &str) -> Option<&'a Issuer> {
    let mut found = issuers.iter().filter(|issuer| issuer.issuer == name);
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

/// What the signature is verified with. A secret is only ever a secret and a public key only ever a
/// public key: they are of different types and come from different places (RFC 8725 §2.1).
fn verifier(issuer: &Issuer, jws: &Jws, secrets: &dyn HmacSecrets) -> Result<Verifier, Error> {
    if !issuer.algorithms.contains(&jws.algorithm) {
        return Err(Error::AlgorithmNotAllowed);
    }
    if jws.algorithm != Algorithm::HmacSha256 {
        return issuer.keys.find(jws.kid.as_deref(), jws.algorithm).map(Verifier::Key);
    }
    let name = issuer.hmac_secret.as_deref().ok_or(Error::AlgorithmNotAllowed)?;
    let secret = secrets.find(name).filter(|secret| secret.len() >= SECRET_MIN);
    secret.map(Verifier::Secret).ok_or(Error::SecretUnavailable)
}

#[cfg(test)]
mod tests;
